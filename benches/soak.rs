//! `make soak`: many resources for a long time, while everything changes and fails; at the end everything has to be right.

mod changes;
mod faults;
mod registries;
mod replicas;
mod verdict;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::Client;

use self::changes::Changes;
use self::faults::Faults;
use self::registries::SoakRegistries;
use self::replicas::Replicas;
use super::support::objects::Space;
use super::support::world::{World, world};

pub(crate) const NAMESPACES: usize = 50;
pub(crate) const RESOURCES_OF_NAMESPACE: usize = 10;

/// Requests at once while everything is made.
const PARALLEL: usize = 20;

/// What all parts share.
pub(crate) struct Soak {
    pub(crate) world: &'static World,
    pub(crate) client: Client,
    pub(crate) spaces: Vec<Space>,
    pub(crate) registries: SoakRegistries,
    /// When resources were deleted: what was known of their credentials went with their statuses.
    pub(crate) deleted: Mutex<Vec<(String, Instant)>>,
}

/// How often what happened.
#[derive(Default)]
pub(crate) struct Counts(BTreeMap<&'static str, u32>);

impl Counts {
    pub(crate) fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    fn print(&self, title: &str) {
        println!("\n{title}");
        for (what, count) in &self.0 {
            println!("  {count:>6}  {what}");
        }
    }
}

/// `minutes` of changes and faults; the same `seed` gives the same ones.
pub(crate) async fn run(minutes: u64, seed: u64) -> ExitCode {
    println!("{minutes} minutes with seed {seed}");
    let soak = Soak::prepare().await;
    let mut replicas = Replicas::start(&soak).await;
    soak.all_ready("all resources are ready", Duration::from_mins(2)).await;

    let end = Instant::now() + Duration::from_mins(minutes);
    let changes = Changes::new(&soak, seed);
    let faults = Faults::new(&soak, &mut replicas, seed);
    let (made, happened) = tokio::join!(changes.until(end), faults.until(end));
    made.print("changes");
    happened.print("faults");
    replicas.print_memory();
    verdict::of(&soak, replicas).await
}

impl Soak {
    async fn prepare() -> Self {
        let world = world();
        world.install();
        let registries = SoakRegistries::start();
        let mut spaces = Vec::new();
        for _ in 0..NAMESPACES {
            spaces.push(Space::new(world, "soak").await);
        }
        let soak = Self {
            world,
            client: world.admin().await,
            spaces,
            registries,
            deleted: Mutex::default(),
        };
        let own = &soak;
        futures::stream::iter(0..NAMESPACES * RESOURCES_OF_NAMESPACE)
            .for_each_concurrent(PARALLEL, |number| async move {
                let (space, index) = own.place(number);
                let password = format!("{}first", registries::GOOD);
                changes::set_password(own, number, &password).await.unwrap();
                space.create(&name(index), own.registries.spec(number)).await;
            })
            .await;
        soak
    }

    /// Namespace of a resource, and its number there.
    pub(crate) fn place(&self, number: usize) -> (&Space, usize) {
        (
            &self.spaces[number / RESOURCES_OF_NAMESPACE],
            number % RESOURCES_OF_NAMESPACE,
        )
    }
}

/// The user of a resource's login, who has no other.
pub(crate) fn user(space: &Space, index: usize) -> String {
    format!("{}-{index}", space.name)
}

pub(crate) fn name(index: usize) -> String {
    format!("app-{index}")
}

pub(crate) fn login(index: usize) -> String {
    format!("login-{index}")
}
