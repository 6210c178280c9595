//! From the spec and the credentials to the Secret to generate: shared by the controller and `dps render`.

use k8s_openapi::api::core::v1::Secret;

use crate::api::DockerPullSecret;
use crate::domain::credential_source::identity::CredentialIdentity;
use crate::domain::credential_source::resolve;
use crate::domain::credentials::RegistryCredentials;
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
    /// Where the credentials come from, for the condition.
    pub origin: String,
    /// What works, but probably not as expected.
    pub warnings: Vec<String>,
}

/// What to generate for a valid resource and the Secret that it references.
pub fn plan(resource: &DockerPullSecret, spec: &ValidatedSpec, source: Option<&Secret>) -> Result<SecretPlan, Problem> {
    let resolved = resolve(spec, source)?;
    Ok(SecretPlan {
        desired: Desired::new(resource, spec, &resolved),
        credentials: resolved.credentials,
        identity: resolved.identity,
        origin: resolved.origin,
        warnings: resolved.warnings,
    })
}
