//! Everything that `dps explain` can say, and what a status says of failing pods, in one file to read.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps::domain::pull_failures::relevance::Involvement;
use dps::domain::pull_failures::summary::{DiagnosedContainer, summarize};
use dps::domain::registry::mismatch::mismatch;
use serde_json::{Value, json};

use super::pods::{IMAGE, NOT_SENT, WRONG, find, ms, resource, secret};
use crate::support::dps::dps;
use crate::support::explain::run;

fn heading(out: &mut String, text: &str) {
    writeln!(out, "\n## {text}\n").unwrap();
}

fn pod(name: &str, image: &str, secrets: &[&str], message: Option<&str>) -> Value {
    let secrets: Vec<Value> = secrets.iter().map(|name| json!({"name": name})).collect();
    let state = match message {
        Some(message) => json!({"waiting": {"reason": "ErrImagePull", "message": message}}),
        None => json!({"running": {}}),
    };
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "team", "uid": name},
        "spec": {"imagePullSecrets": secrets, "containers": [{"name": "app", "image": image}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "app", "state": state}]},
    })
}

fn pull_secret(name: &str, type_: &str, document: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": type_, "metadata": {"name": name, "namespace": "team"},
        "data": {".dockerconfigjson": STANDARD.encode(document.to_string())},
    })
}

const JSON: &str = "kubernetes.io/dockerconfigjson";

fn good(name: &str, key: &str) -> Value {
    pull_secret(
        name,
        JSON,
        &json!({"auths": {key: {"username": "robot", "password": "pull-me"}}}),
    )
}

fn account(secrets: &[&str]) -> Value {
    let secrets: Vec<Value> = secrets.iter().map(|name| json!({"name": name})).collect();
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "team"}, "imagePullSecrets": secrets})
}

fn docker_pull_secret(registry: &str) -> Value {
    json!({
        "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": "app", "namespace": "team"},
        "spec": {"type": "PrivateRegistry", "registryUrl": registry, "credentialsRef": {"name": "app-login"}},
    })
}

fn cluster_docker_pull_secret() -> Value {
    json!({
        "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "ClusterDockerPullSecret", "metadata": {"name": "app"},
        "spec": {"type": "PrivateRegistry", "registryUrl": "r.example.com", "namespaceSelector": {"matchLabels": {"stage": "test"}},
            "credentialsRef": {"namespace": "platform", "name": "login"}},
    })
}

fn namespace(stage: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "labels": {"stage": stage}}})
}

fn not_created() -> Value {
    let mut manifest = pod("web", IMAGE, &[], None);
    manifest["status"] = json!({});
    manifest["metadata"]["uid"] = Value::Null;
    manifest
}

/// Secrets in every state, and entries of every kind.
fn every_state() -> Vec<Value> {
    let entries = json!({"auths": {
        "r.example.com": {"username": "robot", "password": "pull-me"},
        "r.example.com/team": {"username": "robot"},
        "r.example.com:5000": {"username": "robot", "password": "pull-me"},
        "s.example.com": {"username": "robot", "password": "pull-me"},
    }});
    let mut redacted = good("redacted", "r.example.com");
    redacted["data"] = Value::Null;
    redacted["metadata"]["uid"] = json!("0f1e");
    vec![
        pod(
            "web",
            IMAGE,
            &["app", "opaque", "flat", "empty", "gone", "redacted"],
            None,
        ),
        pull_secret("app", JSON, &entries),
        pull_secret("opaque", "Opaque", &json!({})),
        pull_secret("flat", JSON, &json!({"r.example.com": {"username": "robot"}})),
        pull_secret("empty", JSON, &json!({"auths": {}})),
        redacted,
        docker_pull_secret("r.example.com"),
    ]
}

fn outputs() -> Vec<(&'static str, Vec<&'static str>, Vec<Value>)> {
    let app = || good("app", "r.example.com");
    let malformed = pull_secret("bad", JSON, &json!({"auths": {"x": {"auth": "%"}}}));
    vec![
        (
            "a failure and a pod without one",
            vec![],
            vec![
                pod("web", IMAGE, &["app"], Some(WRONG)),
                pod("runs", IMAGE, &["app"], None),
                app(),
                docker_pull_secret("r.example.com"),
            ],
        ),
        ("no pods", vec![], vec![account(&[])]),
        ("Secrets in every state", vec!["pod", "web"], every_state()),
        (
            "a malformed Secret",
            vec![],
            vec![
                pod(
                    "web",
                    IMAGE,
                    &["app", "bad"],
                    Some("illegal base64 data at input byte 0"),
                ),
                app(),
                malformed,
            ],
        ),
        ("no pull secrets", vec![], vec![pod("web", IMAGE, &[], Some(NOT_SENT))]),
        (
            "a pod older than the list of its ServiceAccount",
            vec![],
            vec![pod("web", IMAGE, &[], Some(NOT_SENT)), account(&["app"]), app()],
        ),
        (
            "a pod that does not exist yet",
            vec![],
            vec![not_created(), account(&["app"]), app()],
        ),
        (
            "an image, and credentials for it",
            vec!["image", IMAGE],
            vec![account(&["app"]), app()],
        ),
        ("an image, and no credentials", vec!["image", IMAGE], vec![account(&[])]),
        (
            "an image, and a Secret that cannot be read",
            vec!["image", IMAGE],
            vec![account(&["app"])],
        ),
        (
            "an image with an invalid name",
            vec!["image", "r.example.com/Team/App"],
            vec![account(&[])],
        ),
        (
            "a pod that the input does not have",
            vec!["pod", "web"],
            vec![account(&[])],
        ),
        (
            "an unknown ServiceAccount",
            vec!["image", IMAGE, "--service-account", "robot"],
            vec![account(&[])],
        ),
        (
            "something that cannot be explained",
            vec!["deployment", "web"],
            vec![account(&[])],
        ),
        (
            "a Secret of a resource for many namespaces",
            vec![],
            vec![
                pod("web", IMAGE, &["app"], Some(WRONG)),
                app(),
                cluster_docker_pull_secret(),
                namespace("test"),
            ],
        ),
        (
            "a resource for many namespaces that does not select this one",
            vec![],
            vec![
                pod("web", IMAGE, &[], Some(NOT_SENT)),
                cluster_docker_pull_secret(),
                namespace("live"),
            ],
        ),
        (
            "a resource that is not valid",
            vec![],
            vec![
                pod("web", IMAGE, &[], None),
                docker_pull_secret("https://u:p@r.example.com"),
            ],
        ),
    ]
}

#[test]
fn output_of_explain() {
    let mut out = String::new();
    for (name, args, objects) in outputs() {
        heading(&mut out, name);
        let input = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        let (code, stdout, stderr) = run(&[&["-f", "-"], &args[..]].concat(), &input, None);
        writeln!(out, "{stderr}{stdout}(exit code {code})").unwrap();
    }
    insta::assert_snapshot!("explain_output", out);
}

#[test]
fn help_of_explain() {
    insta::assert_snapshot!("explain_help", dps(&["explain", "--help"], "").stdout);
}

#[test]
fn reasons_why_a_key_does_not_match() {
    let mut out = String::new();
    for (key, repository) in [
        ("r.example.com:5000", "r.example.com/team/app"),
        ("r.example.com", "r.example.com:5000/team/app"),
        ("r.example.com:443", "r.example.com:5000/team/app"),
        ("R.example.com", "r.example.com/team/app"),
        ("r.example.com/other", "r.example.com/team/app"),
        ("*.com", "r.example.com/team/app"),
        ("s.example.com", "r.example.com/team/app"),
        ("r.example.com ", "r.example.com/team/app"),
        ("registry-1.docker.io", "docker.io/acme/app"),
    ] {
        let mismatch = mismatch(key, repository).unwrap();
        writeln!(
            out,
            "{key:?} for {repository}: {} (near: {})",
            mismatch.why, mismatch.near
        )
        .unwrap();
    }
    insta::assert_snapshot!("key_mismatches", out);
}

#[test]
fn condition_about_failing_pods() {
    let resources = [resource("app", "r.example.com", None)];
    let rejected = Arc::new(find(WRONG, &[secret("app", "r.example.com")], &resources));
    let not_sent = Arc::new(find(NOT_SENT, &[], &resources));
    let outdated = Arc::new((*rejected).clone().outdated(&resources[0]));
    let container = |pod, diagnosis: &Arc<_>, involvement| DiagnosedContainer {
        namespace: "team",
        pod,
        template: None,
        account: "default",
        container: "app",
        image: IMAGE,
        since: ms(0),
        diagnosis: Arc::clone(diagnosis),
        involvement,
    };
    let mut out = String::new();
    for (name, containers) in [
        ("one pod", vec![container("web", &rejected, Involvement::Fault)]),
        (
            "two pods, and another cause",
            vec![
                container("web", &rejected, Involvement::Fault),
                container("batch", &rejected, Involvement::Fault),
                container("other", &not_sent, Involvement::NotAttached),
            ],
        ),
        (
            "a pod that should list the Secret",
            vec![container("web", &not_sent, Involvement::NotAttached)],
        ),
        (
            "an attempt with earlier credentials",
            vec![container("web", &outdated, Involvement::Attached)],
        ),
    ] {
        heading(&mut out, name);
        let problem = summarize(false, &containers, &[]).problem.unwrap();
        writeln!(out, "{}", problem.message).unwrap();
    }
    insta::assert_snapshot!("pulls_condition", out);
}
