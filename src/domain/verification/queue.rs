//! Which login attempt may start when. Nothing here waits: the controller calls again after [`Started::next`].
//!
//! Identical attempts share one. Namespaces take turns. Whoever receives a password, a registry or its token server, gets one
//! at a time, and only an attempt itself finds out who that is. After the start of the process no attempt is made
//! until every resource was reconciled once: their statuses have verdicts, which need no second attempt.
//!
//! Before an attempt is made, a status says that it starts: a process that ends during the attempt is followed by one that
//! knows of it. So an attempt leaves the queue, is announced, is made, and concludes.

mod accounts;
mod flights;
mod pause;
mod request;
mod starting;
mod startup;
mod waiting;

pub use pause::LOCAL_PAUSE;
pub use request::{AttemptKey, VerificationRequest};

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use crate::domain::names::{ResourceRef, Uid};
use crate::domain::time::Timestamp;
use crate::domain::verification::fingerprint::Fingerprint;
use crate::domain::verification::method::VerificationMethod;
use crate::domain::verification::queue::accounts::{Account, Accounts};
use crate::domain::verification::queue::flights::{Flights, Phase};
use crate::domain::verification::queue::pause::Pause;
use crate::domain::verification::queue::startup::Startup;
use crate::domain::verification::queue::waiting::WaitingAttempts;
use crate::domain::verification::verdict::Verdict;

/// Longest time after the start of the process in which no attempt is made.
pub const STARTUP_GRACE: Duration = Duration::from_mins(1);

/// Longest time within which a status has to say that an attempt starts. After that others go first.
pub const ANNOUNCED_WITHIN: Duration = Duration::from_secs(15);

/// Most attempts in flight: each has connections.
pub const IN_FLIGHT: usize = 64;

/// How many of them only namespaces may have that have none: a tenant with many namespaces leaves others a place.
pub const KEPT_FREE: usize = 16;

/// Most attempts in flight for one namespace.
pub const IN_FLIGHT_OF_NAMESPACE: usize = 8;

/// Most attempts in flight for one receiver of passwords: one is made while the statuses of the next are written.
pub const AT_ONE_RECEIVER: usize = 8;

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
    /// The attempt that a resource waits for.
    awaited: HashMap<Uid, AttemptKey>,
    waiting: WaitingAttempts,
    flights: Flights,
    /// Who receives passwords for a registry, where that is another host. Only for registries with attempts.
    receivers: HashMap<String, String>,
    accounts: Accounts,
    pause: Pause,
    /// What the next [`VerificationQueue::start`] has to hand out besides.
    found: Started,
    /// Something came, or left a place, since [`VerificationQueue::take_changed`].
    has_changed: bool,
    is_stopped: bool,
}

/// What [`VerificationQueue::start`] decided.
#[derive(Debug, Default, PartialEq)]
pub struct Started {
    /// Attempts to make now. Each needs its [`VerificationQueue::conclude`], unless it is not admitted or is postponed.
    pub attempts: Vec<VerificationRequest>,
    /// Whose status is to say that an attempt starts.
    pub to_announce: Vec<ResourceRef>,
    /// Who waited for attempts that turned out to be needless, and whose status says that one has started that has to wait
    /// again.
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
            awaited: HashMap::new(),
            waiting: WaitingAttempts::default(),
            flights: Flights::default(),
            receivers: HashMap::new(),
            accounts: Accounts::default(),
            pause: Pause::default(),
            found: Started::default(),
            has_changed: false,
            is_stopped: false,
        }
    }

    /// This process begins to work now, and not when it started.
    pub fn begin(&mut self, now: Timestamp) {
        self.startup.begin(now);
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

    /// Whether it is worth calling [`VerificationQueue::start`] for what reconciles have changed since the last time.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    /// Queues an attempt for a resource, instead of any other that it waits for. An identical one that is queued or in
    /// flight serves it as well.
    pub fn submit(&mut self, request: VerificationRequest, waiter: ResourceRef) {
        if self.is_stopped {
            return;
        }
        self.keep_only(&waiter, Some(&request.key()));
        self.awaited.insert(waiter.uid.clone(), request.key());
        match self.waiters.entry(request.key()) {
            Entry::Occupied(waiters) if waiters.get().contains(&waiter) => {}
            Entry::Occupied(mut waiters) => waiters.get_mut().push(waiter),
            Entry::Vacant(waiters) => {
                self.waiting.push(&waiter.key.namespace, request);
                waiters.insert(vec![waiter]);
                self.has_changed = true;
            }
        }
    }

    /// A resource waits for no attempt but this. One that nobody else waits for is not made, if it has not been.
    pub fn keep_only(&mut self, resource: &ResourceRef, wanted: Option<&AttemptKey>) {
        if self.awaited.get(&resource.uid).is_none_or(|key| Some(key) == wanted) {
            return;
        }
        let Some(key) = self.awaited.remove(&resource.uid) else {
            return;
        };
        let Some(waiters) = self.waiters.get_mut(&key) else {
            return;
        };
        waiters.retain(|waiter| waiter != resource);
        self.has_changed = true;
        let is_wanted = !waiters.is_empty();
        match self.flights.get(&key) {
            Some(flight) if flight.phase == Phase::Made || (is_wanted && flight.announcer != *resource) => {}
            Some(_) if is_wanted => self.take_back(&key),
            None if is_wanted => {}
            _ => {
                self.waiters.remove(&key);
                let flight = self.flights.remove(&key).map(|flight| flight.request);
                if let Some(request) = flight.or_else(|| self.waiting.remove(&key)) {
                    self.tidy(&request);
                }
            }
        }
    }

    /// A resource is gone.
    pub fn forget(&mut self, resource: &ResourceRef, now: Timestamp) {
        self.reconciled(&resource.uid, now);
        self.keep_only(resource, None);
    }

    /// The start that the status of a resource is to say, while its attempt is in flight.
    pub fn announcement(&self, resource: &Uid) -> Option<Timestamp> {
        let flight = self.flights.get(self.awaited.get(resource)?)?;
        (flight.announcer.uid == *resource).then_some(flight.start)
    }

    /// The status of a resource says that its attempt started then.
    pub fn announced(&mut self, resource: &Uid, start: Timestamp) {
        let flight = self.awaited.get(resource).and_then(|key| self.flights.get_mut(key));
        if let Some(flight) = flight
            && flight.phase == Phase::Announcing
            && (&flight.announcer.uid, flight.start) == (resource, start)
        {
            flight.phase = Phase::Announced;
        }
    }

    /// An attempt has ended. Returns who waits for its verdict.
    pub fn conclude(&mut self, request: &VerificationRequest, verdict: &Verdict, now: Timestamp) -> Vec<ResourceRef> {
        let waiters = self.ended(request);
        let account = self.account(request);
        if verdict.result.is_refusal() {
            self.accounts.rejected(account.clone(), now);
        } else if verdict.credentials_accepted() {
            self.accounts.accepted(&account);
        }
        let (receiver, _) = account;
        self.flights.ended(&receiver, !verdict.result.is_trouble());
        self.tidy(request);
        waiters
    }

    /// An attempt has ended before it sent the password. Returns who waits for its verdict.
    pub fn withdraw(&mut self, request: &VerificationRequest) -> Vec<ResourceRef> {
        let waiters = self.ended(request);
        self.tidy(request);
        waiters
    }

    /// An attempt leaves. What was found out about its registry is of use for others there, if there are any.
    fn tidy(&mut self, request: &VerificationRequest) {
        let target = request.target();
        if !self.waiting.waits_for(&target) && !self.flights.has_any_for(&target) {
            let receiver = self.receivers.remove(&target);
            self.flights.forget(receiver.as_deref().unwrap_or(&target));
        }
    }

    fn ended(&mut self, request: &VerificationRequest) -> Vec<ResourceRef> {
        let key = request.key();
        self.flights.remove(&key);
        let waiters = self.waiters.remove(&key).unwrap_or_default();
        for waiter in &waiters {
            if self.awaited.get(&waiter.uid) == Some(&key) {
                self.awaited.remove(&waiter.uid);
            }
        }
        waiters
    }

    /// Takes out everything that has not been made, whether it may start or not.
    #[cfg(test)]
    pub(crate) fn take_queued(&mut self) -> Vec<VerificationRequest> {
        let queued = self.waiting.iter().cloned();
        let mut all: Vec<_> = queued.collect();
        all.extend(self.flights.take_unmade().into_iter().map(|flight| flight.request));
        self.waiting = WaitingAttempts::default();
        all
    }

    /// No attempt starts any more; those that are being made may still be concluded. Returns whose status says that an
    /// attempt has started that will not be made.
    pub fn drain(&mut self) -> Vec<ResourceRef> {
        self.is_stopped = true;
        let unmade = self.flights.take_unmade();
        let requests = unmade.iter().map(|flight| &flight.request).chain(self.waiting.iter());
        let keys: Vec<AttemptKey> = requests.map(VerificationRequest::key).collect();
        for key in keys {
            for waiter in self.waiters.remove(&key).unwrap_or_default() {
                self.awaited.remove(&waiter.uid);
            }
        }
        self.waiting = WaitingAttempts::default();
        self.found = Started::default();
        unmade.into_iter().map(|flight| flight.announcer).collect()
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

    /// An attempt waits in the queue again.
    fn take_back(&mut self, key: &AttemptKey) {
        if let Some(flight) = self.flights.remove(key) {
            self.waiting.push(&flight.namespace, flight.request);
        }
    }
}
