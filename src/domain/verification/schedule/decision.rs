//! Whether the credentials of a resource must be verified now.

use std::time::Duration;

use crate::domain::time::{Timestamp, after, since};
use crate::domain::verification::method::VerificationMethod;
use crate::domain::verification::record::VerificationRecord;
use crate::domain::verification::schedule::{ScheduleInput, UNDERWAY};
use crate::domain::verification::verdict::VerificationResult;

/// Age from which an acceptance in the ledger does not let changed credentials replace accepted ones: they may have been
/// revoked since.
const FRESH: Duration = Duration::from_hours(1);

/// Shortest time between two verifications of minted credentials because pods are refused: mostly it is for a permission.
const AFTER_REFUSED_PULL: Duration = Duration::from_mins(15);

/// What to do about credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VerificationDecision {
    /// This still holds.
    Stands(VerificationRecord),
    /// A login attempt is due. What is known until its verdict, if it is about these credentials.
    Attempt(Option<VerificationRecord>),
}

impl ScheduleInput<'_> {
    /// What the status knows about these credentials.
    pub(super) fn own(&self, method: &VerificationMethod) -> Option<VerificationRecord> {
        self.previous?.recall(self.identity, method)
    }

    /// When an attempt with these credentials started that the status tells of and this process did not announce.
    pub(super) fn foreign_attempt(&self, method: &VerificationMethod) -> Option<Timestamp> {
        let start = self.previous?.unanswered(self.identity, method)?;
        (self.announced != Some(start)).then_some(start)
    }

    /// For how much longer another process may write the answer to the attempt.
    pub(super) fn underway(
        &self,
        known: &VerificationRecord,
        method: &VerificationMethod,
        now: Timestamp,
    ) -> Option<Duration> {
        let start = self.foreign_attempt(method)?;
        let is_awaited = known.lost_at == Some(start) && start <= now;
        let left = UNDERWAY.saturating_sub(since(start, now));
        (is_awaited && !left.is_zero()).then_some(left)
    }

    /// The request that was acknowledged last.
    pub(super) fn acknowledged(&self) -> Option<&str> {
        self.previous?.status.handled_request.as_deref()
    }

    /// Whether a person waits for an attempt that has not been submitted.
    pub(super) fn is_requested(&self) -> bool {
        self.requested.is_some() && self.requested != self.acknowledged() && self.requested != self.submitted
    }

    /// The request that is acknowledged now, when no attempt is in flight.
    pub(super) fn acknowledged_request(&self) -> Option<&str> {
        let requested = self.requested?;
        if self.is_requested() {
            self.acknowledged()
        } else {
            Some(requested)
        }
    }

    /// When the next attempt is due.
    pub(super) fn due(&self, known: &VerificationRecord) -> Option<Timestamp> {
        let doubtful = self
            .refused_at
            .filter(|refused| known.credentials_accepted() && *refused > known.verified_at)
            .map(|_| after(known.verified_at, AFTER_REFUSED_PULL));
        let due = known.due(self.interval, self.is_requested());
        due.into_iter().chain(doubtful).min()
    }

    /// Decides from what the status and the ledger know.
    pub(super) fn decide(
        &self,
        method: &VerificationMethod,
        ledger: Option<&VerificationRecord>,
        now: Timestamp,
    ) -> VerificationDecision {
        // One from the future is in the ledger, as found now.
        let own = self.own(method).filter(|own| own.verified_at <= now);
        // An old acceptance of credentials that are to replace accepted ones is no verification of them.
        let replaces_accepted = own.is_none() && self.previous.is_some_and(|previous| previous.status.secret_verified);
        let is_old = |known: &VerificationRecord| {
            known.result == VerificationResult::Accepted && since(known.verified_at, now) >= FRESH
        };
        let ledger = ledger.filter(|known| !(replaces_accepted && is_old(known)));
        let newest = match (own, ledger) {
            // Of the same second: the status knows no more than the ledger, which has read it.
            (Some(own), Some(ledger)) if ledger.verified_at >= own.verified_at => Some(ledger.clone()),
            (Some(own), _) => Some(own),
            (None, ledger) => ledger.cloned(),
        };
        match newest {
            Some(known) if known.stands(method, self.due(&known), now) => VerificationDecision::Stands(known),
            known => VerificationDecision::Attempt(
                known.filter(|known| known.method == *method || known.credentials_refused()),
            ),
        }
    }
}
