//! What the process remembers about verification. Both parts change together: a verdict is
//! in the ledger before anybody is notified of it.

use crate::domain::names::ResourceRef;
use crate::domain::time::Timestamp;
use crate::domain::verification::fingerprint::Fingerprint;
use crate::domain::verification::ledger::Ledger;
use crate::domain::verification::queue::{AttemptKey, Known, Started, VerificationQueue, VerificationRequest};
use crate::domain::verification::verdict::Verdict;

/// The ledger and the queue.
#[derive(Debug)]
pub struct VerificationState {
    /// Verdicts.
    pub ledger: Ledger,
    /// Attempts that are queued or in flight.
    pub queue: VerificationQueue,
}

/// Whether an attempt may send its password.
#[derive(Debug, PartialEq)]
pub enum Admission {
    /// It may.
    Admitted,
    /// Not now: it has to end, and is queued again. The status of this resource says that it has started.
    Later(Option<ResourceRef>),
    /// It has to end: the receiver has rejected these credentials, through another registry. These wait for the verdict.
    Known(Vec<ResourceRef>),
}

impl VerificationState {
    /// What a reconcile needs of login attempts: `request` if it needs one now, `wanted` if one is possible. Returns when the
    /// attempt started that the resource has to announce in its status.
    pub fn enter(
        &mut self,
        resource: &ResourceRef,
        wanted: Option<&AttemptKey>,
        request: Option<VerificationRequest>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.queue.keep_only(resource, wanted);
        if let Some(request) = request {
            self.queue.submit(request, resource.clone());
            let ledger = &self.ledger;
            self.queue.announce_now(resource, now, |request| {
                known(ledger, request.fingerprint, request, now)
            });
        }
        self.queue.announcement(&resource.uid)
    }

    /// The attempts that may start now.
    pub fn start(&mut self, now: Timestamp) -> Started {
        let ledger = &self.ledger;
        self.queue
            .start(now, |request| known(ledger, request.fingerprint, request, now))
    }

    /// An attempt is about to send its password to `receiver` (`host:port`), which may be a token server of many
    /// registries.
    pub fn admit(&mut self, request: &VerificationRequest, receiver: &str, now: Timestamp) -> Admission {
        let at_receiver = self.ledger.fingerprint_at(receiver, &request.attempt.credentials);
        if let Some(record) = self.ledger.get(at_receiver, &request.method)
            && record.credentials_refused()
            && known(&self.ledger, at_receiver, request, now) == Known::Enough
        {
            let verdict = Verdict::new(record.result, record.message.clone());
            self.ledger.record(request.fingerprint, &verdict, &request.method, now);
            return Admission::Known(self.queue.withdraw(request));
        }
        let known = known(&self.ledger, request.fingerprint, request, now);
        match self.queue.admit(request, receiver, known, now) {
            Ok(()) => Admission::Admitted,
            Err(announcer) => Admission::Later(announcer),
        }
    }

    /// An attempt has ended. Returns who waits for its verdict.
    pub fn conclude(&mut self, request: &VerificationRequest, verdict: &Verdict, now: Timestamp) -> Vec<ResourceRef> {
        self.ledger.record(request.fingerprint, verdict, &request.method, now);
        if verdict.credentials_refused() {
            let receiver = self.queue.receiver(request);
            let at_receiver = self.ledger.fingerprint_at(&receiver, &request.attempt.credentials);
            if at_receiver != request.fingerprint {
                self.ledger.record(at_receiver, verdict, &request.method, now);
            }
        }
        self.queue.conclude(request, verdict, now)
    }
}

/// What is known that matters for an attempt: what became known while it was queued may forbid it, also for another method.
fn known(ledger: &Ledger, fingerprint: Fingerprint, request: &VerificationRequest, now: Timestamp) -> Known {
    let record = ledger.get(fingerprint, &request.method);
    match record {
        Some(record) if record.backoff_enforced && record.stands(&request.method, record.due(None, true), now) => {
            Known::Enough
        }
        Some(record) if record.credentials_accepted() => Known::Accepted,
        _ => Known::Nothing,
    }
}
