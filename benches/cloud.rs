//! Credentials that are minted, each for an identity of its own, through one renewal of all.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use dps::api::DockerPullSecret;
use dps::domain::time::Timestamp;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::support::cloud::{ACR, Cloud, ECR, EXCHANGES, GAR, ID, POOL, QUAY, ROBOT, ROLE};
use super::support::helm::install_everywhere;
use super::support::objects::resource;
use super::support::operator::{CLUSTER, Operator, counter};
use super::support::world::World;
use super::usage::Usage;
use super::{Measured, NAMESPACES, POLLED, RESOURCES, Rounds, bare, create_namespace, head};

/// Seconds that all credentials live: long enough that nobody waits for a renewal behind another one.
const LIFE: u64 = 300;

/// Requests at a time.
const AT_A_TIME: usize = 16;

/// A resource in each namespace.
pub(crate) const OWNER: &str = "owner";

pub(crate) async fn measure(world: &World, kubeconfig: &Path, client: &Client) {
    world.allow_audience(QUAY);
    install_everywhere(
        world,
        "minting",
        "minting.anyServiceAccount=true",
        &["templates/rbac.yaml"],
    );
    let cloud = Cloud::start(world, None);
    let lives: BTreeMap<&str, u64> = EXCHANGES.iter().map(|route| (*route, LIFE)).collect();
    cloud.put("lifetimes", &json!(lives));
    let names: Vec<(String, String)> = (0..RESOURCES)
        .map(|number| (namespace(number), account(number)))
        .collect();
    let trusted: Vec<(&str, &str)> = names.iter().map(|(namespace, name)| (&**namespace, &**name)).collect();
    cloud.trust(&trusted);
    prepare(client).await;
    println!("\n{RESOURCES} resources with an identity each, a quarter of them at each cloud\n");
    head("exchanges/s");

    let (mut bare_client, mut dps) = (Rounds::default(), Rounds::default());
    let arguments = [
        "bare-cloud",
        kubeconfig.to_str().unwrap(),
        cloud.ca_file().to_str().unwrap(),
    ]
    .map(str::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    bare_client
        .0
        .extend(bare::measure(RESOURCES, &arguments, &cloud.variables()));

    create_resources(client).await;
    let arguments = [&CLUSTER[..], &[POLLED]].concat();
    let operator = Operator::start_in(world, kubeconfig, &arguments, &cloud.variables());
    dps.0.push(minted(&operator, 0, RESOURCES).await);
    bare_client.row("bare client");
    dps.row("dps controller");
    dps.against("dps against the bare client", &bare_client);

    let before = Usage::of(operator.pid()).cpu;
    let begin = Instant::now();
    minted(&operator, RESOURCES, 2 * RESOURCES).await;
    let usage = Usage::of(operator.pid());
    println!(
        "\nuntil all were renewed: {:.0} s, {:.2} CPU seconds, peak {:.1} MiB, {} failed",
        begin.elapsed().as_secs_f64(),
        usage.cpu.saturating_sub(before).as_secs_f64(),
        usage.peak_mib,
        failed(&operator),
    );
    print!("{}", histogram(&cloud.requests(&EXCHANGES)));
}

fn namespace(number: usize) -> String {
    format!("cloud-{}", number % NAMESPACES)
}

fn account(number: usize) -> String {
    format!("puller-{}", number / NAMESPACES)
}

/// The registry, and `credentialsFrom`.
pub(crate) fn source(number: usize) -> (&'static str, Value) {
    let (registry, provider, fields) = match number % 4 {
        0 => (ECR, "aws", json!({"roleArn": ROLE})),
        1 => (ACR, "azure", json!({"clientId": ID, "tenantId": ID})),
        2 => (GAR, "google", json!({"workloadIdentityProvider": POOL})),
        _ => (QUAY, "quay", json!({"robot": ROBOT})),
    };
    (
        registry,
        json!({"serviceAccountRef": {"name": account(number)}, provider: fields}),
    )
}

/// The namespace of a resource, and its registry and source.
pub(crate) fn all() -> impl Iterator<Item = (String, &'static str, Value)> {
    (0..RESOURCES).map(|number| {
        let (registry, from) = source(number);
        (namespace(number), registry, from)
    })
}

async fn prepare(client: &Client) {
    for number in 0..NAMESPACES {
        create_namespace(client, &namespace(number)).await;
        // What owns the bare client's Secrets: the policy on the operator's writes asks for it.
        let spec = json!({"type": "DockerHub", "credentialsRef": {"name": "none"}, "suspend": true});
        let owners: Api<DockerPullSecret> = Api::namespaced(client.clone(), &namespace(number));
        let owner = resource(OWNER, &spec);
        owners.create(&PostParams::default(), &owner).await.unwrap();
    }
    futures::stream::iter(0..RESOURCES)
        .for_each_concurrent(AT_A_TIME, |number| async move {
            let new: ServiceAccount = serde_json::from_value(json!({"metadata": {"name": account(number)}})).unwrap();
            let accounts = Api::namespaced(client.clone(), &namespace(number));
            accounts.create(&PostParams::default(), &new).await.unwrap();
        })
        .await;
}

async fn create_resources(client: &Client) {
    futures::stream::iter(0..RESOURCES)
        .for_each_concurrent(AT_A_TIME, |number| async move {
            let (registry, from) = source(number);
            let spec = json!({"type": "PrivateRegistry", "registryUrl": registry, "credentialsFrom": from,
                "verification": {"mode": "Disabled"}});
            let resources: Api<DockerPullSecret> = Api::namespaced(client.clone(), &namespace(number));
            let new = resource(&format!("app-{number}"), &spec);
            resources.create(&PostParams::default(), &new).await.unwrap();
        })
        .await;
}

/// Waits until so many credentials were minted in all and are in Secrets.
async fn minted(operator: &Operator, before: usize, wanted: usize) -> Measured {
    let begin = Instant::now();
    loop {
        let written = operator.count("dps_writes_total{kind=\"Secret\"}");
        let minted = operator.count("dps_mints_total{");
        if written >= wanted && minted >= wanted {
            return Measured {
                operations: wanted - before,
                took: begin.elapsed(),
                usage: Usage::of(operator.pid()),
            };
        }
        assert!(
            begin.elapsed() < Duration::from_secs(2 * LIFE + 120),
            "{minted} minted and {written} written of {wanted}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn failed(operator: &Operator) -> usize {
    let metrics = operator.get("/metrics").1;
    let lines = metrics.lines().filter(|line| !line.contains("result=\"Resolved\""));
    counter(&lines.collect::<Vec<_>>().join("\n"), "dps_mints_total{")
}

/// At which part of their life credentials were renewed.
fn histogram(requests: &[Value]) -> String {
    let mut times: HashMap<(&str, &str), Vec<Timestamp>> = HashMap::new();
    let mut seconds: BTreeMap<i64, usize> = BTreeMap::new();
    for request in requests {
        let text = |field: &str| request[field].as_str().unwrap_or_default();
        let time: Timestamp = text("time").parse().unwrap();
        times.entry((text("namespace"), text("name"))).or_default().push(time);
    }
    let mut parts: BTreeMap<u64, usize> = BTreeMap::new();
    for all in times.values() {
        // The first of three is the bare client's.
        if let [_, first, second, ..] = all[..] {
            let age = Duration::try_from(second.duration_since(first)).unwrap();
            *parts.entry(age.as_secs() * 100 / LIFE).or_default() += 1;
            *seconds.entry(second.as_second()).or_default() += 1;
        }
    }
    let mut text = "\nrenewed at this part of their life:\n".to_owned();
    for (part, count) in &parts {
        let _ = writeln!(text, "  0.{part:02} {count:>4} {}", "#".repeat(count / 4));
    }
    let most = seconds.values().max().copied().unwrap_or_default();
    let _ = writeln!(text, "most renewals within a second: {most}");
    text
}
