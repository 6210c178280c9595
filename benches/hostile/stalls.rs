//! Registries that never answer, in numbers, and what another tenant notices of them.

mod watch;

use std::time::{Duration, Instant};

use dps::api::VerificationResult;
use futures::StreamExt as _;

use super::super::support::objects::Space;
use super::super::support::world::world;
use super::figures::{Bound, Figure, Table};
use super::servers::{self, Answer, PASSWORD, SHARED, SILENT, STALLING};
use super::wrong_logins::{self, PARALLEL, plain};
use watch::{Peaks, Watch};

/// A way to keep the operator waiting.
pub(crate) struct Attack {
    what: &'static str,
    count: usize,
    registry: fn(usize) -> String,
    serve: fn(),
    before: Before,
}

/// What 27afdb1 made of it: time to the verdict of another tenant, memory, descriptors, time for /livez.
struct Before {
    verdict: &'static str,
    memory: &'static str,
    descriptors: &'static str,
    livez: &'static str,
}

const UNKNOWN: &str = "not measured";

const NOTHING: Before = Before {
    verdict: UNKNOWN,
    memory: UNKNOWN,
    descriptors: UNKNOWN,
    livez: UNKNOWN,
};

pub(crate) const NAMES: Attack = Attack {
    what: "names that no server resolves",
    count: 2_000,
    registry: |index| format!("name{index}.slow.test:5443"),
    serve: || (),
    before: Before {
        verdict: "none in 103 s",
        memory: UNKNOWN,
        descriptors: UNKNOWN,
        livez: UNKNOWN,
    },
};

pub(crate) const HOSTS: Attack = Attack {
    what: "hosts that accept and hang",
    count: 2_000,
    registry: |index| format!("{}:{SILENT}", address(18, index)),
    serve: || {
        servers::serve(SILENT, |_| Answer::Begin(String::new()));
    },
    before: Before {
        verdict: "0.65 s",
        memory: "101 MB",
        descriptors: "1024, all",
        livez: "none in 5 s",
    },
};

pub(crate) const BODIES: Attack = Attack {
    what: "hosts that send 64,500 bytes and stall",
    count: 3_000,
    registry: |index| format!("{}:{STALLING}", address(19, index)),
    serve: || {
        servers::serve(STALLING, |_| {
            let body = "x".repeat(64_500);
            Answer::Begin(format!("HTTP/1.1 200 OK\r\nContent-Length: 65000\r\n\r\n{body}"))
        });
    },
    before: Before {
        verdict: UNKNOWN,
        memory: "374 MB",
        descriptors: UNKNOWN,
        livez: UNKNOWN,
    },
};

/// Namespaces of a tenant that has several: together they may have more attempts in flight than there are for all.
const SEVERAL: usize = 10;

/// Resources of the other tenant, one after another while the attack goes on.
const VICTIMS: usize = 5;

/// Time between two of them: all together, longer than a request may take.
const BETWEEN: Duration = Duration::from_secs(4);

/// Longest time for a verdict.
const PATIENCE: Duration = Duration::from_mins(2);

/// By a tenant with one namespace, and by one with several.
pub(crate) async fn measure(table: &mut Table, attack: &Attack) {
    (attack.serve)();
    servers::shared();
    measure_from(1, table, attack).await;
    measure_from(SEVERAL, table, attack).await;
}

async fn measure_from(namespaces: usize, table: &mut Table, attack: &Attack) {
    let registry = format!("registry.shared.test:{SHARED}");
    let world = world();
    world.install();
    let victim = Space::new(world, "stalls-victim").await;
    let mut attackers = Vec::new();
    for _ in 0..namespaces {
        attackers.push(Space::new(world, "stalls-attacker").await);
    }
    let operator = wrong_logins::operator(world, &[], &[]);
    let watch = Watch::start(&operator);
    create(&attackers, attack).await;
    let mut slowest = Figure::Time(Duration::ZERO);
    for number in 0..VICTIMS {
        slowest = slowest.max(verdict(&victim, &format!("user-{number}"), &registry).await);
        tokio::time::sleep(BETWEEN).await;
    }
    let peaks = watch.stop();
    drop(operator);
    for space in attackers.iter().chain([&victim]) {
        wrong_logins::clear(space).await;
    }
    let first = namespaces == 1;
    let from = if first { "" } else { " from 10 namespaces" };
    rows(
        table,
        &format!("{} {}{from}", attack.count, attack.what),
        slowest,
        &peaks,
        if first { &attack.before } else { &NOTHING },
    );
}

fn rows(table: &mut Table, what: &str, verdict: Figure, peaks: &Peaks, before: &Before) {
    let seconds = |seconds| Figure::Time(Duration::from_secs(seconds));
    table.add(
        &format!("{what}: verdict for a victim"),
        verdict,
        Bound::AtMost(seconds(2)),
        before.verdict,
    );
    table.add(
        "  resident memory",
        Figure::Mib(peaks.resident_mib),
        Bound::Under(Figure::Mib(64.0)),
        before.memory,
    );
    table.add(
        "  open descriptors",
        Figure::Count(peaks.descriptors),
        Bound::Under(Figure::Count(200)),
        before.descriptors,
    );
    table.add("  /livez", peaks.livez, Bound::Under(seconds(1)), before.livez);
}

/// Of many addresses of this network.
fn address(second: u8, index: usize) -> String {
    format!("198.{second}.{}.{}", 16 + index / 250, 1 + index % 250)
}

async fn create(spaces: &[Space], attack: &Attack) {
    for space in spaces {
        space.credentials("login", "user", "word").await;
    }
    futures::stream::iter(0..attack.count)
        .for_each_concurrent(PARALLEL, |index| async move {
            let spec = plain(&(attack.registry)(index), "login");
            spaces[index % spaces.len()].create(&format!("app-{index}"), spec).await;
        })
        .await;
}

/// How long the credentials of a user who may log in wait for their verdict.
pub(crate) async fn verdict(space: &Space, user: &str, registry: &str) -> Figure {
    let login = format!("{user}-login");
    space.credentials(&login, user, PASSWORD).await;
    let begin = Instant::now();
    space.create(user, plain(registry, &login)).await;
    while begin.elapsed() < PATIENCE {
        let status = space.resources.get(user).await.unwrap().status;
        let result = status
            .and_then(|status| status.verification)
            .and_then(|verification| verification.result);
        if result == Some(VerificationResult::Accepted) {
            return Figure::Time(begin.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Figure::Never(PATIENCE)
}
