//! How often a status may tell that the number of failing pods has changed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// First and longest pause between two writes for numbers alone; it doubles as long as pods fail.
const PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));

/// One for each resource with failing pods, by UID.
#[derive(Default)]
pub(crate) struct Paces(HashMap<String, (Instant, Duration)>);

impl Paces {
    /// The cause is told now.
    pub(crate) fn begin(&mut self, uid: &str) {
        self.0.insert(uid.to_owned(), (Instant::now(), PAUSE.0));
    }

    /// New numbers are there: how long they have to wait. `None`: they are told now.
    pub(crate) fn pause(&mut self, uid: &str) -> Option<Duration> {
        let (told, pause) = self.0.entry(uid.to_owned()).or_insert((Instant::now(), PAUSE.0));
        let left = pause.saturating_sub(told.elapsed());
        if !left.is_zero() {
            return Some(left);
        }
        (*told, *pause) = (Instant::now(), (*pause * 2).min(PAUSE.1));
        None
    }

    /// No pod fails any more, or the resource is gone.
    pub(crate) fn calm(&mut self, uid: &str) {
        self.0.remove(uid);
    }
}
