//! How long to wait after failures.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::runtime::utils::Backoff;
use kube::runtime::watcher::DefaultBackoff;

/// Longest pause of a failing watch. Short, because nothing is reconciled while the watches are down.
const WATCH_CAP: Duration = Duration::from_secs(15);

/// Longest pause of a failing object.
const OBJECT_CAP: Duration = Duration::from_mins(1);

/// Backoff of one watch that grows also when every list begins well and then fails: kube resets its own on each `Ok`,
/// and sends one before each list.
#[derive(Default)]
pub(crate) struct NonResettingBackoff(DefaultBackoff);

impl Iterator for NonResettingBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|pause| pause.min(WATCH_CAP))
    }
}

impl Backoff for NonResettingBackoff {
    // kube's own backoff begins anew two minutes after the last error.
    fn reset(&mut self) {}
}

/// Failures in a row of each object, by UID; an entry goes away with the first success.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<String, u32>>);

impl Failures {
    /// Counts a failure; returns how many there were in a row.
    pub(crate) fn count(&self, uid: &str) -> u32 {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(uid.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Failures in a row so far.
    pub(crate) fn get(&self, uid: &str) -> u32 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(uid)
            .copied()
            .unwrap_or_default()
    }

    /// Forgets an object that succeeded or is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// Pause after the `count`th failure in a row: 1 s, doubling, at most [`OBJECT_CAP`].
pub(crate) fn pause(count: u32) -> Duration {
    Duration::from_secs(1u64 << count.saturating_sub(1).min(6)).min(OBJECT_CAP)
}

/// `base`, up to a tenth shorter or longer. The same for one object each time, so that objects listed together drift
/// apart without a random number.
pub(crate) fn spread(base: Duration, uid: &str) -> Duration {
    let hash = uid
        .bytes()
        .fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    base.mul_f64(0.9 + f64::from(hash % 1000) / 5000.0)
}
