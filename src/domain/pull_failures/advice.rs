//! What to do, with the names that matter.

use crate::api::{Cause, VerificationResult};
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret};
use crate::domain::pull_failures::cause::{Advice, about};
use crate::domain::pull_failures::context::{DiagnosisInput, NearMiss};
use crate::domain::pull_failures::docker_hub::docker_hub_name;
use crate::domain::pull_failures::error_class::ErrorClass;
use crate::domain::pull_failures::remedy::{remedy, with_host};
use crate::domain::pull_failures::resource::Resource;
use crate::domain::registry::dialect::{DOCKER_HUB_KEY, Dialect};
use crate::domain::registry::image::Image;
use crate::domain::text::shown_key;

/// What to do about a cause.
pub(crate) fn action(cause: Cause, input: &DiagnosisInput<'_>) -> String {
    let from_report = input
        .classification
        .and_then(|report| remedy(report, cause, input.image));
    let from_secrets = || match about(cause).advice {
        Advice::General => None,
        Advice::CorrectCredentials if is_unreadable_key(input) => Some(credentials(input, |place| {
            format!(
                "The registry cannot parse the password as a JSON key. Store the whole key file of the service account as the password in {place}"
            )
        })),
        Advice::CorrectCredentials => Some(credentials(input, |place| {
            format!(
                "Correct the user name and the password or access token in {place}{}",
                or_grant(input)
            )
        })),
        Advice::RenewCredentials => Some(credentials(input, |place| {
            let host = input.parsed.as_ref().map_or("", Image::host);
            let lifetime = Dialect::of(host).lifetime_advice();
            let lifetime = lifetime.map(|advice| format!(". {advice}")).unwrap_or_default();
            format!("Store new credentials in {place}{lifetime}")
        })),
        Advice::UnlockUser => Some(credentials(input, |place| {
            format!(
                "Correct the password in {place}. Find whatever else still uses the old one. Then wait at least 15 minutes or ask the registry's administrator to unlock the user"
            )
        })),
        Advice::SendCredentials => not_sent(input),
        Advice::CreateSecret => missing(input),
        Advice::RepairSecret => malformed(input),
        Advice::GrantPermission => denied(input),
        Advice::AttachSecret => docker_hub_name(input)
            .or_else(|| other_key(input))
            .or_else(|| attach_serving(input)),
        Advice::CorrectImageName => Image::parse(input.image)
            .err()
            .map(|what| format!("Correct the image name: it {what}")),
    };
    let action = from_report
        .or_else(from_secrets)
        .unwrap_or_else(|| about(cause).action.to_owned());
    match input.classification {
        Some(report) => with_host(action, report, input.image),
        None => action,
    }
}

fn is_unreadable_key(input: &DiagnosisInput<'_>) -> bool {
    input
        .classification
        .is_some_and(|report| *report.class == ErrorClass::KEY_UNREADABLE)
}

/// Where the credentials of a Secret come from.
fn place(secret: &PullSecret, input: &DiagnosisInput<'_>) -> String {
    match input.generator(&secret.name) {
        Some(resource) => match (&resource.source, &resource.source_namespace) {
            (Some(source), None) => format!("Secret {source:?}, which {resource} reads"),
            (Some(source), Some(namespace)) => {
                format!("Secret {source:?} in namespace {namespace:?}, which {resource} reads")
            }
            (None, _) => format!("the source of {resource}"),
        },
        None => format!("Secret {:?}", secret.name),
    }
}

fn credentials(input: &DiagnosisInput<'_>, sentence: impl Fn(&str) -> String) -> String {
    match input.blamed {
        Some(secret) => sentence(&place(secret, input)),
        None => format!(
            "No pull secret of the pod has credentials for this image, so the node used its own. Correct them on the node, or add a Secret with valid credentials to the pod's imagePullSecrets{}",
            or_grant(input)
        ),
    }
}

/// How the node gets access without the pod's pull secrets, if the registry has a way. Kubelets try both.
fn or_grant(input: &DiagnosisInput<'_>) -> String {
    let host = input.parsed.as_ref().map_or("", Image::host);
    let grant = Dialect::of(host).node_grant();
    grant.map_or_else(String::new, |grant| {
        format!(". Or grant {grant}: nodes then pull without a pull secret")
    })
}

fn denied(input: &DiagnosisInput<'_>) -> Option<String> {
    let secret = input.blamed?;
    let image = input.parsed.as_ref()?;
    let verified = input.generator(&secret.name).and_then(|resource| resource.verified);
    let known = match verified {
        Some(VerificationResult::Accepted) => "The registry accepts the credentials. ",
        _ => "",
    };
    Some(format!(
        "{known}Grant permission to pull {} to the user in {}, or correct the image name: many registries deny access to images that do not exist{}",
        image.repository,
        place(secret, input),
        or_grant(input)
    ))
}

fn missing(input: &DiagnosisInput<'_>) -> Option<String> {
    let name = &input.blamed?.name;
    let namespace = input.context.namespace;
    if let Some(resource) = input.generator(name) {
        return Some(format!(
            "{resource} has not created Secret {name:?} yet. See its conditions"
        ));
    }
    Some(match input.serving().next() {
        Some(resource) => format!(
            "Secret {name:?} does not exist in namespace {namespace:?}. Use {:?} in the pod's imagePullSecrets instead: {resource} generates it for this registry",
            resource.secret
        ),
        None => format!(
            "Create Secret {name:?} in namespace {namespace:?}, for example with a DockerPullSecret of that name, or correct the name in the pod's imagePullSecrets"
        ),
    })
}

fn malformed(input: &DiagnosisInput<'_>) -> Option<String> {
    let secret = input.blamed?;
    let Content::Malformed(what) = &secret.content else {
        return None;
    };
    Some(format!(
        "Secret {:?} {what}, so the kubelet uses no pull secret of the pod. Recreate it, for example with a DockerPullSecret, or remove it from the pod's imagePullSecrets",
        secret.name
    ))
}

/// Why no credentials were sent: the first reason that a person can change. The pod's own Secrets come before others.
fn not_sent(input: &DiagnosisInput<'_>) -> Option<String> {
    if let Some(secret) = input.sent.first() {
        return Some(format!(
            "Secret {:?} has credentials for this image now, but had none when the node last tried. Wait: the node retries within 5 minutes, and new pods pull at once",
            secret.name
        ));
    }
    let attached = |resource: &&Resource| {
        input
            .context
            .secrets
            .iter()
            .any(|secret| secret.name == resource.secret)
    };
    empty_entry(input)
        .or_else(|| docker_hub_name(input))
        .or_else(|| {
            let stale = input.serving().find(attached);
            stale.map(|resource| attach(resource, input))
        })
        .or_else(|| other_key(input))
        .or_else(|| attach_serving(input))
        .or_else(|| useless(input))
        .or_else(|| no_secret(input))
}

fn empty_entry(input: &DiagnosisInput<'_>) -> Option<String> {
    let name = &input.blamed?.name;
    Some(format!(
        "Secret {name:?} has an entry for this registry without a user name or password, so nodes pull without credentials. Add both"
    ))
}

fn attach_serving(input: &DiagnosisInput<'_>) -> Option<String> {
    input.serving().next().map(|resource| attach(resource, input))
}

/// How to make the pod use the pull secret of a resource.
pub(crate) fn attach(resource: &Resource, input: &DiagnosisInput<'_>) -> String {
    let secret = &resource.secret;
    if input.context.secrets.iter().any(|listed| listed.name == *secret) {
        return format!(
            "The pod uses Secret {secret:?}, but its content is not what {resource} generates. See the conditions of the {}",
            resource.kind
        );
    }
    let how = if resource.attaches_to_pods {
        format!("New pods get Secret {secret:?} when they are created")
    } else if input.context.secrets.is_empty() {
        format!("Add imagePullSecrets: [{{name: {secret}}}] to the pod's spec (or to its ServiceAccount)")
    } else {
        format!("Add {{name: {secret}}} to the imagePullSecrets of the pod's spec")
    };
    let also = if resource.attaches_to_pods {
        ", but this one was created without it. Recreate it"
    } else {
        " and recreate the pod"
    };
    let doubt = if resource.verified.is_some_and(VerificationResult::is_refusal) {
        ", but the registry rejects them. Correct them first"
    } else {
        ""
    };
    format!("{how}{also}: {resource} has credentials for this registry{doubt}")
}

/// A Secret that kubelets skip.
fn useless(input: &DiagnosisInput<'_>) -> Option<String> {
    input.context.secrets.iter().find_map(|secret| match &secret.content {
        Content::Ignored(what) => Some(format!("Secret {:?} {what}", secret.name)),
        Content::Entries(entries) if entries.is_empty() => Some(format!(
            "Secret {:?} has no entry for any registry. Recreate it, for example with a DockerPullSecret",
            secret.name
        )),
        Content::Entries(_) | Content::Absent | Content::Unreadable | Content::Malformed(_) => None,
    })
}

/// An entry that is meant for this registry but does not match the image.
fn other_key(input: &DiagnosisInput<'_>) -> Option<String> {
    let image = input.parsed.as_ref()?;
    let NearMiss { secret, key, why } = input.near_miss()?;
    let key = shown_key(key);
    let name = &secret.name;
    let mismatch = format!("The key {key:?} of Secret {name:?} does not match this image, because {why}");
    let (field, value) = if image.is_docker_hub() {
        ("spec.type", "DockerHub")
    } else {
        ("spec.registryUrl", image.host())
    };
    Some(match input.generator(name) {
        Some(resource) => format!("{mismatch}. Set {field} of {resource} to {value}"),
        None if image.is_docker_hub() => format!("{mismatch}. Use the key {DOCKER_HUB_KEY:?}"),
        None => format!("{mismatch}. Use the key {value:?}"),
    })
}

fn no_secret(input: &DiagnosisInput<'_>) -> Option<String> {
    let image = input.parsed.as_ref()?;
    let registry = if image.is_docker_hub() {
        "Docker Hub"
    } else {
        image.host()
    };
    let reason = if input.context.secrets.is_empty() {
        "The pod has no imagePullSecrets"
    } else {
        "None of the pod's pull secrets is for this registry"
    };
    let identity = Dialect::of(image.host())
        .node_grant()
        .map_or_else(String::new, |grant| format!(", or grant {grant}"));
    Some(format!(
        "{reason}. Create a DockerPullSecret for {registry} in namespace {:?} and add its Secret to the pod's imagePullSecrets{identity}. If the image is meant to be public, check its name",
        input.context.namespace
    ))
}
