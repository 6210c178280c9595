//! Backoff of watches.

use std::time::Duration;

use kube::runtime::utils::Backoff;
use kube::runtime::watcher::DefaultBackoff;

/// Longest pause of a failing watch. Short, because nothing is reconciled while the watches are down.
const LONGEST: Duration = Duration::from_secs(15);

/// Backoff of one watch that grows also when every list begins well and then fails: kube resets its own on each `Ok`,
/// and sends one before each list. kube's own also begins again two minutes after the last error.
#[derive(Default)]
pub(crate) struct NonResettingBackoff(DefaultBackoff);

impl Iterator for NonResettingBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|pause| pause.min(LONGEST))
    }
}

impl Backoff for NonResettingBackoff {
    fn reset(&mut self) {}
}
