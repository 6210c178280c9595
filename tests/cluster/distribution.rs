//! One login for many namespaces.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::support::fleet::{Fleet, PLATFORM};
use crate::support::objects::{condition, password, secret};
use crate::support::operator::operator;
use crate::support::world::world;
use crate::support::{audit, eventually};

async fn fleet(purpose: &str, namespaces: &[&str]) -> Fleet {
    operator();
    let fleet = Fleet::new(world(), purpose).await;
    fleet.login("user", "first").await;
    for end in namespaces {
        fleet.add(end, json!({})).await;
    }
    fleet
}

fn has_password(expected: &str) -> impl Fn(&Secret) -> bool {
    move |secret: &Secret| password(secret).as_deref() == Some(expected)
}

#[tokio::test]
async fn every_selected_namespace_has_the_secret_and_no_other() {
    let fleet = fleet("select", &["a", "b"]).await;
    fleet.add("c", json!({"labels": {}})).await;
    fleet
        .add("d", json!({"annotations": {"pullsecrets.dev/exclude": "true"}}))
        .await;
    fleet.add("test-e", json!({})).await;
    let excluded = json!({"excludeNamespaces": [fleet.namespace("test-*")]});
    let name = fleet.create("login", excluded).await;
    fleet.stands(&name, "Ready", "2/2").await;
    let copy = fleet.has("a", &name, has_password("first")).await;
    let owner = &copy.owner_references()[0];
    assert_eq!(
        (owner.kind.as_str(), owner.name.as_str()),
        ("ClusterDockerPullSecret", name.as_str())
    );
    for end in ["c", "d", "test-e"] {
        assert!(fleet.secrets(end).get_opt(&name).await.unwrap().is_none(), "{end}");
    }

    // Namespaces come, are labelled, opt out, and go.
    fleet.add("f", json!({})).await;
    fleet.has("f", &name, has_password("first")).await;
    fleet.label("c", json!(fleet.name)).await;
    fleet.has("c", &name, has_password("first")).await;
    fleet.label("a", Value::Null).await;
    fleet.lacks("a", &name).await;
    let out = Patch::Merge(json!({"metadata": {"annotations": {"pullsecrets.dev/exclude": "true"}}}));
    let b = fleet.namespace("b");
    fleet.namespaces.patch(&b, &PatchParams::default(), &out).await.unwrap();
    fleet.lacks("b", &name).await;
    fleet.stands(&name, "Ready", "2/2").await;
    fleet
        .namespaces
        .delete(&fleet.namespace("f"), &DeleteParams::default())
        .await
        .unwrap();
    fleet.stands(&name, "Ready", "1/1").await;

    // The selector changes; the resource goes.
    fleet
        .change(
            &name,
            json!({"namespaceSelector": {"matchLabels": null}, "excludeNamespaces": ["*"]}),
        )
        .await;
    fleet.lacks("c", &name).await;
    fleet.stands(&name, "Ready", "0/0").await;
}

#[tokio::test]
async fn a_namespace_that_is_created_again_gets_the_secret_again() {
    let fleet = fleet("again", &["a", "b"]).await;
    let name = fleet.create("login", json!({})).await;
    fleet.stands(&name, "Ready", "2/2").await;
    let row = world().kubectl(&["get", "cdps", &name, "--no-headers"]);
    assert!(row.contains(" registry.example.com   2/2   "), "{row}");
    for password in ["second", "third"] {
        let before = fleet.has("a", &name, |_| true).await.uid();
        fleet.replace("a").await;
        fleet.has("a", &name, |secret| secret.uid() != before).await;
        fleet.stands(&name, "Ready", "2/2").await;
        // It is followed as the one before.
        fleet.login("user", password).await;
        fleet.has("a", &name, has_password(password)).await;
    }
}

#[tokio::test]
async fn what_is_deleted_or_changed_comes_back_and_what_others_added_stays() {
    let fleet = fleet("repair", &["a", "b"]).await;
    let name = fleet.create("login", json!({})).await;
    fleet.stands(&name, "Ready", "2/2").await;
    fleet
        .secrets("a")
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
    fleet.has("a", &name, has_password("first")).await;
    let stolen =
        Patch::Merge(json!({"data": {".dockerconfigjson": "e30="}, "metadata": {"labels": {"theirs": "yes"}}}));
    fleet
        .secrets("b")
        .patch(&name, &PatchParams::default(), &stolen)
        .await
        .unwrap();
    let repaired = fleet.has("b", &name, has_password("first")).await;
    assert_eq!(repaired.labels()["theirs"], "yes");
    let orphaned = Patch::Merge(json!({"metadata": {"ownerReferences": null}}));
    fleet
        .secrets("b")
        .patch(&name, &PatchParams::default(), &orphaned)
        .await
        .unwrap();
    fleet
        .has("b", &name, |secret| !secret.owner_references().is_empty())
        .await;

    // A new password, another name, and labels.
    fleet.login("user", "second").await;
    for end in ["a", "b"] {
        fleet.has(end, &name, has_password("second")).await;
    }
    let renamed = format!("{name}-renamed");
    fleet
        .change(
            &name,
            json!({"secretName": renamed, "secretTemplate": {"labels": {"team": "x"}}}),
        )
        .await;
    for end in ["a", "b"] {
        let copy = fleet.has(end, &renamed, has_password("second")).await;
        assert_eq!(copy.labels()["team"], "x");
        fleet.lacks(end, &name).await;
    }
    fleet.delete(&name).await;
    fleet.lacks("a", &renamed).await;
}

#[tokio::test]
async fn a_source_that_changes_without_its_credentials_costs_no_copy() {
    let fleet = fleet("same", &["a", "b", "c"]).await;
    let name = fleet.create("login", json!({})).await;
    fleet.stands(&name, "Ready", "3/3").await;
    let before = fleet.has("a", &name, |_| true).await.resource_version();
    let source = Api::<Secret>::namespaced(fleet.client.clone(), PLATFORM);
    let touched = Patch::Merge(json!({"metadata": {"annotations": {"touched": "1"}}}));
    source
        .patch(&fleet.name, &PatchParams::default(), &touched)
        .await
        .unwrap();
    // A later change is seen after it.
    fleet.add("d", json!({})).await;
    fleet.has("d", &name, has_password("first")).await;
    fleet.stands(&name, "Ready", "4/4").await;
    assert_eq!(fleet.has("a", &name, |_| true).await.resource_version(), before);
}

#[tokio::test]
async fn a_conflict_concerns_its_namespace_alone_and_ends_with_its_cause() {
    let fleet = fleet("conflict", &["a", "b", "c", "d"]).await;
    let name = fleet.namespace("login");
    let theirs = secret(
        &name,
        "kubernetes.io/dockerconfigjson",
        &[(".dockerconfigjson", "{\"auths\":{}}")],
    );
    fleet
        .secrets("b")
        .create(&PostParams::default(), &theirs)
        .await
        .unwrap();
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"secrets": "0"}}});
    let quotas =
        Api::<k8s_openapi::api::core::v1::ResourceQuota>::namespaced(fleet.client.clone(), &fleet.namespace("c"));
    quotas
        .create(&PostParams::default(), &serde_json::from_value(quota).unwrap())
        .await
        .unwrap();
    eventually("the quota counts", || async {
        let quota = quotas.get("none").await.map_err(|error| error.to_string())?;
        let hard = quota.status.and_then(|status| status.hard);
        hard.map(drop).ok_or_else(|| "not yet".to_owned())
    })
    .await;
    fleet.create("login", json!({})).await;
    let status = fleet.stands(&name, "NameConflict", "2/4").await;
    let failures: Vec<(&str, &str)> = status
        .failures
        .iter()
        .map(|one| (one.namespace.as_str(), one.reason.as_str()))
        .collect();
    let (b, c) = (fleet.namespace("b"), fleet.namespace("c"));
    assert_eq!(failures, [(b.as_str(), "NameConflict"), (c.as_str(), "WriteRefused")]);
    assert_eq!(status.namespaces.as_ref().unwrap().failing, 2);
    let ready = condition(&status, "Ready").unwrap();
    assert!(
        ready.message.contains(&b) && !ready.message.contains("first"),
        "{}",
        ready.message
    );

    fleet
        .secrets("b")
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
    fleet.has("b", &name, has_password("first")).await;
    let status = fleet.stands(&name, "WriteRefused", "3/4").await;
    assert!(status.failures[0].message.contains("quota"), "{:?}", status.failures);
    quotas.delete("none", &DeleteParams::default()).await.unwrap();
    fleet.stands(&name, "Ready", "4/4").await;
}

#[tokio::test]
async fn the_word_of_a_namespace_goes_first_and_of_two_resources_the_older() {
    let fleet = fleet("word", &["a", "b"]).await;
    let name = fleet.create("login", json!({})).await;
    fleet.stands(&name, "Ready", "2/2").await;

    // A DockerPullSecret takes the Secret over, and gives it back.
    let own = Api::<dps::api::DockerPullSecret>::namespaced(fleet.client.clone(), &fleet.namespace("a"));
    let login = secret("own-login", "Opaque", &[("username", "user"), ("password", "own")]);
    fleet.secrets("a").create(&PostParams::default(), &login).await.unwrap();
    let spec = json!({"type": "PrivateRegistry", "registryUrl": "registry.example.com", "credentialsRef": {"name": "own-login"},
        "verification": {"mode": "Disabled"}});
    own.create(&PostParams::default(), &crate::support::objects::resource(&name, &spec))
        .await
        .unwrap();
    let taken = fleet.has("a", &name, has_password("own")).await;
    assert_eq!(taken.owner_references()[0].kind, "DockerPullSecret");
    let status = fleet.stands(&name, "Ready", "1/2").await;
    assert!(
        status.warnings[0].contains(&fleet.namespace("a")),
        "{:?}",
        status.warnings
    );
    own.delete(&name, &DeleteParams::default()).await.unwrap();
    fleet.has("a", &name, has_password("first")).await;
    fleet.stands(&name, "Ready", "2/2").await;

    let younger = fleet.create("younger", json!({"secretName": name})).await;
    let status = fleet.stands(&younger, "OwnedByOther", "0/2").await;
    assert!(status.failures[0].message.contains(&name), "{:?}", status.failures);
    fleet.delete(&name).await;
    fleet.stands(&younger, "Ready", "2/2").await;
    let copy = fleet.has("a", &name, has_password("first")).await;
    assert_eq!(copy.owner_references()[0].name, younger);
}

#[tokio::test]
async fn the_source_may_have_the_same_name_and_be_selected_itself() {
    let fleet = fleet("self", &["a"]).await;
    let all = json!({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In",
        "values": [PLATFORM, fleet.namespace("a")]}]});
    let name = fleet.name.clone();
    fleet
        .try_create(&name, json!({"namespaceSelector": all, "adopt": true}))
        .await
        .unwrap();
    fleet.stands(&name, "Ready", "1/1").await;
    let platform = Api::<Secret>::namespaced(fleet.client.clone(), PLATFORM);
    let source = platform.get(&name).await.unwrap();
    assert!(source.owner_references().is_empty() && source.data.unwrap().contains_key("username"));
}

#[tokio::test]
async fn credentials_of_another_namespace_are_not_read() {
    let fleet = fleet("elsewhere", &["a"]).await;
    let there = fleet.namespace("a");
    let login = secret(
        "login",
        "Opaque",
        &[("username", "user"), ("password", "canary-elsewhere")],
    );
    fleet.secrets("a").create(&PostParams::default(), &login).await.unwrap();
    let name = fleet
        .create(
            "login",
            json!({"credentialsRef": {"namespace": there, "name": "login"}}),
        )
        .await;
    let status = fleet.stands(&name, "NotAllowed", "0/1").await;
    assert!(
        condition(&status, "Ready")
            .unwrap()
            .message
            .contains("clusterResources.credentialsNamespaces")
    );
    assert!(fleet.secrets("a").get_opt(&name).await.unwrap().is_none());
    let read = audit::of_operator(world());
    assert!(
        !read
            .iter()
            .any(|request| request.verb == "get" && request.object_ref.namespace == there)
    );
}

#[tokio::test]
async fn a_namespace_that_cannot_go_is_left_alone() {
    let fleet = fleet("stuck", &["a", "b"]).await;
    let name = fleet.create("login", json!({})).await;
    fleet.stands(&name, "Ready", "2/2").await;
    // Something in it has a finalizer that nobody removes.
    let map = json!({"metadata": {"name": "stays", "finalizers": ["example.com/stays"]}});
    let maps = Api::<k8s_openapi::api::core::v1::ConfigMap>::namespaced(fleet.client.clone(), &fleet.namespace("a"));
    maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap())
        .await
        .unwrap();
    fleet
        .namespaces
        .delete(&fleet.namespace("a"), &DeleteParams::default())
        .await
        .unwrap();
    fleet.lacks("a", &name).await;
    fleet.stands(&name, "Ready", "1/1").await;
    let there = fleet.namespace("a");
    let before = audit::writes_in(world(), &there);
    fleet.login("user", "second").await;
    fleet.has("b", &name, has_password("second")).await;
    fleet.stands(&name, "Ready", "1/1").await;
    audit::logged(
        world().audit_log(),
        &fleet.namespace("b"),
        &format!("patch secrets/{name}"),
    )
    .await;
    assert_eq!(audit::writes_in(world(), &there), before);
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("stays", &PatchParams::default(), &free).await.unwrap();
}

#[tokio::test]
async fn a_spec_that_cannot_be_used_is_refused_at_once() {
    let fleet = fleet("invalid", &[]).await;
    let selector = |operator: &str, values: Value| json!({"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": operator, "values": values}]}});
    for (spec, message) in [
        (selector("In", json!([])), "In or NotIn with values"),
        (selector("Exists", json!(["x"])), "Exists or DoesNotExist without any"),
        (selector("Like", json!(["x"])), "Unsupported value"),
        (json!({"excludeNamespaces": ["Team"]}), "names of namespaces"),
        (
            json!({"credentialsRef": {"namespace": "a.b", "name": "x"}}),
            "is not a valid namespace",
        ),
        (json!({"registryUrl": "https://user@host"}), "must not contain '@'"),
    ] {
        let refused = fleet.try_create(&fleet.namespace("x"), spec.clone()).await;
        let refused = refused.expect_err(&spec.to_string()).to_string();
        assert!(refused.contains(message), "{spec}: {refused}");
    }
}
