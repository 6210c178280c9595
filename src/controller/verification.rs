//! The async part of verification: makes the login attempts that [`crate::domain::verification::queue`] hands out, and
//! notifies subscribers of verdicts.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails that way")]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};

use crate::controller::context::now;
use crate::controller::lease::Leader;
use crate::controller::metrics::Metrics;
use crate::domain::names::{ResourceRef, Uid};
use crate::domain::time::Timestamp;
use crate::domain::verification::address::Policy;
use crate::domain::verification::fingerprint::Fingerprinter;
use crate::domain::verification::ledger::Ledger;
use crate::domain::verification::local_failure::LocalFailure;
use crate::domain::verification::queue::{LOCAL_PAUSE, VerificationQueue, VerificationRequest};
use crate::domain::verification::requester::Requester;
use crate::domain::verification::state::{Admission, VerificationState};
use crate::domain::verification::verdict::{Verdict, VerificationResult};
use crate::registry_client::http::{ClientError, RegistryClients, SEND};
use crate::registry_client::resolver::Resolver;

/// Most CA bundles with clients at a time: few serve many resources, and old ones are not worth their memory.
const CLIENTS: usize = 16;

/// Longest time for which a stop waits for attempts: it leaves time to publish their verdicts.
const DRAIN: Duration = Duration::from_secs(12);

/// Makes the login attempts of the process.
pub(crate) struct Verifier {
    resolver: Resolver,
    metrics: Arc<Metrics>,
    leader: Arc<Leader>,
    state: Mutex<VerificationState>,
    /// The queue has changed.
    wake: Notify,
    /// Attempts that have started and whose verdict no subscriber knows yet.
    in_flight: watch::Sender<usize>,
    subscribers: RwLock<Vec<Subscriber>>,
    /// Clients, by the CA bundle that they trust: reading the system's certificates takes longer than an attempt.
    clients: Mutex<HashMap<Option<Vec<u8>>, RegistryClients>>,
}

/// What is new for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The attempt that it waits for has ended, or its status is wrong about it: the status has to say so before a stop.
    Verdict,
    /// Its status is to say that its attempt starts.
    Turn,
}

/// Who is told.
pub(crate) type Notifier = Box<dyn Fn(&ResourceRef, News) + Send + Sync>;

/// Who is notified of news.
struct Subscriber {
    /// `None`: all namespaces.
    namespace: Option<String>,
    notify: Notifier,
}

impl Verifier {
    /// Starts the thread that makes the attempts. `scopes`: how often [`Verifier::scope_listed`] will be called.
    pub(crate) fn start(
        policy: Policy,
        scopes: usize,
        metrics: Arc<Metrics>,
        leader: Arc<Leader>,
    ) -> std::io::Result<Arc<Self>> {
        let verifier = Arc::new(Self {
            resolver: Resolver::new(Arc::new(policy)),
            metrics,
            leader,
            state: Mutex::new(VerificationState {
                ledger: Ledger::new(Fingerprinter::new([RandomState::new(), RandomState::new()])),
                queue: VerificationQueue::new(scopes, now()),
            }),
            wake: Notify::new(),
            in_flight: watch::Sender::new(0),
            subscribers: RwLock::default(),
            clients: Mutex::default(),
        });
        // A thread of its own: reconciles and TLS handshakes would make each other wait. It ends with the process.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let own = Arc::clone(&verifier);
        std::thread::Builder::new()
            .name("verification".to_owned())
            .spawn(move || own.run(&runtime))?;
        Ok(verifier)
    }

    /// Everything that is remembered.
    pub(crate) fn state(&self) -> MutexGuard<'_, VerificationState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `notify` for each resource in `namespace` (`None`: in any) with what concerns it.
    pub(crate) fn subscribe(&self, namespace: Option<String>, notify: Notifier) {
        let mut subscribers = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        subscribers.push(Subscriber { namespace, notify });
    }

    /// It was decided what a resource needs.
    pub(crate) fn decided(&self) {
        if self.state().queue.take_changed() {
            self.wake.notify_one();
        }
    }

    /// The status of a resource says that its attempt started then.
    pub(crate) fn announced(&self, resource: &Uid, start: Timestamp) {
        self.state().queue.announced(resource, start);
        self.wake.notify_one();
    }

    /// This process begins to work: what statuses say has to be read from now on.
    pub(crate) fn begin(&self) {
        self.state().queue.begin(now());
    }

    /// The resources of a scope are known.
    pub(crate) fn scope_listed(&self, resources: impl IntoIterator<Item = Uid>) {
        self.state().queue.scope_listed(resources, now());
        self.wake.notify_one();
    }

    /// A resource was reconciled.
    pub(crate) fn reconciled(&self, resource: &Uid) {
        if self.state().queue.reconciled(resource, now()) {
            self.wake.notify_one();
        }
    }

    /// A resource is gone.
    pub(crate) fn forget(&self, resource: &ResourceRef) {
        self.state().queue.forget(resource, now());
        self.wake.notify_one();
    }

    /// Lets no attempt start any more, and waits some time for those in flight.
    pub(crate) async fn drain(&self) {
        let unmade = self.state().queue.drain();
        self.notify(&unmade, News::Verdict);
        let mut in_flight = self.in_flight.subscribe();
        // An attempt that takes longer must not keep the verdicts of others from being published.
        let _ = tokio::time::timeout(DRAIN, in_flight.wait_for(|attempts| *attempts == 0)).await;
    }

    fn run(self: Arc<Self>, runtime: &Runtime) {
        runtime.block_on(async {
            loop {
                let next = Arc::clone(&self).start_attempts();
                let woken = self.wake.notified();
                match next {
                    // Nothing to do with the outcome: either way it is time to look again.
                    Some(next) => drop(tokio::time::timeout(next, woken).await),
                    None => woken.await,
                }
            }
        });
    }

    /// Starts what may start now. Returns when to look again.
    fn start_attempts(self: Arc<Self>) -> Option<Duration> {
        let started = {
            let mut state = self.state();
            let started = state.start(now());
            // Under the lock: a drain must not miss it.
            self.in_flight
                .send_modify(|attempts| *attempts += started.attempts.len());
            started
        };
        for request in started.attempts {
            tokio::spawn(Arc::clone(&self).attempt(request));
        }
        self.notify(&started.informed, News::Verdict);
        self.notify(&started.to_announce, News::Turn);
        started.next
    }

    async fn attempt(self: Arc<Self>, request: VerificationRequest) {
        let attempt = request.attempt.clone();
        let verdict = match self.clients(request.ca_bundle.as_ref()) {
            Err(ClientError::Local(failure)) => return self.postponed(&request, failure),
            Err(error) => Verdict::new(VerificationResult::TlsFailure, error.to_string()),
            // A task of its own, so that a panic ends this attempt and no other.
            Ok(clients) => {
                let (own, asked) = (Arc::clone(&self), request.clone());
                let admit = move |receiver: &str| own.admit(&asked, receiver);
                let metrics = Arc::clone(&self.metrics);
                let ended = move |end, took| metrics.registry_request(end, took);
                let attempt = async move { clients.verify(attempt, Requester::Operator, admit, ended).await };
                match tokio::spawn(attempt).await {
                    Ok(Ok(verdict)) => verdict,
                    Ok(Err(ClientError::NotAdmitted)) => return self.ended(),
                    Ok(Err(ClientError::Local(failure))) => return self.postponed(&request, failure),
                    Ok(Err(_)) | Err(_) => aborted(),
                }
            }
        };
        let (registry, result) = (request.target(), verdict.result.as_str());
        tracing::info!(registry, result, "verified credentials");
        self.metrics.login_attempted(result);
        let waiters = self.state().conclude(&request, &verdict, now());
        self.notify(&waiters, News::Verdict);
        self.ended();
    }

    /// Whether an attempt may send its password to this host.
    fn admit(&self, request: &VerificationRequest, receiver: &str) -> bool {
        let admission = if self.leader.may_take(SEND) {
            self.state().admit(request, receiver, now())
        } else {
            Admission::Later(self.state().queue.defer(request))
        };
        match &admission {
            Admission::Admitted => {}
            Admission::Later(announcer) => self.notify(announcer.as_slice(), News::Verdict),
            Admission::Known(waiters) => self.notify(waiters, News::Verdict),
        }
        admission == Admission::Admitted
    }

    /// An attempt has failed on this machine. It is made again later.
    fn postponed(&self, request: &VerificationRequest, failure: LocalFailure) {
        tracing::warn!(
            registry = request.target(),
            "credentials cannot be verified now, trying again in {} s: {failure}",
            LOCAL_PAUSE.as_secs()
        );
        let announcer = self.state().queue.postpone(request, now());
        self.notify(announcer.as_slice(), News::Verdict);
        self.ended();
    }

    /// An attempt has ended, so that another one may start.
    fn ended(&self) {
        self.in_flight.send_modify(|attempts| *attempts -= 1);
        self.wake.notify_one();
    }

    fn notify(&self, resources: &[ResourceRef], news: News) {
        let subscribers = self.subscribers.read().unwrap_or_else(PoisonError::into_inner);
        for resource in resources {
            for subscriber in subscribers.iter() {
                let namespace = subscriber.namespace.as_ref();
                if namespace.is_none_or(|namespace| *namespace == resource.key.namespace) {
                    (subscriber.notify)(resource, news);
                }
            }
        }
    }

    fn clients(&self, ca_bundle: Option<&Vec<u8>>) -> Result<RegistryClients, ClientError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(&ca_bundle.cloned()) {
            return Ok(known.clone());
        }
        let new = RegistryClients::new(&self.resolver, ca_bundle.map(Vec::as_slice))?;
        if clients.len() == CLIENTS {
            clients.clear();
        }
        clients.insert(ca_bundle.cloned(), new.clone());
        Ok(new)
    }
}

/// The verdict for an attempt that a bug has ended: the password may have been sent.
fn aborted() -> Verdict {
    Verdict {
        unanswered: true,
        ..Verdict::new(
            VerificationResult::Unreachable,
            "the verification ended unexpectedly; this is a bug in the operator, please report it",
        )
    }
}
