//! A hundred namespaces that are created at once, each with a Deployment that lists no Secret.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event as CoreEvent, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::support::fleet::Fleet;
use crate::support::objects::{condition, secret};
use crate::support::world::{OPERATOR, World};
use crate::support::{audit, within};

const COUNT: usize = 100;

/// Longest time that all of them may take, beside other tests.
const ALL: Duration = Duration::from_mins(10);

/// With `attachTo.pods`, no pull fails, as long as the operator is faster than the controllers and the kubelet: on a machine that is
/// busy with other tests it may be late for some, and they are counted.
pub(super) async fn a_hundred_namespaces_pull_at_their_first_attempt(world: &'static World) {
    let (fleet, name) = resource(world, "hundred", json!({"attachTo": {"pods": "MatchingImages"}})).await;
    let raced = fill(world, &fleet, &name).await;
    let failed = failures(&fleet).await;
    for event in &failed {
        let (secret, pod) = created(&fleet, &name, event).await;
        assert!(
            secret >= pod,
            "the Secret was there before the pod: {:?}",
            event.message
        );
    }
    let late = failed.len();
    println!(
        "attachTo.pods: {late} failed pulls, {raced} of {COUNT} pods were created without the Secret in their list"
    );
    assert_eq!(raced, 0);
    fleet.stands(&name, "Ready", "101/101").await;
    clear(&fleet).await;
}

/// With `attachTo.serviceAccounts`, a pod that was created before its ServiceAccount listed the Secret never gets it: its
/// successor does.
pub(super) async fn what_raced_in_a_hundred_namespaces_heals(world: &'static World) {
    let attach = json!({"attachTo": {"serviceAccounts": ["default"]}, "recovery": {"evictPods": "WhenFixed"}});
    let (fleet, name) = resource(world, "raced", attach).await;
    let raced = fill(world, &fleet, &name).await;
    let is_well = "Ready, with PullsHealthy";
    fleet
        .until_within(ALL, &name, is_well, |status| {
            let is = |kind| condition(status, kind).is_some_and(|condition| condition.status == "True");
            is("Ready") && is("PullsHealthy") && is("Attached")
        })
        .await;
    fleet.stands(&name, "Ready", "101/101").await;
    let failed = failures(&fleet).await;
    let pulls = failed.iter().filter(|event| {
        event
            .message
            .as_deref()
            .is_some_and(|text| text.starts_with("Failed to pull image"))
    });
    let pulls: i32 = pulls.map(|event| event.count.unwrap_or(1)).sum();
    let evicted = audit::evictions(world, &fleet.namespace(""));
    let evicted = evicted.iter().filter(|(_, code)| *code == 201).count();
    println!("attachTo.serviceAccounts: {pulls} failed pulls, {raced} of {COUNT} pods raced, {evicted} were evicted");
    clear(&fleet).await;
}

/// A resource for a fleet that has one namespace so far. The API server knows it once that one is ready.
async fn resource(world: &'static World, purpose: &str, attach: Value) -> (Fleet, String) {
    let fleet = Fleet::new(world, purpose).await;
    let login = secret(
        &fleet.name,
        "Opaque",
        &[("username", "robot"), ("password", world.registry("password"))],
    );
    let secrets = Api::namespaced(fleet.client.clone(), OPERATOR);
    secrets.create(&PostParams::default(), &login).await.unwrap();
    let mut spec = json!({"registryUrl": world.registry("basic"), "verification": {"mode": "OnChange"},
        "credentialsRef": {"namespace": OPERATOR, "name": fleet.name}});
    for (field, value) in attach.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let name = fleet.create("login", spec).await;
    fleet.add("first", json!({})).await;
    fleet.stands(&name, "Ready", "1/1").await;
    (fleet, name)
}

/// Creates the namespaces and Deployments, and waits until all pods run. Returns how many pods were created without the Secret.
async fn fill(world: &'static World, fleet: &Fleet, name: &str) -> usize {
    let container = json!({"name": "app", "image": format!("{}/team/app:1.0", world.registry("basic")), "imagePullPolicy": "Always"});
    let deployment: Deployment = serde_json::from_value(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
        }},
    }))
    .unwrap();
    let one = |number: usize| {
        let deployment = &deployment;
        async move {
            let end = number.to_string();
            fleet.add(&end, json!({})).await;
            let deployments: Api<Deployment> = Api::namespaced(fleet.client.clone(), &fleet.namespace(&end));
            deployments.create(&PostParams::default(), deployment).await.unwrap();
        }
    };
    // Those without the Secret are looked for from the beginning.
    let (_, raced) = tokio::join!(join_all((0..COUNT).map(one)), all_run(fleet, name));
    raced
}

/// Waits until all pods run. Returns how many there were that did not list the Secret.
async fn all_run(fleet: &Fleet, name: &str) -> usize {
    let events = watcher(Api::<Pod>::all(fleet.client.clone()), Config::default()).default_backoff();
    let mut events = pin!(events);
    let (mut running, mut raced) = (BTreeSet::new(), BTreeSet::new());
    let watch = async {
        while running.len() < COUNT {
            // What fails is tried again.
            let (pod, is_gone) = match events.next().await.expect("watches do not end") {
                Ok(Event::Apply(pod) | Event::InitApply(pod)) => (pod, false),
                Ok(Event::Delete(pod)) => (pod, true),
                Ok(Event::Init | Event::InitDone) | Err(_) => continue,
            };
            if !fleet.includes(pod.metadata.namespace.as_deref()) {
                continue;
            }
            if !lists(&pod, name) {
                raced.insert(pod.uid());
            }
            if runs(&pod) && !is_gone {
                running.insert(pod.uid());
            } else {
                running.remove(&pod.uid());
            }
        }
    };
    let in_time = tokio::time::timeout(ALL, watch).await;
    assert!(in_time.is_ok(), "{} of {COUNT} pods run after {ALL:?}", running.len());
    raced.len()
}

async fn pods(fleet: &Fleet) -> Result<Vec<Pod>, String> {
    let pods: Api<Pod> = Api::all(fleet.client.clone());
    let pods = pods.list(&ListParams::default()).await;
    let pods = pods.map_err(|error| error.to_string())?.items.into_iter();
    Ok(pods
        .filter(|pod| fleet.includes(pod.metadata.namespace.as_deref()))
        .collect())
}

fn lists(pod: &Pod, secret: &str) -> bool {
    let listed = pod.spec.as_ref().and_then(|spec| spec.image_pull_secrets.as_ref());
    listed.is_some_and(|listed| listed.iter().any(|one| one.name == secret))
}

fn runs(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    status.is_some_and(|status| status.phase.as_deref() == Some("Running"))
}

/// What kubelets say of pulls that failed.
async fn failures(fleet: &Fleet) -> Vec<CoreEvent> {
    let events: Api<CoreEvent> = Api::all(fleet.client.clone());
    let failed = events.list(&ListParams::default().fields("reason=Failed")).await;
    let failed = failed.unwrap().items.into_iter();
    failed
        .filter(|event| fleet.includes(event.metadata.namespace.as_deref()))
        .collect()
}

/// When the Secret of the namespace of an Event was created, and its pod.
async fn created(fleet: &Fleet, secret: &str, event: &CoreEvent) -> (Option<Time>, Option<Time>) {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let secrets: Api<Secret> = Api::namespaced(fleet.client.clone(), namespace);
    let pods: Api<Pod> = Api::namespaced(fleet.client.clone(), namespace);
    let secret = secrets.get(secret).await.unwrap();
    let pod = pods
        .get(event.involved_object.name.as_deref().unwrap_or_default())
        .await
        .unwrap();
    (secret.metadata.creation_timestamp, pod.metadata.creation_timestamp)
}

/// Deletes the namespaces, and waits until their pods are gone: the node has other things to do.
async fn clear(fleet: &Fleet) {
    let delete = |number: usize| {
        let namespace = fleet.namespace(&number.to_string());
        let namespaces = &fleet.namespaces;
        async move { namespaces.delete(&namespace, &DeleteParams::default()).await.map(drop) }
    };
    join_all((0..COUNT).map(delete)).await;
    within(ALL, "their pods are gone", || async {
        let left = pods(fleet).await?.len();
        (left == 0).then_some(()).ok_or_else(|| format!("{left} left"))
    })
    .await;
}
