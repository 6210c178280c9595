//! `dps render` as a user runs them.

mod copies;
mod minted;

use crate::support::dps::{Output, dps};
use serde_json::{Value, json};

fn login(name: &str, namespace: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
        "stringData": {"username": "user", "password": "word"}})
}

fn hub(name: &str, namespace: &str, source: &str) -> Value {
    json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "DockerHub", "credentialsRef": {"name": source}}})
}

fn render_json(input: &str) -> (Output, Vec<Value>) {
    let output = dps(&["render", "-f", "-", "-o", "json"], input);
    let list: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        (list["apiVersion"].as_str(), list["kind"].as_str()),
        (Some("v1"), Some("List"))
    );
    let items = list["items"].as_array().unwrap().clone();
    (output, items)
}

#[test]
fn all_samples_render() {
    let output = dps(&["render", "-f", "deploy/samples"], "");
    // Those of credentials that the operator mints have no Secret yet. One file is no resource.
    let minted = std::fs::read_dir(crate::support::repository().join("deploy/samples/short-lived")).unwrap();
    let waiting = output
        .stderr
        .matches("its credentials are minted in the cluster")
        .count();
    assert_eq!(
        (
            output.code,
            output.stdout.matches("\nkind: Secret\n").count(),
            waiting + 1
        ),
        (0, 6, minted.count()),
        "{}",
        output.stderr
    );
    let files = dps(
        &[
            "render",
            "-f",
            "deploy/samples/docker-hub.yaml",
            "-f",
            "deploy/samples/other-keys.yaml",
        ],
        "",
    );
    assert_eq!((files.code, files.stdout.matches("\nkind: Secret\n").count()), (0, 2));
}

#[test]
fn the_output_is_exact() {
    let input = format!("{}{}", login("login", "a"), hub("app", "a", "login"));
    let output = dps(&["render", "-f", "-"], &input);
    assert_eq!(output.code, 0);
    assert_eq!(
        output.stdout,
        "---\n\
         apiVersion: v1\n\
         data:\n  \
           .dockerconfigjson: eyJhdXRocyI6eyJodHRwczovL2luZGV4LmRvY2tlci5pby92MS8iOnsidXNlcm5hbWUiOiJ1c2VyIiwicGFzc3dvcmQiOiJ3b3JkIiwiYXV0aCI6ImRYTmxjanAzYjNKayJ9fX0=\n\
         kind: Secret\n\
         metadata:\n  \
           labels:\n    \
             app.kubernetes.io/managed-by: docker-pull-secret-operator\n  \
           name: app\n  \
           namespace: a\n\
         type: kubernetes.io/dockerconfigjson\n"
    );
}

#[test]
fn lists_json_documents_and_missing_namespaces_are_read() {
    let mut without_namespace = hub("app", "", "login");
    without_namespace["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [login("login", "default"), without_namespace]});
    let (output, items) = render_json(&list.to_string());
    assert_eq!((output.code, items.len()), (0, 1), "{}", output.stderr);
    assert_eq!(
        items[0]["metadata"].get("namespace"),
        None,
        "it is where the resource is"
    );

    // Items of a typed list without kind of their own, as clients print them.
    let mut resource = hub("app", "a", "login");
    resource
        .as_object_mut()
        .unwrap()
        .retain(|key, _| key != "kind" && key != "apiVersion");
    let typed = json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecretList", "items": [resource]});
    let (output, items) = render_json(&format!("{typed}\n{}", login("login", "a")));
    assert_eq!((output.code, items.len()), (0, 1), "{}", output.stderr);
}

#[test]
fn the_data_of_a_secret_is_read_and_string_data_wins() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "a"},
        "data": {"username": "dXNlcg==", "password": "b2xk"}, "stringData": {"password": "new"}});
    let (_, items) = render_json(&format!("{secret}{}", hub("app", "a", "login")));
    let (_, expected) = render_json(&format!(
        "{}{}",
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "a"}, "stringData": {"username": "user", "password": "new"}}),
        hub("app", "a", "login")
    ));
    assert_eq!(items, expected);
}

#[test]
fn problems_are_one_line_each_and_do_not_hide_what_works() {
    let mut unknown = hub("unknown-field", "a", "login");
    unknown["spec"]["registryURL"] = json!("x");
    let mut broken = login("broken", "a");
    broken["data"] = json!({"password": "%%%"});
    let mut number = login("number", "a");
    number["stringData"]["password"] = json!(12345);
    let mut existing = login("taken", "a");
    existing["type"] = json!("kubernetes.io/dockerconfigjson");
    let mut old = hub("old-version", "a", "login");
    old["apiVersion"] = json!("pullsecrets.dev/v9");
    let mut second = hub("second", "a", "login");
    second["spec"]["secretName"] = json!("good");
    let mut suspended = hub("suspended", "a", "login");
    suspended["spec"]["suspend"] = json!(true);
    let objects = [
        login("login", "a"),
        broken,
        number,
        existing,
        unknown,
        old,
        second,
        suspended,
        hub("good", "a", "login"),
        hub("missing", "a", "nowhere"),
        hub("other-namespace", "b", "login"),
        hub("bad-base64", "a", "broken"),
        hub("bad-number", "a", "number"),
        hub("taken", "a", "login"),
    ];
    let input: String = objects.iter().map(ToString::to_string).collect();
    let (output, items) = render_json(&input);
    assert_eq!(output.code, 1);
    assert_eq!(
        items
            .iter()
            .map(|item| item["metadata"]["name"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["good"]
    );
    for expected in [
        "DockerPullSecret a/unknown-field: InvalidSpec: unknown field spec.registryURL",
        "DockerPullSecret a/old-version: InvalidSpec: apiVersion \"pullsecrets.dev/v9\" is unknown: use pullsecrets.dev/v1alpha1",
        "DockerPullSecret a/second: OwnedByOther: DockerPullSecret \"good\" is older",
        "DockerPullSecret a/missing: SecretNotFound: Secret \"nowhere\"",
        "DockerPullSecret b/other-namespace: SecretNotFound: Secret \"login\"",
        "DockerPullSecret a/bad-base64: Malformed: Secret \"broken\" in stdin: data[\"password\"] is not base64",
        "DockerPullSecret a/bad-number: Malformed: Secret \"number\" in stdin: stringData[\"password\"] is not a string: put it in quotes",
        "DockerPullSecret a/taken: NameConflict: Secret \"taken\" exists",
        "warning: DockerPullSecret a/suspended: spec.suspend is true",
    ] {
        assert_eq!(
            output.stderr.lines().filter(|line| line.starts_with(expected)).count(),
            1,
            "{expected}\n{}",
            output.stderr
        );
    }
    assert_eq!(
        output
            .stderr
            .lines()
            .filter(|line| !line.starts_with("warning: "))
            .count(),
        8
    );
}

#[test]
fn unreadable_input_and_wrong_usage_have_their_own_exit_code() {
    for (args, input, expected) in [
        (&["render"][..], "", "--filename"),
        (&["render", "-f", "no/such/file"], "", "no/such/file"),
        (&["render", "-f", "-"], "a: [", "stdin: not YAML: line 1"),
        (&["render", "-f", "-"], "kind: Secret", "without apiVersion and kind"),
        (
            &["render", "-f", "-"],
            "apiVersion: v1\nkind: Secret\nmetadata: {}",
            "a Secret has no metadata.name",
        ),
        (&["render", "-f", "-", "-o", "table"], "", "invalid value 'table'"),
        (&["controller", "--concurrency", "0"], "", "--concurrency"),
    ] {
        let output = dps(args, input);
        assert_eq!(output.code, 2, "{args:?}: {}", output.stderr);
        assert!(output.stderr.contains(expected), "{args:?}: {}", output.stderr);
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn empty_documents_and_other_kinds_are_passed_over() {
    let (output, items) =
        render_json("---\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n# nothing\n");
    assert_eq!((output.code, items.len()), (0, 0), "{}", output.stderr);
}

#[test]
fn names_and_fields_forge_no_line_and_move_no_cursor() {
    for resource in [
        json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": "app", "namespace": "d\nFAKE: Ready"}}),
        json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": "app"}, "spec": {"x\u{1b}[35m": 1}}),
        json!({"apiVersion": "pullsecrets.dev/v\u{1b}[35m", "kind": "DockerPullSecret", "metadata": {"name": "app"}}),
    ] {
        let output = dps(&["render", "-f", "-"], &resource.to_string());
        assert_eq!(
            (output.code, output.stderr.lines().count()),
            (1, 1),
            "{}",
            output.stderr
        );
        assert!(
            !output.stderr.trim_end().contains(char::is_control),
            "{:?}",
            output.stderr
        );
    }
}
