//! Points in time. One type for all of them; only the controller reads a clock.

use std::time::Duration;

pub use k8s_openapi::jiff::Timestamp;

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
