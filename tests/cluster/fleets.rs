//! Many namespaces through logins, restarts and outages, and what they cost. Each test has operators of its own.
#![allow(clippy::similar_names, reason = "pods and params, and their singulars")]

mod accounts;
mod replicas;
mod restart;
mod undeletable;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use crate::support::fleet::Fleet;
use crate::support::helm::install_everywhere;
use crate::support::objects::{condition, password};
use crate::support::operator::{CLUSTER, Operator};
use crate::support::registries::{Scripted, answer};
use crate::support::world::{World, exclusive_world};
use crate::support::{audit, eventually};

/// A world that no other test uses meanwhile.
async fn alone() -> (MutexGuard<'static, ()>, &'static World) {
    let (guard, world) = exclusive_world().await;
    world.install();
    (guard, world)
}

fn start(world: &World, more: &[&str]) -> Operator {
    let operator = Operator::start(world, &world.install(), &[&CLUSTER, more].concat());
    operator.wait_until_ready();
    operator
}

async fn fleet(world: &World, purpose: &str, count: usize) -> Fleet {
    let fleet = Fleet::new(world, purpose).await;
    fleet.login("user", "first").await;
    for number in 0..count {
        fleet.add(&number.to_string(), json!({})).await;
    }
    fleet
}

fn has_password(expected: &str) -> impl Fn(&Secret) -> bool {
    move |secret: &Secret| password(secret).as_deref() == Some(expected)
}

/// The copies of a resource, in all namespaces.
async fn copies(fleet: &Fleet, name: &str) -> Vec<Secret> {
    let secrets = Api::<Secret>::all(fleet.client.clone());
    let called = ListParams::default().fields(&format!("metadata.name={name}"));
    secrets.list(&called).await.unwrap().items
}

/// Where the operator has written such an object successfully, once for each write: the namespaces of a fleet, or "" for its
/// resource.
fn written(world: &World, fleet: &Fleet, resource: &str) -> Vec<String> {
    let concerns = |request: &audit::Request| {
        let object = &request.object_ref;
        request.is_write()
            && request.response_status.code < 300
            && object.resource == resource
            && (fleet.includes(Some(&object.namespace))
                || object.namespace.is_empty() && object.name.starts_with(&fleet.name))
    };
    let all = audit::of_operator(world).into_iter().filter(concerns);
    all.map(|request| request.object_ref.namespace).collect()
}

/// Deletes a resource. Its operator deletes the copies: the garbage collector would take longer than the next test.
async fn clear(fleet: &Fleet, name: &str) {
    fleet.change(name, json!({"excludeNamespaces": ["*"]})).await;
    fleet.stands(name, "Ready", "0/0").await;
    fleet.delete(name).await;
}

/// A registry that accepts passwords that begin with "good".
fn registry() -> Scripted {
    Scripted::start(|head, _| {
        let token = head.lines().find_map(|line| line.split_once(": Basic "));
        let token = token.map(|(_, token)| token.trim().to_owned());
        let pair = token.and_then(|token| STANDARD.decode(token).ok());
        match pair {
            Some(pair) if pair.starts_with(b"user:good") => answer("200 OK", &[], ""),
            _ => answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], ""),
        }
    })
}

fn logins(registry: &Scripted) -> usize {
    let is_login = |head: &&String| head.contains("Basic ");
    registry.requests().iter().filter(is_login).count()
}

#[tokio::test]
async fn a_rejected_login_reaches_no_namespace_and_an_accepted_one_costs_one_login() {
    let (_alone, world) = alone().await;
    let registry = registry();
    let allowed = ["--allow-registry", registry.address.as_str()];
    let operator = start(world, &allowed);
    let fleet = fleet(world, "verified", 3).await;
    fleet.login("user", "wrong").await;
    let spec = json!({"registryUrl": registry.address, "verification": {"plainHttp": true}});
    let name = fleet.create("login", spec).await;
    let status = fleet.stands(&name, "HeldBack", "0/3").await;
    assert!(
        condition(&status, "Ready")
            .unwrap()
            .message
            .contains("no namespace gets them")
    );
    assert!(fleet.secrets("0").get_opt(&name).await.unwrap().is_none());
    assert_eq!(logins(&registry), 1);

    fleet.login("user", "good-1").await;
    fleet.stands(&name, "Ready", "3/3").await;
    assert_eq!(logins(&registry), 2);

    // A wrong password replaces nothing, whoever looks after it; new namespaces get the last accepted one.
    fleet.login("user", "wrong again").await;
    fleet.stands(&name, "HeldBack", "3/3").await;
    assert!(copies(&fleet, &name).await.iter().all(has_password("good-1")));
    fleet.add("new", json!({})).await;
    fleet.has("new", &name, has_password("good-1")).await;
    operator.stop();
    let operator = start(world, &allowed);
    // What a copy holds after a restart may have been written by somebody else: it gets into no other namespace.
    fleet.add("newer", json!({})).await;
    let status = fleet.stands(&name, "HeldBack", "4/5").await;
    assert!(fleet.secrets("newer").get_opt(&name).await.unwrap().is_none());
    assert!(status.verification.unwrap().secret_verified);
    assert_eq!(logins(&registry), 3);
    let copies = copies(&fleet, &name).await;
    assert!(copies.len() == 4 && copies.iter().all(has_password("good-1")));

    fleet.login("user", "good-2").await;
    for end in ["0", "1", "2", "new", "newer"] {
        fleet.has(end, &name, has_password("good-2")).await;
    }
    fleet.stands(&name, "Ready", "5/5").await;
    assert_eq!(logins(&registry), 4);
    for secret in ["wrong", "good-1", "good-2"] {
        assert!(!operator.log().contains(secret));
    }
    operator.stop();
}

/// Requests of the operator for one object each, as "verb resource", in the namespaces of a fleet and about its resource.
fn requests(world: &World, fleet: &Fleet) -> Vec<String> {
    let concerns = |request: &audit::Request| {
        let object = &request.object_ref;
        object.namespace.starts_with(&fleet.name) || object.name.starts_with(&fleet.name)
    };
    let all = audit::of_operator(world);
    let all = all
        .iter()
        .filter(|request| concerns(request) && request.verb != "watch");
    all.map(|request| format!("{} {}", request.verb, request.object_ref.resource))
        .collect()
}

#[tokio::test]
async fn namespaces_cost_one_write_each_and_nothing_at_rest_or_after_a_restart() {
    const COUNT: usize = 60;
    let (_alone, world) = alone().await;
    let operator = start(world, &[]);
    let fleet = fleet(world, "costs", COUNT).await;
    let outside = Fleet::new(world, "outside").await;
    outside.add("a", json!({})).await;
    let name = fleet.create("login", json!({})).await;
    fleet.stands(&name, "Ready", "60/60").await;
    audit::logged(
        world.audit_log(),
        "",
        &format!("patch clusterdockerpullsecrets/{name}/status"),
    )
    .await;
    let count = |what: &str| requests(world, &fleet).iter().filter(|one| *one == what).count();
    assert_eq!(count("patch secrets"), COUNT);
    let statuses = count("patch clusterdockerpullsecrets");
    assert!(statuses <= 3, "{statuses} statuses");
    // The login itself is read; it is in another namespace.
    let sources = count("get secrets");
    let in_namespaces = |verb: &str| {
        let all = audit::of_operator(world);
        let there = |request: &&audit::Request| {
            request.verb == verb && request.object_ref.namespace.starts_with(&format!("{}-", fleet.name))
        };
        all.iter().filter(there).count()
    };
    assert_eq!(in_namespaces("get") + in_namespaces("list"), 0);

    operator.stop();
    let operator = start(world, &[]);
    fleet.add("last", json!({})).await;
    fleet.has("last", &name, has_password("first")).await;
    fleet.stands(&name, "Ready", "61/61").await;
    audit::logged(
        world.audit_log(),
        &fleet.namespace("last"),
        &format!("patch secrets/{name}"),
    )
    .await;
    assert_eq!(count("patch secrets"), COUNT + 1);
    assert!(in_namespaces("get") <= 1, "one copy tells what was distributed");
    assert!(count("get secrets") > sources);
    let read = audit::of_operator(world);
    let foreign = |request: &&audit::Request| request.object_ref.namespace.starts_with(&outside.name);
    assert_eq!(read.iter().filter(foreign).count(), 0);
    assert_eq!(count("list secrets"), 0, "bodies of Secrets are never listed");
    operator.stop();
}

#[tokio::test]
async fn what_happened_while_no_operator_ran_is_made_up_for() {
    let (_alone, world) = alone().await;
    let operator = start(world, &[]);
    let fleet = fleet(world, "away", 5).await;
    fleet.add("later", json!({"labels": {}})).await;
    let name = fleet.create("login", json!({})).await;
    fleet.stands(&name, "Ready", "5/5").await;
    let gone = fleet.create("gone", json!({})).await;
    fleet.stands(&gone, "Ready", "5/5").await;
    operator.stop();

    fleet.add("new", json!({})).await;
    fleet.label("1", Value::Null).await;
    fleet.label("later", json!(fleet.name)).await;
    fleet.replace("4").await;
    fleet
        .namespaces
        .delete(&fleet.namespace("2"), &DeleteParams::default())
        .await
        .unwrap();
    fleet.login("user", "second").await;
    fleet
        .secrets("3")
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
    let stolen = Patch::Merge(json!({"data": {".dockerconfigjson": "e30="}}));
    fleet
        .secrets("0")
        .patch(&name, &PatchParams::default(), &stolen)
        .await
        .unwrap();
    fleet.delete(&gone).await;
    fleet.lacks("0", &gone).await;

    let operator = start(world, &[]);
    for end in ["0", "3", "4", "new", "later"] {
        fleet.has(end, &name, has_password("second")).await;
    }
    fleet.lacks("1", &name).await;
    fleet.stands(&name, "Ready", "5/5").await;
    operator.stop();
}

#[tokio::test]
async fn pods_of_selected_namespaces_get_the_secret_at_creation() {
    let (_alone, world) = alone().await;
    install_everywhere(
        world,
        "pods",
        "admission.attachPods=true",
        &["templates/admission-attach-pods.yaml"],
    );
    let operator = start(world, &["--attach-pods"]);
    let fleet = fleet(world, "pods", 1).await;
    fleet
        .add("tier", json!({"labels": {"fleet": fleet.name, "tier": "prod"}}))
        .await;
    fleet.add("excluded", json!({})).await;
    fleet
        .add("out", json!({"annotations": {"pullsecrets.dev/exclude": "true"}}))
        .await;
    fleet.add("other", json!({"labels": {}})).await;
    let all = fleet
        .create(
            "all",
            json!({"attachTo": {"pods": "MatchingImages"}, "excludeNamespaces": [fleet.namespace("ex*")]}),
        )
        .await;
    let selector = json!({"matchLabels": {"fleet": fleet.name}, "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["prod", "test"]}, {"key": "team", "operator": "DoesNotExist"}]});
    let prod = fleet
        .create(
            "prod",
            json!({"attachTo": {"pods": "MatchingImages"}, "namespaceSelector": selector}),
        )
        .await;
    fleet.stands(&all, "Ready", "2/2").await;
    fleet.stands(&prod, "Ready", "1/1").await;
    let gets = async |end: &str, image: &str, expected: &[&str]| {
        let pods = Api::<Pod>::namespaced(fleet.client.clone(), &fleet.namespace(end));
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"},
            "spec": {"containers": [{"name": "app", "image": image}]}});
        let params = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        eventually(&format!("{image} in {end} gets {expected:?}"), || async {
            let pod = pods
                .create(&params, &serde_json::from_value(pod.clone()).unwrap())
                .await;
            let spec = pod.map_err(|error| error.to_string())?.spec.unwrap_or_default();
            let mut listed: Vec<String> = spec
                .image_pull_secrets
                .unwrap_or_default()
                .into_iter()
                .map(|secret| secret.name)
                .collect();
            listed.sort();
            (listed == expected).then_some(()).ok_or_else(|| format!("{listed:?}"))
        })
        .await;
    };
    gets("0", "registry.example.com/app", &[&all]).await;
    gets("tier", "registry.example.com/app", &[&all, &prod]).await;
    gets("0", "elsewhere.example.com/app", &[]).await;
    for end in ["excluded", "out", "other"] {
        gets(end, "registry.example.com/app", &[]).await;
    }
    operator.stop();
    world.kubectl(&[
        "delete",
        "mutatingadmissionpolicy,mutatingadmissionpolicybinding",
        "--all",
    ]);
}

#[tokio::test]
async fn failing_pods_of_selected_namespaces_are_told_with_their_namespaces() {
    let (_alone, world) = alone().await;
    let operator = start(world, &[]);
    let fleet = fleet(world, "failing", 3).await;
    let name = fleet.create("login", json!({})).await;
    fleet.stands(&name, "Ready", "3/3").await;
    for (end, count) in [("0", 1), ("2", 3)] {
        let pods = Api::<Pod>::namespaced(fleet.client.clone(), &fleet.namespace(end));
        for number in 0..count {
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("web-{number}")},
                "spec": {"automountServiceAccountToken": false, "imagePullSecrets": [{"name": name}],
                    "containers": [{"name": "app", "image": "registry.example.com/app:1"}]}});
            let pod: Pod = serde_json::from_value(pod).unwrap();
            eventually("the ServiceAccount", || async {
                let created = pods.create(&PostParams::default(), &pod).await;
                created.map(drop).map_err(|error| error.to_string())
            })
            .await;
            let waiting = json!({"status": {"containerStatuses": [{"name": "app", "image": "registry.example.com/app:1",
                "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ErrImagePull",
                "message": crate::support::pods::unauthorized("registry.example.com/app:1")}}}]}});
            let pod = format!("web-{number}");
            pods.patch_status(&pod, &PatchParams::default(), &Patch::Strategic(waiting))
                .await
                .unwrap();
        }
    }
    let status = fleet
        .until(&name, "4 failing pods", |status| status.failing_pods == 4)
        .await;
    let failure = &status.pull_failures[0];
    let worst: Vec<(&str, u32)> = failure
        .namespaces
        .iter()
        .map(|one| (one.name.as_str(), one.count))
        .collect();
    let (first, second) = (fleet.namespace("2"), fleet.namespace("0"));
    assert_eq!(worst, [(first.as_str(), 3), (second.as_str(), 1)]);
    assert_eq!(failure.count, 4);
    let healthy = condition(&status, "PullsHealthy").unwrap();
    assert_eq!(healthy.status, "False");
    assert!(
        healthy.message.contains(&format!("in namespace {}", failure.namespace)),
        "{}",
        healthy.message
    );
    operator.stop();
}
