//! From the source that a resource names to one usable pair of credentials.

pub mod from_secret;
pub mod identity;
pub(crate) mod permitted;
pub mod plain;
pub(crate) mod problems;

use k8s_openapi::api::core::v1::Secret;

use crate::api::Reason;
use crate::domain::credential_source::identity::CredentialIdentity;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::minting::minted::MintedCredentials;
use crate::domain::problem::Problem;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};

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
    /// Whom they were minted for, and until when they are valid, if they were minted.
    pub minted: Option<ResolvedMint>,
    /// What works, but probably not as expected.
    pub warnings: Vec<String>,
}

/// Where minted credentials come from.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedMint {
    /// Everything that tells their identity from another.
    pub identity: String,
    /// The credentials with their end.
    pub minted: MintedCredentials,
}

/// Minted credentials of a resource. `identity`: everything that tells it from another; `name`: as people know it.
pub fn minted(spec: &ValidatedSpec, identity: &str, name: &str, minted: MintedCredentials) -> Resolved {
    Resolved {
        credentials: minted.credentials.clone(),
        email: spec.email.clone(),
        origin: format!("credentials minted for {name}, valid until {}", minted.expires_at),
        identity: CredentialIdentity::of_minted(identity, &spec.registry),
        minted: Some(ResolvedMint {
            identity: identity.to_owned(),
            minted,
        }),
        warnings: Vec::new(),
    }
}

/// Reads the credentials of a resource. `secret` is the referenced Secret; `None` if it does not exist.
pub fn resolve(spec: &ValidatedSpec, secret: Option<&Secret>) -> Result<Resolved, Problem> {
    match &spec.source {
        CredentialSource::Secret(source) => from_secret::resolve(spec, source, secret),
        CredentialSource::Minted(_) => Err(Problem::new(
            Reason::Pending,
            "the operator mints these credentials in the cluster, so they are not known here; dps mint tries to mint them",
        )),
    }
}
