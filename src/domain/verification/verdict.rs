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
    pub of_image: bool,
    /// Time after which the registry wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl Verdict {
    /// A verdict without a time.
    pub fn new(result: VerificationResult, message: impl Into<String>) -> Self {
        Self {
            result,
            message: message.into(),
            of_image: false,
            retry_after: None,
        }
    }
}
