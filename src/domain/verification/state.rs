//! What the process remembers about verification. Both parts change together: a verdict is
//! in the ledger before anybody is notified of it.

use crate::domain::names::ResourceRef;
use crate::domain::time::Timestamp;
use crate::domain::verification::ledger::Ledger;
use crate::domain::verification::queue::{Started, VerificationQueue, VerificationRequest};
use crate::domain::verification::verdict::Verdict;

/// The ledger and the queue.
#[derive(Debug)]
pub struct VerificationState {
    /// Verdicts.
    pub ledger: Ledger,
    /// Attempts that are queued or in flight.
    pub queue: VerificationQueue,
}

impl VerificationState {
    /// The attempts that may start now.
    pub fn start(&mut self, now: Timestamp) -> Started {
        let ledger = &self.ledger;
        // What became known while the attempt was queued may forbid it, also for another method.
        self.queue.start(now, |request| {
            ledger.get(request.fingerprint, &request.method).is_some_and(|known| {
                known.backoff_enforced && known.stands(&request.method, known.due(None, true), now)
            })
        })
    }

    /// An attempt has ended. Returns who waits for its verdict.
    pub fn conclude(&mut self, request: &VerificationRequest, verdict: &Verdict, now: Timestamp) -> Vec<ResourceRef> {
        self.ledger.record(request.fingerprint, verdict, &request.method, now);
        self.queue.conclude(request, verdict, now)
    }
}
