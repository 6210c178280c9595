//! `dps list` with a cluster.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::support::dps::{Watching, dps_in};
use crate::support::objects::{Space, private};
use crate::support::operator::operator;
use crate::support::world::world;

#[tokio::test]
async fn changes_are_printed_as_they_happen_and_labels_select() {
    operator();
    let space = Space::new(world(), "list").await;
    let kubeconfig = world().kubeconfig();
    let variables = [("KUBECONFIG", kubeconfig.to_str().unwrap())];
    space.credentials("login", "u", "word").await;
    space.create("app", private("r.example.com", "login")).await;
    space.ready("app").await;
    let watching = Watching::start(kubeconfig, &["list", "-n", &space.name, "--watch"]);
    watching.line_with(&["NAMESPACE", "NAME", "REASON"]);
    watching.line_with(&[&space.name, "app", "True", "Ready"]);
    space.create("new", private("s.example.com", "absent")).await;
    watching.line_with(&[&space.name, "new", "False", "SecretNotFound"]);
    let labels = Patch::Merge(json!({"metadata": {"labels": {"team": "a"}}}));
    space
        .resources
        .patch("app", &PatchParams::default(), &labels)
        .await
        .unwrap();
    space.change("app", json!({"suspend": true})).await;
    watching.line_with(&[&space.name, "app", "Suspended"]);
    space.delete("new").await;
    let line = watching.line_with(&[&space.name, "new", "Deleted"]);
    assert!(!line.contains("SecretNotFound"), "{line}");
    drop(watching);

    let list = |args: &[&str]| dps_in(&variables, &[&["list"], args].concat(), "");
    let selected = list(&["-A", "-l", "team=a", "-o", "name"]);
    assert!(
        selected.stdout.contains("dockerpullsecret.pullsecrets.dev/app\n"),
        "{}",
        selected.stdout
    );
    let none = list(&["-n", &space.name, "-l", "team=b"]);
    let words = format!("No resources found in {} namespace.\n", space.name);
    assert_eq!((none.code, none.stderr), (0, words));
    let invalid = list(&["-n", &space.name, "-l", "=="]);
    assert_eq!(
        (invalid.code, invalid.stderr.lines().count()),
        (2, 1),
        "{}",
        invalid.stderr
    );
}
