//! The queue of checks: one for the process, so that identical logins share one, and each registry host has one in flight.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{RwLock, watch};
use tokio::time::Instant;

use crate::controller::context::reference;
use crate::controller::metrics::Metrics;
use crate::controller::watches::drive::Queue;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::index::Key;
use crate::domain::verification::address::{Policy, target};
use crate::domain::verification::ledger::{Fingerprint, Ledger, VerificationRecord};
use crate::domain::verification::question::Question;
use crate::domain::verification::verdict::{Verdict, VerificationResult};
use crate::registry_client::http::{Registries, Unusable};

/// Longest time after the start in which nothing is checked, so that every status can say what is known already.
const GATE: Duration = Duration::from_mins(1);

/// Time after a refusal in which no other password of that user is tried: Harbor freezes a user for 1.5 s, so that the
/// right one would be refused as well (domain.md C3).
const FREEZE: Duration = Duration::from_secs(2);

/// Most CA bundles with clients at a time: few serve many resources, and old ones are not worth their memory.
const CLIENTS: usize = 16;

/// Longest time for which a stop waits for checks: it leaves some to write down what they came to.
const DRAIN: Duration = Duration::from_secs(12);

/// See the module.
pub(crate) struct Verifier {
    policy: Arc<Policy>,
    metrics: Arc<Metrics>,
    thread: Handle,
    /// Clients, by the CA bundle that they trust beside the system's certificates: to read those takes longer than a check.
    clients: Mutex<HashMap<Option<Vec<u8>>, Registries>>,
    /// Two keys that nobody knows: a fingerprint in memory helps nobody to guess a password.
    hashers: [RandomState; 2],
    state: Mutex<State>,
    started: Instant,
    /// When checks began, if they have.
    gate: watch::Sender<Option<Instant>>,
    /// Held by each check while it is in flight.
    flights: RwLock<()>,
    /// No more of them begin.
    stopped: AtomicBool,
}

/// One check to make.
pub(crate) struct Job {
    /// Stands for the login.
    pub(crate) login: Fingerprint,
    /// What to find out.
    pub(crate) question: Question,
    /// How, for the ledger.
    pub(crate) how: String,
    /// Certificates to trust beside the system's.
    pub(crate) ca: Option<Vec<u8>>,
}

#[derive(Default)]
struct State {
    ledger: Ledger,
    /// Who wants to know, of each check that is queued or in flight.
    waiting: HashMap<(Fingerprint, String), Vec<(Queue, Key)>>,
    /// One lock for each host that a check is queued for or in flight at.
    hosts: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
    /// Resources that had no pass since there is a verdict for them.
    unsaid: HashSet<Key>,
    /// Users that a host has just refused.
    frozen: HashMap<(String, String), Instant>,
    /// Scopes that have not listed yet, and resources that had no pass yet.
    unlisted: usize,
    unseen: HashSet<String>,
}

impl Verifier {
    /// `scopes`: how often [`Verifier::listed`] will be called.
    pub(crate) fn new(policy: Policy, scopes: usize, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let state = State {
            unlisted: scopes,
            ..State::default()
        };
        Ok(Self {
            policy: Arc::new(policy),
            metrics,
            thread: thread()?,
            clients: Mutex::default(),
            hashers: [RandomState::new(), RandomState::new()],
            state: Mutex::new(state),
            started: Instant::now(),
            gate: watch::Sender::new(None),
            flights: RwLock::default(),
            stopped: AtomicBool::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The resources of a scope are known, by UID.
    pub(crate) fn listed(&self, uids: impl IntoIterator<Item = String>) {
        let mut state = self.state();
        state.unlisted = state.unlisted.saturating_sub(1);
        state.unseen.extend(uids);
        self.open(&state);
    }

    /// A resource had a pass, or is gone.
    pub(crate) fn seen(&self, uid: &str) {
        let mut state = self.state();
        if state.unseen.remove(uid) {
            self.open(&state);
        }
    }

    fn open(&self, state: &State) {
        if state.unlisted == 0 && state.unseen.is_empty() {
            self.begin();
        }
    }

    fn begin(&self) {
        self.gate.send_if_modified(|began| {
            let begins = began.is_none();
            began.get_or_insert_with(Instant::now);
            begins
        });
    }

    /// Time since which checks are made.
    pub(crate) fn open_for(&self) -> Duration {
        self.gate.borrow().map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// Whether a check of this login is queued or in flight.
    pub(crate) fn is_under_way(&self, login: Fingerprint, how: &str) -> bool {
        self.state().waiting.contains_key(&(login, how.to_owned()))
    }

    /// A resource is gone.
    pub(crate) fn forget(&self, resource: &Key) {
        let mut state = self.state();
        state.unsaid.remove(resource);
        for waiting in state.waiting.values_mut() {
            waiting.retain(|(_, key)| key != resource);
        }
    }

    /// Stands for the login at this registry.
    pub(crate) fn fingerprint(&self, question: &Question) -> Fingerprint {
        let login: &RegistryCredentials = &question.login;
        let of = |hasher: &RandomState| {
            u128::from(hasher.hash_one((target(&question.base), login.username(), login.password())))
        };
        of(&self.hashers[0]) << 64 | of(&self.hashers[1])
    }

    /// What is known of the login of a resource. `own` is what its status says.
    pub(crate) fn known(
        &self,
        login: Fingerprint,
        how: &str,
        own: Option<VerificationRecord>,
        resource: &Key,
    ) -> Option<VerificationRecord> {
        let (mut state, now) = (self.state(), now());
        state.unsaid.remove(resource);
        if let Some(own) = own {
            state.ledger.seed(login, own, now);
        }
        state.ledger.want(login, how, now);
        state.ledger.get(login, how).cloned()
    }

    /// Checks a login soon, and triggers the resource when there is a verdict.
    pub(crate) fn submit(self: &Arc<Self>, job: Job, waiter: (Queue, Key)) {
        let host = {
            let mut state = self.state();
            let check = (job.login, job.how.clone());
            let is_new = !state.waiting.contains_key(&check);
            let waiting = state.waiting.entry(check).or_default();
            if !waiting.iter().any(|(_, key)| *key == waiter.1) {
                waiting.push(waiter);
            }
            if !is_new {
                return;
            }
            Arc::clone(state.hosts.entry(target(&job.question.base)).or_default())
        };
        self.thread.spawn(Arc::clone(self).check(job, host));
    }

    async fn check(self: Arc<Self>, job: Job, host: Arc<tokio::sync::Mutex<()>>) {
        let mut gate = self.gate.subscribe();
        let open = gate.wait_for(Option::is_some);
        if tokio::time::timeout_at(self.started + GATE, open).await.is_err() {
            self.begin();
        }
        let _one_at_a_time = host.lock().await;
        let user = (target(&job.question.base), job.question.login.username().to_owned());
        let refused = self.state().frozen.get(&user).copied();
        if let Some(refused) = refused {
            tokio::time::sleep_until(refused + FREEZE).await;
        }
        let _in_flight = self.flights.read().await;
        let (login, how) = (job.login, job.how.clone());
        let verdict = if self.stopped.load(Ordering::Relaxed) {
            None
        } else {
            self.ask(job).await
        };
        for (queue, key) in self.conclude(login, &how, user, verdict.as_ref(), &host) {
            // The receiver lives as long as the controller.
            let _ = queue.unbounded_send(reference(&key));
        }
    }

    /// Takes in what a check came to. Returns who waits for it.
    fn conclude(
        &self,
        login: Fingerprint,
        how: &str,
        user: (String, String),
        verdict: Option<&Verdict>,
        host: &Arc<tokio::sync::Mutex<()>>,
    ) -> Vec<(Queue, Key)> {
        let mut state = self.state();
        // Nobody else queues at this host: only the map and this check know its lock.
        if Arc::strong_count(host) == 2 {
            state.hosts.remove(&user.0);
        }
        let waiting = state.waiting.remove(&(login, how.to_owned())).unwrap_or_default();
        if let Some(verdict) = verdict {
            let result = verdict.result.as_str();
            tracing::info!(registry = user.0, result, "checked a login");
            self.metrics.check(result);
            state.ledger.record(login, verdict, how, now());
            state.unsaid.extend(waiting.iter().map(|(_, key)| key.clone()));
            if verdict.result.refuses() {
                state.frozen.retain(|_, refused| refused.elapsed() < FREEZE);
                state.frozen.insert(user, Instant::now());
            }
        }
        waiting
    }

    /// Lets no check begin any more, and waits some time for those in flight. Returns the resources that have not heard of
    /// a verdict.
    pub(crate) async fn drain(&self) -> Vec<Key> {
        self.stopped.store(true, Ordering::Relaxed);
        // One that takes longer must not keep the others' verdicts from being written down.
        let _ = tokio::time::timeout(DRAIN, self.flights.write()).await;
        self.state().unsaid.iter().cloned().collect()
    }

    /// `None`: what became known while this one was in the queue makes it needless.
    async fn ask(&self, job: Job) -> Option<Verdict> {
        let known = self.state().ledger.get(job.login, &job.how).cloned();
        if known.is_some_and(|known| known.bound && known.stands(&job.how, known.due(None, true), now())) {
            return None;
        }
        Some(match self.registries(job.ca) {
            Ok(registries) => registries.verify(job.question).await,
            Err(what) => Verdict::new(VerificationResult::TlsFailure, what.to_string()),
        })
    }

    fn registries(&self, ca: Option<Vec<u8>>) -> Result<Registries, Unusable> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(&ca) {
            return Ok(known.clone());
        }
        let new = Registries::new(Arc::clone(&self.policy), ca.as_deref())?;
        if clients.len() == CLIENTS {
            clients.clear();
        }
        clients.insert(ca, new.clone());
        Ok(new)
    }
}

/// Checks have a thread of their own: passes and handshakes would make each other wait.
fn thread() -> std::io::Result<Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    // It ends with the process.
    std::thread::Builder::new()
        .name("checks".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}
