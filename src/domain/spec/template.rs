//! Labels and annotations that users want on the generated Secret.

use std::collections::BTreeMap;

use crate::api::{CONTENT_ANNOTATION, MANAGED_BY_LABEL, Reason, SecretTemplate};
use crate::domain::names::is_object_name;
use crate::domain::problem::Problem;

/// Keys by which tools track the objects that they own: on a Secret that is not in their repository, they make Argo CD,
/// Flux, kapp, Fleet and `kubectl apply --prune` delete it again. Other keys of these tools are settings that users want
/// on a Secret, such as `argocd.argoproj.io/compare-options` and `kustomize.toolkit.fluxcd.io/prune`.
const TRACKING: [&str; 15] = [
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/instance",
    "argocd.argoproj.io/installation-id",
    "argocd.argoproj.io/hook",
    "argocd.argoproj.io/hook-delete-policy",
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/namespace",
    "kustomize.toolkit.fluxcd.io/checksum",
    "helm.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/namespace",
    "kapp.k14s.io/app",
    "kapp.k14s.io/association",
    "kapp.k14s.io/identity",
    "applyset.kubernetes.io/part-of",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// Prefix of the keys by which Rancher Fleet tracks objects.
const TRACKING_PREFIX: &str = "objectset.rio.cattle.io/";

/// The label by which Argo CD tracks objects when `application.resourceTrackingMethod` is `label`. Many charts set it.
const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";

/// The API server's limit for all annotations of an object together (`apimachinery`, `TotalAnnotationSizeLimitB`).
const ANNOTATION_BYTES: usize = 256 * 1024;

/// Finds what the API server would refuse on the Secret, so that the message names the field of the spec.
pub fn validate(template: &SecretTemplate) -> Result<(), Problem> {
    let invalid = |message: String| Err(Problem::new(Reason::InvalidSpec, message));
    for (field, map) in [("labels", &template.labels), ("annotations", &template.annotations)] {
        if let Some(key) = map.keys().find(|key| !is_qualified_name(key)) {
            return invalid(format!(
                "spec.secretTemplate.{field} has the key {key:?}, which is not a qualified name: write [prefix/]name, the name at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
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
    if template.annotations.contains_key(CONTENT_ANNOTATION) {
        return invalid(format!(
            "spec.secretTemplate.annotations must not set {CONTENT_ANNOTATION}: the operator sets it"
        ));
    }
    let size: usize = template
        .annotations
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if size > ANNOTATION_BYTES {
        return invalid(format!(
            "spec.secretTemplate.annotations has {size} bytes; an object can have {ANNOTATION_BYTES}"
        ));
    }
    Ok(())
}

/// The template's labels and annotations without tracking keys, and a warning for each one left out.
pub fn without_tracking(
    mut template: SecretTemplate,
    warnings: &mut Vec<String>,
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    for (field, map) in [
        ("labels", &mut template.labels),
        ("annotations", &mut template.annotations),
    ] {
        map.retain(|key, _| {
            let is_tracking = TRACKING.contains(&key.as_str()) || key.starts_with(TRACKING_PREFIX);
            if is_tracking {
                warnings.push(format!(
                    "spec.secretTemplate.{field}: {key} is left out: the tool that tracks objects by it would delete the Secret"
                ));
            }
            !is_tracking
        });
    }
    if let Some(instance) = template.labels.get(INSTANCE_LABEL) {
        warnings.push(format!(
            "spec.secretTemplate.labels: if an Argo CD application is called {instance:?} and Argo CD tracks objects by label, it deletes the Secret: leave {INSTANCE_LABEL} out, or set application.resourceTrackingMethod to annotation"
        ));
    }
    (template.labels, template.annotations)
}

/// `[prefix/]name`, as `IsQualifiedName` in `k8s.io/apimachinery` checks it.
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
