//! Which resources a failing pod concerns.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::docker_config::kubelet_secret::PullSecret;
use crate::domain::pull_failures::diagnosis::Diagnosis;
use crate::domain::pull_failures::failing_pods::FailingPod;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::registry::image::Image;
use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::matching::serves;
use crate::domain::registry::mismatch::mismatch;

/// How a resource is involved in a failure. The closest involvement comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Involvement {
    /// The resource is at fault.
    Fault,
    /// The pod lists the Secret of the resource, which is not at fault.
    Attached,
    /// The pod lacks credentials that the resource has, and does not list its Secret.
    NotAttached,
}

/// How a resource is involved in a failure; `None`: it is not.
///
/// It is involved if the pod lists its Secret and the key serves the image, or nearly does; and if the pod lacks
/// credentials that the resource has.
pub fn affects(resource: &Resource, image: &str, secrets: &[PullSecret], diagnosis: &Diagnosis) -> Option<Involvement> {
    let repository = repository(image);
    let is_attached = resource.owns && secrets.iter().any(|secret| secret.name == resource.secret);
    match (is_attached, resource.serves(&repository)) {
        (true, true) if diagnosis.is_fault_of(resource) => Some(Involvement::Fault),
        (true, true) => Some(Involvement::Attached),
        (false, true) => {
            let lacks_credentials = diagnosis.lacks_credentials() && !diagnosis.has_credentials();
            lacks_credentials.then_some(Involvement::NotAttached)
        }
        (true, false) if diagnosis.lacks_credentials() => {
            let mismatch = mismatch(resource.registry.as_str(), &repository)?;
            mismatch.near.then_some(Involvement::Attached)
        }
        (_, false) => None,
    }
}

/// Whether [`affects`] can apply to a resource that generates this Secret for this registry. `repositories` are those of
/// the pod's images, see [`repository`].
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

/// The failing pods that may involve a resource.
pub fn concerning<'a>(
    resource: &Resource,
    pods: impl Iterator<Item = (&'a str, &'a Arc<FailingPod>)>,
) -> Vec<(String, Arc<FailingPod>)> {
    let mut serves: HashMap<&str, bool> = HashMap::new();
    let mut concerns = |pod: &'a FailingPod| {
        pod.pull_secrets.contains(&resource.secret)
            || pod.containers.iter().any(|container| {
                let image = container.image.as_str();
                *serves
                    .entry(image)
                    .or_insert_with(|| resource.serves(&repository(image)))
            })
    };
    pods.filter(|(_, pod)| concerns(pod))
        .map(|(name, pod)| (name.to_owned(), Arc::clone(pod)))
        .collect()
}

/// The repository that registry keys are compared with. For a name that cannot be parsed, what it was probably meant to be.
pub fn repository(image: &str) -> String {
    Image::parse(image).unwrap_or_else(|_| Image::meant(image)).repository
}
