//! Secrets of ClusterDockerPullSecrets.

use serde_json::{Value, json};

use super::{hub, login, render_json};
use crate::support::objects::with;

/// A resource for all namespaces, with its credentials in `platform`.
fn shared(name: &str, fields: Value) -> Value {
    let spec = json!({"type": "DockerHub", "credentialsRef": {"namespace": "platform", "name": "login"}, "namespaceSelector": {}});
    json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "ClusterDockerPullSecret",
        "metadata": {"name": name}, "spec": with(spec, fields)})
}

fn namespace(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

/// Namespaces and names of what is rendered, and the lines on stderr.
fn rendered(objects: &[Value]) -> (i32, Vec<String>, Vec<String>) {
    let input = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let (output, items) = render_json(&input.to_string());
    let text = |item: &Value, field: &str| item["metadata"][field].as_str().unwrap_or_default().to_owned();
    let names = items
        .iter()
        .map(|item| format!("{}/{}", text(item, "namespace"), text(item, "name")));
    let lines = output.stderr.lines().map(str::to_owned);
    (output.code, names.collect(), lines.collect())
}

#[test]
fn each_selected_namespace_of_the_input_gets_the_secret() {
    let team = || json!({"team": "yes"});
    let with_annotation = |value: &str| {
        let mut excluded = namespace(&format!("says-{value}"), &team());
        excluded["metadata"]["annotations"] = json!({"pullsecrets.dev/exclude": value});
        excluded
    };
    let mut terminating = namespace("terminating", &team());
    terminating["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let all = [
        login("login", "platform"),
        namespace("a", &team()),
        namespace("b", &json!({"team": "no"})),
        namespace("kube-system", &team()),
        namespace("platform", &team()),
        with_annotation("true"),
        with_annotation("false"),
        terminating,
    ];
    let selector = json!({"namespaceSelector": {"matchLabels": {"team": "yes"}}});
    let excluding = with(selector.clone(), json!({"excludeNamespaces": ["kube-*", "says-f*"]}));
    for (name, fields, expected) in [
        (
            "all",
            json!({}),
            &["a/all", "b/all", "kube-system/all", "platform/all", "says-false/all"][..],
        ),
        (
            "some",
            selector,
            &["a/some", "kube-system/some", "platform/some", "says-false/some"],
        ),
        ("few", excluding, &["a/few", "platform/few"]),
        // The Secret that the others are copied from.
        (
            "login",
            json!({"excludeNamespaces": ["kube-*", "b"]}),
            &["a/login", "says-false/login"],
        ),
        (
            "named",
            json!({"secretName": "login", "excludeNamespaces": ["*a*"]}),
            &["b/login", "kube-system/login"],
        ),
        ("off", json!({"suspend": true}), &[]),
    ] {
        let (code, names, lines) = rendered(&[&all[..], &[shared(name, fields)]].concat());
        assert_eq!(
            (code, names.iter().map(String::as_str).collect::<Vec<_>>()),
            (0, expected.to_vec()),
            "{lines:?}"
        );
        assert_eq!(lines.len(), usize::from(name == "off"), "{lines:?}");
    }
}

#[test]
fn a_copy_is_what_a_docker_pull_secret_of_the_namespace_would_be() {
    let objects = [
        login("login", "platform"),
        namespace("a", &json!({})),
        shared("app", json!({})),
    ];
    let (_, copies) = render_json(&objects.iter().map(ToString::to_string).collect::<String>());
    let (_, own) = render_json(&format!("{}{}", login("login", "a"), hub("app", "a", "login")));
    assert_eq!(copies, own);
}

#[test]
fn of_several_that_want_the_secret_the_namespaces_own_one_wins_then_the_oldest() {
    let created = |name: &str, time: &str| {
        let mut resource = shared(name, json!({"secretName": "app"}));
        resource["metadata"]["creationTimestamp"] = json!(time);
        resource["metadata"]["uid"] = json!(name);
        resource
    };
    let (code, names, lines) = rendered(&[
        login("login", "platform"),
        login("login", "a"),
        namespace("a", &json!({})),
        namespace("b", &json!({})),
        created("young", "2026-01-02T00:00:00Z"),
        created("z-old", "2026-01-01T00:00:00Z"),
        hub("app", "a", "login"),
    ]);
    assert_eq!(
        (code, names),
        (1, vec!["b/app".to_owned(), "a/app".to_owned()]),
        "{lines:?}"
    );
    let expected = "ClusterDockerPullSecret young, namespace b: OwnedByOther: ClusterDockerPullSecret \"z-old\" is older and generates";
    assert!(lines.len() == 1 && lines[0].starts_with(expected), "{lines:?}");

    // Without times, the names decide.
    let same = |name: &str| shared(name, json!({"secretName": "app"}));
    let (code, names, lines) = rendered(&[
        login("login", "platform"),
        namespace("b", &json!({})),
        same("y"),
        same("x"),
    ]);
    assert_eq!((code, names.len()), (1, 1));
    assert!(
        lines[0].starts_with("ClusterDockerPullSecret y, namespace b: OwnedByOther"),
        "{lines:?}"
    );
}

#[test]
fn what_is_missing_or_in_the_way_is_named() {
    let taken = || with(login("app", "b"), json!({"type": "kubernetes.io/dockerconfigjson"}));
    let space = || namespace("b", &json!({}));
    let source = || login("login", "platform");
    let none = shared("app", json!({"excludeNamespaces": ["*"]}));
    for (objects, code, line) in [
        (
            vec![source(), shared("app", json!({}))],
            0,
            "warning: ClusterDockerPullSecret app: the input has no Namespaces, so nothing is written for it; add those",
        ),
        (
            vec![source(), space(), none.clone()],
            0,
            "warning: ClusterDockerPullSecret app: it does not select the only Namespace of the input, so nothing",
        ),
        (
            vec![source(), space(), namespace("c", &json!({})), none],
            0,
            "warning: ClusterDockerPullSecret app: it selects none of the 2 Namespaces of the input, so nothing",
        ),
        (
            vec![login("login", "b"), space(), shared("app", json!({}))],
            1,
            "ClusterDockerPullSecret app: SecretNotFound: Secret \"login\" (spec.credentialsRef.name) does not exist in namespace \"platform\"",
        ),
        (
            vec![source(), space(), taken(), shared("app", json!({}))],
            1,
            "ClusterDockerPullSecret app, namespace b: NameConflict: Secret \"app\" exists",
        ),
        (
            vec![
                source(),
                space(),
                shared(
                    "app",
                    json!({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}),
                ),
            ],
            1,
            "ClusterDockerPullSecret app: InvalidSpec: spec.namespaceSelector.matchExpressions has \"Is\"",
        ),
        (
            vec![source(), space(), shared("app", json!({"credentialRef": 1}))],
            1,
            "ClusterDockerPullSecret app: InvalidSpec: unknown field spec.credentialRef",
        ),
    ] {
        let (found, names, lines) = rendered(&objects);
        assert_eq!((found, names), (code, Vec::new()), "{lines:?}");
        assert!(lines.len() == 1 && lines[0].starts_with(line), "{line}: {lines:?}");
    }
    let adopting = shared("app", json!({"adopt": true}));
    let (code, names, lines) = rendered(&[source(), space(), taken(), adopting]);
    assert_eq!((code, names), (0, vec!["b/app".to_owned()]), "{lines:?}");
}

#[test]
fn the_two_kinds_do_not_hide_each_other() {
    let mut in_no_namespace = hub("app", "", "login");
    in_no_namespace["metadata"]["namespace"] = json!("");
    let mut misplaced = shared("app", json!({}));
    // As kubectl takes it: the namespace means nothing.
    misplaced["metadata"]["namespace"] = json!("b");
    let objects = [
        login("login", "platform"),
        login("login", ""),
        namespace("a", &json!({})),
        misplaced,
        in_no_namespace,
        namespace("a", &json!({})),
    ];
    let (code, names, lines) = rendered(&objects);
    assert_eq!(
        (code, names),
        (0, vec!["a/app".to_owned(), "/app".to_owned()]),
        "{lines:?}"
    );
}
