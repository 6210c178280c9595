//! From the spec and the credentials to the Secret to generate: shared by the controller and `dps render`.

use k8s_openapi::api::core::v1::Secret;

use crate::domain::credential_source::identity::CredentialIdentity;
use crate::domain::credential_source::{Resolved, resolve};
use crate::domain::credentials::RegistryCredentials;
use crate::domain::names::ResourceRef;
use crate::domain::problem::Problem;
use crate::domain::secret::desired::Desired;
use crate::domain::spec::validate::ValidatedSpec;

/// A Secret to generate, and what to say about it.
pub struct SecretPlan {
    /// The Secret.
    pub desired: Desired,
    /// The credentials in it.
    pub credentials: RegistryCredentials,
    /// Which credentials these are; made of no part of them.
    pub identity: CredentialIdentity,
    /// Whether they are renewed all the time, and stay the same for the registry.
    pub is_minted: bool,
    /// Where the credentials come from, for the condition.
    pub origin: String,
    /// What works, but probably not as expected.
    pub warnings: Vec<String>,
}

impl SecretPlan {
    /// The digest of the credentials, of whom they are for and until when, if they were minted.
    pub fn minted_for(&self) -> Option<&str> {
        self.desired.minted_for().filter(|_| self.is_minted)
    }
}

/// What to generate in `namespace` from a valid spec and the Secret that it references. `owner`: the resource, if it exists
/// in a cluster.
pub fn plan(
    namespace: &str,
    owner: Option<&ResourceRef>,
    spec: &ValidatedSpec,
    source: Option<&Secret>,
) -> Result<SecretPlan, Problem> {
    resolve(spec, source).map(|resolved| plan_of(namespace, owner, spec, resolved))
}

/// What to generate in `namespace` from a valid spec and these credentials.
pub fn plan_of(namespace: &str, owner: Option<&ResourceRef>, spec: &ValidatedSpec, resolved: Resolved) -> SecretPlan {
    SecretPlan {
        desired: Desired::new(namespace, owner, spec, &resolved),
        is_minted: resolved.minted.is_some(),
        credentials: resolved.credentials,
        identity: resolved.identity,
        origin: resolved.origin,
        warnings: resolved.warnings,
    }
}
