//! `dps import` against a real API server.

mod others;
mod short_lived;

use std::os::unix::fs::PermissionsExt as _;

use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{WatchEvent, WatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::support::DEADLINE;
use crate::support::canary::CANARY;
use crate::support::dps::{Output, dps_in};
use crate::support::objects::{Space, document, uid};
use crate::support::operator::operator;
use crate::support::registries::registries;
use crate::support::world::world;

fn import(space: &Space, arguments: &[&str], input: &str) -> Output {
    let kubeconfig = world().kubeconfig().to_str().unwrap();
    let output = dps_in(
        &[("KUBECONFIG", kubeconfig)],
        &[&["import", "-n", &space.name], arguments].concat(),
        input,
    );
    output.hides(CANARY);
    output
}

#[tokio::test]
async fn pull_secret_is_taken_over_in_place_and_only_once() {
    operator();
    let space = Space::new(world(), "adopted").await;
    let entry = json!({"username": "robot", "password": CANARY});
    let one = json!({"auths": {"https://registry.invalid/v2/": entry}}).to_string();
    let two = json!({"auths": {"a.invalid": entry, "b.invalid": entry}}).to_string();
    let kind = "kubernetes.io/dockerconfigjson";
    let before = space.secret("regcred", kind, &[(".dockerconfigjson", &one)]).await;
    space.secret("pair", kind, &[(".dockerconfigjson", &two)]).await;

    let arguments = ["--pull-secrets", "--all", "--adopt", "--no-verify"];
    let imported = import(&space, &arguments, "");
    assert_eq!(imported.code, 1, "{}", imported.stderr);
    assert!(
        imported
            .stderr
            .contains(&format!("wrote DockerPullSecret {}/regcred", space.name)),
        "{}",
        imported.stderr
    );
    assert!(
        imported
            .stderr
            .contains("and Secret pair is not: import it without --adopt"),
        "{}",
        imported.stderr
    );
    space.ready("regcred").await;
    let is_ours = |secret: &Secret| secret.labels().contains_key("app.kubernetes.io/managed-by");
    let after = space.secret_until("regcred", "it is taken over", is_ours).await;
    assert_eq!(uid(&after), uid(&before));
    assert_eq!(document(&after)["auths"]["registry.invalid"]["password"], CANARY);
    assert_serves_all_the_time(&space, &before, &after).await;

    let version = |secrets: Api<Secret>| async move { secrets.get("regcred-login").await.unwrap().resource_version() };
    let secrets: Api<Secret> = Api::namespaced(space.client.clone(), &space.name);
    let written = version(secrets.clone()).await;
    // Now it is one that the operator generates.
    let again = import(&space, &["--pull-secrets", "--all", "--no-verify"], "");
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(
        again.stderr.contains("a.invalid: wrote DockerPullSecret") && !again.stderr.contains("regcred"),
        "{}",
        again.stderr
    );
    let third = import(&space, &["--pull-secrets", "--all", "--no-verify"], "");
    assert!(
        third
            .stderr
            .contains("a.invalid: DockerPullSecret a-invalid is up to date"),
        "{}",
        third.stderr
    );
    assert_eq!(third.code, 0);
    assert_eq!(version(secrets).await, written);
}

/// Each version of a Secret after the first one, until the last one, has the login: no pull in between is without it.
async fn assert_serves_all_the_time(space: &Space, first: &Secret, last: &Secret) {
    let secrets: Api<Secret> = Api::namespaced(space.client.clone(), &space.name);
    let params = WatchParams::default().fields(&format!("metadata.name={}", first.name_any()));
    let versions = secrets
        .watch(&params, &first.resource_version().unwrap())
        .await
        .unwrap();
    let mut versions = std::pin::pin!(versions);
    loop {
        let next = tokio::time::timeout(DEADLINE, versions.try_next()).await;
        let WatchEvent::Modified(version) = next.expect("the last version").unwrap().unwrap() else {
            panic!("it was deleted");
        };
        let entries = document(&version)["auths"].as_object().unwrap().clone();
        assert!(
            entries.values().any(|entry| entry["password"] == CANARY),
            "{:?}",
            entries.keys()
        );
        if version.resource_version() == last.resource_version() {
            return;
        }
    }
}

#[tokio::test]
async fn docker_config_is_verified_before_it_is_written() {
    operator();
    let (all, space) = (registries(), Space::new(world(), "imported").await);
    let config = |password: &str| {
        json!({"auths": {(all.get("basic")): {"username": "robot", "password": password}}}).to_string()
    };
    let arguments = ["--from", "-", "--all", "--ca-file", all.get("caFile")];
    let wrong = import(&space, &arguments, &config(CANARY));
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("not imported: Rejected: "), "{}", wrong.stderr);
    let right = import(&space, &arguments, &config(all.get("password")));
    assert_eq!(right.code, 0, "{}", right.stderr);
    let changed = import(&space, &[&arguments[..], &["--no-verify"]].concat(), &config(CANARY));
    assert_eq!(changed.code, 1);
    assert!(
        changed
            .stderr
            .contains("already exists and differs: use --replace to change it"),
        "{}",
        changed.stderr
    );
}

/// Takes a minute.
#[test]
fn helper_that_hangs_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("docker-credential-hangs");
    std::fs::write(
        &file,
        format!("#!/bin/sh\necho $$ >{}/pid\nexec sleep 600\n", folder.path().display()),
    )
    .unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let config = json!({"credHelpers": {"hangs.invalid": "hangs"}}).to_string();
    let output = dps_in(
        &[("PATH", &path)],
        &["import", "--export", "--no-verify", "--all", "--from", "-"],
        &config,
    );
    assert_eq!(output.code, 1);
    assert!(
        output
            .stderr
            .contains("docker-credential-hangs did not answer within 60 s"),
        "{}",
        output.stderr
    );
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}
