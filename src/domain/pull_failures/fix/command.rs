//! From a step to a command for a POSIX shell.

use serde_json::{Value, json};

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, EXCLUDE_ANNOTATION};
use crate::domain::names::is_object_name;
use crate::domain::pull_failures::fix::{FixStep, PodToFix, ResourceName};
use crate::domain::pull_failures::template::TemplateKind;
use crate::domain::registry::key::RegistryKey;

/// The command of a step; `None` if there is none, or if something in it is no plain name.
pub(super) fn of(step: &FixStep, listed: &[String], pod: PodToFix<'_>) -> Option<String> {
    let namespace = name(pod.namespace)?;
    match step {
        FixStep::List { secret, instead_of } => list(secret.as_deref(), instead_of.as_deref(), listed, pod),
        FixStep::Recreate => recreate(pod),
        FixStep::SetRegistry { resource, registry } => set_registry(resource, registry),
        // What its ServiceAccount lists by now may be all that the pod needs.
        FixStep::Create { .. } if listed.is_empty() && !pod.account_lists.is_empty() => None,
        FixStep::Create { name, registry } => create(name, namespace, registry),
        FixStep::ReplaceLogin {
            name: resource,
            registry,
            login,
        } => {
            let create = create(resource, namespace, registry)?;
            let login = if *login == format!("{resource}-login") {
                String::new()
            } else {
                format!(" --login-secret {}", name(login)?)
            };
            Some(format!("{create}{login} --replace"))
        }
        FixStep::Label(labels) => {
            let labels = labels.iter().map(|(key, value)| {
                let is_plain = is_plain(key) && (value.is_empty() || is_plain(value));
                is_plain.then(|| format!(" {key}={value}"))
            });
            let labels = labels.collect::<Option<String>>()?;
            Some(format!("kubectl label namespace {namespace}{labels}"))
        }
        FixStep::RemoveAnnotation => Some(format!("kubectl annotate namespace {namespace} {EXCLUDE_ANNOTATION}-")),
        FixStep::Include { resource, index } => {
            let place = format!("/spec/excludeNamespaces/{index}");
            let patch = json!([
                {"op": "test", "path": place, "value": namespace},
                {"op": "remove", "path": place},
            ]);
            let resource = format!("clusterdockerpullsecret {}", name(resource)?);
            Some(format!(
                "kubectl patch {resource} --type json --patch {}",
                quoted(&patch)?
            ))
        }
    }
}

/// Adds to the list of what the pod is made from, or of its ServiceAccount if the pod lists nothing itself.
fn list(secret: Option<&str>, instead_of: Option<&str>, listed: &[String], pod: PodToFix<'_>) -> Option<String> {
    let namespace = name(pod.namespace)?;
    let Some(template) = pod.template else {
        return list_in_account(secret.filter(|_| instead_of.is_none() && listed.is_empty())?, pod);
    };
    if listed.is_empty() && secret.is_some_and(|secret| pod.account_lists.iter().any(|listed| listed == secret)) {
        // New pods get it.
        return recreate(pod);
    }
    // A pod whose template lists anything does not get the list of its ServiceAccount. So the template names all that the pod has;
    // those that it names already are not repeated, since a strategic merge goes by name.
    let before = if listed.is_empty() { pod.account_lists } else { listed };
    let mut names: Vec<&str> = Vec::new();
    for listed in before.iter().map(String::as_str).chain(secret) {
        if Some(listed) != instead_of && !names.contains(&listed) {
            names.push(name(listed)?);
        }
    }
    if names.is_empty() {
        return None;
    }
    let mut entries: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    if let Some(instead_of) = instead_of {
        entries.push(json!({"$patch": "delete", "name": name(instead_of)?}));
    }
    let patch = json!({"spec": {"template": {"spec": {"imagePullSecrets": entries}}}});
    let object = format!("{} {}", template.kind.resource(), name(&template.name)?);
    let patch = format!("kubectl -n {namespace} patch {object} --patch {}", quoted(&patch)?);
    match (template.kind, pod.name) {
        // A StatefulSet waits for a pod that fails before it replaces any.
        (TemplateKind::StatefulSet, Some(pod)) => {
            Some(format!("{patch} && kubectl -n {namespace} delete pod {}", name(pod)?))
        }
        _ => Some(patch),
    }
}

/// The list of a ServiceAccount cannot be merged into (`listType=atomic`): a patch that names one Secret would drop the others. So
/// the API server tests that there is none, or appends.
fn list_in_account(secret: &str, pod: PodToFix<'_>) -> Option<String> {
    let entry = json!({"name": name(secret)?});
    if pod.account_lists.iter().any(|listed| listed == secret) {
        return None;
    }
    let patch = if pod.account_lists.is_empty() {
        json!([
            {"op": "test", "path": "/imagePullSecrets", "value": null},
            {"op": "add", "path": "/imagePullSecrets", "value": [entry]},
        ])
    } else {
        json!([{"op": "add", "path": "/imagePullSecrets/-", "value": entry}])
    };
    let (namespace, account) = (name(pod.namespace)?, name(pod.account)?);
    let patch = quoted(&patch)?;
    Some(format!(
        "kubectl -n {namespace} patch serviceaccount {account} --type json --patch {patch}"
    ))
}

fn recreate(pod: PodToFix<'_>) -> Option<String> {
    let (namespace, template) = (name(pod.namespace)?, pod.template?);
    Some(match template.kind {
        TemplateKind::Deployment | TemplateKind::DaemonSet => format!(
            "kubectl -n {namespace} rollout restart {} {}",
            template.kind.resource(),
            name(&template.name)?
        ),
        TemplateKind::StatefulSet => format!("kubectl -n {namespace} delete pod {}", name(pod.name?)?),
    })
}

fn set_registry(resource: &ResourceName, registry: &RegistryKey) -> Option<String> {
    let spec = if registry.is_docker_hub() {
        json!({"type": "DockerHub", "registryUrl": null})
    } else {
        json!({"registryUrl": registry.as_str()})
    };
    let object = name(&resource.name)?;
    let object = if resource.kind == CLUSTER_DOCKER_PULL_SECRET {
        format!("kubectl patch clusterdockerpullsecret {object}")
    } else {
        format!(
            "kubectl -n {} patch dockerpullsecret {object}",
            name(&resource.namespace)?
        )
    };
    Some(format!(
        "{object} --type merge --patch {}",
        quoted(&json!({"spec": spec}))?
    ))
}

fn create(resource: &str, namespace: &str, registry: &RegistryKey) -> Option<String> {
    // The name of a resource has no dot.
    let resource = name(resource).filter(|name| !name.contains('.'))?;
    let registry = if registry.is_docker_hub() {
        "--type DockerHub".to_owned()
    } else {
        format!("--registry-url {}", word(registry.as_str())?)
    };
    Some(format!("dps create {resource} -n {namespace} {registry}"))
}

/// A name as the API server allows it for objects.
fn name(text: &str) -> Option<&str> {
    is_object_name(text).then_some(text)
}

/// Whether a shell takes a text for one word, and a command takes it for no option.
fn is_plain(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(inside)
}

/// A registry as one word. An IPv6 address has brackets, which shells take for a pattern.
fn word(text: &str) -> Option<String> {
    if is_plain(text) {
        return Some(text.to_owned());
    }
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '[' | ']' | ':' | '.' | '-' | '/');
    (text.starts_with('[') && text.chars().all(inside)).then(|| format!("'{text}'"))
}

/// A document as one word.
fn quoted(document: &Value) -> Option<String> {
    let document = document.to_string();
    (!document.contains('\'')).then(|| format!("'{document}'"))
}
