//! A real node pulls with minted credentials, renewal after renewal.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use dps::api::DockerPullSecretStatus;
use serde_json::{Value, json};

use crate::minting::{clouds, consenting, fails_to_renew, operator_of, static_keys, status};
use crate::support::cloud::{Cloud, ECR, EXCHANGES};
use crate::support::objects::{Space, condition, with};
use crate::support::pods::Pods;
use crate::support::world::{World, fresh_node_world};
use crate::support::{eventually, heavy, within};

/// Longest time for anything that a node does, beside other tests.
const PULLS: Duration = Duration::from_mins(5);

/// Seconds that all credentials live.
const LIFE: u32 = 30;

/// Has the node ask `cloud` for the images of the clouds' registries, each by a name of its own.
fn lead(world: &World, cloud: &Cloud) {
    let (_, port) = cloud.address().rsplit_once(':').unwrap();
    let ca = std::fs::read_to_string(cloud.ca_file()).unwrap();
    let node = world.hosts_file().parent().unwrap();
    // What the node sees is below its own folder.
    std::fs::write(node.join("cloud-ca.crt"), ca).unwrap();
    let mut hosts = std::fs::OpenOptions::new()
        .append(true)
        .open(world.hosts_file())
        .unwrap();
    let mut fronts = BTreeMap::new();
    for (name, spec, ..) in clouds() {
        let registry = spec["registryUrl"].as_str().unwrap();
        let alias = format!("{name}.world.test");
        writeln!(hosts, "127.0.0.1 {alias}").unwrap();
        let folder = node.join("certs.d").join(registry);
        std::fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "server = \"https://{alias}:{port}\"\n[host.\"https://{alias}:{port}\"]\nca = \"{}\"\n",
            node.join("cloud-ca.crt").display()
        );
        std::fs::write(folder.join("hosts.toml"), text).unwrap();
        let front = match name {
            "aws" => "ecr",
            "azure" => "acr",
            other => other,
        };
        fronts.insert(alias, front);
    }
    cloud.put("fronts", &json!(fronts));
}

async fn pulls(space: &Space, pods: &Pods, pod: &str, registry: &str, secret: &str) {
    let container = json!({"name": "app", "image": format!("{registry}/team/app:1.0"), "imagePullPolicy": "Always"});
    let spec = json!({"containers": [container], "terminationGracePeriodSeconds": 0});
    pods.create_with(pod, spec, &[secret]).await;
    runs(space, pods, pod).await;
    pods.delete(pod).await;
}

async fn runs(space: &Space, pods: &Pods, pod: &str) {
    within(PULLS, &format!("{}/{pod} runs", space.name), || async {
        let pod = pods.api.get(pod).await.map_err(|error| error.to_string())?;
        let status = pod.status.unwrap_or_default();
        let is_running = status.phase.as_deref() == Some("Running");
        is_running
            .then_some(())
            .ok_or_else(|| format!("{:?}", status.container_statuses))
    })
    .await;
}

/// Requests with credentials that a registry refused.
fn refused(cloud: &Cloud) -> Vec<Value> {
    let pulls = cloud.requests(&["front", "acr-token"]).into_iter();
    pulls
        .filter(|request| request["credentials"].as_object().is_some_and(|sent| !sent.is_empty()))
        .filter(|request| [401, 403].map(Value::from).contains(&request["status"]))
        .collect()
}

/// All that are minted: with tokens of a ServiceAccount, and with long-lived keys.
fn all() -> impl Iterator<Item = (&'static str, Value)> {
    let with_tokens = clouds().into_iter().map(|(name, spec, ..)| (name, spec));
    with_tokens.chain(static_keys::specs())
}

/// Pulls with each for as long as three renewals take with a token, and one with a key.
async fn pull_through_renewals(space: &Space, pods: &Pods, cloud: &Cloud) {
    let is_renewed = || {
        let requests = cloud.requests(&[]);
        let of_tokens = |route: &&str| {
            let own = requests.iter().filter(|request| request["route"] == **route);
            own.filter(|request| request["namespace"] == space.name.as_str())
                .count()
        };
        let of_keys = |(name, _): (&str, Value)| static_keys::exchanges(&requests, name);
        EXCHANGES.iter().all(|route| of_tokens(route) > 3)
            && static_keys::specs().into_iter().all(|one| of_keys(one) > 1)
    };
    let mut round = 0;
    while !is_renewed() {
        for (name, spec) in all() {
            let pod = format!("{name}-{round}");
            pulls(space, pods, &pod, spec["registryUrl"].as_str().unwrap(), name).await;
        }
        round += 1;
    }
}

#[tokio::test]
async fn pods_pull_through_renewals_and_heal_after_an_outage_that_outlives_the_credentials() {
    let _heavy = heavy().await;
    let Some(world) = fresh_node_world() else { return };
    let space = consenting(&world, "renewals").await;
    let registry = format!("https://{}", world.registry("anonymous"));
    let local = registry.replace("open.world.test", "127.0.0.1");
    let cloud = Cloud::start(&world, Some((&local, world.registry("caFile"))));
    let trust = static_keys::trusted(cloud.trusting(&[(&space.name, "puller")]));
    cloud.put("trust", &trust);
    let routes = EXCHANGES.iter().chain(&["google-oauth"]);
    let lives: BTreeMap<&str, u32> = routes.map(|route| (*route, LIFE)).collect();
    cloud.put("lifetimes", &json!(lives));
    lead(&world, &cloud);
    let _operator = operator_of(&world, &cloud, &space);
    let pods = Pods::of(&space).await;
    for (name, _) in static_keys::specs() {
        static_keys::store(&space, &format!("{name}-key"), name).await;
    }
    for (name, spec) in all() {
        space
            .create(name, with(spec, json!({"verification": {"mode": "Disabled"}})))
            .await;
        space.ready(name).await;
    }
    pull_through_renewals(&space, &pods, &cloud).await;
    // A kubelet that is slow to learn of a Secret pulls without it at first: what counts is what was sent.
    assert_eq!(refused(&cloud), [] as [Value; 0]);
    let pulled = cloud.requests(&["front"]);
    assert!(
        pulled.iter().any(|request| request["namespace"] == space.name.as_str()),
        "pulls go to the clouds"
    );

    cloud.put("faults", &json!([{"route": "ecr", "status": 503}]));
    let is_failing = |status: &DockerPullSecretStatus| fails_to_renew(status).then_some(());
    space.until("aws", "cannot be renewed", is_failing).await;
    let expired = space.reason("aws", "Expired").await;
    // A status has whole seconds; the cloud's end may come within the next one.
    let end = status(&expired).minted.as_ref().unwrap().expires_at.as_ref().unwrap().0;
    eventually("the cloud's end", || async {
        let left = end + Duration::from_secs(1) - k8s_openapi::jiff::Timestamp::now();
        left.is_negative().then_some(()).ok_or_else(|| format!("{left:?}"))
    })
    .await;
    let container = json!({"name": "app", "image": format!("{ECR}/team/app:1.0"), "imagePullPolicy": "Always"});
    pods.create_with("late", json!({"containers": [container]}), &["aws"])
        .await;
    within(PULLS, "the pull is refused", || async {
        let refused = refused(&cloud);
        (!refused.is_empty()).then_some(()).ok_or_else(|| "not yet".to_owned())
    })
    .await;
    cloud.put("faults", &json!([]));
    // Each failed attempt has doubled the pause before the next one.
    let is_ready = |status: &DockerPullSecretStatus| (condition(status, "Ready")?.reason == "Ready").then_some(());
    let healed = space.until_within(PULLS, "aws", "heals", is_ready).await;
    assert_eq!(status(&healed).minted.as_ref().unwrap().failures, 0);
    runs(&space, &pods, "late").await;
}
