//! Resources as somebody wrote them: a problem names the field and its place.

use dps::api::Reason;
use dps::domain::spec::parse::{parse, parse_cluster};
use serde_json::{Value, json};

use super::{hub, with};

#[allow(clippy::needless_pass_by_value, reason = "a table")]
fn object(metadata: Value, spec: Value, more: Value) -> Value {
    let object = json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": metadata, "spec": spec});
    with(object, more)
}

#[test]
fn resource_with_unknown_or_wrong_field_names_its_place() {
    let meta = || json!({"name": "it"});
    let spec = |fields: Value| object(meta(), with(hub(), fields), json!({}));
    let reference = |fields: Value| spec(json!({"credentialsRef": with(json!({"name": "login"}), fields)}));
    for (object, sentence) in [
        (
            object(meta(), hub(), json!({"namespace": "n"})),
            "unknown field namespace: the namespace belongs in metadata.namespace",
        ),
        (
            object(json!({"name": "it", "namspace": "n"}), hub(), json!({})),
            "unknown field metadata.namspace",
        ),
        (
            spec(json!({"namespace": "n"})),
            "unknown field spec.namespace: the namespace belongs in",
        ),
        (spec(json!({"registryURL": "n"})), "unknown field spec.registryURL"),
        (
            reference(json!({"namespace": "n"})),
            "unknown field spec.credentialsRef.namespace: the namespace belongs",
        ),
        (
            reference(json!({"keys": {"user": "n"}})),
            "unknown field spec.credentialsRef.keys.user",
        ),
        (
            spec(json!({"verification": {"modes": "x"}, "a": 1})),
            "unknown field spec.a, spec.verification.modes",
        ),
        (spec(json!({"x\u{1b}[35m": 1})), "unknown field spec.x\\u{1b}[35m"),
        (
            object(json!({"name": "it", "labels": {"a": 1}}), hub(), json!({})),
            "metadata.labels",
        ),
        (
            object(json!({"name": "it", "namespace": false}), hub(), json!({})),
            "metadata.namespace: invalid type",
        ),
        (
            spec(json!({"adopt": "yes"})),
            "spec.adopt: invalid type: string …, expected a boolean",
        ),
        (
            spec(json!({"credentialsRef": "login"})),
            "spec.credentialsRef: invalid type: string …, expected an object",
        ),
        (
            spec(json!({"verification": {"mode": "daily"}})),
            "spec.verification.mode: unknown value …, expected one of `OnChange`",
        ),
        (
            spec(json!({"credentialsRef": {}})),
            "spec.credentialsRef: missing field `name`",
        ),
        (object(meta(), Value::Null, json!({})), "spec: "),
    ] {
        let problem = parse("pullsecrets.dev/v1alpha1", object.clone()).unwrap_err();
        assert_eq!(problem.reason, Reason::InvalidSpec);
        assert!(problem.message.contains(sentence), "{object}: {}", problem.message);
        assert!(!problem.message.contains("struct"), "{}", problem.message);
    }
    let other = parse("pullsecrets.dev/v2", object(meta(), hub(), json!({}))).unwrap_err();
    assert_eq!(
        other.message,
        "apiVersion \"pullsecrets.dev/v2\" is unknown: use pullsecrets.dev/v1alpha1"
    );
    let read = parse(
        "pullsecrets.dev/v1alpha1",
        object(meta(), hub(), json!({"status": {"warnings": 1}})),
    )
    .unwrap();
    assert_eq!(read.status, None, "a status of another version");
}

#[test]
fn resource_for_many_namespaces_is_read_as_strictly() {
    let spec = |fields: Value| {
        let reference = json!({"credentialsRef": {"namespace": "platform", "name": "login"}, "namespaceSelector": {}});
        with(with(hub(), reference), fields)
    };
    let cluster = |metadata: Value, spec: Value| {
        let kind = json!({"kind": "ClusterDockerPullSecret"});
        parse_cluster("pullsecrets.dev/v1alpha1", object(metadata, spec, kind))
    };
    let meta = || json!({"name": "it"});
    for (metadata, spec, sentence) in [
        (
            json!({"name": "it", "lables": {}}),
            spec(json!({})),
            "unknown field metadata.lables",
        ),
        (
            meta(),
            spec(json!({"namespace": "n"})),
            "unknown field spec.namespace: a ClusterDockerPullSecret has no namespace; that of",
        ),
        (
            meta(),
            spec(json!({"namespaceSelector": {"matchLabel": {}}})),
            "unknown field spec.namespaceSelector.matchLabel",
        ),
        (
            meta(),
            spec(json!({"excludedNamespaces": []})),
            "unknown field spec.excludedNamespaces",
        ),
        (
            meta(),
            spec(json!({"excludeNamespaces": "kube-*"})),
            "spec.excludeNamespaces: invalid type: string …",
        ),
        (
            meta(),
            spec(json!({"credentialsRef": {"name": "login"}})),
            "spec.credentialsRef: missing field `namespace`",
        ),
        (
            meta(),
            spec(json!({"namespaceSelector": null})),
            "spec.namespaceSelector",
        ),
        (meta(), hub(), "spec.credentialsRef: missing field `namespace`"),
    ] {
        let problem = cluster(metadata, spec.clone()).unwrap_err();
        assert_eq!(problem.reason, Reason::InvalidSpec);
        assert!(problem.message.contains(sentence), "{spec}: {}", problem.message);
        assert!(!problem.message.contains("struct"), "{}", problem.message);
    }
    let read = cluster(meta(), spec(json!({"excludeNamespaces": ["kube-*"]}))).unwrap();
    assert_eq!(read.spec.exclude_namespaces, ["kube-*"]);
    let other = parse_cluster("pullsecrets.dev/v2", object(meta(), spec(json!({})), json!({}))).unwrap_err();
    assert_eq!(
        other.message,
        "apiVersion \"pullsecrets.dev/v2\" is unknown: use pullsecrets.dev/v1alpha1"
    );
}
