//! Registries that never answer, in numbers, and what another tenant notices of them.

mod watch;

use std::time::Duration;

use futures::StreamExt as _;

use super::super::support::objects::Space;
use super::super::support::world::world;
use super::figures::{self, Bound, Figure, Table, UNKNOWN};
use super::servers::{self, Answer, SHARED, SILENT, STALLING};
use super::tenants::{self, PARALLEL, plain};
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
    let operator = tenants::operator(world, &[], &[]);
    let watch = Watch::start(&operator);
    create(&attackers, attack).await;
    let mut slowest = Figure::Time(Duration::ZERO);
    for number in 0..VICTIMS {
        slowest = slowest.max(tenants::verdict(&victim, &format!("user-{number}"), &registry).await);
        tokio::time::sleep(BETWEEN).await;
    }
    let peaks = watch.stop();
    drop(operator);
    for space in attackers.iter().chain([&victim]) {
        tenants::clear(space).await;
    }
    if namespaces == 1 {
        figures::title(&format!("{} {}", attack.count, attack.what));
        rows(table, slowest, &peaks, &attack.before);
    } else {
        figures::title(&format!(
            "{} {}, from {namespaces} namespaces",
            attack.count, attack.what
        ));
        rows(table, slowest, &peaks, &NOTHING);
    }
}

fn rows(table: &mut Table, verdict: Figure, peaks: &Peaks, before: &Before) {
    let seconds = |seconds| Figure::Time(Duration::from_secs(seconds));
    let (memory, descriptors) = (Figure::Mib(peaks.resident_mib), Figure::Count(peaks.descriptors));
    table.add(
        "  verdict for another tenant",
        verdict,
        Bound::AtMost(seconds(2)),
        before.verdict,
    );
    table.add(
        "  resident memory",
        memory,
        Bound::Under(Figure::Mib(64.0)),
        before.memory,
    );
    table.add(
        "  open descriptors",
        descriptors,
        Bound::Under(Figure::Count(200)),
        before.descriptors,
    );
    table.add(
        "  answer of /livez",
        peaks.livez,
        Bound::Under(seconds(1)),
        before.livez,
    );
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
