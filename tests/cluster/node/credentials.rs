//! Pods whose credentials are missing or wrong, where no command helps, and pods that get them in time.

use crate::node::case::{Case, is_for_people, says};
use crate::support::eventually;
use crate::support::objects::{condition_of, private_verified, with};
use crate::support::world::World;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::json;

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
    is_for_people(&failure);
    // Somebody with that right.
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
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

pub(super) async fn credentials_come_late(world: &'static World) {
    let case = Case::new(world, "late").await;
    case.space
        .create("app", private_verified(world.registry("basic"), "login"))
        .await;
    case.pods.create("web", &case.image("basic"), &["app"]).await;
    let (reported, failure) = case.fails("PullSecretMissing").await;
    assert_eq!(condition_of(&reported, "Ready").reason, "SecretNotFound");
    says(&failure, "has not created Secret");
    is_for_people(&failure);
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.heals().await;
}
