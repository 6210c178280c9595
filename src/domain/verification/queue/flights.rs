//! Attempts that have left the queue: announced in a status first, then made.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::domain::names::ResourceRef;
use crate::domain::time::{Timestamp, since};
use crate::domain::verification::queue::request::AttemptKey;
use crate::domain::verification::queue::{
    ANNOUNCED_WITHIN, AT_ONE_RECEIVER, IN_FLIGHT, IN_FLIGHT_OF_NAMESPACE, KEPT_FREE, VerificationRequest,
};

/// What an attempt that has left the queue waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The status that says when it started.
    Announcing,
    /// Its turn at the receiver of the password.
    Announced,
    /// The verdict.
    Made,
}

/// An attempt that has left the queue.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) request: VerificationRequest,
    /// Whose share it is of.
    pub(super) namespace: String,
    /// Who receives the password; the registry, as long as nothing else is known.
    pub(super) receiver: String,
    /// The resource whose status announces it.
    pub(super) announcer: ResourceRef,
    /// The time that the status says.
    pub(super) start: Timestamp,
    pub(super) phase: Phase,
    /// Those that left earlier have lower ones.
    pub(super) number: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Flights {
    all: HashMap<AttemptKey, Flight>,
    /// Receivers that answered the last attempt. Others get one attempt at a time, so that those that hang hold up little.
    answering: HashSet<String>,
    left: u64,
}

impl Flights {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether a namespace may have one attempt more.
    pub(super) fn has_place(&self, namespace: &str) -> bool {
        let flights = self.all.values();
        let own = flights.filter(|flight| flight.namespace == namespace).count();
        let places = if own == 0 { IN_FLIGHT } else { IN_FLIGHT - KEPT_FREE };
        self.all.len() < places && own < IN_FLIGHT_OF_NAMESPACE
    }

    /// Whether any is for this registry.
    pub(super) fn has_any_for(&self, target: &str) -> bool {
        self.all.values().any(|flight| flight.request.target() == target)
    }

    /// Whether another attempt may be prepared for this receiver.
    pub(super) fn has_room(&self, receiver: &str) -> bool {
        let room = if self.answering.contains(receiver) {
            AT_ONE_RECEIVER
        } else {
            1
        };
        self.at(receiver).count() < room
    }

    /// Whether an attempt other than `own` is being made at this receiver.
    pub(super) fn is_busy(&self, receiver: &str, own: Option<&AttemptKey>) -> bool {
        let others = self.at(receiver).filter(|(key, _)| Some(*key) != own);
        others.into_iter().any(|(_, flight)| flight.phase == Phase::Made)
    }

    fn at(&self, receiver: &str) -> impl Iterator<Item = (&AttemptKey, &Flight)> {
        let flights = self.all.iter();
        flights.filter(move |(_, flight)| flight.receiver == receiver)
    }

    pub(super) fn get_mut(&mut self, key: &AttemptKey) -> Option<&mut Flight> {
        self.all.get_mut(key)
    }

    pub(super) fn get(&self, key: &AttemptKey) -> Option<&Flight> {
        self.all.get(key)
    }

    pub(super) fn remove(&mut self, key: &AttemptKey) -> Option<Flight> {
        self.all.remove(key)
    }

    /// An attempt leaves the queue; `announcer` is to say so in its status.
    pub(super) fn announce(
        &mut self,
        request: VerificationRequest,
        namespace: &str,
        receiver: String,
        announcer: ResourceRef,
        start: Timestamp,
    ) {
        self.left += 1;
        let flight = Flight {
            namespace: namespace.to_owned(),
            receiver,
            announcer,
            start,
            phase: Phase::Announcing,
            number: self.left,
            request,
        };
        self.all.insert(flight.request.key(), flight);
    }

    /// Those that were announced, in the order in which they left the queue.
    pub(super) fn announced(&self) -> Vec<AttemptKey> {
        let all = self.all.iter();
        let mut announced: Vec<_> = all.filter(|(_, flight)| flight.phase == Phase::Announced).collect();
        announced.sort_unstable_by_key(|(_, flight)| flight.number);
        announced.into_iter().map(|(key, _)| key.clone()).collect()
    }

    /// Those whose announcement takes too long.
    pub(super) fn late(&self, now: Timestamp) -> Vec<AttemptKey> {
        let late = self.announcing().filter(|(_, flight)| time_left(flight, now).is_zero());
        late.map(|(key, _)| key.clone()).collect()
    }

    /// When the next announcement takes too long.
    pub(super) fn until_late(&self, now: Timestamp) -> Option<Duration> {
        self.announcing().map(|(_, flight)| time_left(flight, now)).min()
    }

    fn announcing(&self) -> impl Iterator<Item = (&AttemptKey, &Flight)> {
        self.all.iter().filter(|(_, flight)| flight.phase == Phase::Announcing)
    }

    /// Takes out those that were not made.
    pub(super) fn take_unmade(&mut self) -> Vec<Flight> {
        let unmade = self.all.extract_if(|_, flight| flight.phase != Phase::Made);
        unmade.map(|(_, flight)| flight).collect()
    }

    /// An attempt at this receiver has ended.
    pub(super) fn ended(&mut self, receiver: &str, answered: bool) {
        if answered {
            self.answering.insert(receiver.to_owned());
        } else {
            self.answering.remove(receiver);
        }
    }

    /// Nobody waits for this receiver any more.
    pub(super) fn forget(&mut self, receiver: &str) {
        if self.at(receiver).next().is_none() {
            self.answering.remove(receiver);
        }
    }
}

/// How much longer the announcement of an attempt may take.
fn time_left(flight: &Flight, now: Timestamp) -> Duration {
    if flight.start > now {
        // The clock was set back.
        return Duration::ZERO;
    }
    ANNOUNCED_WITHIN.saturating_sub(since(flight.start, now))
}
