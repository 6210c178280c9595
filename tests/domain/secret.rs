//! The generated Secret: its bytes, drift, and whether it may be written.

use dps::api::{DOCKER_PULL_SECRET, Reason};
use dps::domain::credentials::{RegistryCredentials, hide};
use dps::domain::docker_config::canonical::canonical;
use dps::domain::names::ResourceRef;
use dps::domain::registry::key::RegistryKey;
use dps::domain::secret::desired::Desired;
use dps::domain::secret::ownership::{Claimant, SecretAction, authorize_write};
use dps::domain::secret::plan::plan;
use dps::domain::spec::validate::validate;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

use super::{private, resource, secret, with};

const MANAGER: &str = "docker-pull-secret-operator";

fn desired(spec: &Value) -> Desired {
    let resource = resource(spec);
    let login = secret(&[("username", "user"), ("password", "word")]);
    let owner = ResourceRef::of("DockerPullSecret", &resource.metadata);
    plan("team", owner.as_ref(), &validate(&resource).unwrap(), Some(&login))
        .unwrap_or_else(|problem| panic!("{problem:?}"))
        .desired
}

/// The Secret as it is after the operator applied it, with changes merged in.
fn applied(desired: &Desired, changes: &Value) -> Secret {
    let mut object = serde_json::to_value(desired.secret()).unwrap();
    let metadata = object["metadata"].as_object().unwrap();
    let fields = |field: &str| -> Value {
        let keys = metadata
            .get(field)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(key, _)| (format!("f:{key}"), json!({})));
        Value::Object(keys.collect())
    };
    let uid = &metadata["ownerReferences"][0]["uid"];
    object["metadata"]["managedFields"] = json!([{"manager": MANAGER, "operation": "Apply", "fieldsV1": {
        "f:data": {"f:.dockerconfigjson": {}}, "f:type": {},
        "f:metadata": {"f:labels": fields("labels"), "f:annotations": fields("annotations"),
            "f:ownerReferences": {format!("k:{{\"uid\":{uid}}}"): {".": {}}}},
    }}]);
    merge(&mut object, changes);
    serde_json::from_value(object).unwrap()
}

fn merge(into: &mut Value, changes: &Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            for (key, change) in changes {
                if change.is_null() {
                    into.remove(key);
                } else {
                    merge(into.entry(key).or_insert(Value::Null), change);
                }
            }
        }
        (into, change) => *into = change.clone(),
    }
}

#[test]
fn the_document_has_canonical_bytes() {
    let registry = RegistryKey::docker_hub();
    let bytes = |user: &str, password: &str, email| {
        String::from_utf8(canonical(
            &registry,
            &RegistryCredentials::new(user, password).unwrap(),
            email,
        ))
        .unwrap()
    };
    assert_eq!(
        bytes("user", "word", Some("a@b")),
        r#"{"auths":{"https://index.docker.io/v1/":{"username":"user","password":"word","email":"a@b","auth":"dXNlcjp3b3Jk"}}}"#
    );
    assert_eq!(
        bytes("ü\"s", "w\\<>&", None),
        r#"{"auths":{"https://index.docker.io/v1/":{"username":"ü\"s","password":"w\\<>&","auth":"w7wiczp3XDw+Jg=="}}}"#
    );
}

#[test]
fn only_what_differs_from_the_wish_is_drift() {
    let template = json!({"secretTemplate": {"labels": {"team": "a"}, "annotations": {"note": "x"}}});
    let wish = desired(&with(private("r.example.com"), template));
    for (changes, satisfied) in [
        (json!({}), true),
        (
            json!({"metadata": {"labels": {"foreign": "x"}, "annotations": {"foreign": "x"}, "resourceVersion": "9"}}),
            true,
        ),
        (json!({"data": {"foreign": "eA=="}}), true),
        (json!({"data": {".dockerconfigjson": "e30="}}), false),
        (json!({"data": null}), false),
        (json!({"metadata": {"labels": {"team": "b"}}}), false),
        (
            json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}}),
            false,
        ),
        (json!({"metadata": {"annotations": {"note": null}}}), false),
        (json!({"metadata": {"ownerReferences": []}}), false),
    ] {
        assert_eq!(wish.is_satisfied_by(&applied(&wish, &changes)), satisfied, "{changes}");
    }
    // What an earlier template wanted is removed, what others set is not.
    let plain = desired(&private("r.example.com"));
    assert!(!plain.is_satisfied_by(&applied(&wish, &json!({}))));
    let others =
        json!([{"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": {"f:team": {}}}}}]);
    let foreign = applied(&plain, &json!({"metadata": {"labels": {"team": "x"}}}));
    let mut foreign = serde_json::to_value(foreign).unwrap();
    foreign["metadata"]["managedFields"]
        .as_array_mut()
        .unwrap()
        .extend(others.as_array().unwrap().clone());
    assert!(plain.is_satisfied_by(&serde_json::from_value(foreign).unwrap()));
}

#[test]
fn only_what_may_be_ours_is_written() {
    let wish = desired(&private("r.example.com"));
    let dps = |name: &str, uid: &str| json!([{"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "name": name, "uid": uid, "controller": true}]);
    let other = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u", "controller": true}]);
    let owned = |owners: Value| json!({"metadata": {"name": "app", "ownerReferences": owners}});
    let foreign = json!({"metadata": {"name": "app", "ownerReferences": null, "managedFields": null}});
    let and = |mut changes: Value, more: Value| {
        merge(&mut changes, &more);
        changes
    };
    let opaque = json!({"type": "Opaque"});
    let fixed = json!({"immutable": true, "data": {".dockerconfigjson": "e30="}});
    let table: Vec<(&str, bool, Value, Result<(), Reason>)> = vec![
        ("its own", false, owned(dps("app", "uid-app")), Ok(())),
        ("its predecessor's", false, owned(dps("app", "uid-before")), Ok(())),
        (
            "a younger one's that wants it too",
            false,
            owned(dps("younger", "uid-younger")),
            Ok(()),
        ),
        (
            "another one's that wants another now",
            true,
            owned(dps("other", "uid-other")),
            Err(Reason::OwnedByOther),
        ),
        (
            "a deleted one's",
            true,
            owned(dps("gone", "uid-gone")),
            Err(Reason::SecretBeingDeleted),
        ),
        ("another controller's", true, owned(other), Err(Reason::OwnedByOther)),
        (
            "written here, nobody's now",
            false,
            json!({"metadata": {"ownerReferences": null}}),
            Ok(()),
        ),
        ("foreign", false, foreign.clone(), Err(Reason::NameConflict)),
        ("foreign, to adopt", true, foreign.clone(), Ok(())),
        (
            "foreign and opaque",
            false,
            and(foreign.clone(), opaque.clone()),
            Err(Reason::NameConflict),
        ),
        (
            "foreign and opaque, to adopt",
            true,
            and(foreign.clone(), opaque),
            Err(Reason::WrongSecretType),
        ),
        (
            "foreign and immutable, to adopt",
            true,
            and(foreign.clone(), fixed),
            Err(Reason::SecretImmutable),
        ),
        (
            "immutable with the right content",
            true,
            and(foreign, json!({"immutable": true})),
            Ok(()),
        ),
        (
            "going away",
            false,
            json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            Err(Reason::SecretBeingDeleted),
        ),
    ];
    let wants = |owner: &OwnerReference| match owner.uid.as_str() {
        "uid-younger" => Some(true),
        "uid-other" => Some(false),
        _ => None,
    };
    for (what, adopt, changes, expected) in table {
        let existing = applied(&wish, &changes);
        let claimant = Claimant {
            kind: DOCKER_PULL_SECRET,
            name: "app",
            uid: "uid-app",
            adopt,
        };
        let verdict = authorize_write(claimant, &wish, Some(&existing), "app", wants);
        assert_eq!(
            verdict.map_err(|problem| problem.reason),
            expected.map(|()| SecretAction::Update),
            "{what}"
        );
    }
}

#[test]
fn a_secret_that_is_missing_is_created_by_the_oldest() {
    let wish = desired(&private("r.example.com"));
    let claimant = Claimant {
        kind: DOCKER_PULL_SECRET,
        name: "app",
        uid: "uid-app",
        adopt: false,
    };
    let wants = |_: &OwnerReference| None;
    assert_eq!(
        authorize_write(claimant, &wish, None, "app", wants),
        Ok(SecretAction::Create)
    );
    let refused = authorize_write(claimant, &wish, None, "older", wants).unwrap_err();
    assert!(refused.reason == Reason::OwnedByOther && refused.message.contains("\"older\""));
}

#[test]
fn templates_are_checked_and_never_carry_tracking_keys() {
    let template = |labels: Value, annotations: Value| {
        with(
            private("r.example.com"),
            json!({"secretTemplate": {"labels": labels, "annotations": annotations}}),
        )
    };
    let long = "x".repeat(64);
    for (labels, annotations, sentence) in [
        (json!({"a b": "x"}), json!({}), "labels has the key \"a b\""),
        (json!({"-a": "x"}), json!({}), "not a qualified name"),
        (json!({"Up.er/x": "x"}), json!({}), "not a qualified name"),
        (json!({"a": "b c"}), json!({}), "labels[\"a\"] must be"),
        (json!({"a": long}), json!({}), "labels[\"a\"] must be"),
        (
            json!({"app.kubernetes.io/managed-by": "me"}),
            json!({}),
            "the operator sets it",
        ),
        (json!({}), json!({"a/b/c": "x"}), "annotations has the key"),
        (
            json!({}),
            json!({"big": "x".repeat(300_000)}),
            "an object can have 262144",
        ),
    ] {
        let problem = validate(&resource(&template(labels, annotations))).unwrap_err();
        assert!(
            problem.reason == Reason::InvalidSpec && problem.message.contains(sentence),
            "{}",
            problem.message
        );
    }
    let tracked = template(
        json!({"kustomize.toolkit.fluxcd.io/name": "x", "team": "a"}),
        json!({"argocd.argoproj.io/tracking-id": "x", "helm.toolkit.fluxcd.io/name": "x", "kubectl.kubernetes.io/last-applied-configuration": "x", "note": "any text\n"}),
    );
    let spec = validate(&resource(&tracked)).unwrap();
    assert_eq!(
        (
            spec.targets.labels.len(),
            spec.targets.annotations.len(),
            spec.warnings.len()
        ),
        (1, 1, 4),
        "{:?}",
        spec.warnings
    );
}

#[test]
fn secrets_are_hidden_in_any_order_and_shape() {
    for (said, secrets, shown) in [
        ("nothing", &[][..], "nothing"),
        ("nothing", &[""][..], "nothing"),
        ("a secret, secretive", &["secret"][..], "a [redacted], [redacted]ive"),
        // A short one everywhere would tear the text apart, and the holes would tell it.
        (
            "a pup, p:p and \"p\"",
            &["p"][..],
            "a pup, [redacted]:[redacted] and \"[redacted]\"",
        ),
        ("p", &["p"][..], "[redacted]"),
        ("äp pä p", &["p"][..], "äp pä [redacted]"),
        // One in the mark that hides another, one in another, and two that overlap.
        ("hunter2 acted", &["hunter2", "acted"][..], "[redacted] [redacted]"),
        ("hunter2 hunter", &["hunter", "hunter2"][..], "[redacted] [redacted]"),
        ("abcdefgh", &["abcdef", "defgh"][..], "[redacted]"),
        ("aaaaaa", &["aaaa"][..], "[redacted]"),
    ] {
        assert_eq!(hide(said, secrets.iter().copied()), shown, "{said} {secrets:?}");
    }
    let login = RegistryCredentials::new("user", "p").unwrap();
    assert_eq!(format!("{login:?}"), "RegistryCredentials([REDACTED])");
}
