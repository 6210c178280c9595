//! Images that do not exist, and registries that cannot be used.
#![allow(clippy::similar_names, reason = "a case has a cause")]

use crate::node::case::{Case, is_for_people, says};
use crate::support::objects::condition_of;
use crate::support::world::World;
use serde_json::json;

pub(super) async fn wrong_image(
    world: &'static World,
    purpose: &'static str,
    image: String,
    cause: &'static str,
    part: &'static str,
) {
    let case = Case::good(world, purpose, world.registry("basic")).await;
    case.pods.create("web", &image, &["app"]).await;
    let (reported, failure) = case.fails(cause).await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, part);
    is_for_people(&failure);
    case.pods.set_image("web", &case.image("basic")).await;
    case.heals().await;
}

/// A registry that the node cannot use; `cure` is a command of the world.
pub(super) async fn unusable(world: &'static World, registry: &'static str, cause: &'static str, cure: &'static str) {
    let case = Case::with(
        world,
        registry,
        world.registry(registry),
        "robot",
        world.registry("password"),
    )
    .await;
    case.pods.create("web", &case.image(registry), &["app"]).await;
    let (reported, failure) = case.fails(cause).await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    is_for_people(&failure);
    world.tell(cure);
    case.heals().await;
}

/// Another host than the registry refuses: no pull secret is to blame, and the action names that host. The pod goes away.
pub(super) async fn another_host(
    world: &'static World,
    purpose: &'static str,
    registry: String,
    repository: &'static str,
    cause: &'static str,
    part: &'static str,
) {
    let case = Case::with(world, purpose, &registry, "robot", world.registry("password")).await;
    let image = format!("{registry}/{repository}:1.0");
    case.pods.create("web", &image, &["app"]).await;
    let (reported, failure) = case.fails(cause).await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, part);
    is_for_people(&failure);
    assert!(!failure.action.contains("Secret"), "{failure:?}");
    case.pods.delete("web").await;
    case.heals().await;
}

/// What nobody can cure here: the pod goes away.
pub(super) async fn hopeless(
    world: &'static World,
    purpose: &'static str,
    registry: String,
    image: String,
    cause: &'static str,
) {
    let case = Case::with(world, purpose, &registry, "robot", "any").await;
    case.pods.create("web", &image, &["app"]).await;
    let (reported, failure) = case.fails(cause).await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    is_for_people(&failure);
    case.pods.delete("web").await;
    case.heals().await;
}

pub(super) async fn never_pull(world: &'static World) {
    let case = Case::good(world, "never", world.registry("basic")).await;
    let image = format!("{}/other/app:1.0", world.registry("basic"));
    let spec = |policy: &str| json!({"containers": [{"name": "app", "image": image, "imagePullPolicy": policy}]});
    case.pods.create_with("web", spec("Never"), &["app"]).await;
    let (_, failure) = case.fails("NeverPull").await;
    assert_eq!(failure.code.as_str(), "DEP_E353");
    says(&failure, "Set imagePullPolicy to IfNotPresent");
    is_for_people(&failure);
    case.pods.delete("web").await;
    case.pods.create_with("again", spec("IfNotPresent"), &["app"]).await;
    case.heals().await;
}
