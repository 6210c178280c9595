//! `make bench`: the operator beside a bare client that makes the same requests, in one run on one control plane.
//! `writes`, `logins`, `pulls`, `page` or `cloud` says what to measure: each on a control plane of its own, since they get slower by themselves.
//! `namespaces COUNT` measures one login for so many of them.
//! `hostile` measures what attacks cost others; `make soak` lets everything fail for a long time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "a program for developers"
)]

mod bare;
mod bare_cloud;
mod bare_logins;
mod cloud;
mod hostile;
mod logins;
mod namespaces;
mod page;
mod pulls;
mod soak;
#[path = "../tests/support/mod.rs"]
mod support;
mod unrelated;
mod usage;
mod writes;

use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, Client};
use support::world::world;
use usage::Usage;

/// Resources in all, in this many namespaces.
pub const RESOURCES: usize = 1000;
pub const NAMESPACES: usize = 10;

/// Even, so that each comes first as often as the other where they take turns.
pub const ROUNDS: usize = 6;

/// The benchmarks scrape all the time, which nobody else does.
pub const POLLED: &str = "--resource-metrics=false";

/// Environment variable of the bare client.
pub const PASSWORD: &str = "BENCH_PASSWORD";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["bare-writes", kubeconfig, prefix, watching] => bare::run(kubeconfig, prefix, *watching == "true").await,
        ["bare-namespaces", kubeconfig, label, watches] => {
            namespaces::bare(kubeconfig, label, *watches == "true").await;
        }
        ["namespaces", count] => {
            let world = world();
            let (kubeconfig, client) = (world.install(), world.admin().await);
            namespaces::measure(world, &kubeconfig, &client, count.parse().unwrap()).await;
        }
        ["bare-cloud", kubeconfig, ca] => bare_cloud::run(kubeconfig, ca).await,
        ["bare-logins", registry] => bare_logins::run(registry, None).await,
        ["bare-logins", registry, kubeconfig, prefix] => bare_logins::run(registry, Some((kubeconfig, prefix))).await,
        ["writes" | "logins" | "pulls" | "page" | "cloud"] => {
            let world = world();
            let (kubeconfig, client) = (world.install(), world.admin().await);
            match arguments.as_slice() {
                ["logins"] => logins::measure(world, &kubeconfig, &client).await,
                ["cloud"] => cloud::measure(world, &kubeconfig, &client).await,
                ["page"] => page::measure(world, &kubeconfig, &client).await,
                ["pulls"] => pulls::measure(world, &kubeconfig, &client).await,
                _ => {
                    writes::measure(world, &kubeconfig, &client).await;
                    unrelated::measure(world, &kubeconfig, &client).await;
                }
            }
        }
        ["hostile", arguments @ ..] => return hostile::measure(arguments, false).await,
        ["hostile-isolated", arguments @ ..] => return hostile::measure(arguments, true).await,
        ["soak", minutes, seed] => return soak::run(minutes.parse().unwrap(), seed.parse().unwrap()).await,
        other => {
            panic!("{other:?}: use writes, logins, pulls, page, cloud, namespaces COUNT, hostile or soak MINUTES SEED")
        }
    }
    ExitCode::SUCCESS
}

/// What was done, how long it took, and what the process used.
pub struct Measured {
    pub operations: usize,
    pub took: Duration,
    pub usage: Usage,
}

impl Measured {
    fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.operations).unwrap()) / self.took.as_secs_f64()
    }
}

/// The same thing measured once in each round.
#[derive(Default)]
pub struct Rounds(pub Vec<Measured>);

impl Rounds {
    /// The medians.
    pub fn row(&self, name: &str) {
        let of = |number: fn(&Measured) -> f64| median(self.0.iter().map(number));
        println!(
            "{name:36} {:>7.2} s {:>10.0} {:>7.2} s {:>5.1} MiB",
            of(|one| one.took.as_secs_f64()),
            of(Measured::rate),
            of(|one| one.usage.cpu.as_secs_f64()),
            of(|one| one.usage.peak_mib)
        );
    }

    /// The medians of what it comes to beside another thing in the same round: a control plane gets slower and faster
    /// by itself, from round to round more than within one.
    pub fn against(&self, name: &str, other: &Self) {
        let pairs = || self.0.iter().zip(&other.0);
        let of = |number: fn(&Measured) -> f64| median(pairs().map(|(own, other)| number(own) / number(other)));
        let rates = || pairs().map(|(own, other)| own.rate() / other.rate());
        println!(
            "{name:36} {:>9} {:>10.2} {:>9.2} {:>9.2}   {:.2} to {:.2}",
            "",
            of(Measured::rate),
            of(|one| one.usage.cpu.as_secs_f64()),
            of(|one| one.usage.peak_mib),
            rates().fold(f64::INFINITY, f64::min),
            rates().fold(0.0, f64::max)
        );
    }
}

/// Of an even number, the mean of the two in the middle.
fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = numbers.collect();
    all.sort_by(f64::total_cmp);
    f64::midpoint(all[(all.len() - 1) / 2], all[all.len() / 2])
}

pub fn head(operations: &str) {
    println!(
        "{:36} {:>9} {operations:>10} {:>9} {:>9}",
        "", "all done", "CPU", "peak RSS"
    );
}

pub async fn create_namespace(client: &Client, name: &str) {
    let namespace = Namespace {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    Api::all(client.clone())
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
}

/// Leaves nothing for the operator and the garbage collector to do.
pub async fn clear(client: &Client, prefix: &str) {
    for index in 0..NAMESPACES {
        let namespace = format!("{prefix}-{index}");
        let resources: Api<dps::api::DockerPullSecret> = Api::namespaced(client.clone(), &namespace);
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
        let (delete, list) = (DeleteParams::default(), ListParams::default());
        resources.delete_collection(&delete, &list).await.unwrap();
        secrets.delete_collection(&delete, &list).await.unwrap();
    }
}
