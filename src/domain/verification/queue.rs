//! Which login attempt may start when. Nothing here waits: the controller calls again after [`Started::next`].
//!
//! Identical attempts share one. Each registry has one attempt in flight. After the start of the process no attempt is
//! made until every resource was reconciled once: their statuses have verdicts, which need no second attempt.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use crate::domain::names::{ResourceRef, Uid};
use crate::domain::registry::dialect::REJECTION_COOLDOWN;
use crate::domain::time::{Timestamp, after, since};
use crate::domain::verification::address::target;
use crate::domain::verification::attempt::LoginAttempt;
use crate::domain::verification::fingerprint::Fingerprint;
use crate::domain::verification::method::VerificationMethod;
use crate::domain::verification::verdict::Verdict;

/// Longest time after the start of the process in which no attempt is made.
pub const STARTUP_GRACE: Duration = Duration::from_mins(1);

/// A login attempt that a resource needs.
#[derive(Clone, Debug, PartialEq)]
pub struct VerificationRequest {
    /// Stands for the credentials at the registry.
    pub fingerprint: Fingerprint,
    /// How they are verified.
    pub method: VerificationMethod,
    /// The attempt.
    pub attempt: LoginAttempt,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_bundle: Option<Vec<u8>>,
}

impl VerificationRequest {
    fn key(&self) -> AttemptKey {
        (self.fingerprint, self.method.clone())
    }

    /// `host:port` of the registry.
    pub fn target(&self) -> String {
        target(&self.attempt.target.base)
    }

    fn account(&self) -> Account {
        (self.target(), self.attempt.credentials.username().to_owned())
    }
}

/// What makes two attempts identical.
type AttemptKey = (Fingerprint, VerificationMethod);

/// Target and user name.
type Account = (String, String);

/// The queue of login attempts of the process.
#[derive(Debug)]
pub struct VerificationQueue {
    startup: Startup,
    /// Who waits for the verdict, for each attempt that is queued or in flight.
    waiters: HashMap<AttemptKey, Vec<ResourceRef>>,
    /// By target.
    targets: BTreeMap<String, TargetQueue>,
    /// Until when no attempt is made for an account that was just refused.
    rejection_cooldown: HashMap<Account, Timestamp>,
    is_stopped: bool,
}

/// The attempts for one target.
#[derive(Debug, Default)]
struct TargetQueue {
    queued: VecDeque<VerificationRequest>,
    in_flight: bool,
}

/// What has to happen before the first attempt.
#[derive(Debug)]
struct Startup {
    started_at: Timestamp,
    scopes_to_list: usize,
    to_reconcile: HashSet<Uid>,
    /// Since when attempts have been possible.
    opened_at: Option<Timestamp>,
}

/// What [`VerificationQueue::start`] decided.
#[derive(Debug, Default, PartialEq)]
pub struct Started {
    /// Attempts to make now. Each needs its [`VerificationQueue::conclude`].
    pub attempts: Vec<VerificationRequest>,
    /// Who waited for attempts that turned out to be needless.
    pub informed: Vec<ResourceRef>,
    /// When to call again, if nothing happens before.
    pub next: Option<Duration>,
}

impl VerificationQueue {
    /// An empty queue. `scopes`: how many calls of [`VerificationQueue::scope_listed`] will follow.
    pub fn new(scopes: usize, now: Timestamp) -> Self {
        Self {
            startup: Startup {
                started_at: now,
                scopes_to_list: scopes,
                to_reconcile: HashSet::new(),
                opened_at: None,
            },
            waiters: HashMap::new(),
            targets: BTreeMap::new(),
            rejection_cooldown: HashMap::new(),
            is_stopped: false,
        }
    }

    /// The resources of a scope are known.
    pub fn scope_listed(&mut self, resources: impl IntoIterator<Item = Uid>, now: Timestamp) {
        self.startup.scopes_to_list = self.startup.scopes_to_list.saturating_sub(1);
        self.startup.to_reconcile.extend(resources);
        self.startup.update(now);
    }

    /// A resource was reconciled. Returns whether that is what attempts have waited for.
    pub fn reconciled(&mut self, resource: &Uid, now: Timestamp) -> bool {
        self.startup.to_reconcile.remove(resource) && self.startup.update(now)
    }

    /// For how long attempts have been possible.
    pub fn open_for(&self, now: Timestamp) -> Duration {
        self.startup.open_for(now)
    }

    /// Whether such an attempt is queued or in flight.
    pub fn is_in_flight(&self, fingerprint: Fingerprint, method: &VerificationMethod) -> bool {
        self.waiters.contains_key(&(fingerprint, method.clone()))
    }

    /// Queues an attempt for a resource. An identical one that is queued or in flight serves it as well.
    pub fn submit(&mut self, request: VerificationRequest, waiter: ResourceRef) {
        if self.is_stopped {
            return;
        }
        let is_new = !self.waiters.contains_key(&request.key());
        let waiters = self.waiters.entry(request.key()).or_default();
        if !waiters.contains(&waiter) {
            waiters.push(waiter);
        }
        if is_new {
            let target = self.targets.entry(request.target()).or_default();
            target.queued.push_back(request);
        }
    }

    /// A resource is gone. Attempts that nobody else waits for and that have not started are not made.
    pub fn forget(&mut self, resource: &ResourceRef, now: Timestamp) {
        self.reconciled(&resource.uid, now);
        for waiters in self.waiters.values_mut() {
            waiters.retain(|waiter| waiter != resource);
        }
        let waiters = &mut self.waiters;
        self.targets.retain(|_, target| {
            target.queued.retain(|request| {
                let is_wanted = waiters.get(&request.key()).is_some_and(|waiters| !waiters.is_empty());
                if !is_wanted {
                    waiters.remove(&request.key());
                }
                is_wanted
            });
            target.is_busy()
        });
    }

    /// Takes out the attempts that may start now, and those that are `needless` by now.
    pub fn start(&mut self, now: Timestamp, needless: impl Fn(&VerificationRequest) -> bool) -> Started {
        let mut started = Started::default();
        if let Some(wait) = self.startup.wait(now) {
            let is_waiting = self.targets.values().any(|target| !target.queued.is_empty());
            started.next = is_waiting.then_some(wait);
            return started;
        }
        // A longer one is left from before the clock was set back.
        let is_current = |until: Timestamp| until > now && since(now, until) <= REJECTION_COOLDOWN;
        self.rejection_cooldown.retain(|_, until| is_current(*until));
        for target in self.targets.values_mut().filter(|target| !target.in_flight) {
            let position = loop {
                let position = target.next(&self.rejection_cooldown);
                let Some(request) = position.and_then(|position| target.queued.get(position)) else {
                    break None;
                };
                if !needless(request) {
                    break position;
                }
                let waiters = self.waiters.remove(&request.key());
                started.informed.extend(waiters.unwrap_or_default());
                position.map(|position| target.queued.remove(position));
            };
            if let Some(request) = position.and_then(|position| target.queued.remove(position)) {
                target.in_flight = true;
                started.attempts.push(request);
            } else {
                let waits = target
                    .queued
                    .iter()
                    .filter_map(|request| self.rejection_cooldown.get(&request.account()));
                let wait = waits.min().map(|until| since(now, *until));
                started.next = [started.next, wait].into_iter().flatten().min();
            }
        }
        self.targets.retain(|_, target| target.is_busy());
        started
    }

    /// An attempt has ended. Returns who waits for its verdict.
    pub fn conclude(&mut self, request: &VerificationRequest, verdict: &Verdict, now: Timestamp) -> Vec<ResourceRef> {
        let name = request.target();
        if let Some(target) = self.targets.get_mut(&name) {
            target.in_flight = false;
            if !target.is_busy() {
                self.targets.remove(&name);
            }
        }
        if verdict.result.is_refusal() {
            self.rejection_cooldown
                .insert(request.account(), after(now, REJECTION_COOLDOWN));
        }
        self.waiters.remove(&request.key()).unwrap_or_default()
    }

    /// Takes out everything that is queued, whether it may start or not.
    #[cfg(test)]
    pub(crate) fn take_queued(&mut self) -> Vec<VerificationRequest> {
        let queued = self.targets.values_mut().flat_map(|target| target.queued.drain(..));
        queued.collect()
    }

    /// No attempt starts any more; those in flight may still be concluded.
    pub fn drain(&mut self) {
        self.is_stopped = true;
        for target in self.targets.values_mut() {
            for request in target.queued.drain(..) {
                self.waiters.remove(&request.key());
            }
        }
        self.targets.retain(|_, target| target.is_busy());
    }
}

impl TargetQueue {
    fn is_busy(&self) -> bool {
        self.in_flight || !self.queued.is_empty()
    }

    /// Position of the first attempt for an account that does not have to wait.
    fn next(&self, rejection_cooldown: &HashMap<Account, Timestamp>) -> Option<usize> {
        let may_start = |request: &VerificationRequest| !rejection_cooldown.contains_key(&request.account());
        self.queued.iter().position(may_start)
    }
}

impl Startup {
    /// Whether everything has happened by now.
    fn update(&mut self, now: Timestamp) -> bool {
        let is_complete = self.scopes_to_list == 0 && self.to_reconcile.is_empty();
        if is_complete {
            self.opened_at
                .get_or_insert(now.min(after(self.started_at, STARTUP_GRACE)));
        }
        is_complete
    }

    /// How long no attempt is possible yet. What has opened stays open, also when the clock is set back.
    fn wait(&mut self, now: Timestamp) -> Option<Duration> {
        if self.opened_at.is_some() {
            return None;
        }
        self.started_at = self.started_at.min(now);
        let end = after(self.started_at, STARTUP_GRACE);
        if end > now {
            return Some(since(now, end));
        }
        self.opened_at = Some(end);
        None
    }

    /// For how long attempts have been possible.
    fn open_for(&self, now: Timestamp) -> Duration {
        match self.opened_at {
            // The clock was set back: nobody knows how long ago it was.
            Some(opened_at) if opened_at > now => Duration::MAX,
            Some(opened_at) => since(opened_at, now),
            None => since(after(self.started_at, STARTUP_GRACE), now),
        }
    }
}
