//! Which resources are affects of a pod that cannot pull.

use crate::domain::docker_config::kubelet_secret::PullSecret;
use crate::domain::pull_failures::diagnosis::{Diagnosis, Resource};
use crate::domain::registry::image::Image;
use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::matching::serves;
use crate::domain::registry::mismatch::mismatch;

/// Whether a resource is affects of a failure, and whether it is at fault (design.md 4).
///
/// It is affects when the pod names its Secret and its key serves the image; and when the pod lacks a login that it has, or
/// names its Secret in vain: then it is not at fault.
pub fn affects(resource: &Resource, image: &str, secrets: &[PullSecret], diagnosis: &Diagnosis) -> Option<bool> {
    let repository = repository(image);
    let attached = resource.owns && secrets.iter().any(|secret| secret.name == resource.secret);
    let lacks_credentials = diagnosis.lacks_credentials();
    match (attached, resource.serves(&repository)) {
        (true, true) => Some(diagnosis.is_fault_of(&resource.name)),
        (false, true) => (lacks_credentials && !diagnosis.has_login()).then_some(false),
        (true, false) if lacks_credentials => {
            let mismatch = mismatch(resource.registry.as_str(), &repository)?;
            mismatch.near.then_some(false)
        }
        _ => None,
    }
}

/// Whether a resource that generates this Secret for this registry may have to be affects of a pod: what [`affects`] needs at
/// least. `repositories` are the pod's images, see [`repository`].
pub fn may_affect(
    secret: &str,
    registry: Option<&RegistryKey>,
    repositories: &[String],
    pull_secrets: &[String],
) -> bool {
    let serves_any = |registry: &RegistryKey| {
        let mut images = repositories.iter();
        images.any(|image| serves(registry.as_str(), image))
    };
    pull_secrets.iter().any(|name| name == secret) || registry.is_some_and(serves_any)
}

/// The repository that registry keys are compared with; for a name that cannot be parsed what it was meant to be.
pub fn repository(image: &str) -> String {
    Image::parse(image).unwrap_or_else(|_| Image::meant(image)).repository
}

/// The failing pods that may affect a resource.
pub fn concerning<'a>(
    own: &Resource,
    pods: impl Iterator<Item = (&'a str, &'a std::sync::Arc<super::failing_pods::FailingPod>)>,
) -> Vec<(String, std::sync::Arc<super::failing_pods::FailingPod>)> {
    pods.filter(|(_, failing)| {
        failing.containers.iter().any(|one| {
            let images = [repository(&one.image)];
            may_affect(&own.secret, Some(&own.registry), &images, &failing.pull_secrets)
        })
    })
    .map(|(name, failing)| (name.to_owned(), std::sync::Arc::clone(failing)))
    .collect()
}
