//! `dps list`: its rows, their order, what counts as well, and what a watch shows.

use std::time::Duration;

use dps::domain::listing::changes::ShownResources;
use dps::domain::listing::table::{Columns, age};
use dps::domain::listing::{ListedResource, sort_worst_first};
use dps::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::client_errors::{kubeconfig, with_kubeconfig};
use crate::connection::{found, status};
use crate::support::dps::Output;
use crate::support::objects::with;
use crate::support::registries::{Answer, Scripted};

const OWN: &str = "DockerPullSecret";
const SHARED: &str = "ClusterDockerPullSecret";

fn now() -> Timestamp {
    "2026-01-02T00:00:00Z".parse().unwrap()
}

/// A resource with these conditions, each as type, status and reason.
fn object(namespace: &str, name: &str, conditions: &[(&str, &str, &str)], status: &Value) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(kind, status, reason)| {
            json!({
                "type": kind, "status": status, "reason": reason, "message": format!("{reason} in words"),
                "lastTransitionTime": "2026-01-01T21:00:00Z",
            })
        })
        .collect();
    let mut object = json!({
        "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"team": "a"}},
        "spec": {"type": "PrivateRegistry", "registryUrl": "https://r.example.com", "credentialsRef": {"name": "login"}},
        "status": {"registryKey": "r.example.com", "secretName": name, "conditions": conditions},
    });
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = namespace.into();
    }
    object["status"] = with(object["status"].take(), status.clone());
    object
}

const READY: [(&str, &str, &str); 2] = [("Ready", "True", "Ready"), ("CredentialsAccepted", "True", "Accepted")];
const REJECTED: [(&str, &str, &str); 2] = [
    ("Ready", "False", "Rejected"),
    ("CredentialsAccepted", "False", "Rejected"),
];

fn minted(until: &str) -> Value {
    json!({"minted": {"provider": "aws", "identity": "x", "expiresAt": until}})
}

fn resources() -> Vec<ListedResource> {
    let none = json!({});
    let mut new = object("team", "new", &[], &none);
    new["status"] = Value::Null;
    let mut odd = object("team", "odd", &READY, &none);
    odd["status"]["failingPods"] = "many".into();
    odd["status"]["conditions"][1] = json!(null);
    let mut suspended = object("team", "paused", &[("Ready", "Unknown", "Suspended")], &none);
    suspended["spec"]["suspend"] = true.into();
    [
        (OWN, object("team", "app", &READY, &none)),
        (OWN, object("team", "minted", &READY, &minted("2026-01-02T11:30:00Z"))),
        (
            OWN,
            object("team", "outlived", &REJECTED, &minted("2026-01-01T23:59:59Z")),
        ),
        (SHARED, object("", "everywhere", &READY, &json!({"failingPods": 12}))),
        (OWN, object("team", "failing", &READY, &json!({"failingPods": 3}))),
        (OWN, suspended),
        (OWN, new),
        (OWN, odd),
        (OWN, object("team-b", "wrong", &REJECTED, &json!({"failingPods": 1}))),
        (SHARED, object("", "wrong", &REJECTED, &none)),
        (OWN, object("a", "\u{1b}[31m", &READY, &none)),
    ]
    .iter()
    .map(|(kind, object)| ListedResource::of(kind, object))
    .collect()
}

#[test]
fn resources_are_listed_worst_first() {
    let mut rows = resources();
    sort_worst_first(&mut rows, |row| row);
    let mut text = String::new();
    for is_wide in [false, true] {
        let columns = Columns::new(is_wide, &rows);
        let lines = rows.iter().map(|row| columns.row(row, now()));
        let lines: Vec<String> = [columns.header()].into_iter().chain(lines).collect();
        text += &(lines.join("\n") + "\n\n");
    }
    let unwell: Vec<&str> = rows
        .iter()
        .filter(|row| !row.is_well())
        .map(|row| row.key.name.as_str())
        .collect();
    text.extend(["not well: ".to_owned(), unwell.join(", ")]);
    insta::assert_snapshot!("listed_resources", text);
}

#[test]
fn age_has_few_characters() {
    for (seconds, expected) in [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (185, "3m5s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (12_000, "3h20m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (180_000, "2d2h"),
        (691_200, "8d"),
        (63_072_000, "2y"),
        (63_158_400, "2y1d"),
        (252_288_000, "8y"),
    ] {
        assert_eq!(age(Duration::from_secs(seconds)), expected, "{seconds}");
    }
}

#[test]
fn watch_shows_only_what_looks_different() {
    let mut shown = ShownResources::default();
    let app = ListedResource::of(OWN, &object("team", "app", &READY, &json!({})));
    let failing = ListedResource::of(OWN, &object("team", "app", &READY, &json!({"failingPods": 1})));
    let twin = ListedResource::of(SHARED, &object("", "app", &READY, &json!({})));
    assert!(shown.observe(&app) && shown.observe(&twin));
    assert!(!shown.observe(&app));
    assert!(shown.observe(&failing));
    let until = |end| ListedResource::of(OWN, &object("team", "minted", &READY, &minted(end)));
    assert!(shown.observe(&until("2026-01-02T11:30:00Z")));
    assert!(!shown.observe(&until("2026-01-02T23:30:00Z")));
    shown.remove(OWN, &until("2026-01-02T23:30:00Z").key);
    assert_eq!(shown.missing_from(OWN, std::slice::from_ref(&failing)), []);
    assert_eq!(shown.missing_from(OWN, &[]), std::slice::from_ref(&app.key));
    let gone = shown.remove(OWN, &app.key).unwrap();
    assert_eq!((gone.reason.as_str(), gone.failing_pods), ("Deleted", 0));
    assert_eq!(shown.remove(OWN, &app.key), None);
    assert!(shown.observe(&app));
}

/// What `dps list` says if this is what the API server has of each kind.
fn list(args: &[&str], own: fn() -> Answer, shared: fn() -> Answer) -> Output {
    let server = Scripted::start(move |head, _| {
        if head.contains("/clusterdockerpullsecrets") {
            shared()
        } else {
            own()
        }
    });
    let config = kubeconfig(&json!({}), &json!({"server": format!("http://{}", server.address)}));
    let mut output = with_kubeconfig(&[], &[&["list"], args].concat(), &config);
    output.stderr = output.stderr.replace(&server.address, "SERVER");
    output
}

fn one_of(namespace: &str, conditions: &[(&str, &str, &str)]) -> Answer {
    let mut object = object(namespace, "app", conditions, &json!({}));
    object["metadata"]["managedFields"] = json!([{"manager": "x"}]);
    found(&json!({"metadata": {"resourceVersion": "7"}, "items": [object]}))
}

fn none() -> Answer {
    found(&json!({"metadata": {"resourceVersion": "7"}, "items": []}))
}

fn forbidden() -> Answer {
    status(403, "Forbidden", "you may not list it")
}

fn unknown() -> Answer {
    crate::support::registries::answer("404 Not Found", &[], "404 page not found\n")
}

#[test]
fn what_cannot_be_listed_is_said_and_the_rest_is_shown() {
    let ready = || one_of("team", &READY);
    for (shared, words) in [
        (
            forbidden as fn() -> Answer,
            "dps list: listing ClusterDockerPullSecrets: http://SERVER (context \"c\") returned 403 Forbidden: you may not list it\n",
        ),
        (
            unknown,
            "dps list: listing ClusterDockerPullSecrets: http://SERVER (context \"c\") does not know this kind of object (404): install the CustomResourceDefinitions with dps crds | kubectl apply --server-side -f -\n",
        ),
    ] {
        let output = list(&["-n", "team"], ready, shared);
        assert_eq!((output.code, output.stderr.as_str()), (0, words));
        assert!(
            output.stdout.starts_with("NAMESPACE   NAME   REGISTRY        READY") && output.stdout.lines().count() == 2,
            "{}",
            output.stdout
        );
    }
    let output = list(&["-A"], forbidden, unknown);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
}

#[test]
fn output_is_that_of_kubectl_where_programs_read_it() {
    let ready = || one_of("team", &READY);
    let output = list(&["-o", "name", "-A"], ready, || one_of("", &READY));
    assert_eq!(
        output.stdout,
        "clusterdockerpullsecret.pullsecrets.dev/app\ndockerpullsecret.pullsecrets.dev/app\n"
    );
    let json = list(&["-o", "json", "-n", "team"], ready, none);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&document["apiVersion"], &document["kind"]),
        (&json!("v1"), &json!("List"))
    );
    let item = &document["items"][0];
    assert_eq!(
        (&item["apiVersion"], &item["kind"], &item["metadata"]["managedFields"]),
        (&json!("pullsecrets.dev/v1alpha1"), &json!(OWN), &Value::Null)
    );
    let yaml = list(&["-o", "yaml", "-n", "team"], ready, none);
    let same: Value = serde_saphyr::from_str(&yaml.stdout).unwrap();
    assert_eq!(same, document);
}

#[test]
fn exit_code_tells_whether_all_are_well_if_it_is_asked_for() {
    let (ready, rejected) = (|| one_of("team", &READY), || one_of("team", &REJECTED));
    assert_eq!(list(&["-A", "--exit-code"], ready, none).code, 0);
    assert_eq!(list(&["-A", "--exit-code"], rejected, none).code, 1);
    assert_eq!(list(&["-A", "--exit-code"], ready, || one_of("", &REJECTED)).code, 1);
    assert_eq!(list(&["-A"], rejected, none).code, 0);
    for (args, words) in [
        (&["-n", "team"][..], "No resources found in team namespace.\n"),
        (&["-A"], "No resources found\n"),
        (&["-A", "-o", "name"], "No resources found\n"),
    ] {
        let output = list(args, none, none);
        assert_eq!(
            (output.code, output.stderr.as_str(), output.stdout.as_str()),
            (0, words, "")
        );
    }
}
