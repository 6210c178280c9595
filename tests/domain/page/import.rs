//! Imports of a config that somebody pastes.

use serde_json::{Value, json};

use crate::page::api_server::{ApiServer, submit};
use crate::support::canary::{CANARY, assert_clean};
use crate::support::page::{Answer, ServedPage};

/// Ports where nobody listens.
const REGISTRIES: [&str; 3] = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"];

fn config(registries: &[&str]) -> String {
    let login = json!({"username": "robot", "password": CANARY});
    let auths: serde_json::Map<String, Value> = registries
        .iter()
        .map(|key| ((*key).to_owned(), login.clone()))
        .collect();
    json!({ "auths": auths }).to_string()
}

/// Reads a config, and returns the path of the form in which somebody chooses.
fn read(page: &ServedPage, fields: &[(&str, &str)]) -> (String, Answer) {
    let answer = submit(page, "/import", &[&[("namespace", "team")], fields].concat());
    (form_of(page, &answer).unwrap_or_default(), answer)
}

fn form_of(page: &ServedPage, answer: &Answer) -> Option<String> {
    let (_, rest) = answer.body.split_once(&format!("action=\"{}/import/", page.list))?;
    Some(format!("/import/{}", rest.split('"').next()?))
}

#[test]
fn failure_of_one_keeps_the_others_and_what_is_left_can_be_tried_again() {
    let server = ApiServer::with(&[]);
    let page = server.page(&[]);
    let (form, found) = read(&page, &[("config", &config(&REGISTRIES))]);
    assert!(
        found
            .body
            .contains("dps import --context fake --from config.json -n team<"),
        "{}",
        found.body
    );
    // The first cannot be written.
    server.refuse(
        "POST /apis/pullsecrets.dev/v1alpha1/namespaces/team/dockerpullsecrets?&dryRun=All",
        403,
    );
    let done = submit(
        &page,
        &form,
        &[("namespace", "team"), ("chosen", "0"), ("unverified", "true")],
    );
    assert!(done.body.contains("Not imported"), "{}", done.body);
    server.allow();

    let form = form_of(&page, &done).expect("what is left");
    let rows = done.body.split_once("What is left").unwrap().1;
    for registry in REGISTRIES {
        assert!(rows.contains(registry), "{registry}: {rows}");
    }
    assert_eq!(rows.matches("\" checked>").count(), 1, "only what was tried: {rows}");
    // Now the registry of one does not answer, which is said of it alone.
    let done = submit(&page, &form, &[("namespace", "team"), ("chosen", "0"), ("chosen", "1")]);
    assert_eq!(done.body.matches("Not imported").count(), 2, "{}", done.body);
    assert_eq!(done.body.matches("Unreachable: ").count(), 2, "{}", done.body);
    assert!(done.body.contains("<title>Error: Import"), "{}", done.body);
    let command = "-n team --registry 127.0.0.1:1 --registry 127.0.0.1:2<";
    assert!(done.body.contains(command), "{}", done.body);
    // The number of before stands for nothing any more.
    let stale = submit(&page, &form, &[("namespace", "team"), ("chosen", "0")]);
    assert!(stale.body.contains("no longer kept"), "{}", stale.body);
    let form = form_of(&page, &done).expect("what is left");
    let fields = [
        ("namespace", "team"),
        ("chosen", "0"),
        ("chosen", "1"),
        ("chosen", "2"),
        ("unverified", "true"),
    ];
    let done = submit(&page, &form, &fields);
    assert_eq!(done.body.matches("wrote DockerPullSecret").count(), 3, "{}", done.body);
    assert!(
        !done.body.contains("What is left") && done.body.contains("<title>Import"),
        "{}",
        done.body
    );
    assert_clean("the page", &done.body);
    assert_eq!(server.count("POST /api/v1/namespaces/team/secrets?&fieldManager"), 3);
}

#[test]
fn short_lived_credentials_are_imported_by_a_box_of_the_page() {
    let server = ApiServer::with(&[]);
    let page = server.page(&[]);
    let registry = "1.dkr.ecr.eu-central-1.amazonaws.com";
    let config = config(&[registry]);
    let (_, found) = read(&page, &[("config", &config)]);
    assert!(
        found.body.contains("expire within hours") && !found.body.contains("allow-short-lived"),
        "{}",
        found.body
    );
    assert!(!found.body.contains("name=\"chosen\""), "{}", found.body);
    let (_, found) = read(&page, &[("config", &config), ("short-lived", "true")]);
    assert!(found.body.contains("name=\"chosen\""), "{}", found.body);
    // The command says so with its own word.
    assert!(found.body.contains("-n team --allow-short-lived<"), "{}", found.body);
    assert_clean("the page", &found.body);
}
