//! Holds the Lease that says which replica is the leader, and tells the rest of the process for how long it may.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::controller::context::now;
use crate::domain::leadership::{LEASE_DURATION, LEASE_INTERVAL, LEASE_TIMEOUT, Leadership, LeaseStep, ObservedLease};
use crate::domain::names::ObjectKey;
use crate::kubernetes::request::describe;

/// Whether this process may work.
pub(crate) struct Leader {
    /// The clock of [`Leadership`].
    start: Instant,
    /// `None`: there is no Lease, and this is the only process.
    leadership: Option<Mutex<Leadership>>,
    leads: watch::Sender<bool>,
    /// Why the Lease could not be read or written the last time.
    problem: Mutex<Option<String>>,
}

impl Leader {
    /// With a Lease, a process works once it holds that; without one, at once.
    pub(crate) fn new(has_lease: bool) -> Self {
        let host = std::env::var("HOSTNAME").unwrap_or_default();
        // No former process of this host has had it.
        let identity = format!("{host}_{:016x}", RandomState::new().hash_one(std::process::id()));
        Self {
            start: Instant::now(),
            leadership: has_lease.then(|| Mutex::new(Leadership::new(identity))),
            leads: watch::Sender::new(!has_lease),
            problem: Mutex::default(),
        }
    }

    /// Whether something may begin that takes up to `time`, and must not happen while another process works.
    pub(crate) fn may_take(&self, time: Duration) -> bool {
        let left = self
            .leadership()
            .map(|leadership| leadership.left(self.start.elapsed()));
        left.is_none_or(|left| left > time)
    }

    /// Tells when this process begins to work.
    pub(crate) fn leads(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    /// What keeps this process from holding the Lease, other than that another one does.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Logs what is new.
    fn tell(&self, problem: Option<String>) {
        let mut told = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = problem.as_ref().filter(|_| *told != problem) {
            tracing::warn!("{problem}");
        }
        *told = problem;
    }

    fn leadership(&self) -> Option<MutexGuard<'_, Leadership>> {
        let leadership = self.leadership.as_ref()?;
        Some(leadership.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tries to get the Lease, and renews it. Ends when another process has it after this one had.
    pub(crate) async fn hold(&self, client: Client, key: &ObjectKey) {
        let leases: Api<Lease> = Api::namespaced(client, &key.namespace);
        loop {
            match timeout(LEASE_TIMEOUT, leases.get_opt(&key.name)).await {
                Err(_) => self.tell(Some(unanswered("reading"))),
                Ok(Err(error)) => self.tell(Some(failed("reading", &error))),
                Ok(Ok(lease)) => {
                    let observed = lease.as_ref().map(ObservedLease::of);
                    let step = self
                        .leadership()
                        .map(|mut leadership| leadership.step(observed.as_ref(), self.start.elapsed()));
                    match step {
                        Some(LeaseStep::Lost) => return,
                        Some(LeaseStep::Wait) | None => self.tell(None),
                        Some(step) => self.write(&leases, key, lease, step).await,
                    }
                }
            }
            sleep(LEASE_INTERVAL).await;
        }
    }

    async fn write(&self, leases: &Api<Lease>, key: &ObjectKey, lease: Option<Lease>, step: LeaseStep) {
        let Some(identity) = self.leadership().map(|leadership| leadership.identity().to_owned()) else {
            return;
        };
        let begun = self.start.elapsed();
        let new = next(key, lease.unwrap_or_default(), &identity, step);
        let params = PostParams::default();
        let write = async {
            match step {
                LeaseStep::Create => leases.create(&params, &new).await,
                _ => leases.replace(&key.name, &params, &new).await,
            }
        };
        match timeout(LEASE_TIMEOUT, write).await {
            Err(_) => self.tell(Some(unanswered("writing"))),
            // Another process was faster.
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => self.tell(None),
            Ok(Err(error)) => self.tell(Some(failed("writing", &error))),
            Ok(Ok(_)) => {
                self.tell(None);
                if let Some(mut leadership) = self.leadership() {
                    leadership.written(begun);
                }
                if !self.leads.send_replace(true) {
                    tracing::info!(lease = key.name, identity, "acquired the Lease and became the leader");
                }
            }
        }
    }

    /// Gives the Lease back, so that another process need not wait.
    pub(crate) async fn release(&self, client: Client, key: &ObjectKey) {
        let leases: Api<Lease> = Api::namespaced(client, &key.namespace);
        if let Some(mut leadership) = self.leadership() {
            leadership.give_back();
        }
        let release = async {
            let lease = leases.get(&key.name).await?;
            let holds = self
                .leadership()
                .is_some_and(|own| own.holds(&ObservedLease::of(&lease)));
            if !holds {
                return Ok(());
            }
            let spec = LeaseSpec {
                holder_identity: Some(String::new()),
                renew_time: Some(MicroTime(now())),
                ..lease.spec.unwrap_or_default()
            };
            let given_back = Lease {
                spec: Some(spec),
                metadata: lease.metadata,
            };
            leases
                .replace(&key.name, &PostParams::default(), &given_back)
                .await
                .map(drop)
        };
        // Otherwise it expires.
        if let Ok(Err(error)) = timeout(LEASE_TIMEOUT, release).await {
            tracing::warn!("{}", failed("giving back", &error));
        }
    }
}

fn unanswered(doing: &str) -> String {
    format!(
        "{doing} the Lease: the API server did not answer within {} seconds",
        LEASE_TIMEOUT.as_secs()
    )
}

fn failed(doing: &str, error: &kube::Error) -> String {
    format!("{doing} the Lease: {}", describe(error))
}

/// The Lease to write. The API server refuses it if somebody else has written since `before` was read.
fn next(key: &ObjectKey, before: Lease, identity: &str, step: LeaseStep) -> Lease {
    let spec = before.spec.unwrap_or_default();
    let now = Some(MicroTime(now()));
    let is_renewal = step == LeaseStep::Renew;
    Lease {
        metadata: ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            ..before.metadata
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(identity.to_owned()),
            lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
            acquire_time: if is_renewal { spec.acquire_time } else { now.clone() },
            lease_transitions: Some(spec.lease_transitions.unwrap_or_default() + i32::from(!is_renewal)),
            renew_time: now,
            ..spec
        }),
    }
}
