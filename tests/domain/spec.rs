//! What a spec asks for: labels and annotations that users may set on the generated Secret.

use dps::domain::spec::validate::validate;
use serde_json::{Value, json};

use super::{hub, resource, with};

fn template(field: &str, key: &str, value: &str) -> Value {
    with(hub(), json!({"secretTemplate": {field: {key: value}}}))
}

/// A key of a template, whether the Secret gets it, and a part of its warning.
struct Key {
    field: &'static str,
    key: &'static str,
    is_kept: bool,
    warning: &'static str,
}

impl Key {
    const fn kept(field: &'static str, key: &'static str) -> Self {
        Self {
            field,
            key,
            is_kept: true,
            warning: "",
        }
    }

    const fn dropped(field: &'static str, key: &'static str) -> Self {
        Self {
            field,
            key,
            is_kept: false,
            warning: "is left out",
        }
    }
}

#[test]
fn template_key_that_tracks_is_left_out_and_settings_are_kept() {
    for row in [
        Key::dropped("annotations", "argocd.argoproj.io/tracking-id"),
        Key::dropped("labels", "argocd.argoproj.io/instance"),
        Key::dropped("annotations", "argocd.argoproj.io/installation-id"),
        Key::dropped("annotations", "argocd.argoproj.io/hook"),
        Key::dropped("annotations", "argocd.argoproj.io/hook-delete-policy"),
        Key::dropped("labels", "kustomize.toolkit.fluxcd.io/name"),
        Key::dropped("labels", "kustomize.toolkit.fluxcd.io/namespace"),
        Key::dropped("labels", "helm.toolkit.fluxcd.io/name"),
        Key::dropped("labels", "helm.toolkit.fluxcd.io/namespace"),
        Key::dropped("labels", "kapp.k14s.io/app"),
        Key::dropped("labels", "applyset.kubernetes.io/part-of"),
        Key::dropped("labels", "objectset.rio.cattle.io/hash"),
        Key::dropped("annotations", "kubectl.kubernetes.io/last-applied-configuration"),
        Key::kept("annotations", "argocd.argoproj.io/compare-options"),
        Key::kept("annotations", "argocd.argoproj.io/sync-options"),
        Key::kept("annotations", "argocd.argoproj.io/sync-wave"),
        Key::kept("annotations", "kustomize.toolkit.fluxcd.io/prune"),
        Key::kept("annotations", "kustomize.toolkit.fluxcd.io/reconcile"),
        Key::kept("annotations", "helm.toolkit.fluxcd.io/driftDetection"),
        Key::kept("labels", "app.kubernetes.io/name"),
        Key::kept("labels", "team"),
        Key {
            warning: "Argo CD tracks objects by label",
            ..Key::kept("labels", "app.kubernetes.io/instance")
        },
    ] {
        let spec = validate(&resource(&template(row.field, row.key, "value"))).unwrap();
        let is_kept = spec.targets.labels.contains_key(row.key) || spec.targets.annotations.contains_key(row.key);
        assert_eq!(is_kept, row.is_kept, "{}", row.key);
        match (spec.warnings.as_slice(), row.warning) {
            ([], "") => {}
            ([warning], expected) => {
                assert!(
                    !expected.is_empty() && warning.contains(expected) && warning.contains(row.key),
                    "{warning}"
                );
            }
            (warnings, _) => panic!("{}: {warnings:?}", row.key),
        }
    }
}
