//! When minted credentials are renewed, and when a failed attempt is repeated.

use std::time::Duration;

use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::minted::MintedCredentials;
use crate::domain::time::{Timestamp, after, since};

/// The part of their life after which credentials are renewed, at the earliest and at the latest. It is the same for one resource
/// each time, so that many drift apart.
const RENEWED: (f64, f64) = (0.60, 0.70);

/// How long before their end credentials are renewed at the latest, if they live for at least three times as long: a pull that has
/// begun is not to die in the middle.
const MARGIN: Duration = Duration::from_mins(10);

/// Shortest time between two attempts: what is minted dead must not be minted in a loop.
const SHORTEST: Duration = Duration::from_secs(5);

/// Shortest time between two attempts for credentials that a registry refuses although they should be valid.
const AFTER_REJECTION: Duration = Duration::from_mins(15);

/// First pause after failures that may pass by themselves; each doubles.
const FIRST: Duration = Duration::from_secs(30);

/// Longest of these pauses.
const TRANSIENT: Duration = Duration::from_mins(15);

/// The part of their life that is left when somebody should be told that they cannot be renewed.
const LAST: f64 = 0.15;

/// Pauses after a refusal. Whoever changes something in the cloud tells nobody.
const REFUSED: [Duration; 4] = [
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_mins(30),
];

/// When credentials are to be renewed. `seed`: what tells one resource from another.
pub fn renewal(minted: &MintedCredentials, seed: &str) -> Timestamp {
    let life = minted.life();
    let hash = seed
        .bytes()
        .fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let (earliest, latest) = RENEWED;
    let part = earliest + (latest - earliest) * f64::from(hash % 1000) / 1000.0;
    let margin = if life >= 3 * MARGIN { MARGIN } else { Duration::ZERO };
    after(minted.issued_at, life.mul_f64(part).min(life.saturating_sub(margin)))
}

/// From when on credentials that cannot be renewed are about to expire.
pub fn soon(minted: &MintedCredentials) -> Timestamp {
    after(minted.issued_at, minted.life().mul_f64(1.0 - LAST))
}

/// The pause after this many failures in a row. `minted`: the credentials before, if there were any.
pub fn pause(failures: u32, failure: &MintFailure, minted: Option<&MintedCredentials>, now: Timestamp) -> Duration {
    let before = failures.saturating_sub(1);
    if !failure.is_transient() {
        return REFUSED[REFUSED.len().min(before as usize + 1) - 1];
    }
    let doubled = (FIRST * (1 << before.min(5))).min(TRANSIENT);
    // Credentials that live for a minute are not to be missing for a quarter of an hour.
    let doubled = minted.map_or(doubled, |minted| doubled.min(minted.life().max(FIRST)));
    // As long as the old ones are valid, there is time for several more attempts.
    let left = minted.map(|minted| since(now, minted.expires_at));
    let left = left.filter(|left| !left.is_zero());
    let pause = left.map_or(doubled, |left| doubled.min(left / 10));
    pause.max(failure.retry_after.unwrap_or_default()).max(SHORTEST)
}

/// The earliest time of the attempt after one that succeeded.
pub fn spaced(last_attempt: Timestamp, is_rejected: bool) -> Timestamp {
    after(last_attempt, if is_rejected { AFTER_REJECTION } else { SHORTEST })
}
