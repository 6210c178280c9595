//! Things to do, each by one at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::names::ObjectKey;

/// What becomes of one that is not waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    /// Somebody does it. `true`: it has to be done again, since something happened meanwhile.
    InFlight(bool),
    /// It failed a moment ago, and is left alone for a while, whoever calls.
    Paused(PauseNumber),
}

/// Which pause of a key it is: others came before, and come after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseNumber(u64);

/// What is to be done, by namespace and name.
#[derive(Debug, Default)]
pub struct WorkSet {
    waiting: BTreeSet<ObjectKey>,
    busy: BTreeMap<ObjectKey, Busy>,
    /// How many wait or are in flight, by name.
    unfinished: HashMap<String, usize>,
    /// How many pauses there were.
    pauses: u64,
}

impl WorkSet {
    /// Something has to be done about this.
    pub fn call(&mut self, key: ObjectKey) {
        match self.busy.get_mut(&key) {
            None => self.wait(key),
            Some(Busy::InFlight(again)) => *again = true,
            Some(Busy::Paused(_)) => {}
        }
    }

    fn wait(&mut self, key: ObjectKey) {
        if !self.waiting.contains(&key) {
            *self.unfinished.entry(key.name.clone()).or_default() += 1;
            self.waiting.insert(key);
        }
    }

    /// The next one. It needs its [`WorkSet::done`].
    pub fn take(&mut self) -> Option<ObjectKey> {
        let next = self.waiting.pop_first()?;
        self.busy.insert(next.clone(), Busy::InFlight(false));
        Some(next)
    }

    /// It is done, or has failed and is left alone until [`WorkSet::end`] or [`WorkSet::resume`]. Returns the pause, if one begins.
    pub fn done(&mut self, key: &ObjectKey, is_paused: bool) -> Option<PauseNumber> {
        let before = self.busy.remove(key);
        if let Some(count) = self.unfinished.get_mut(&key.name) {
            *count -= 1;
            if *count == 0 {
                self.unfinished.remove(&key.name);
            }
        }
        if before == Some(Busy::InFlight(true)) {
            self.wait(key.clone());
            return None;
        }
        is_paused.then(|| {
            self.pauses += 1;
            let pause = PauseNumber(self.pauses);
            self.busy.insert(key.clone(), Busy::Paused(pause));
            pause
        })
    }

    /// The time of a pause is over: what is paused is tried again, unless that pause has ended before.
    pub fn end(&mut self, key: &ObjectKey, pause: PauseNumber) {
        if self.busy.get(key) == Some(&Busy::Paused(pause)) {
            self.resume(key);
        }
    }

    /// Something else than time has ended a pause: what is paused is tried again.
    pub fn resume(&mut self, key: &ObjectKey) {
        if let Some(Busy::Paused(_)) = self.busy.get(key) {
            self.busy.remove(key);
            self.wait(key.clone());
        }
    }

    /// Whether more is about to be done in a namespace.
    pub fn is_busy_in(&self, namespace: &str) -> bool {
        let from = ObjectKey::new(namespace, "");
        let is_there = |key: &ObjectKey| key.namespace == namespace;
        let waiting = self.waiting.range(&from..).next();
        let busy = self.busy.range(from..).take_while(|(key, _)| is_there(key));
        waiting.is_some_and(is_there) || busy.into_iter().any(|(_, busy)| matches!(busy, Busy::InFlight(_)))
    }

    /// Whether more is about to be done for what has this name in any namespace.
    pub fn is_busy_with(&self, name: &str) -> bool {
        self.unfinished.contains_key(name)
    }
}
