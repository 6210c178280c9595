//! Which login attempt may start when. Nothing here waits: the controller calls again after [`Started::next`].
//!
//! Identical attempts share one. Namespaces take turns. Whoever receives a password, a registry or its token server, has one
//! attempt in flight, and only an attempt itself finds out who that is. After the start of the process no attempt is made
//! until every resource was reconciled once: their statuses have verdicts, which need no second attempt.

mod accounts;
mod request;
mod startup;
mod waiting;

pub use request::VerificationRequest;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use crate::domain::names::{ResourceRef, Uid};
use crate::domain::time::Timestamp;
use crate::domain::verification::fingerprint::Fingerprint;
use crate::domain::verification::method::VerificationMethod;
use crate::domain::verification::queue::accounts::{Account, Accounts};
use crate::domain::verification::queue::request::AttemptKey;
use crate::domain::verification::queue::startup::Startup;
use crate::domain::verification::queue::waiting::WaitingAttempts;
use crate::domain::verification::verdict::Verdict;

/// Longest time after the start of the process in which no attempt is made.
pub const STARTUP_GRACE: Duration = Duration::from_mins(1);

/// Most attempts in flight: each has connections.
pub const IN_FLIGHT: usize = 64;

/// Most attempts in flight for one namespace.
pub const IN_FLIGHT_OF_NAMESPACE: usize = 8;

/// What is known about the credentials of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// That no attempt is needed or allowed.
    Enough,
    /// That they were accepted before: they go first.
    Accepted,
    /// Nothing of that kind.
    Nothing,
}

/// The queue of login attempts of the process.
#[derive(Debug)]
pub struct VerificationQueue {
    startup: Startup,
    /// Who waits for the verdict, for each attempt that is queued or in flight.
    waiters: HashMap<AttemptKey, Vec<ResourceRef>>,
    waiting: WaitingAttempts,
    in_flight: HashMap<AttemptKey, InFlight>,
    /// Who receives passwords for a registry, where that is another host. Only for registries with attempts.
    receivers: HashMap<String, String>,
    accounts: Accounts,
    is_stopped: bool,
}

/// An attempt that was started.
#[derive(Debug)]
struct InFlight {
    namespace: String,
    /// Who receives the password; the registry, as long as nothing else is known.
    receiver: String,
}

/// What [`VerificationQueue::start`] decided.
#[derive(Debug, Default, PartialEq)]
pub struct Started {
    /// Attempts to make now. Each needs its [`VerificationQueue::conclude`], unless it is not admitted.
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
            startup: Startup::new(scopes, now),
            waiters: HashMap::new(),
            waiting: WaitingAttempts::default(),
            in_flight: HashMap::new(),
            receivers: HashMap::new(),
            accounts: Accounts::default(),
            is_stopped: false,
        }
    }

    /// The resources of a scope are known.
    pub fn scope_listed(&mut self, resources: impl IntoIterator<Item = Uid>, now: Timestamp) {
        self.startup.scope_listed(resources, now);
    }

    /// A resource was reconciled. Returns whether that is what attempts have waited for.
    pub fn reconciled(&mut self, resource: &Uid, now: Timestamp) -> bool {
        self.startup.reconciled(resource, now)
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
        match self.waiters.entry(request.key()) {
            Entry::Occupied(waiters) if waiters.get().contains(&waiter) => {}
            Entry::Occupied(mut waiters) => waiters.get_mut().push(waiter),
            Entry::Vacant(waiters) => {
                self.waiting.push(&waiter.key.namespace, request);
                waiters.insert(vec![waiter]);
            }
        }
    }

    /// A resource is gone. Attempts that nobody else waits for and that have not started are not made.
    pub fn forget(&mut self, resource: &ResourceRef, now: Timestamp) {
        self.reconciled(&resource.uid, now);
        let waiters = &mut self.waiters;
        for all in waiters.values_mut() {
            all.retain(|waiter| waiter != resource);
        }
        self.waiting.retain(|request| {
            let is_wanted = waiters.get(&request.key()).is_some_and(|waiters| !waiters.is_empty());
            if !is_wanted {
                waiters.remove(&request.key());
            }
            is_wanted
        });
    }

    /// Takes out the attempts that may start now, and those that are needless by what is `known`.
    pub fn start(&mut self, now: Timestamp, known: impl Fn(&VerificationRequest) -> Known) -> Started {
        let mut started = Started::default();
        if let Some(wait) = self.startup.wait(now) {
            started.next = self.waiting.iter().next().map(|_| wait);
            return started;
        }
        self.accounts.forget_old(now);
        loop {
            let before = started.attempts.len();
            for namespace in self.waiting.turns() {
                self.start_one(&namespace, now, &known, &mut started);
            }
            if started.attempts.len() == before {
                break;
            }
        }
        started.next = self.shortest_wait(now, &known);
        started
    }

    /// When the first attempt may start that only waits for the pause of its user.
    fn shortest_wait(&self, now: Timestamp, known: &impl Fn(&VerificationRequest) -> Known) -> Option<Duration> {
        if self.accounts.is_empty() {
            return None;
        }
        let targets = self.waiting.by_target();
        let free = targets.filter(|(target, _)| !self.is_busy(self.receiver_of(target), None));
        let waits = free.flat_map(|(_, requests)| requests);
        let waits = waits.filter_map(|request| self.wait(request, known(request) == Known::Accepted, now));
        waits.min()
    }

    /// How long the user of an attempt is left alone.
    fn wait(&self, request: &VerificationRequest, accepted_before: bool, now: Timestamp) -> Option<Duration> {
        if self.accounts.is_empty() {
            return None;
        }
        self.accounts.wait(&self.account(request), accepted_before, now)
    }

    /// Starts the next attempt of a namespace, if it may have one more.
    fn start_one(
        &mut self,
        namespace: &str,
        now: Timestamp,
        known: &impl Fn(&VerificationRequest) -> Known,
        started: &mut Started,
    ) {
        while self.in_flight.len() < IN_FLIGHT
            && self.in_flight.values().filter(|one| one.namespace == namespace).count() < IN_FLIGHT_OF_NAMESPACE
        {
            let mut waiting = std::mem::take(&mut self.waiting);
            let next = waiting.take(
                namespace,
                |target| !self.is_busy(self.receiver_of(target), None),
                |request| {
                    let is_accepted = known(request) == Known::Accepted;
                    let wait = self.wait(request, is_accepted, now);
                    wait.is_none().then_some(!is_accepted)
                },
            );
            self.waiting = waiting;
            let Some(request) = next else { return };
            if known(&request) == Known::Enough {
                started
                    .informed
                    .extend(self.waiters.remove(&request.key()).unwrap_or_default());
                continue;
            }
            let flight = InFlight {
                namespace: namespace.to_owned(),
                receiver: self.receiver(&request),
            };
            self.in_flight.insert(request.key(), flight);
            started.attempts.push(request);
            return;
        }
    }

    /// An attempt is about to send its password to `receiver`. If it must not now, it waits in the queue again, and has
    /// to end without a verdict.
    pub fn admit(&mut self, request: &VerificationRequest, receiver: &str, known: Known, now: Timestamp) -> bool {
        let (key, target) = (request.key(), request.target());
        if receiver == target {
            self.receivers.remove(&target);
        } else {
            self.receivers.insert(target, receiver.to_owned());
        }
        let is_accepted = known == Known::Accepted;
        let wait = self.accounts.wait(&self.account(request), is_accepted, now);
        let may_log_in = wait.is_none() && !self.is_busy(receiver, Some(&key));
        let Some(mut flight) = self.in_flight.remove(&key) else {
            return false;
        };
        if may_log_in {
            receiver.clone_into(&mut flight.receiver);
            self.in_flight.insert(key, flight);
        } else if self.is_stopped {
            self.waiters.remove(&key);
        } else {
            self.waiting.push(&flight.namespace, request.clone());
        }
        may_log_in
    }

    /// An attempt has ended. Returns who waits for its verdict.
    pub fn conclude(&mut self, request: &VerificationRequest, verdict: &Verdict, now: Timestamp) -> Vec<ResourceRef> {
        let waiters = self.withdraw(request);
        let account = self.account(request);
        if verdict.result.is_refusal() {
            self.accounts.rejected(account, now);
        } else if verdict.credentials_accepted() {
            self.accounts.accepted(&account);
        }
        if !self.waiting.waits_for(&request.target()) {
            self.receivers.remove(&request.target());
        }
        waiters
    }

    /// An attempt has ended before it sent the password. Returns who waits for its verdict.
    pub fn withdraw(&mut self, request: &VerificationRequest) -> Vec<ResourceRef> {
        self.in_flight.remove(&request.key());
        self.waiters.remove(&request.key()).unwrap_or_default()
    }

    /// Takes out everything that is queued, whether it may start or not.
    #[cfg(test)]
    pub(crate) fn take_queued(&mut self) -> Vec<VerificationRequest> {
        let queued = self.waiting.iter().cloned().collect();
        self.waiting = WaitingAttempts::default();
        queued
    }

    /// No attempt starts any more; those in flight may still be concluded.
    pub fn drain(&mut self) {
        self.is_stopped = true;
        for request in self.waiting.iter() {
            self.waiters.remove(&request.key());
        }
        self.waiting = WaitingAttempts::default();
    }

    /// Who receives the password, as far as is known.
    pub(crate) fn receiver(&self, request: &VerificationRequest) -> String {
        self.receiver_of(&request.target()).to_owned()
    }

    fn receiver_of<'a>(&'a self, target: &'a str) -> &'a str {
        self.receivers.get(target).map_or(target, String::as_str)
    }

    fn account(&self, request: &VerificationRequest) -> Account {
        let user = request.attempt.credentials.username().to_owned();
        (self.receiver(request), user)
    }

    /// Whether another attempt than `own` is in flight with this receiver.
    fn is_busy(&self, receiver: &str, own: Option<&AttemptKey>) -> bool {
        let others = self.in_flight.iter().filter(|(key, _)| Some(*key) != own);
        others.into_iter().any(|(_, flight)| flight.receiver == receiver)
    }
}
