//! Labels and annotations that users want on the generated Secret.

use std::collections::BTreeMap;

use crate::api::{MANAGED_BY_LABEL, Reason, SecretTemplate};
use crate::domain::names::is_object_name;
use crate::domain::problem::Problem;

/// Keys by which GitOps tools track the objects they own. On a Secret that is not in their repository they make Argo CD
/// and Flux delete it again, so they are never copied.
const TRACKING: [&str; 4] = [
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// The API server's bound for all annotations of an object together (`apimachinery`, `TotalAnnotationSizeLimitB`).
const ANNOTATION_BYTES: usize = 256 * 1024;

/// Checks what the API server would refuse later on the Secret, so that the message names the spec's field.
pub fn check(template: &SecretTemplate) -> Result<(), Problem> {
    let invalid = |message: String| Err(Problem::new(Reason::InvalidSpec, message));
    for (field, map) in [("labels", &template.labels), ("annotations", &template.annotations)] {
        if let Some(key) = map.keys().find(|key| !is_qualified_name(key)) {
            return invalid(format!(
                "spec.secretTemplate.{field} has the key {key:?}, which is no qualified name: write [prefix/]name, the name at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
            ));
        }
    }
    for (key, value) in &template.labels {
        if !value.is_empty() && !is_name(value) {
            return invalid(format!(
                "spec.secretTemplate.labels[{key:?}] must be at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
            ));
        }
    }
    if template.labels.contains_key(MANAGED_BY_LABEL) {
        return invalid(format!(
            "spec.secretTemplate.labels must not set {MANAGED_BY_LABEL}: the operator sets it"
        ));
    }
    let size: usize = template
        .annotations
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if size > ANNOTATION_BYTES {
        return invalid(format!(
            "spec.secretTemplate.annotations have {size} bytes; an object can have {ANNOTATION_BYTES}"
        ));
    }
    Ok(())
}

/// The template's labels and annotations without tracking keys; tells about each one left out.
pub fn without_tracking(
    mut template: SecretTemplate,
    warnings: &mut Vec<String>,
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    for (field, map) in [
        ("labels", &mut template.labels),
        ("annotations", &mut template.annotations),
    ] {
        map.retain(|key, _| {
            let tracking = TRACKING.iter().any(|prefix| key.starts_with(prefix));
            if tracking {
                warnings.push(format!(
                    "spec.secretTemplate.{field}: {key} is left out: a GitOps tool would take the Secret for its own and delete it"
                ));
            }
            !tracking
        });
    }
    (template.labels, template.annotations)
}

/// `[prefix/]name` as `IsQualifiedName` in apimachinery has it.
fn is_qualified_name(key: &str) -> bool {
    match key.split_once('/') {
        None => is_name(key),
        Some((prefix, name)) => is_name(name) && is_object_name(prefix),
    }
}

fn is_name(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.chars().next())
        && ends(text.chars().next_back())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
