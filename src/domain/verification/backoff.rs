//! How long to wait for the next login attempt.

use std::time::Duration;

use crate::domain::verification::verdict::{Verdict, VerificationResult};

/// Pause after the first rejection.
pub(crate) const FIRST_RETRY: Duration = Duration::from_mins(15);

/// Pauses after the first, second and third rejection; after that the credentials are not tried again.
const AFTER_REJECTION: [Duration; 3] = [FIRST_RETRY, Duration::from_hours(1), Duration::from_hours(6)];

/// First and longest pause while the registry gives no verdict.
const NO_VERDICT: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(1));

/// Pause after a 429 without `Retry-After`.
const RATE_LIMITED: Duration = Duration::from_mins(15);

/// The pause after a verdict; `None`: no further attempt before something changes.
pub(crate) fn retry_pause(verdict: &Verdict, rejections: u32, attempts: u32) -> Option<Duration> {
    let wanted = verdict.retry_after.unwrap_or_default();
    let doubled = (NO_VERDICT.0 * (1 << attempts.saturating_sub(1).min(10))).min(NO_VERDICT.1);
    let pause = match verdict.result {
        VerificationResult::Accepted | VerificationResult::NotVerifiable => return None,
        VerificationResult::Rejected | VerificationResult::LockedOut => after_rejections(rejections)?,
        VerificationResult::RateLimited if wanted.is_zero() => RATE_LIMITED.max(doubled),
        // The registry may have counted it as one more rejection.
        _ if verdict.unanswered => after_rejections((rejections + 1).min(3))?.max(doubled),
        _ => doubled,
    };
    Some(pause.max(wanted))
}

fn after_rejections(rejections: u32) -> Option<Duration> {
    let index = usize::try_from(rejections.saturating_sub(1)).ok()?;
    AFTER_REJECTION.get(index).copied()
}
