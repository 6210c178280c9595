//! From the source that a resource names to one usable pair of credentials.

pub mod from_secret;
pub mod identity;
pub(crate) mod permitted;
pub mod plain;
pub(crate) mod problems;

use k8s_openapi::api::core::v1::Secret;

use crate::domain::credential_source::identity::CredentialIdentity;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::problem::Problem;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};
use crate::domain::time::Timestamp;

/// Credentials, and what is known about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The credentials.
    pub credentials: RegistryCredentials,
    /// E-mail address; the one in the spec wins over that of the source.
    pub email: Option<String>,
    /// Where the credentials come from, for the condition.
    pub origin: String,
    /// Which credentials these are; made of no part of them.
    pub identity: CredentialIdentity,
    /// When they expire, if the source says so.
    pub expires_at: Option<Timestamp>,
    /// What works, but probably not as expected.
    pub warnings: Vec<String>,
}

/// Reads the credentials of a resource. `secret` is the referenced Secret; `None` if it does not exist.
pub fn resolve(spec: &ValidatedSpec, secret: Option<&Secret>) -> Result<Resolved, Problem> {
    match &spec.source {
        CredentialSource::Secret(source) => from_secret::resolve(spec, source, secret),
    }
}
