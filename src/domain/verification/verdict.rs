//! What a login attempt found.

use std::time::Duration;

pub use crate::api::VerificationResult;

/// What was found, and what to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The result, as a status has it.
    pub result: VerificationResult,
    /// The request, its response and the remedy; no part of the credentials.
    pub message: String,
    /// Whether this is about the requested image, and not about the credentials as such.
    pub image_denied: bool,
    /// Whether the password was sent and the response does not say what the registry made of it: the registry may count
    /// it as a failed login attempt.
    pub unanswered: bool,
    /// Pause that the registry requests.
    pub retry_after: Option<Duration>,
}

impl Verdict {
    /// A verdict about the credentials, without a pause.
    pub fn new(result: VerificationResult, message: impl Into<String>) -> Self {
        Self {
            result,
            message: message.into(),
            image_denied: false,
            unanswered: false,
            retry_after: None,
        }
    }

    /// What is known of an attempt whose answer nobody wrote.
    pub(crate) fn lost() -> Self {
        Self {
            unanswered: true,
            ..Self::new(
                VerificationResult::Unreachable,
                "the operator stopped during a login attempt, so the registry's answer is unknown; it tries again later",
            )
        }
    }

    /// Whether the credentials as such were refused: the method does not matter.
    pub fn credentials_refused(&self) -> bool {
        self.result.of_credentials(self.image_denied).is_refusal()
    }

    /// Whether the credentials as such were accepted, even if they may not read an image.
    pub fn credentials_accepted(&self) -> bool {
        self.result.of_credentials(self.image_denied) == VerificationResult::Accepted
    }
}
