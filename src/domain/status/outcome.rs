//! What a reconcile found.

use crate::api::{MintedStatus, Reason, UnansweredAttempt};
use crate::domain::distribution::census::Census;
use crate::domain::problem::Problem;
use crate::domain::pull_failures::summary::PullSummary;
use crate::domain::verification::finding::VerificationFinding;

/// What a reconcile of one resource found.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// `spec.suspend` is set.
    Suspended,
    /// The API server could not be asked. The sentence says what was tried and what came back.
    Failing(String),
    /// The credentials have changed, and nothing is done before the verdict on them: what the status said before stays, but
    /// for the login attempt that has started.
    AwaitingVerdict(Option<UnansweredAttempt>),
    /// Everything was observed.
    Decided(Box<Outcome>),
}

/// What a reconcile that observed everything found.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The credentials: a sentence about where they come from, or why there are none.
    pub credentials: Result<String, Problem>,
    /// The Secret: a sentence, or why it does not hold the credentials.
    pub secret: Result<String, Problem>,
    /// Whether these credentials are in the Secret now, or on the way to all namespaces.
    pub is_written: bool,
    /// How namespaces stand, if the resource is for many.
    pub census: Option<Census>,
    /// Whether the Secret held other credentials before, or there was none.
    pub replaced: bool,
    /// The ServiceAccounts that are to list the Secret: a sentence, or why one does not; `None` if there are none.
    pub attached: Option<Result<String, Problem>>,
    /// The verification of the credentials.
    pub verification: VerificationFinding,
    /// The login attempt without an answer.
    pub attempt: Option<UnansweredAttempt>,
    /// The pods that cannot pull; `None`: nothing is known yet, and what the status said before stays.
    pub pulls: Option<Box<PullSummary>>,
    /// Name of the generated Secret if there is one.
    pub secret_name: Option<String>,
    /// The registry key, if the spec gives one.
    pub registry_key: Option<String>,
    /// The images whose pods get the Secret, if any do.
    pub image_pattern: Option<String>,
    /// What is known of minted credentials, if they are minted.
    pub minted: Option<MintedStatus>,
    /// What works, but probably not as expected.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// There are no credentials, for this reason; `retained` is the Secret that still holds earlier ones.
    pub fn without_credentials(reason: Problem, retained: Option<String>, registry_key: Option<String>) -> Self {
        let secret = match &retained {
            Some(name) => Problem::new(
                Reason::Stale,
                format!("Secret {name:?} still holds the last valid credentials"),
            ),
            None => Problem::new(
                Reason::CredentialsNotResolved,
                "no credentials to write; see condition CredentialsResolved",
            ),
        };
        Self {
            credentials: Err(reason),
            secret: Err(secret),
            is_written: false,
            census: None,
            replaced: false,
            attached: None,
            verification: VerificationFinding::NoCredentials,
            attempt: None,
            pulls: None,
            secret_name: retained,
            registry_key,
            image_pattern: None,
            minted: None,
            warnings: Vec::new(),
        }
    }
}
