//! Pods on a real node that cannot pull: the controller says why, and what it says to do makes them run.

mod case;
mod credentials;
mod fixes;
mod fleets;
mod page;
mod recovery;
mod registries;
mod replicas;
mod terminal;

use crate::node::credentials::{attached_at_creation, credentials_come_late, no_permission};
use crate::node::fixes::{
    absent_secret, deployment, image_volume, malformed_secret, missing_attachment, missing_in_a_template, no_login,
    other_key, rejected_login, wrong_password,
};
use crate::node::fleets::{a_hundred_namespaces_pull_at_their_first_attempt, what_raced_in_a_hundred_namespaces_heals};
use crate::node::page::page_leads_to_pods_that_run;
use crate::node::recovery::pods_are_replaced_one_by_one;
use crate::node::registries::{another_host, hopeless, never_pull, unusable, wrong_image};
use crate::node::replicas::replicas_are_replaced_without_a_gap;
use crate::node::terminal::typed_login_is_pulled_with;
use crate::support::canary::CANARY;
use crate::support::heavy;
use crate::support::release::Release;
use crate::support::world::{OPERATOR, World, node_world};
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn every_failure_is_diagnosed_and_its_action_heals() {
    let _heavy = heavy().await;
    let Some(world) = node_world() else { return };
    let release = Release::install(world).await;
    release.leader().await;
    let checked = release.test();
    assert!(checked.contains(" 0 FAIL, "), "{checked}");
    let at = |registry: &str| world.registry(registry).to_owned();
    let of = |registry: &str, image: &str| format!("{}/{image}", world.registry(registry));
    let cases: Vec<BoxFuture<'static, ()>> = vec![
        wrong_password(world, "basic").boxed(),
        wrong_password(world, "bearer").boxed(),
        no_permission(world).boxed(),
        no_login(world).boxed(),
        missing_attachment(world).boxed(),
        missing_in_a_template(world).boxed(),
        attached_at_creation(world).boxed(),
        other_key(world, "port", "basic.world.test".to_owned()).boxed(),
        other_key(world, "path", of("basic", "nope")).boxed(),
        absent_secret(world).boxed(),
        typed_login_is_pulled_with(world).boxed(),
        page_leads_to_pods_that_run(world).boxed(),
        credentials_come_late(world).boxed(),
        malformed_secret(world).boxed(),
        wrong_image(
            world,
            "tag",
            of("basic", "team/app:nope"),
            "ImageNotFound",
            "Correct the repository, tag or digest",
        )
        .boxed(),
        wrong_image(
            world,
            "name",
            of("basic", "Team/App:1.0"),
            "InvalidImage",
            "must have its repository in lower case",
        )
        .boxed(),
        wrong_image(
            world,
            "platform",
            of("basic", "team/arm:1.0"),
            "PlatformMismatch",
            "Build the image for the node's operating system",
        )
        .boxed(),
        unusable(world, "gone", "RegistryUnreachable", "start gone").boxed(),
        unusable(world, "untrusted", "TLSVerification", "trust untrusted").boxed(),
        hopeless(
            world,
            "names",
            "nowhere.world.test".to_owned(),
            "nowhere.world.test/team/app:1.0".to_owned(),
            "DNSFailure",
        )
        .boxed(),
        hopeless(
            world,
            "limit",
            at("failing"),
            of("failing", "429/app:1.0"),
            "RateLimited",
        )
        .boxed(),
        hopeless(
            world,
            "http",
            at("plain"),
            of("plain", "team/app:1.0"),
            "PlainHTTPRegistry",
        )
        .boxed(),
        another_host(
            world,
            "storage",
            at("failing"),
            "moved/app",
            "StorageRefused",
            "storage.world.test:",
        )
        .boxed(),
        another_host(
            world,
            "mirror",
            at("mirrored"),
            "401/app",
            "MirrorRefused",
            "failing.world.test:",
        )
        .boxed(),
        another_host(
            world,
            "mirror-lacks",
            at("mirrored"),
            "404/app",
            "ImageNotFound",
            // containerd does not say who lacks it.
            "Correct the repository, tag or digest",
        )
        .boxed(),
        another_host(world, "proxy", at("proxied"), "team/app", "ProxyRefused", "HTTP proxy").boxed(),
        image_volume(world).boxed(),
        never_pull(world).boxed(),
        rejected_login(world).boxed(),
        deployment(world).boxed(),
        pods_are_replaced_one_by_one(world).boxed(),
    ];
    join_all(cases).await;
    let shown = world.kubectl(&["get", "dockerpullsecrets,events", "-A", "-o", "json"]);
    for (place, text) in [("operator", release.words().await), ("cluster", shown)] {
        for password in [CANARY, world.registry("password")] {
            assert!(!text.contains(password), "the {place} shows a password");
        }
    }
    clear(world);
    a_hundred_namespaces_pull_at_their_first_attempt(world).await;
    what_raced_in_a_hundred_namespaces_heals(world).await;
    replicas_are_replaced_without_a_gap(world, &release).await;
}

/// Deletes the namespaces of the cases: the node has 127 addresses for pods.
fn clear(world: &World) {
    let names = world.kubectl(&["get", "namespaces", "-o", "jsonpath={.items[*].metadata.name}"]);
    let is_case = |name: &&str| !(name.starts_with("kube-") || ["default", OPERATOR].contains(name));
    let names: Vec<&str> = names.split(' ').filter(is_case).collect();
    world.kubectl(&[&["delete", "namespace"], &names[..]].concat());
}
