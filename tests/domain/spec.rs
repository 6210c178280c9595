//! What a spec wants: labels and annotations that users may set on the generated Secret.

use dps::api::Reason;
use dps::domain::spec::validate::validate;
use serde_json::{Value, json};

use super::{hub, resource, with};

fn template(field: &str, key: &str, value: &str) -> Value {
    with(hub(), json!({"secretTemplate": {field: {key: value}}}))
}

/// A key of a template, whether the Secret gets it, and a part of its warning.
struct TemplateKey {
    field: &'static str,
    key: &'static str,
    is_kept: bool,
    warning: &'static str,
}

impl TemplateKey {
    const fn retained(field: &'static str, key: &'static str) -> Self {
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
        TemplateKey::dropped("annotations", "argocd.argoproj.io/tracking-id"),
        TemplateKey::dropped("labels", "argocd.argoproj.io/instance"),
        TemplateKey::dropped("annotations", "argocd.argoproj.io/installation-id"),
        TemplateKey::dropped("annotations", "argocd.argoproj.io/hook"),
        TemplateKey::dropped("annotations", "argocd.argoproj.io/hook-delete-policy"),
        TemplateKey::dropped("labels", "kustomize.toolkit.fluxcd.io/name"),
        TemplateKey::dropped("labels", "kustomize.toolkit.fluxcd.io/namespace"),
        TemplateKey::dropped("labels", "helm.toolkit.fluxcd.io/name"),
        TemplateKey::dropped("labels", "helm.toolkit.fluxcd.io/namespace"),
        TemplateKey::dropped("labels", "kapp.k14s.io/app"),
        TemplateKey::dropped("labels", "applyset.kubernetes.io/part-of"),
        TemplateKey::dropped("labels", "objectset.rio.cattle.io/hash"),
        TemplateKey::dropped("annotations", "kubectl.kubernetes.io/last-applied-configuration"),
        TemplateKey::retained("annotations", "argocd.argoproj.io/compare-options"),
        TemplateKey::retained("annotations", "argocd.argoproj.io/sync-options"),
        TemplateKey::retained("annotations", "argocd.argoproj.io/sync-wave"),
        TemplateKey::retained("annotations", "kustomize.toolkit.fluxcd.io/prune"),
        TemplateKey::retained("annotations", "kustomize.toolkit.fluxcd.io/reconcile"),
        TemplateKey::retained("annotations", "helm.toolkit.fluxcd.io/driftDetection"),
        TemplateKey::retained("labels", "app.kubernetes.io/name"),
        TemplateKey::retained("labels", "team"),
        TemplateKey {
            warning: "Argo CD tracks objects by label",
            ..TemplateKey::retained("labels", "app.kubernetes.io/instance")
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

/// Any host may be a Quay: whoever names one of theirs gets the token.
#[test]
fn audience_of_a_cloud_is_not_for_quay() {
    let of = |audience: &str| {
        let spec = json!({"type": "PrivateRegistry", "registryUrl": "quay.example.com", "credentialsFrom": {
            "serviceAccountRef": {"name": "puller"}, "quay": {"robot": "acme+pull", "audience": audience}}});
        validate(&resource(&spec)).map(drop).map_err(|problem| problem.reason)
    };
    for audience in [
        "sts.amazonaws.com",
        "api://AzureADTokenExchange",
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b",
        "https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b",
        "project.svc.id.goog",
        "https://kubernetes.default.svc",
    ] {
        assert_eq!(of(audience), Err(Reason::AudienceRefused), "{audience}");
    }
    assert_eq!(of("quay.example.com"), Ok(()));
    assert_eq!(of("quay"), Ok(()));
}

#[test]
fn ecr_credentials_end_after_12_hours_unless_they_are_minted() {
    let warnings = |host: &str, source: Value| {
        let spec = json!({"type": "PrivateRegistry", "registryUrl": host});
        validate(&resource(&with(spec, source))).unwrap().warnings
    };
    for host in [
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
        "public.ecr.aws",
    ] {
        let found = warnings(host, json!({"credentialsRef": {"name": "login"}}));
        assert!(found.len() == 1 && found[0].contains("12 hours"), "{host}: {found:?}");
        let minted = json!({"serviceAccountRef": {"name": "puller"}, "aws": {}});
        assert_eq!(warnings(host, json!({"credentialsFrom": minted})), [""; 0], "{host}");
    }
}
