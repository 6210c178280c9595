//! Which attempts are announced and made now.

use std::time::Duration;

use crate::domain::names::ResourceRef;
use crate::domain::time::{Timestamp, whole_second};
use crate::domain::verification::queue::flights::Phase;
use crate::domain::verification::queue::{IN_FLIGHT, Known, Started, VerificationQueue, VerificationRequest};

impl VerificationQueue {
    /// Hands out the attempts to make and to announce now, and those that are needless by what is `known`.
    pub fn start(&mut self, now: Timestamp, known: impl Fn(&VerificationRequest) -> Known) -> Started {
        let mut started = std::mem::take(&mut self.found);
        if let Some(wait) = self.startup.wait(now) {
            started.next = self.waiting.iter().next().map(|_| wait);
            return started;
        }
        if let Some(wait) = self.pause.wait(now) {
            let is_awaited = self.flights.len() > 0 || self.waiting.iter().next().is_some();
            started.next = is_awaited.then_some(wait);
            return started;
        }
        self.accounts.forget_old(now);
        self.flights.late(now).iter().for_each(|key| self.take_back(key));
        self.make_announced(now, &known, &mut started);
        self.announce(now, &known, &mut started);
        let pause = self.shortest_wait(now, &known);
        started.next = [pause, self.flights.until_late(now)].into_iter().flatten().min();
        started
    }

    /// Lets the attempt of a resource that was just queued leave the queue at once, if it may: then the status that is
    /// about to be written can say so. The next [`VerificationQueue::start`] hands out what else leaves.
    pub fn announce_now(
        &mut self,
        resource: &ResourceRef,
        now: Timestamp,
        known: impl Fn(&VerificationRequest) -> Known,
    ) {
        if self.startup.wait(now).is_none() && self.pause.wait(now).is_none() {
            let mut found = std::mem::take(&mut self.found);
            self.announce(now, &known, &mut found);
            found.to_announce.retain(|other| other != resource);
            self.has_changed |= !(found.to_announce.is_empty() && found.informed.is_empty());
            self.found = found;
        }
    }

    /// When the first attempt may start that only waits for the pause of its user.
    fn shortest_wait(&self, now: Timestamp, known: &impl Fn(&VerificationRequest) -> Known) -> Option<Duration> {
        if self.accounts.is_empty() {
            return None;
        }
        let targets = self.waiting.by_target();
        let free = targets.filter(|(target, _)| self.flights.has_room(self.receiver_of(target)));
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

    /// Makes the attempts that were announced, one at a receiver.
    fn make_announced(
        &mut self,
        now: Timestamp,
        known: &impl Fn(&VerificationRequest) -> Known,
        started: &mut Started,
    ) {
        for key in self.flights.announced() {
            let Some(flight) = self.flights.get(&key) else { continue };
            let (known, request) = (known(&flight.request), flight.request.clone());
            if known == Known::Enough {
                started.informed.extend(self.withdraw(&request));
            } else if self.wait(&request, known == Known::Accepted, now).is_some() {
                started.informed.push(flight.announcer.clone());
                self.take_back(&key);
            } else if !self.flights.is_busy(&flight.receiver, None)
                && let Some(flight) = self.flights.get_mut(&key)
            {
                flight.phase = Phase::Made;
                started.attempts.push(request);
            }
        }
    }

    /// Lets attempts leave the queue, as many as may.
    fn announce(&mut self, now: Timestamp, known: &impl Fn(&VerificationRequest) -> Known, started: &mut Started) {
        let mut before = usize::MAX;
        while before != self.flights.len() && self.may_announce() {
            before = self.flights.len();
            for namespace in self.waiting.turns() {
                self.announce_one(&namespace, now, known, started);
            }
        }
    }

    fn may_announce(&self) -> bool {
        let mut targets = self.waiting.targets();
        self.flights.len() < IN_FLIGHT && targets.any(|target| self.flights.has_room(self.receiver_of(target)))
    }

    /// Lets the next attempt of a namespace leave the queue, if it may have one more.
    fn announce_one(
        &mut self,
        namespace: &str,
        now: Timestamp,
        known: &impl Fn(&VerificationRequest) -> Known,
        started: &mut Started,
    ) {
        while self.flights.has_place(namespace) {
            let mut waiting = std::mem::take(&mut self.waiting);
            let next = waiting.take(
                namespace,
                |target| self.flights.has_room(self.receiver_of(target)),
                |request| {
                    let is_accepted = known(request) == Known::Accepted;
                    let wait = self.wait(request, is_accepted, now);
                    wait.is_none().then_some(!is_accepted)
                },
            );
            self.waiting = waiting;
            let Some(request) = next else { return };
            if known(&request) == Known::Enough {
                started.informed.extend(self.withdraw(&request));
                continue;
            }
            let announcer = self.waiters.get(&request.key()).and_then(|waiters| waiters.first());
            let Some(announcer) = announcer.cloned() else { continue };
            let receiver = self.receiver(&request);
            started.to_announce.push(announcer.clone());
            self.flights
                .announce(request, namespace, receiver, announcer, whole_second(now));
            return;
        }
    }

    /// An attempt is about to send its password to `receiver`. If it must not now, it waits in the queue again, and has
    /// to end without a verdict. The error: whose status says that it has started.
    pub fn admit(
        &mut self,
        request: &VerificationRequest,
        receiver: &str,
        known: Known,
        now: Timestamp,
    ) -> Result<(), Option<ResourceRef>> {
        let (key, target) = (request.key(), request.target());
        if receiver == target {
            self.receivers.remove(&target);
        } else {
            self.receivers.insert(target, receiver.to_owned());
        }
        let wait = self
            .accounts
            .wait(&self.account(request), known == Known::Accepted, now);
        let is_busy = self.flights.is_busy(receiver, Some(&key));
        let Some(flight) = self.flights.get_mut(&key) else {
            return Err(None);
        };
        if wait.is_none() && !is_busy {
            receiver.clone_into(&mut flight.receiver);
            return Ok(());
        }
        Err(self.defer(request))
    }

    /// An attempt has failed because this process is short of something: that says nothing about the registry. It waits
    /// in the queue again, and no attempt starts for a while. Returns whose status says that it has started.
    pub fn postpone(&mut self, request: &VerificationRequest, now: Timestamp) -> Option<ResourceRef> {
        self.pause.begin(now);
        self.defer(request)
    }

    /// An attempt must not send its password now: it waits in the queue again, and has to end. Returns whose status says
    /// that it has started.
    pub fn defer(&mut self, request: &VerificationRequest) -> Option<ResourceRef> {
        let key = request.key();
        let announcer = self.flights.get(&key)?.announcer.clone();
        if self.is_stopped {
            self.withdraw(request);
        } else {
            self.take_back(&key);
        }
        Some(announcer)
    }
}
