//! What a check found.

use std::time::Duration;

use strum::IntoStaticStr;

/// The word for what a check found; part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
pub enum VerificationResult {
    /// The registry accepts the login.
    Accepted,
    /// The registry refuses the login.
    Rejected,
    /// The registry refuses any login of this user for now, or until an administrator helps.
    LockedOut,
    /// The registry wants fewer requests.
    RateLimited,
    /// No answer, or one that says that the registry is in trouble.
    Unreachable,
    /// The certificate is not trusted, or there is none.
    #[strum(serialize = "TLSFailure")]
    TlsFailure,
    /// Something answers, and it is no registry.
    NotARegistry,
    /// The registry's answers do not depend on the login.
    NotVerifiable,
}

impl VerificationResult {
    /// The word as it is shown.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether pods cannot pull with this login: the registry itself said no.
    pub fn refuses(self) -> bool {
        matches!(self, Self::Rejected | Self::LockedOut)
    }
}

/// What was found, and what to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The word.
    pub result: VerificationResult,
    /// What was asked, what came back and what to do; no part of the login.
    pub message: String,
    /// Time after which the registry wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl Verdict {
    /// A verdict without a time.
    pub fn new(result: VerificationResult, message: impl Into<String>) -> Self {
        Self {
            result,
            message: message.into(),
            retry_after: None,
        }
    }
}
