//! What has to be known for certain before there is a command: the form of a login, and what keeps a Secret out of a namespace.

use std::collections::BTreeMap;

use dps::domain::credential_source::plain::is_plain_login;
use dps::domain::distribution::exclusion::Exclusion;
use dps::domain::index::ResourceIndex;
use dps::domain::spec::declaration::Declaration;
use dps::domain::spec::validate::validate;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use crate::support::objects::with;
use crate::{private, resource};

#[test]
fn login_can_be_typed_if_it_is_user_name_and_password_and_nobody_else_writes_it() {
    let plain = json!({"type": "Opaque", "data": {"username": "dQ==", "password": "dw=="}});
    let owned = |controls: bool| {
        json!({"metadata": {"ownerReferences": [
            {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "e", "uid": "u", "controller": controls}]}})
    };
    let data = |data: Value| json!({ "data": data });
    let usual = json!({"credentialsRef": {"name": "login"}});
    let named = json!({"credentialsRef": {"name": "login", "keys": {"password": "token"}}});
    for (what, spec, fields, expected) in [
        ("plain", &usual, json!({}), true),
        ("basic-auth", &usual, json!({"type": "kubernetes.io/basic-auth"}), true),
        (
            "with an address",
            &usual,
            data(json!({"username": "dQ==", "password": "dw==", "email": "YUBi"})),
            true,
        ),
        ("owned by somebody", &usual, owned(false), true),
        ("written by somebody", &usual, owned(true), false),
        ("immutable", &usual, json!({"immutable": true}), false),
        (
            "another type",
            &usual,
            json!({"type": "kubernetes.io/dockerconfigjson"}),
            false,
        ),
        ("other keys", &named, json!({}), false),
        ("no password", &usual, data(json!({"username": "dQ=="})), false),
        ("a token", &usual, data(json!({"auth": "dTp3"})), false),
        (
            "two forms",
            &usual,
            data(json!({"username": "dQ==", "password": "dw==", "config.json": "e30="})),
            false,
        ),
    ] {
        let spec = validate(&resource(&with(private("r.example.com"), spec.clone()))).unwrap();
        let secret: Secret = serde_json::from_value(with(plain.clone(), fields)).unwrap();
        assert_eq!(is_plain_login(&spec, &secret), expected, "{what}");
    }
}

/// Labels that are missing, whatever the selector is.
fn labels(missing: &[(&str, &str)]) -> Exclusion {
    let missing: BTreeMap<&str, &str> = missing.iter().copied().collect();
    let missing = missing.into_iter();
    Exclusion::Labels {
        selector: String::new(),
        missing: missing.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
    }
}

#[test]
fn namespace_is_kept_out_by_what_alone_would_let_it_in() {
    let excluded = json!({"pullsecrets.dev/exclude": "true"});
    let by = |selector: Value| json!({ "namespaceSelector": selector });
    let yes = || by(json!({"matchLabels": {"team": "yes"}}));
    let without = |names: Value| with(yes(), json!({ "excludeNamespaces": names }));
    let good = json!({"team": "yes"});
    for (what, spec, metadata, expected) in [
        ("selected", yes(), json!({"labels": good}), None),
        ("a label", yes(), json!({}), Some(labels(&[("team", "yes")]))),
        (
            "one of two labels",
            by(json!({"matchLabels": {"team": "yes", "stage": ""}})),
            json!({"labels": good}),
            Some(labels(&[("stage", "")])),
        ),
        (
            "a label that would be replaced",
            yes(),
            json!({"labels": {"team": "no"}}),
            Some(labels(&[])),
        ),
        (
            "the name",
            by(json!({"matchLabels": {"kubernetes.io/metadata.name": "other"}})),
            json!({"labels": {"kubernetes.io/metadata.name": "team"}}),
            Some(labels(&[])),
        ),
        (
            "more than labels",
            by(json!({"matchLabels": {"team": "yes"}, "matchExpressions": [{"key": "stage", "operator": "Exists"}]})),
            json!({}),
            Some(labels(&[])),
        ),
        (
            "the annotation",
            yes(),
            json!({"labels": good, "annotations": excluded}),
            Some(Exclusion::Annotated { alone: true }),
        ),
        (
            "the annotation, and a label",
            yes(),
            json!({"annotations": excluded}),
            Some(Exclusion::Annotated { alone: false }),
        ),
        (
            "its name",
            without(json!(["kube-*", "team"])),
            json!({"labels": good}),
            Some(Exclusion::Named { alone: Some(1) }),
        ),
        (
            "its name, and a label",
            without(json!(["team"])),
            json!({}),
            Some(Exclusion::Named { alone: None }),
        ),
        (
            "its name twice",
            without(json!(["team", "te*"])),
            json!({"labels": good}),
            Some(Exclusion::Named { alone: None }),
        ),
        (
            "a pattern",
            without(json!(["te*"])),
            json!({"labels": good}),
            Some(Exclusion::Named { alone: None }),
        ),
    ] {
        let all = json!({"type": "PrivateRegistry", "registryUrl": "r.example.com",
            "credentialsRef": {"namespace": "platform", "name": "login"}});
        let shared = json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "ClusterDockerPullSecret",
            "metadata": {"name": "shared", "uid": "u"}, "spec": with(all, spec)});
        let shared: dps::api::ClusterDockerPullSecret = serde_json::from_value(shared).unwrap();
        let mut index = ResourceIndex::default();
        index.distributions.insert(&Declaration::from(&shared));
        assert_eq!(
            index.distributions.exclusion("shared", "team"),
            Some(Exclusion::Unknown),
            "{what}, before the namespace is known"
        );
        let meta = serde_json::from_value(with(json!({"name": "team"}), metadata)).unwrap();
        index.distributions.namespaces.observe(&meta);
        let found = index.distributions.exclusion("shared", "team");
        // How the selector is written is tested where it is shown.
        let found = found.map(|found| match found {
            Exclusion::Labels { missing, .. } => Exclusion::Labels {
                selector: String::new(),
                missing,
            },
            other => other,
        });
        assert_eq!(found, expected, "{what}");
    }
}
