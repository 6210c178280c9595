//! When resources are reconciled again though nothing has happened. Times are those of a clock that is never set.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::domain::names::ObjectKey;

/// One time for each resource that has any.
#[derive(Debug, Default)]
pub struct Timers {
    by_time: BTreeSet<(Duration, ObjectKey)>,
    times: HashMap<ObjectKey, Duration>,
}

impl Timers {
    /// A resource is due then, and at no other time; `None`: not at all.
    pub fn set(&mut self, key: &ObjectKey, time: Option<Duration>) {
        if let Some((key, before)) = self.times.remove_entry(key) {
            self.by_time.remove(&(before, key));
        }
        if let Some(time) = time {
            self.times.insert(key.clone(), time);
            self.by_time.insert((time, key.clone()));
        }
    }

    /// A resource is due then, if it is not sooner.
    pub fn set_sooner(&mut self, key: &ObjectKey, time: Duration) {
        if self.times.get(key).is_none_or(|due| time < *due) {
            self.set(key, Some(time));
        }
    }

    /// Takes out one that is due.
    pub fn take_due(&mut self, now: Duration) -> Option<ObjectKey> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.times.remove(&key);
        Some(key)
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Duration> {
        self.by_time.first().map(|(time, _)| *time)
    }
}
