//! `dps ui` in a browser: from the first page to pods that run on the node.

use std::path::Path;
use std::process::Command;

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::node::case::{Case, RETRY};
use crate::node::terminal::{dps_with_hosts, secrets};
use crate::support::canary::{CANARY, assert_clean};
use crate::support::dps::Watching;
use crate::support::operator::binary;
use crate::support::page::ServedPage;
use crate::support::world::World;
use crate::support::{run, within};
use crate::ui::{PASSWORD, Session};

pub(super) async fn page_leads_to_pods_that_run(world: &'static World) {
    let case = Case::new(world, "page").await;
    let namespace = case.space.name.clone();
    let mut dps = dps_with_hosts(world);
    dps.args(["ui", "--no-browser", "--ca-file", world.registry("caFile")]);
    let session = Session::over(ServedPage::of(Watching::spawn(&mut dps)), true).await;
    let browser = &session.browser;

    browser.click("Create").await;
    let registry = format!("https://{}/v2/", world.registry("basic"));
    session.fill_in("company", &registry, "robot", CANARY, &namespace).await;
    browser.press("Submit").await;
    browser.sees("Rejected: ").await;
    assert_clean("the page of a wrong password", &browser.source().await);
    assert_eq!(secrets(world, &namespace), "");
    browser.fill_in(PASSWORD, world.registry("password")).await;
    browser.press("Submit").await;
    browser
        .sees("pods that list Secret \"company\" in imagePullSecrets send these credentials")
        .await;
    assert!(!browser.source().await.contains(world.registry("password")));
    case.pods.create("web", &case.image("basic"), &["company"]).await;
    case.pods.runs("web").await;

    // Somebody forgets the Secret.
    let deployments: Api<Deployment> = Api::namespaced(case.space.client.clone(), &namespace);
    let container = json!({"name": "app", "image": case.image("basic"), "imagePullPolicy": "Always"});
    let deployment = json!({"metadata": {"name": "shop"}, "spec": {
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {"metadata": {"labels": {"app": "shop"}}, "spec": {
            "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 0, "containers": [container]}}}});
    let deployment = serde_json::from_value(deployment).unwrap();
    deployments.create(&PostParams::default(), &deployment).await.unwrap();
    let text = see_within_retry(&session, true).await;
    assert!(text.contains("CredentialsNotSent"), "{text}");
    browser.evaluate("window.mark = 'the first'").await;
    let fix = browser
        .evaluate("return document.querySelector('.card [data-copy]').textContent")
        .await;
    browser.click(&format!("Copy {}", fix.as_str().unwrap())).await;
    copied_command_mends_it(world, &browser.clipboard().await);
    see_within_retry(&session, false).await;
    let rolled_out = ["rollout", "status", "deployment/shop", "--timeout=2m", "-n", &namespace];
    world.kubectl(&rolled_out);
    assert_eq!(browser.evaluate("return window.mark").await, "the first");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// Waits until the page tells of failing pods, or does no longer.
async fn see_within_retry(session: &Session, failing: bool) -> String {
    let seen = async || {
        let text = session.browser.text().await;
        if text.contains("Pods that fail to pull (1)") == failing {
            Ok(text)
        } else {
            Err(text)
        }
    };
    within(RETRY, &format!("failing pods on the page: {failing}"), seen).await
}

/// Runs it as it was copied, in a shell with the programs that people have.
fn copied_command_mends_it(world: &World, command: &str) {
    let binary = binary();
    let dps = Path::new(&binary).parent().unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", dps.display(), world.bin().display());
    run(Command::new("sh")
        .args(["-c", command])
        .env("PATH", path)
        .env("KUBECONFIG", world.kubeconfig()));
}
