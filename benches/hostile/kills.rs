//! Processes that die between a login and its verdict.

use std::time::{Duration, Instant};

use futures::StreamExt as _;

use super::super::support::objects::Space;
use super::super::support::operator::Operator;
use super::super::support::world::world;
use super::super::support::{DEADLINE, eventually};
use super::figures::{Bound, Figure, Table};
use super::servers::{self, Answer, Logins, SLOW};
use super::tenants::{self, PARALLEL, plain};

const KILLS: usize = 10;
const RESOURCES: usize = 20;

/// How long the registry takes for each answer.
const DELAY: Duration = Duration::from_secs(1);

/// An attempt that comes comes within this time.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn measure(table: &mut Table) {
    let logins = servers::serve(SLOW, |login| Answer::After(DELAY, servers::registry(login)));
    let world = world();
    world.install();
    let space = Space::new(world, "kills").await;
    space.credentials("login", "user", "wrong").await;
    let own = &space;
    futures::stream::iter(0..RESOURCES)
        .for_each_concurrent(PARALLEL, |index| async move {
            let url = format!("198.18.0.7:{SLOW}/team-{index}");
            own.create(&format!("app-{index}"), plain(&url, "login")).await;
        })
        .await;
    for _ in 0..KILLS {
        let operator = tenants::operator(world, &[&space], &[]);
        attempt(&operator, &logins).await;
        // SIGKILL.
        drop(operator);
    }
    let operator = tenants::operator(world, &[&space], &[]);
    attempt(&operator, &logins).await;
    tokio::time::sleep(2 * DELAY).await;
    drop(operator);
    tenants::clear(&space).await;
    table.add(
        &format!("failed logins with one wrong password, over {KILLS} kills"),
        Figure::Count(logins.of("user")),
        Bound::AtMost(Figure::Count(1)),
        "11",
    );
}

/// Waits until an attempt has reached the registry, or none is to be expected: every resource was looked at.
async fn attempt(operator: &Operator, logins: &Logins) {
    let (before, begin) = (logins.of("user"), Instant::now());
    eventually("all resources are reconciled", || async {
        let reconciled = operator.count("dps_reconciliations_total");
        if reconciled >= RESOURCES || logins.of("user") > before {
            Ok(())
        } else {
            Err(format!("{reconciled} are"))
        }
    })
    .await;
    assert!(begin.elapsed() < DEADLINE);
    let begin = Instant::now();
    while logins.of("user") == before && begin.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
