//! What to do, with the names that matter.

use crate::api::{Cause, VerificationResult};
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret};
use crate::domain::pull_failures::cause::about;
use crate::domain::pull_failures::context::{DiagnosisInput, NearMiss};
use crate::domain::pull_failures::resource::Resource;
use crate::domain::registry::image::Image;
use crate::domain::text::shown_key;

/// What to do about a cause.
pub(crate) fn action(cause: Cause, facts: &DiagnosisInput<'_>) -> String {
    let precise = match cause {
        Cause::CredentialsRejected | Cause::CredentialsExpired | Cause::LoginLockedOut => Some(login(cause, facts)),
        Cause::CredentialsNotSent => not_sent(facts),
        Cause::PullSecretMissing => missing(facts),
        Cause::PullSecretMalformed => malformed(facts),
        Cause::AccessDenied => denied(facts),
        Cause::RateLimitedAnonymous => other_key(facts).or_else(|| attach_serving(facts)),
        Cause::InvalidImage => Image::parse(facts.image)
            .err()
            .map(|what| format!("correct the image's name: it {what}")),
        _ => None,
    };
    precise.unwrap_or_else(|| about(cause).action.to_owned())
}

/// Where the login of a Secret comes from.
fn place(secret: &PullSecret, facts: &DiagnosisInput<'_>) -> String {
    match facts.generator(&secret.name) {
        Some(resource) => format!(
            "Secret {:?}, which DockerPullSecret {:?} reads",
            resource.source, resource.name
        ),
        None => format!("Secret {:?}", secret.name),
    }
}

fn login(cause: Cause, facts: &DiagnosisInput<'_>) -> String {
    let Some(secret) = facts.blamed else {
        return "no pull secret of the pod has a login for this image, so it is one of the node's own: correct it there, or list a Secret with a good login in the pod's imagePullSecrets".to_owned();
    };
    let place = place(secret, facts);
    match cause {
        Cause::CredentialsExpired => format!(
            "store a new login in {place}; logins of Amazon ECR are valid for 12 hours and have to be refreshed more often than that"
        ),
        Cause::LoginLockedOut => format!(
            "correct the password in {place}, find what else logs in with an old one, and wait at least 15 minutes or ask the registry's administrator"
        ),
        _ => format!("correct user name and password or access token in {place}"),
    }
}

fn denied(facts: &DiagnosisInput<'_>) -> Option<String> {
    let secret = facts.blamed?;
    let image = facts.parsed.as_ref()?;
    let known = match facts.generator(&secret.name).and_then(|resource| resource.verified) {
        Some(VerificationResult::Accepted) => "the registry accepts the login: ",
        _ => "",
    };
    Some(format!(
        "{known}give the user in {} the right to pull {}, or correct the image's name: many registries deny what does not exist",
        place(secret, facts),
        image.repository
    ))
}

fn missing(facts: &DiagnosisInput<'_>) -> Option<String> {
    let name = &facts.blamed?.name;
    let namespace = facts.around.namespace;
    if let Some(resource) = facts.generator(name) {
        return Some(format!(
            "DockerPullSecret {:?} generates Secret {name:?} and could not yet: see its conditions",
            resource.name
        ));
    }
    Some(match facts.serving().next() {
        Some(resource) => format!(
            "the pod names Secret {name:?}, which does not exist in namespace {namespace:?}: name {:?} instead, which DockerPullSecret {:?} generates for this registry",
            resource.secret, resource.name
        ),
        None => format!(
            "create Secret {name:?} in namespace {namespace:?}, for instance with a DockerPullSecret of that name, or correct the name in the pod's imagePullSecrets"
        ),
    })
}

fn malformed(facts: &DiagnosisInput<'_>) -> Option<String> {
    let secret = facts.blamed?;
    let Content::Malformed(what) = &secret.content else {
        return None;
    };
    Some(format!(
        "Secret {:?} {what}, and then kubelets use no pull secret of the pod: write it anew, for instance with a DockerPullSecret, or take it off the pod's imagePullSecrets",
        secret.name
    ))
}

/// Why no login was sent: the first thing found that a person can change.
fn not_sent(facts: &DiagnosisInput<'_>) -> Option<String> {
    if !facts.sent.is_empty() {
        let name = &facts.sent[0].name;
        return Some(format!(
            "Secret {name:?} has a login for this image now, and had none when the node tried: it tries again within 5 minutes, a new pod at once"
        ));
    }
    empty_login(facts)
        .or_else(|| other_key(facts))
        .or_else(|| attach_serving(facts))
        .or_else(|| useless(facts))
        .or_else(|| nobody(facts))
}

fn empty_login(facts: &DiagnosisInput<'_>) -> Option<String> {
    let name = &facts.blamed?.name;
    Some(format!(
        "Secret {name:?} has an entry for this registry without user name or password, so nodes pull without a login: put both into it"
    ))
}

/// The resource whose login the pod should use.
fn attach_serving(facts: &DiagnosisInput<'_>) -> Option<String> {
    facts.serving().next().map(|resource| attach(resource, facts))
}

/// The line that makes the pod use the login of a resource.
fn attach(resource: &Resource, facts: &DiagnosisInput<'_>) -> String {
    let Resource { name, secret, .. } = resource;
    if facts.around.secrets.iter().any(|one| one.name == *secret) {
        return format!(
            "the pod names Secret {secret:?}, whose content is not what DockerPullSecret {name:?} writes: see its conditions"
        );
    }
    let how = if facts.around.secrets.is_empty() {
        format!("add imagePullSecrets: [{{name: {secret}}}] to the pod's spec (or to its ServiceAccount)")
    } else {
        format!("add {{name: {secret}}} to the imagePullSecrets of the pod's spec")
    };
    format!("{how} and create the pod anew: DockerPullSecret {name:?} has the login for this registry")
}

/// A Secret that kubelets skip.
fn useless(facts: &DiagnosisInput<'_>) -> Option<String> {
    facts.around.secrets.iter().find_map(|secret| match &secret.content {
        Content::Ignored(what) => Some(format!("Secret {:?} {what}", secret.name)),
        Content::Entries(entries) if entries.is_empty() => Some(format!(
            "Secret {:?} has no entry for any registry: write it anew, for instance with a DockerPullSecret",
            secret.name
        )),
        _ => None,
    })
}

/// An entry that is meant for this registry and does not serve the image.
fn other_key(facts: &DiagnosisInput<'_>) -> Option<String> {
    let image = facts.parsed.as_ref()?;
    let NearMiss { secret, key, why } = facts.near_miss()?;
    let key = shown_key(key);
    let name = &secret.name;
    let right = if image.is_docker_hub() {
        ("type DockerHub", "https://index.docker.io/v1/")
    } else {
        ("spec.registryUrl", image.host())
    };
    Some(match facts.generator(name) {
        Some(resource) if image.is_docker_hub() => format!(
            "the key {key:?} of Secret {name:?} does not serve this image, since {why}: set spec.type of DockerPullSecret {:?} to DockerHub",
            resource.name
        ),
        Some(resource) => format!(
            "the key {key:?} of Secret {name:?} does not serve this image, since {why}: set {} of DockerPullSecret {:?} to {}",
            right.0, resource.name, right.1
        ),
        None => format!(
            "the key {key:?} of Secret {name:?} does not serve this image, since {why}: the key that does is {:?}",
            right.1
        ),
    })
}

fn nobody(facts: &DiagnosisInput<'_>) -> Option<String> {
    let image = facts.parsed.as_ref()?;
    let registry = if image.is_docker_hub() {
        "Docker Hub"
    } else {
        image.host()
    };
    let list = if facts.around.secrets.is_empty() {
        "the pod names no pull secret"
    } else {
        "none of the pod's pull secrets is for this registry"
    };
    Some(format!(
        "{list}: create a DockerPullSecret for {registry} in namespace {:?} and list its Secret in the pod's imagePullSecrets; if the image is meant to be public, check its name",
        facts.around.namespace
    ))
}
