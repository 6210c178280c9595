//! What a reconcile publishes about the verification of credentials, and what it reads back from there.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{UnansweredAttempt, VerificationResult, VerificationStatus};
use crate::domain::text::cut;
use crate::domain::time::Timestamp;
use crate::domain::verification::method::VerificationMethod;
use crate::domain::verification::record::VerificationRecord;

/// Longest message that is stored, in characters: the schema allows one more, for the ellipsis.
const MESSAGE_LENGTH: usize = 1023;

/// What is known about the credentials at their registry.
#[derive(Clone, Debug, PartialEq)]
pub enum VerificationFinding {
    /// There are no credentials; what was known before stays.
    NoCredentials,
    /// Verification is turned off.
    Disabled,
    /// A login attempt will be made soon.
    Pending,
    /// Another process has started a login attempt, and may still make it; what was known before stays.
    Underway,
    /// They were verified: what to publish.
    Done(Box<VerificationStatus>),
}

/// What a status says about credentials.
#[derive(Clone, Copy, Debug)]
pub struct PublishedVerification<'a> {
    /// The status.
    pub status: &'a VerificationStatus,
    /// The message, for a status of a version that stored it in the condition `CredentialsAccepted` only.
    pub fallback_message: Option<&'a str>,
}

/// The status that says what is known about credentials with this `identity`.
pub(crate) fn publish(
    record: &VerificationRecord,
    identity: &str,
    method: &VerificationMethod,
    due: Option<Timestamp>,
    acknowledged_request: Option<&str>,
) -> VerificationFinding {
    VerificationFinding::Done(Box::new(VerificationStatus {
        result: Some(record.result),
        message: Some(cut(&record.message, MESSAGE_LENGTH)),
        last_verified_time: Some(Time(record.verified_at)),
        credentials_version: Some(version(identity, method)),
        attempt: None,
        next_verification_time: due.map(Time),
        consecutive_rejections: record.consecutive_rejections,
        handled_request: acknowledged_request.map(str::to_owned),
        image_denied: record.image_denied,
        secret_verified: false,
    }))
}

/// The attempt that began at `start`.
pub(crate) fn attempt(start: Timestamp, identity: &str, method: &VerificationMethod) -> UnansweredAttempt {
    UnansweredAttempt {
        start_time: Time(start),
        credentials_version: version(identity, method),
    }
}

fn version(identity: &str, method: &VerificationMethod) -> String {
    format!("{identity} {method}")
}

/// The method in a version of these credentials.
fn method(version: &str, identity: &str) -> Option<VerificationMethod> {
    version.strip_prefix(identity)?.strip_prefix(' ')?.parse().ok()
}

impl PublishedVerification<'_> {
    /// When an attempt with these credentials started whose answer the status does not have.
    pub(crate) fn unanswered(&self, identity: &str, now: &VerificationMethod) -> Option<Timestamp> {
        let attempt = self.status.attempt.as_ref()?;
        let then = method(&attempt.credentials_version, identity)?;
        (then == *now || then.is_same_registry(now)).then_some(attempt.start_time.0)
    }

    /// What the status knows about credentials with this `identity`, if it is about them at all. When they were verified
    /// by another method, it counts only that they were refused as such, or whatever refused them if no attempt is
    /// possible now.
    pub(crate) fn recall(&self, identity: &str, method: &VerificationMethod) -> Option<VerificationRecord> {
        let record = self.read(identity)?;
        let counts = match (method, &record.method) {
            (now, then) if now == then => true,
            (VerificationMethod::NotPossible, _) => record.result.is_refusal(),
            (_, VerificationMethod::NotPossible) => record.credentials_refused(),
            (now, then) => record.credentials_refused() && now.is_same_registry(then),
        };
        counts.then_some(record)
    }

    fn read(&self, identity: &str) -> Option<VerificationRecord> {
        let Self {
            status,
            fallback_message,
        } = *self;
        let method = method(status.credentials_version.as_deref()?, identity)?;
        let result = status.result?;
        let is_settled = matches!(result, VerificationResult::Accepted | VerificationResult::NotVerifiable);
        let time = |time: &Option<Time>| time.as_ref().map(|time| time.0);
        // What is published of a lost attempt about which nothing else is known.
        let attempt = status.attempt.as_ref().map(|attempt| attempt.start_time.0);
        let lost_at = attempt.filter(|_| !result.is_firm() && attempt == time(&status.last_verified_time));
        Some(VerificationRecord {
            result,
            message: status
                .message
                .as_deref()
                .or(fallback_message)
                .unwrap_or_default()
                .to_owned(),
            method,
            verified_at: time(&status.last_verified_time).unwrap_or(Timestamp::UNIX_EPOCH),
            // For a settled result, the stored time comes from the interval that the resource had then.
            retry_at: time(&status.next_verification_time).filter(|_| !is_settled),
            consecutive_rejections: status.consecutive_rejections,
            attempts: 0,
            backoff_enforced: status.consecutive_rejections > 0
                || result == VerificationResult::RateLimited
                || lost_at.is_some(),
            image_denied: status.image_denied,
            lost_at,
        })
    }
}
