//! The API server restarts while a thousand namespaces get their Secret.

use std::time::{Duration, Instant};

use super::{alone, clear, copies, has_password, start, written};
use crate::support::fleet::Fleet;
use crate::support::heavy;
use serde_json::json;

/// Longest time that all of them may take, beside other tests.
const ALL: Duration = Duration::from_mins(3);

/// Most copies that are being written at a time.
const IN_FLIGHT: usize = 16;

#[tokio::test]
async fn an_api_server_that_restarts_in_the_middle_costs_no_namespace_its_secret() {
    const COUNT: usize = 1000;
    let _heavy = heavy().await;
    let (_alone, world) = alone().await;
    let operator = start(world, &[]);
    let fleet = Fleet::new(world, "restart").await;
    fleet.login("user", "first").await;
    fleet.add_many(COUNT).await;
    let begin = Instant::now();
    let name = fleet.create("login", json!({})).await;
    // Namespaces are written in the order of their names: some hundred come before.
    fleet.has("2", &name, has_password("first")).await;
    world.api_server("stop");
    let before = written(world, &fleet, "secrets").len();
    world.api_server("start");
    fleet.stands_within(ALL, &name, "Ready", "1000/1000").await;
    let took = begin.elapsed();

    let copies = copies(&fleet, &name).await;
    assert_eq!(copies.len(), COUNT);
    assert!(copies.iter().all(has_password("first")));
    let writes = written(world, &fleet, "secrets").len();
    let statuses = written(world, &fleet, "clusterdockerpullsecrets").len();
    println!("{before} writes before the restart, {writes} in all, {statuses} statuses, {took:?}");
    assert!((1..COUNT).contains(&before), "{before} of {COUNT}");
    // Of those in flight, neither the answer nor the log tells.
    assert!((COUNT - IN_FLIGHT..=COUNT + IN_FLIGHT).contains(&writes), "{writes}");
    // One every 2 seconds, one at once, one at the end, and one whose answer was lost.
    assert!(statuses as u64 <= took.as_secs() / 2 + 3, "{statuses} in {took:?}");
    clear(&fleet, &name).await;
    operator.stop();
}
