//! The operator's own pods, as they are replaced.

use crate::support::objects::{Space, private_verified};
use crate::support::release::Release;
use crate::support::world::World;

/// An upgrade that replaces both pods, and a crash: what is created meanwhile gets its Secret.
pub(super) async fn replicas_are_replaced_without_a_gap(world: &'static World, release: &Release) {
    let space = Space::new(world, "rolling").await;
    space.credentials("login", "robot", world.registry("password")).await;
    let create = async |name: &str| {
        space
            .create(name, private_verified(world.registry("basic"), "login"))
            .await;
        space.ready(name).await;
    };
    let before = release.replicas().await;
    let first = release.leader().await;
    let upgrade = tokio::task::spawn_blocking({
        let release = release.clone();
        move || release.helm("upgrade", &["--reuse-values", "--set", "podAnnotations.test=new"])
    });
    let mut count = 0;
    while !upgrade.is_finished() {
        create(&format!("during-{count}")).await;
        count += 1;
    }
    upgrade.await.expect("upgraded");
    let after = release.replicas().await;
    assert!(
        after.iter().all(|(name, _)| before.iter().all(|(old, _)| old != name)),
        "{before:?} {after:?}"
    );
    let second = release.leader().await;
    assert_ne!(first, second);

    release.crash(&second);
    create("after-a-crash").await;
    // Of either pod: the one whose program was killed runs again long before the Lease expires.
    release.leader().await;
}
