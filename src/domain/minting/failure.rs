//! Why no credentials were minted, and whether that may pass by itself.

use std::time::Duration;

use crate::api::Reason;
use crate::domain::problem::Problem;

/// Why no credentials were minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintFailure {
    /// In words, with what to do.
    pub problem: Problem,
    /// What the cloud asked to wait.
    pub retry_after: Option<Duration>,
}

impl From<Problem> for MintFailure {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            retry_after: None,
        }
    }
}

impl MintFailure {
    /// A failure with its sentence.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Problem::new(reason, message).into()
    }

    /// Whether it may be over in a moment. Anything else ends when somebody changes something, which nothing tells.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.problem.reason,
            Reason::ExchangeRateLimited
                | Reason::ExchangeUnreachable
                | Reason::ExchangeMalformed
                | Reason::IssuerUnreachable
        )
    }
}
