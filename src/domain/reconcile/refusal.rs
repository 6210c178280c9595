//! Which answers of the API server to a write are for the user to solve.

use crate::api::Reason;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::credentials::repetition::Unrepeatable;
use crate::domain::problem::Problem;
use crate::domain::text::cut;

/// Longest answer that is repeated, in characters.
const MESSAGE_LENGTH: usize = 1000;

/// A write that the API server refused.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteRefusal {
    /// What the status says.
    pub problem: Problem,
    /// Whether the same write may succeed later: a quota has room again, a policy has changed. What is too large or
    /// invalid stays so.
    pub may_pass_later: bool,
}

/// Whether an answer to a write is for the user to solve: 400, 403, 413 and 422 are what admission webhooks and policies,
/// quotas, RBAC and validation answer.
pub fn is_refusal(code: u16) -> bool {
    matches!(code, 400 | 403 | 413 | 422)
}

/// The refusal in an answer to the write of a Secret; `None`: the platform failed, and the write is tried again.
pub fn refusal(code: u16, message: &str, secret: &str, credentials: &RegistryCredentials) -> Option<WriteRefusal> {
    is_refusal(code).then(|| WriteRefusal {
        problem: Problem::new(
            Reason::WriteRefused,
            format!(
                "the API server refuses to store Secret {secret:?}: {}",
                Unrepeatable::new(credentials)
                    .knowing(secret)
                    .repeat(&cut(message, MESSAGE_LENGTH))
            ),
        ),
        // Policies and webhooks answer 422 as well, in these words (apiserver `validating/dispatcher.go`, `webhook/errors`).
        may_pass_later: !matches!(code, 413 | 422) || message.contains(" denied "),
    })
}
