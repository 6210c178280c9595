//! `make bench`: the operator beside a bare client that makes the same requests, in one run on one control plane.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a program for developers"
)]

mod bare;
#[path = "../support/mod.rs"]
mod support;
mod usage;

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, Client};
use support::objects::{private, resource, secret};
use support::operator::Operator;
use support::world::{World, world};
use usage::Usage;

/// Resources in all, in this many namespaces.
pub const RESOURCES: usize = 1000;
pub const NAMESPACES: usize = 10;

const ROUNDS: usize = 3;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, kubeconfig, prefix, watching] = arguments.as_slice() {
        bare::run(kubeconfig, prefix, watching == "true").await;
        return;
    }
    let world = world();
    let kubeconfig = world.install();
    let client = world.admin().await;
    println!(
        "\n{RESOURCES} resources in {NAMESPACES} namespaces, one Secret write and one status write each; median of {ROUNDS}\n"
    );
    println!(
        "{:34} {:>9} {:>10} {:>9} {:>9}",
        "", "all done", "writes/s", "CPU", "peak RSS"
    );

    // In turns, since the control plane gets slower and faster by itself; the median is what counts.
    let (mut bare, mut watching, mut dps) = (Vec::new(), Vec::new(), Vec::new());
    let mut last: Option<(Operator, String)> = None;
    for round in 0..ROUNDS {
        if let Some((operator, prefix)) = last.take() {
            drop(operator);
            clear(&client, &prefix).await;
        }
        for (name, watches, measured) in [("bare", false, &mut bare), ("watching", true, &mut watching)] {
            let prefix = format!("{name}-{round}");
            prepare(&client, &prefix).await;
            measured.push(bare::measure(&kubeconfig, &prefix, watches));
            clear(&client, &prefix).await;
        }

        let prefix = format!("dps-{round}");
        prepare(&client, &prefix).await;
        let operator = Operator::start(world, &kubeconfig, &[]);
        dps.push(all_written(&operator).await);
        last = Some((operator, prefix));
    }
    let operator = last.expect("a round").0;
    let (bare, watching, dps) = (median(bare), median(watching), median(dps));
    row("bare client, without watches", &bare);
    row("bare client, with both watches", &watching);
    row("dps controller", &dps);
    dps.against("  against the one without", &bare);
    dps.against("  against the one with", &watching);
    println!();

    let before = Usage::of(operator.pid());
    tokio::time::sleep(Duration::from_mins(1)).await;
    let after = Usage::of(operator.pid());
    println!(
        "at rest, CPU seconds a minute: {:.2}",
        (after.cpu.saturating_sub(before.cpu)).as_secs_f64()
    );
    drop(operator);

    let alone = restarted(world, &kubeconfig).await;
    println!("peak RSS after a restart with {RESOURCES} resources and no other Secrets: {alone:.1} MiB");
    let mut there = 0;
    for count in [5_000, 20_000] {
        unrelated(&client, there..count).await;
        there = count;
        let peak = restarted(world, &kubeconfig).await;
        println!(
            "  with {count} unrelated Secrets of 20 KiB: {peak:.1} MiB ({:+.1})",
            peak - alone
        );
    }
}

/// Time from the first to the last write, and what the process used.
pub struct Measured {
    pub took: Duration,
    pub usage: Usage,
}

impl Measured {
    fn rate(&self) -> f64 {
        2.0 * f64::from(u32::try_from(RESOURCES).unwrap()) / self.took.as_secs_f64()
    }

    fn against(&self, name: &str, other: &Self) {
        println!(
            "{name:34} {:>9} {:>10.2} {:>9.2} {:>9.2}",
            "",
            self.rate() / other.rate(),
            self.usage.cpu.as_secs_f64() / other.usage.cpu.as_secs_f64(),
            self.usage.peak_mib / other.usage.peak_mib
        );
    }
}

/// The measurement of median duration.
fn median(mut all: Vec<Measured>) -> Measured {
    all.sort_by_key(|measured| measured.took);
    all.swap_remove(all.len() / 2)
}

fn row(name: &str, measured: &Measured) {
    println!(
        "{name:34} {:>7.2} s {:>10.0} {:>7.2} s {:>5.1} MiB",
        measured.took.as_secs_f64(),
        measured.rate(),
        measured.usage.cpu.as_secs_f64(),
        measured.usage.peak_mib
    );
}

/// Resources and the Secrets that they reference.
async fn prepare(client: &Client, prefix: &str) {
    for index in 0..NAMESPACES {
        let name = format!("{prefix}-{index}");
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        Api::all(client.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap();
        let login = secret("login", "Opaque", &[("username", "user"), ("password", "word")]);
        Api::namespaced(client.clone(), &name)
            .create(&PostParams::default(), &login)
            .await
            .unwrap();
        let api = Api::namespaced(client.clone(), &name);
        futures::stream::iter(0..RESOURCES / NAMESPACES)
            .for_each_concurrent(16, |index| {
                let api = &api;
                async move {
                    let resource = resource(
                        &format!("app-{index}"),
                        &private(&format!("r{index}.example.com"), "login"),
                    );
                    api.create(&PostParams::default(), &resource).await.unwrap();
                }
            })
            .await;
    }
}

/// Leaves nothing for the operator and the garbage collector to do.
async fn clear(client: &Client, prefix: &str) {
    for index in 0..NAMESPACES {
        let namespace = format!("{prefix}-{index}");
        let resources: Api<dps::api::DockerPullSecret> = Api::namespaced(client.clone(), &namespace);
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
        let (delete, list) = (DeleteParams::default(), ListParams::default());
        resources.delete_collection(&delete, &list).await.unwrap();
        secrets.delete_collection(&delete, &list).await.unwrap();
    }
}

/// Waits until the operator has made all writes; from its first list on.
async fn all_written(operator: &Operator) -> Measured {
    let count = |metrics: &str, kind: &str| -> usize {
        let prefix = format!("dps_writes_total{{kind=\"{kind}\"}} ");
        metrics
            .lines()
            .find_map(|line| line.strip_prefix(&prefix)?.parse().ok())
            .unwrap_or_default()
    };
    let mut begin = None;
    loop {
        let metrics = operator.get("/metrics").1;
        let (secrets, statuses) = (count(&metrics, "Secret"), count(&metrics, "DockerPullSecretStatus"));
        if secrets > 0 && begin.is_none() {
            begin = Some(Instant::now());
        }
        if secrets >= RESOURCES && statuses >= RESOURCES {
            let took = begin.map_or(Duration::ZERO, |begin| begin.elapsed());
            return Measured {
                took,
                usage: Usage::of(operator.pid()),
            };
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Peak memory of an operator that starts when everything is there already.
async fn restarted(world: &World, kubeconfig: &std::path::Path) -> f64 {
    let operator = Operator::start(world, kubeconfig, &[]);
    operator.wait_until_ready();
    loop {
        let metrics = operator.get("/metrics").1;
        let passes = metrics.lines().find_map(|line| {
            line.strip_prefix("dps_passes_total{result=\"Ready\"} ")?
                .parse::<usize>()
                .ok()
        });
        if passes.is_some_and(|passes| passes >= RESOURCES) {
            return Usage::of(operator.pid()).peak_mib;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn unrelated(client: &Client, numbers: std::ops::Range<usize>) {
    let namespace = Namespace {
        metadata: ObjectMeta {
            name: Some("unrelated".to_owned()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    // The second time it is there.
    let _ = Api::all(client.clone())
        .create(&PostParams::default(), &namespace)
        .await;
    let api = Api::namespaced(client.clone(), "unrelated");
    let content = "x".repeat(20 * 1024);
    futures::stream::iter(numbers)
        .for_each_concurrent(32, |number| {
            let (api, content) = (&api, &content);
            async move {
                let secret = secret(&format!("unrelated-{number}"), "Opaque", &[("content", content)]);
                api.create(&PostParams::default(), &secret).await.unwrap();
            }
        })
        .await;
}
