//! What a check found.

use std::time::Duration;

pub use crate::api::VerificationResult;

/// What was found, and what to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The word.
    pub result: VerificationResult,
    /// What was asked, what came back and what to do; no part of the login.
    pub message: String,
    /// Whether this is about the image that was asked for, and not about the login as such.
    pub image_denied: bool,
    /// Whether the password was sent and nothing came back that tells what the registry made of it: it may count as a
    /// failed login there.
    pub unanswered: bool,
    /// Time after which the registry wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl Verdict {
    /// Whether the login as such was refused: it does not matter how it is checked.
    pub fn refuses_login(&self) -> bool {
        self.result.refuses() && !self.image_denied
    }

    /// A verdict without a time.
    pub fn new(result: VerificationResult, message: impl Into<String>) -> Self {
        Self {
            result,
            message: message.into(),
            image_denied: false,
            unanswered: false,
            retry_after: None,
        }
    }
}
