//! A login attempt in the queue.

use crate::domain::verification::address::target;
use crate::domain::verification::attempt::LoginAttempt;
use crate::domain::verification::fingerprint::Fingerprint;
use crate::domain::verification::method::VerificationMethod;

/// What makes two attempts identical.
pub type AttemptKey = (Fingerprint, VerificationMethod);

/// A login attempt that a resource needs.
#[derive(Clone, Debug, PartialEq)]
pub struct VerificationRequest {
    /// Stands for the credentials at the registry.
    pub fingerprint: Fingerprint,
    /// How they are verified.
    pub method: VerificationMethod,
    /// The attempt.
    pub attempt: LoginAttempt,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_bundle: Option<Vec<u8>>,
}

impl VerificationRequest {
    pub(super) fn key(&self) -> AttemptKey {
        (self.fingerprint, self.method.clone())
    }

    pub(super) fn has_key(&self, (fingerprint, method): &AttemptKey) -> bool {
        self.fingerprint == *fingerprint && self.method == *method
    }

    /// `host:port` of the registry.
    pub fn target(&self) -> String {
        target(&self.attempt.target.base)
    }
}
