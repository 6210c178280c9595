//! `dps list` with a cluster.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::support::dps::dps_in;
use crate::support::objects::{Space, private};
use crate::support::operator::{binary, operator};
use crate::support::world::world;

/// The next line that has all these words.
pub(crate) fn line_with(lines: &Receiver<String>, words: &[&str]) -> String {
    loop {
        let line = lines.recv_timeout(Duration::from_mins(1));
        let line = line.unwrap_or_else(|_| panic!("no line with {words:?}"));
        if words.iter().all(|word| line.contains(word)) {
            return line;
        }
    }
}

#[tokio::test]
async fn changes_are_printed_as_they_happen_and_labels_select() {
    operator();
    let space = Space::new(world(), "list").await;
    let kubeconfig = world().kubeconfig();
    let variables = [("KUBECONFIG", kubeconfig.to_str().unwrap())];
    space.credentials("login", "u", "word").await;
    space.create("app", private("r.example.com", "login")).await;
    space.ready("app").await;
    let mut child = Command::new(binary())
        .args(["list", "-n", &space.name, "--watch"])
        .env("KUBECONFIG", kubeconfig)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lines) = channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        let mut lines = stdout.lines().map_while(Result::ok);
        lines.all(|line| sender.send(line).is_ok())
    });
    line_with(&lines, &["NAMESPACE", "NAME", "REASON"]);
    line_with(&lines, &[&space.name, "app", "True", "Ready"]);
    space.create("new", private("s.example.com", "absent")).await;
    line_with(&lines, &[&space.name, "new", "False", "SecretNotFound"]);
    let labels = Patch::Merge(json!({"metadata": {"labels": {"team": "a"}}}));
    space
        .resources
        .patch("app", &PatchParams::default(), &labels)
        .await
        .unwrap();
    space.change("app", json!({"suspend": true})).await;
    line_with(&lines, &[&space.name, "app", "Suspended"]);
    space.delete("new").await;
    let line = line_with(&lines, &[&space.name, "new", "Deleted"]);
    assert!(!line.contains("SecretNotFound"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();

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
