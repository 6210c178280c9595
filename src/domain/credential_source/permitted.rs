//! Which Secrets may be read.

use crate::api::Reason;
use crate::domain::problem::Problem;

/// Types that may hold credentials for a registry. Others are for somebody else, such as TLS keys and Helm releases.
const SOURCE_TYPES: [&str; 4] = [
    "Opaque",
    "kubernetes.io/basic-auth",
    "kubernetes.io/dockercfg",
    "kubernetes.io/dockerconfigjson",
];

/// Whoever may create a DockerPullSecret chooses the Secret and its keys, and may not be allowed to read it.
pub(super) fn check_type(name: &str, secret_type: &str) -> Result<(), Problem> {
    if secret_type.is_empty() || SOURCE_TYPES.contains(&secret_type) {
        return Ok(());
    }
    Err(Problem::new(
        Reason::ForbiddenSecretType,
        format!(
            "Secret {name:?} is of type {secret_type:?}, whose content is never sent to a registry: put the credentials into a Secret of type Opaque, kubernetes.io/basic-auth, kubernetes.io/dockercfg or kubernetes.io/dockerconfigjson"
        ),
    ))
}
