//! Pods that cannot pull, among many that run. Nodes would cost more than is measured: their part is played here.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use dps::api::DockerPullSecret;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::support::eventually;
use super::support::objects::{condition, private, resource, secret};
use super::support::operator::{Operator, counter};
use super::support::pods::{back_off, unauthorized};
use super::support::world::World;
use super::usage::{Usage, resident_mib};
use super::{create_namespace, unrelated};

const NAMESPACES: usize = 50;
pub(crate) const RESOURCES: usize = 5_000;
const SECRETS: usize = 5_000;
const RUNNING: usize = 20_000;
const FAILING: usize = 2_000;
/// Failures whose way to the status is timed.
const TIMED: usize = 200;
/// Pods that fail at once.
const AT_ONCE: usize = 5_000;

/// Requests at a time.
const PARALLEL: usize = 32;

pub(crate) async fn measure(world: &World, kubeconfig: &Path, client: &Client) {
    println!("\n{RESOURCES} resources in {NAMESPACES} namespaces, {SECRETS} unrelated Secrets, and pods\n");
    prepare(client).await;
    create_namespace(client, "unrelated").await;
    unrelated::create(client, 0..SECRETS).await;
    let mut operator = restarted(world, kubeconfig).await;
    println!("{:44} {:>9} {:>9} {:>12}", "", "RSS", "peak RSS", "CPU a minute");
    at_rest("no pods", &operator).await;

    pods(client, "running", RUNNING, |_| json!({"running": {}})).await;
    at_rest(&format!("{RUNNING} pods began to run meanwhile"), &operator).await;
    drop(operator);
    operator = restarted(world, kubeconfig).await;
    at_rest(&format!("restarted beside {RUNNING} running pods"), &operator).await;

    pods(
        client,
        "failing",
        FAILING,
        |image| json!({"waiting": {"reason": "ImagePullBackOff", "message": back_off(image, &unauthorized(image))}}),
    )
    .await;
    named(client, FAILING).await;
    at_rest(&format!("and {FAILING} failing ones"), &operator).await;
    drop(operator);
    operator = restarted(world, kubeconfig).await;
    at_rest("restarted beside all of them", &operator).await;

    latency(client).await;
    at_once(client, &operator).await;
}

fn namespace(number: usize) -> String {
    format!("pulls-{}", number % NAMESPACES)
}

fn registry(number: usize) -> String {
    format!("r{}.example.com", number / NAMESPACES)
}

pub(crate) async fn prepare(client: &Client) {
    for number in 0..NAMESPACES {
        create_namespace(client, &namespace(number)).await;
        let login = secret("login", "Opaque", &[("username", "user"), ("password", "word")]);
        let secrets = Api::namespaced(client.clone(), &namespace(number));
        secrets.create(&PostParams::default(), &login).await.unwrap();
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace(number));
        eventually("a ServiceAccount", || async {
            let account = accounts.get("default").await;
            account.map(|_| ()).map_err(|error| error.to_string())
        })
        .await;
    }
    futures::stream::iter(0..RESOURCES)
        .for_each_concurrent(PARALLEL, |number| async move {
            let api: Api<DockerPullSecret> = Api::namespaced(client.clone(), &namespace(number));
            let one = resource(
                &format!("app-{}", number / NAMESPACES),
                &private(&registry(number), "login"),
            );
            api.create(&PostParams::default(), &one).await.unwrap();
        })
        .await;
}

/// Creates a pod for a resource; what its kubelet says comes later.
async fn create(client: &Client, name: &str, number: usize) {
    let number = number % RESOURCES;
    let api: Api<Pod> = Api::namespaced(client.clone(), &namespace(number));
    let pod: Pod = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "web", "pod-template-hash": "7d4b9c5f68"}},
        "spec": {
            "automountServiceAccountToken": false,
            "imagePullSecrets": [{"name": format!("app-{}", number / NAMESPACES)}],
            "containers": [{"name": "app", "image": image(number), "ports": [{"containerPort": 8080}], "env": [{"name": "LOG", "value": "info"}]}],
        },
    }))
    .unwrap();
    api.create(&PostParams::default(), &pod).await.unwrap();
}

fn image(number: usize) -> String {
    format!("{}/team/app:1.0", registry(number % RESOURCES))
}

async fn say(client: &Client, name: &str, number: usize, state: &serde_json::Value) {
    let api: Api<Pod> = Api::namespaced(client.clone(), &namespace(number));
    let phase = if state.get("running").is_some() {
        "Running"
    } else {
        "Pending"
    };
    let status = json!({"status": {"phase": phase, "startTime": "2026-01-01T00:00:00Z", "containerStatuses": [{
        "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state}]}});
    let params = PatchParams::default();
    api.patch_status(name, &params, &Patch::Merge(status)).await.unwrap();
}

async fn pods(client: &Client, prefix: &str, count: usize, state: impl Fn(&str) -> serde_json::Value) {
    let state = &state;
    futures::stream::iter(0..count)
        .for_each_concurrent(PARALLEL, |number| async move {
            let name = format!("{prefix}-{number}");
            create(client, &name, number).await;
            say(client, &name, number, &state(&image(number))).await;
        })
        .await;
}

/// An operator that has looked at every resource.
pub(crate) async fn restarted(world: &World, kubeconfig: &Path) -> Operator {
    let operator = Operator::start_with(world, kubeconfig, &[], "info");
    let begin = Instant::now();
    loop {
        let metrics = operator.get("/metrics").1;
        let results = ["Ready", "CredentialsRejected"];
        let passes =
            results.map(|result| counter(&metrics, &format!("dps_reconciliations_total{{result=\"{result}\"}}")));
        if passes.iter().sum::<usize>() >= RESOURCES {
            return operator;
        }
        assert!(begin.elapsed() < Duration::from_mins(5), "{metrics}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn at_rest(what: &str, operator: &Operator) {
    const WHILE: Duration = Duration::from_secs(20);
    // What was triggered before is done by then.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = Usage::of(operator.pid());
    tokio::time::sleep(WHILE).await;
    let after = Usage::of(operator.pid());
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64() * 60.0 / WHILE.as_secs_f64();
    let now = resident_mib(operator.pid());
    println!("{what:44} {now:>5.1} MiB {:>5.1} MiB {cpu:>10.2} s", after.peak_mib);
}

/// Waits until so many failing pods are named in all.
async fn named(client: &Client, count: usize) {
    let resources: Api<DockerPullSecret> = Api::all(client.clone());
    let begin = Instant::now();
    loop {
        let all = resources.list(&kube::api::ListParams::default()).await.unwrap().items;
        let failing: u32 = all
            .iter()
            .filter_map(|one| Some(one.status.as_ref()?.failing_pods))
            .sum();
        if usize::try_from(failing).unwrap() >= count {
            return;
        }
        assert!(begin.elapsed() < Duration::from_mins(5), "{failing} of {count}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// From a kubelet's report to the status that names it; a failure has to last a second before it counts.
async fn latency(client: &Client) {
    let names: Vec<(String, usize)> = (0..TIMED)
        .map(|number| (format!("timed-{number}"), RESOURCES - 1 - number))
        .collect();
    for (name, number) in &names {
        create(client, name, *number).await;
    }
    let resources: Api<DockerPullSecret> = Api::all(client.clone());
    let events = resources.watch(&WatchParams::default(), "0").await.unwrap();
    let mut begun: HashMap<(String, String), Instant> = HashMap::new();
    let mut took = Vec::new();
    let mut events = std::pin::pin!(events);
    let mut next = names.iter();
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    while took.len() < TIMED {
        tokio::select! {
            _ = ticks.tick(), if next.len() > 0 => {
                let (name, number) = next.next().unwrap();
                let image = image(*number);
                say(client, name, *number, &json!({"waiting": {"reason": "ErrImagePull", "message": unauthorized(&image)}})).await;
                begun.insert((namespace(*number), format!("app-{}", number / NAMESPACES)), Instant::now());
            }
            Some(event) = events.next() => {
                let Ok(WatchEvent::Modified(one) | WatchEvent::Added(one)) = event else { continue };
                let key = (one.namespace().unwrap(), one.name_any());
                let told = one.status.as_ref().and_then(|status| condition(status, "PullsHealthy")).is_some_and(|condition| condition.status == "False");
                if told && let Some(begin) = begun.remove(&key) {
                    took.push(begin.elapsed());
                }
            }
        }
    }
    took.sort();
    let at = |percent: usize| took[(TIMED * percent / 100).min(TIMED - 1)].as_secs_f64();
    println!(
        "\nfrom a pod's status to the resource's, {TIMED} failures, with the second that a failure has to last: median {:.2} s, 99th percentile {:.2} s",
        at(50),
        at(99)
    );
}

async fn at_once(client: &Client, operator: &Operator) {
    let number = 0;
    futures::stream::iter(0..AT_ONCE)
        .for_each_concurrent(PARALLEL, |index| create_once(client, index, number))
        .await;
    let writes = || {
        counter(
            &operator.get("/metrics").1,
            "dps_writes_total{kind=\"DockerPullSecretStatus\"}",
        )
    };
    let (before, begin) = (writes(), Instant::now());
    let image = image(number);
    let state = json!({"waiting": {"reason": "ErrImagePull", "message": unauthorized(&image)}});
    let state = &state;
    futures::stream::iter(0..AT_ONCE)
        .for_each_concurrent(PARALLEL, |index| async move {
            say(client, &format!("once-{index}"), number, state).await;
        })
        .await;
    let told = begin.elapsed();
    let api: Api<DockerPullSecret> = Api::namespaced(client.clone(), &namespace(number));
    loop {
        let status = api.get("app-0").await.unwrap().status.unwrap_or_default();
        if usize::try_from(status.failing_pods).unwrap() >= AT_ONCE {
            break;
        }
        assert!(begin.elapsed() < Duration::from_mins(5), "{}", status.failing_pods);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!(
        "{AT_ONCE} pods that fail for one cause within {:.0} s: {} status writes until all are counted, after {:.0} s; peak RSS {:.1} MiB",
        told.as_secs_f64(),
        writes() - before,
        begin.elapsed().as_secs_f64(),
        Usage::of(operator.pid()).peak_mib
    );
}

async fn create_once(client: &Client, index: usize, number: usize) {
    create(client, &format!("once-{index}"), number).await;
}
