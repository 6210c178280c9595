//! Points in time. One type for all of them; only the controller reads a clock.

use std::time::Duration;

pub use k8s_openapi::jiff::Timestamp;

/// Longest pause that a server may ask for with `Retry-After`.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Two clocks, read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The time of day, which somebody may set.
    pub now: Timestamp,
    /// How long the process has run. Nobody sets it, but it may stand still while a machine sleeps.
    pub uptime: Duration,
}

impl Clocks {
    /// The later one of the two times that these clocks show now, if both were right at `earlier`.
    pub fn latest_since(self, earlier: Self) -> Timestamp {
        let passed = self.uptime.saturating_sub(earlier.uptime);
        self.now.max(after(earlier.now, passed))
    }
}

/// The time `pause` after `start`. The latest possible time, if that is too far in the future.
pub fn after(start: Timestamp, pause: Duration) -> Timestamp {
    start.checked_add(pause).unwrap_or(Timestamp::MAX)
}

/// How long `now` is after `start`; nothing if it is before.
pub fn since(start: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(start)).unwrap_or_default()
}

/// Without the part of a second: what a Kubernetes `Time` carries.
pub fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
