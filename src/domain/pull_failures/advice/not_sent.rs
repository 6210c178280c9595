//! What to do when no credentials were sent.

use crate::domain::docker_config::kubelet_secret::Content;
use crate::domain::pull_failures::advice::Advised;
use crate::domain::pull_failures::context::{DiagnosisInput, NearMiss};
use crate::domain::pull_failures::docker_hub::docker_hub_name;
use crate::domain::pull_failures::elsewhere::{Serving, bring_in};
use crate::domain::pull_failures::fix::steps;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::registry::dialect::{DOCKER_HUB_KEY, Dialect};
use crate::domain::text::shown_key;

/// Why no credentials were sent: the first reason that a person can change. The pod's own Secrets come before others.
pub(super) fn not_sent(input: &DiagnosisInput<'_>) -> Option<Advised> {
    if let Some(secret) = input.sent.first() {
        let action = format!(
            "Secret {:?} has credentials for this image now, but had none when the node last tried. Wait: the node retries within 5 minutes, and new pods pull at once",
            secret.name
        );
        return Some(action.into());
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
            let stale = input.serving(input.parsed.as_ref()?).find(attached);
            stale.map(|resource| attach(resource, input))
        })
        .or_else(|| other_key(input))
        .or_else(|| attach_serving(input))
        .or_else(|| useless(input))
        .or_else(|| no_secret(input))
}

fn empty_entry(input: &DiagnosisInput<'_>) -> Option<Advised> {
    let name = &input.blamed?.name;
    let action = format!(
        "Secret {name:?} has an entry for this registry without a user name or password, so nodes pull without credentials. Add both"
    );
    Some(action.into())
}

pub(super) fn attach_serving(input: &DiagnosisInput<'_>) -> Option<Advised> {
    Some(use_credentials(input.best_serving(input.parsed.as_ref()?)?, input))
}

/// How to make the pod use credentials that serve the image.
pub(crate) fn use_credentials(credentials: Serving<'_>, input: &DiagnosisInput<'_>) -> Advised {
    match credentials {
        Serving::Here(resource) => attach(resource, input),
        Serving::Elsewhere(one) => bring_in(one, None, input),
    }
}

/// How to make the pod use the pull secret of a resource.
fn attach(resource: &Resource, input: &DiagnosisInput<'_>) -> Advised {
    let secret = &resource.secret;
    if input.context.secrets.iter().any(|listed| listed.name == *secret) {
        let action = format!(
            "The pod uses Secret {secret:?}, but its content is not what {resource} generates. See the conditions of the {}",
            resource.kind
        );
        return action.into();
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
    let action = format!("{how}{also}: {resource} has credentials for this registry");
    if resource.is_refused() {
        return format!("{action}, but the registry rejects them. Correct them first").into();
    }
    Advised::mended(action, steps::attach(resource))
}

/// A Secret that kubelets skip.
fn useless(input: &DiagnosisInput<'_>) -> Option<Advised> {
    let mut actions = input.context.secrets.iter().filter_map(|secret| match &secret.content {
        Content::Ignored(what) => Some(format!("Secret {:?} {what}", secret.name)),
        Content::Entries(entries) if entries.is_empty() => Some(format!(
            "Secret {:?} has no entry for any registry. Recreate it, for example with a DockerPullSecret",
            secret.name
        )),
        Content::Entries(_) | Content::Absent | Content::Unreadable | Content::Malformed(_) => None,
    });
    actions.next().map(Advised::from)
}

/// An entry that is meant for this registry but does not match the image.
pub(super) fn other_key(input: &DiagnosisInput<'_>) -> Option<Advised> {
    let image = input.parsed.as_ref()?;
    let NearMiss { secret, key, why } = input.near_miss()?;
    let key = shown_key(key);
    let name = &secret.name;
    let mismatch = format!("The key {key:?} of Secret {name:?} does not match this image, because {why}");
    if image.host().contains(char::is_uppercase) {
        // Resources have no such key.
        return Some(format!("{mismatch}. Write the host of the image in lower case").into());
    }
    let (field, value, key) = if image.is_docker_hub() {
        ("spec.type", "DockerHub", DOCKER_HUB_KEY)
    } else {
        ("spec.registryUrl", image.host(), image.host())
    };
    Some(match input.generator(name) {
        Some(resource) => Advised::mended(
            format!("{mismatch}. Set {field} of {resource} to {value}"),
            steps::set_registry(resource, image).into_iter().collect(),
        ),
        None => format!("{mismatch}. Use the key {key:?}").into(),
    })
}

fn no_secret(input: &DiagnosisInput<'_>) -> Option<Advised> {
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
    let action = format!(
        "{reason}. Create a DockerPullSecret for {registry} in namespace {:?} and add its Secret to the pod's imagePullSecrets{identity}. If the image is meant to be public, check its name",
        input.context.namespace
    );
    Some(Advised::mended(action, steps::create(image, input)))
}
