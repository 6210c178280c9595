//! Which steps mend a cause for certain.

use crate::api::{DOCKER_PULL_SECRET, RegistryType};
use crate::domain::distribution::exclusion::Exclusion;
use crate::domain::docker_config::kubelet_secret::SecretEntry;
use crate::domain::pull_failures::context::DiagnosisInput;
use crate::domain::pull_failures::elsewhere::Elsewhere;
use crate::domain::pull_failures::fix::{FixStep, ResourceName};
use crate::domain::pull_failures::resource::Resource;
use crate::domain::registry::dialect::Dialect;
use crate::domain::registry::image::Image;
use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::matching::serves;

/// The pod gets the Secret of a resource.
pub(crate) fn attach(resource: &Resource) -> Vec<FixStep> {
    if resource.attaches_to_pods {
        return vec![FixStep::Recreate];
    }
    list(&resource.secret, None)
}

/// The pod lists a Secret instead of another, if it lists that.
pub(crate) fn list(secret: &str, instead_of: Option<&str>) -> Vec<FixStep> {
    vec![FixStep::List {
        secret: Some(secret.to_owned()),
        instead_of: instead_of.map(str::to_owned),
    }]
}

/// The pod no longer lists a Secret that keeps the others from being used, one of which serves the image.
pub(crate) fn without(secret: &str, input: &DiagnosisInput<'_>) -> Vec<FixStep> {
    let serves_image = |entry: &SecretEntry| {
        let image = input.parsed.as_ref();
        entry.complete && image.is_some_and(|image| serves(&entry.key, &image.repository))
    };
    let mut others = input.context.secrets.iter().filter(|other| other.name != secret);
    if !others.any(|other| other.entries().iter().any(serves_image)) {
        return Vec::new();
    }
    vec![FixStep::List {
        secret: None,
        instead_of: Some(secret.to_owned()),
    }]
}

/// A resource serves the registry of an image; `None` if it does, or if no registry does that it can name.
pub(crate) fn set_registry(resource: &Resource, image: &Image) -> Option<FixStep> {
    let registry = registry_of(image).filter(|_| !resource.serves(&image.repository))?;
    Some(FixStep::SetRegistry {
        resource: ResourceName {
            kind: resource.kind,
            namespace: resource.namespace.clone(),
            name: resource.name.clone(),
        },
        registry,
    })
}

/// There is a resource for the registry of an image, and the pod lists its Secret.
pub(crate) fn create(image: &Image, input: &DiagnosisInput<'_>) -> Vec<FixStep> {
    let Some(registry) = lasting_registry_of(image) else {
        return Vec::new();
    };
    let name = registry.resource_name();
    let is_listed = input.context.listed().contains(&name.as_str());
    if is_listed || is_taken(&name, input) {
        return Vec::new();
    }
    let create = FixStep::Create {
        name: name.clone(),
        registry,
    };
    [vec![create], list(&name, None)].concat()
}

/// There is a resource that generates a Secret which the pod lists already. With another one that is missing, that one may be meant
/// for this registry.
pub(crate) fn create_missing(name: &str, input: &DiagnosisInput<'_>) -> Vec<FixStep> {
    let registry = input.parsed.as_ref().and_then(lasting_registry_of);
    let (Some(registry), false) = (registry, input.lacks_several() || is_taken(name, input)) else {
        return Vec::new();
    };
    vec![FixStep::Create {
        name: name.to_owned(),
        registry,
    }]
}

/// The login from which a Secret was made is replaced. Only where it consists of nothing but a user name and a password can they be
/// typed.
pub(crate) fn replace_login(input: &DiagnosisInput<'_>) -> Vec<FixStep> {
    let generator = input.blamed.and_then(|secret| input.generator(&secret.name));
    let Some(resource) = generator.filter(|one| one.takes_password && one.kind == DOCKER_PULL_SECRET) else {
        return Vec::new();
    };
    let login = resource.source.clone().into_iter();
    let replace = login.map(|login| FixStep::ReplaceLogin {
        name: resource.name.clone(),
        registry: resource.registry.clone(),
        login,
    });
    replace.collect()
}

/// A resource selects the namespace, and the pod gets its Secret. `instead_of`: the missing Secret that it lists.
pub(crate) fn bring_in(one: &Elsewhere, instead_of: Option<&str>, input: &DiagnosisInput<'_>) -> Vec<FixStep> {
    let first = match &one.exclusion {
        Exclusion::Annotated { alone: true } => FixStep::RemoveAnnotation,
        Exclusion::Named { alone: Some(index) } => FixStep::Include {
            resource: one.resource.name.clone(),
            index: *index,
        },
        Exclusion::Labels { missing, .. } if !missing.is_empty() => FixStep::Label(missing.clone()),
        _ => return Vec::new(),
    };
    let is_listed = input.context.listed().contains(&one.resource.secret.as_str());
    let rest = match instead_of {
        _ if is_listed => Vec::new(),
        Some(_) => list(&one.resource.secret, instead_of),
        None => attach(&one.resource),
    };
    [vec![first], rest].concat()
}

/// The key under which a resource serves an image.
fn registry_of(image: &Image) -> Option<RegistryKey> {
    if image.is_docker_hub() {
        return Some(RegistryKey::docker_hub());
    }
    let key = RegistryKey::new(RegistryType::PrivateRegistry, Some(image.host())).ok()?;
    serves(key.as_str(), &image.repository).then_some(key)
}

/// The same, if a login that somebody types stays valid.
fn lasting_registry_of(image: &Image) -> Option<RegistryKey> {
    let expires = Dialect::of(image.host()).lifetime_advice().is_some();
    registry_of(image).filter(|_| !expires)
}

/// Whether a resource of the namespace has this name, or its Secret.
fn is_taken(name: &str, input: &DiagnosisInput<'_>) -> bool {
    let mut resources = input.context.resources.iter();
    resources.any(|resource| resource.name == name || resource.secret == name)
}
