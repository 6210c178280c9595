//! When to try again.

use std::time::Duration;

use crate::domain::names::Uid;

/// Longest pause after errors of the platform.
const LONGEST: Duration = Duration::from_mins(1);

/// Pause after the API server refused a write: nothing tells when a quota has room again.
pub const AFTER_REFUSAL: Duration = Duration::from_mins(1);

/// Pause after something could not be read about failing pods.
pub const AFTER_INCOMPLETE: Duration = Duration::from_secs(15);

/// Pause before a ServiceAccount is looked at again that is missing, cannot be used or is refused: mostly nothing tells when that changes.
pub const AFTER_NO_IDENTITY: Duration = Duration::from_secs(30);

/// Errors in a row after which the status says so. A short hiccup of the API server is not worth a write for each
/// resource.
const PUBLISH_FROM: u32 = 3;

/// Pause after this many errors in a row: 1 s, doubling, at most a minute.
pub fn pause(errors: u32) -> Duration {
    Duration::from_secs(1u64 << errors.saturating_sub(1).min(6)).min(LONGEST)
}

/// Whether the status reports this many errors in a row.
pub fn is_reported(errors: u32) -> bool {
    errors >= PUBLISH_FROM
}

/// `base`, up to a tenth shorter or longer. The same for one resource each time, so that resources listed together drift
/// apart without a random number.
pub fn spread(base: Duration, uid: &Uid) -> Duration {
    let hash = uid
        .as_str()
        .bytes()
        .fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    base.mul_f64(0.9 + f64::from(hash % 1000) / 5000.0)
}
