//! Pods whose credentials are missing, wrong, or not sent.

use crate::node::case::{Case, says};
use crate::support::canary::CANARY;
use crate::support::eventually;
use crate::support::objects::{condition_of, private_verified, with};
use crate::support::world::World;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::json;

pub(super) async fn wrong_password(world: &'static World, kind: &'static str) {
    let case = Case::with(world, kind, world.registry(kind), "robot", CANARY).await;
    case.pods.create("web", &case.image(kind), &["app"]).await;
    let (reported, failure) = case.fails("CredentialsRejected").await;
    assert_eq!(
        (condition_of(&reported, "Ready").status.as_str(), failure.code.as_str()),
        ("False", "DEP_E153")
    );
    says(
        &failure,
        "Correct the user name and the password or access token in Secret \"login\"",
    );
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.heals().await;
}

pub(super) async fn no_permission(world: &'static World) {
    let case = Case::with(
        world,
        "denied",
        world.registry("bearer"),
        "stranger",
        world.registry("password"),
    )
    .await;
    case.pods.create("web", &case.image("bearer"), &["app"]).await;
    let (reported, failure) = case.fails("AccessDenied").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, "permission to pull bearer.world.test");
    // Somebody with that right.
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.heals().await;
}

pub(super) async fn missing_attachment(world: &'static World) {
    let case = Case::good(world, "attachment", world.registry("basic")).await;
    case.pods.create("web", &case.image("basic"), &[]).await;
    let (reported, failure) = case.fails("CredentialsNotSent").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, "Add imagePullSecrets: [{name: app}] to the pod's spec");
    case.pods.delete("web").await;
    case.pods.create("again", &case.image("basic"), &["app"]).await;
    case.heals().await;
}

/// Pods that list no Secret pull all the same: one that is as new as its resource once there is a Secret, a later one at
/// its first attempt.
pub(super) async fn attached_at_creation(world: &'static World) {
    let case = Case::new(world, "attached").await;
    let registry = world.registry("basic");
    let spec = with(
        private_verified(registry, "login"),
        json!({"attachTo": {"pods": "MatchingImages"}}),
    );
    let container = json!({"name": "app", "image": case.image("basic"), "imagePullPolicy": "Always"});
    let pod = json!({"containers": [container]});
    // The API server may not know the resource yet, or know a status already, which says that there is no Secret.
    eventually("a pod gets the Secret", || async {
        let at_once = DeleteParams::default().grace_period(0);
        let _ = case.pods.api.delete("early", &at_once).await;
        let _ = case.space.resources.delete("app", &at_once).await;
        let resource = case.space.try_create("app", spec.clone()).await;
        resource.map_err(|error| error.to_string())?;
        let created = case
            .pods
            .try_create("early", pod.clone())
            .await
            .map_err(|error| error.to_string())?;
        let listed = created
            .spec
            .and_then(|spec| spec.image_pull_secrets)
            .unwrap_or_default();
        if listed.iter().any(|secret| secret.name == "app") {
            Ok(())
        } else {
            Err(format!("{listed:?}"))
        }
    })
    .await;
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.space.ready("app").await;
    // The API server's policy learns of a status a moment after it was written.
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let late: Pod = serde_json::from_value(json!({"metadata": {"name": "late"}, "spec": pod})).unwrap();
    eventually("a new pod would get the Secret", || async {
        let created = case.pods.api.create(&dry_run, &late).await;
        let spec = created.map_err(|error| error.to_string())?.spec.unwrap_or_default();
        let listed = spec.image_pull_secrets.unwrap_or_default();
        let is_listed = listed.iter().any(|secret| secret.name == "app");
        is_listed.then_some(()).ok_or_else(|| format!("{listed:?}"))
    })
    .await;
    case.pods.create_with("late", pod, &[]).await;
    case.heals().await;
    let events: Api<Event> = Api::namespaced(case.space.client.clone(), &case.space.name);
    let of_late = ListParams::default().fields("involvedObject.name=late,type=Warning");
    let warnings = events.list(&of_late).await.unwrap().items;
    assert!(warnings.is_empty(), "{warnings:?}");
}

pub(super) async fn other_key(world: &'static World, purpose: &'static str, registry: String) {
    let case = Case::with(world, purpose, &registry, "robot", world.registry("password")).await;
    case.pods.create("web", &case.image("basic"), &["app"]).await;
    let (_, failure) = case.fails("CredentialsNotSent").await;
    let right = world.registry("basic");
    says(
        &failure,
        &format!("Set spec.registryUrl of DockerPullSecret \"app\" to {right}"),
    );
    case.space.change("app", json!({"registryUrl": right})).await;
    case.heals().await;
}

pub(super) async fn absent_secret(world: &'static World) {
    let case = Case::good(world, "absent", world.registry("basic")).await;
    case.pods.create("web", &case.image("basic"), &["ap"]).await;
    let (reported, failure) = case.fails("PullSecretMissing").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, "Use \"app\" in the pod's imagePullSecrets instead");
    case.pods.delete("web").await;
    case.pods.create("again", &case.image("basic"), &["app"]).await;
    case.heals().await;
}

pub(super) async fn credentials_come_late(world: &'static World) {
    let case = Case::new(world, "late").await;
    case.space
        .create("app", private_verified(world.registry("basic"), "login"))
        .await;
    case.pods.create("web", &case.image("basic"), &["app"]).await;
    let (reported, failure) = case.fails("PullSecretMissing").await;
    assert_eq!(condition_of(&reported, "Ready").reason, "SecretNotFound");
    says(&failure, "has not created Secret");
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.heals().await;
}

pub(super) async fn malformed_secret(world: &'static World) {
    let case = Case::good(world, "malformed", world.registry("basic")).await;
    let broken = |auth: &str| format!(r#"{{"auths":{{"other.example":{{"auth":"{auth}"}}}}}}"#);
    let write = async |auth: &str| {
        let document = broken(auth);
        let data = [(".dockerconfigjson", document.as_str())];
        case.space
            .secret("broken", "kubernetes.io/dockerconfigjson", &data)
            .await;
    };
    write("!!!").await;
    case.pods.create("web", &case.image("basic"), &["app", "broken"]).await;
    let (reported, failure) = case.fails("PullSecretMalformed").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, "Secret \"broken\" holds an entry");
    write("dTpw").await;
    case.heals().await;
}

/// An image that is mounted needs credentials like any other.
pub(super) async fn image_volume(world: &'static World) {
    let case = Case::good(world, "volume", world.registry("bearer")).await;
    let volume = json!({"name": "data", "image": {"reference": case.image("bearer"), "pullPolicy": "Always"}});
    let mount = json!({"name": "data", "mountPath": "/data"});
    let container = json!({"name": "app", "image": case.image("anonymous"), "volumeMounts": [mount]});
    let spec = json!({"volumes": [volume], "containers": [container]});
    case.pods.create_with("web", spec.clone(), &[]).await;
    let (reported, failure) = case.fails("CredentialsNotSent").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    assert_eq!(failure.image, case.image("bearer"));
    says(&failure, "Add imagePullSecrets: [{name: app}] to the pod's spec");
    case.pods.delete("web").await;
    case.pods.create_with("again", spec, &["app"]).await;
    case.heals().await;
}

pub(super) async fn init_container(world: &'static World) {
    let case = Case::with(world, "init", world.registry("basic"), "robot", CANARY).await;
    let open = case.image("anonymous");
    let init = json!({"name": "init", "image": case.image("basic"), "restartPolicy": "Always"});
    let spec = json!({"initContainers": [init], "containers": [{"name": "app", "image": open}]});
    case.pods.create_with("web", spec, &["app"]).await;
    let (_, failure) = case.fails("CredentialsRejected").await;
    assert_eq!(failure.container, "init");
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.heals().await;
}

pub(super) async fn deployment(world: &'static World) {
    let case = Case::with(world, "deployment", world.registry("basic"), "robot", CANARY).await;
    let deployment: Deployment = serde_json::from_value(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"imagePullSecrets": [{"name": "app"}], "containers": [{"name": "app", "image": case.image("basic")}]},
        }},
    }))
    .unwrap();
    let deployments: Api<Deployment> = Api::namespaced(case.space.client.clone(), &case.space.name);
    deployments.create(&PostParams::default(), &deployment).await.unwrap();
    case.fails("CredentialsRejected").await;
    let reported = case
        .space
        .until("app", "3 pods", |status| (status.failing_pods == 3).then_some(()))
        .await;
    let failures = reported.status.unwrap().pull_failures;
    assert_eq!((failures.len(), failures[0].count), (1, 3));
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.heals().await;
}
