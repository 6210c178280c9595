//! The decision of one pass, shared by the controller and `render`.

use k8s_openapi::api::core::v1::Secret;

use crate::api::DockerPullSecret;
use crate::domain::credential_source::from_secret::resolve;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::problem::Problem;
use crate::domain::secret::desired::Desired;
use crate::domain::spec::validate::ValidatedSpec;

/// A Secret to have, and what to say about it.
pub struct Plan {
    /// The Secret.
    pub desired: Desired,
    /// The login in it, to keep it out of messages.
    pub login: RegistryCredentials,
    /// Where the login is from, for the condition.
    pub credentials: String,
    /// What works but will probably surprise.
    pub warnings: Vec<String>,
}

/// What to have for a valid resource and the Secret that it references.
pub fn plan(resource: &DockerPullSecret, spec: &ValidatedSpec, source: Option<&Secret>) -> Result<Plan, Problem> {
    let resolved = resolve(spec, source)?;
    let desired = Desired::new(resource, spec, &resolved);
    let credentials = format!("login read from {} of Secret {:?}", resolved.keys, spec.source);
    Ok(Plan {
        desired,
        login: resolved.login,
        credentials,
        warnings: resolved.warnings,
    })
}
