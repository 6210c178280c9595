//! Which answers of the API server to a write are for the user to solve.

use crate::api::Reason;
use crate::domain::credentials::{RegistryCredentials, redact};
use crate::domain::problem::Problem;

/// The problem behind an answer to the write of a Secret; `None`: the platform failed, and the write is tried again.
///
/// 400, 403, 413 and 422 are what admission webhooks and policies, quotas, RBAC and validation answer.
pub fn refusal(code: u16, message: &str, secret: &str, credentials: &RegistryCredentials) -> Option<Problem> {
    matches!(code, 400 | 403 | 413 | 422).then(|| {
        Problem::new(
            Reason::WriteRefused,
            format!(
                "the API server refuses to store Secret {secret:?}: {}",
                redact(message, credentials)
            ),
        )
    })
}
