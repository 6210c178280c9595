//! What is known about credentials, and when the next login attempt may be made.

use std::time::Duration;

use crate::domain::time::{Timestamp, after, since};
use crate::domain::verification::backoff::{FIRST_RETRY, retry_pause};
use crate::domain::verification::method::VerificationMethod;
use crate::domain::verification::verdict::{Verdict, VerificationResult};

/// What is known about credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationRecord {
    /// What was found.
    pub result: VerificationResult,
    /// The sentence to show.
    pub message: String,
    /// How they were verified.
    pub method: VerificationMethod,
    /// When they were verified.
    pub verified_at: Timestamp,
    /// When the next attempt may be made; `None`: not before something changes.
    pub retry_at: Option<Timestamp>,
    /// Rejections in a row.
    pub consecutive_rejections: u32,
    /// Attempts in a row without a verdict.
    pub attempts: u32,
    /// Whether nobody may cause an attempt before `retry_at`: registries count failed login attempts, and want pauses.
    pub backoff_enforced: bool,
    /// Whether the result is about `spec.verification.image`, and not about the credentials as such.
    pub image_denied: bool,
    /// When the last attempt started, if the process that made it ended before it wrote an answer.
    pub lost_at: Option<Timestamp>,
}

impl VerificationRecord {
    /// The same, found at another time.
    pub(crate) fn moved_to(self, verified_at: Timestamp) -> Self {
        let pause = self.retry_at.map(|retry_at| since(self.verified_at, retry_at));
        Self {
            verified_at,
            retry_at: pause.map(|pause| after(verified_at, pause)),
            ..self
        }
    }

    /// When the next attempt is due: accepted credentials `interval` after the last verification, if at all; any
    /// credentials as soon as the backoff allows when a person `requested` it.
    pub fn due(&self, interval: Option<Duration>, requested: bool) -> Option<Timestamp> {
        match self.retry_at {
            // Credentials that were given up may be tried once more for each request, at the pace of the first retry.
            None if self.backoff_enforced => requested.then(|| after(self.verified_at, FIRST_RETRY)),
            retry_at if self.backoff_enforced => retry_at,
            _ if requested => Some(self.verified_at),
            None => interval.map(|interval| after(self.verified_at, interval)),
            retry_at => retry_at,
        }
    }

    /// Whether an attempt would be useless now, or against the backoff.
    pub fn stands(&self, method: &VerificationMethod, due: Option<Timestamp>, now: Timestamp) -> bool {
        (self.backoff_enforced || self.method == *method) && due.is_none_or(|due| due > now)
    }

    /// Whether nothing is known but that an attempt was made.
    pub fn is_lost(&self) -> bool {
        self.lost_at.is_some() && !self.result.is_firm()
    }

    /// Whether the credentials as such were refused: the method does not matter.
    pub fn credentials_refused(&self) -> bool {
        self.result.of_credentials(self.image_denied).is_refusal()
    }

    /// Whether the credentials as such were accepted, even if they may not read an image.
    pub fn credentials_accepted(&self) -> bool {
        self.result.of_credentials(self.image_denied) == VerificationResult::Accepted
    }

    /// What is known after an attempt. An attempt without a verdict leaves an earlier verdict as it is: the registry has
    /// not changed its mind.
    pub(crate) fn following(
        before: Option<&Self>,
        verdict: &Verdict,
        method: &VerificationMethod,
        now: Timestamp,
    ) -> Self {
        let (rejections, attempts) = before.map_or((0, 0), |before| (before.consecutive_rejections, before.attempts));
        let (rejections, attempts) = match verdict.result {
            VerificationResult::Accepted | VerificationResult::NotVerifiable => (0, 0),
            VerificationResult::Rejected | VerificationResult::LockedOut => (rejections + 1, 0),
            _ => (rejections, attempts + 1),
        };
        let retry_at = retry_pause(verdict, rejections, attempts).map(|pause| after(now, pause));
        let backoff_enforced =
            rejections > 0 || verdict.unanswered || verdict.result == VerificationResult::RateLimited;
        let still_counts =
            |before: &Self| before.result.is_firm() && (before.method == *method || before.credentials_refused());
        let earlier = before.filter(|before| !verdict.result.is_firm() && still_counts(before));
        match earlier {
            Some(before) if verdict.result != VerificationResult::NotVerifiable => Self {
                retry_at,
                consecutive_rejections: rejections,
                attempts,
                backoff_enforced,
                lost_at: None,
                ..before.clone()
            },
            _ => Self {
                result: verdict.result,
                message: verdict.message.clone(),
                method: method.clone(),
                verified_at: now,
                retry_at,
                consecutive_rejections: rejections,
                attempts,
                backoff_enforced,
                image_denied: verdict.image_denied,
                lost_at: None,
            },
        }
    }
}
