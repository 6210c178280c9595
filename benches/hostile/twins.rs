//! Two operators that look after the same resources.

use std::time::Duration;

use futures::StreamExt as _;

use super::super::support::audit;
use super::super::support::objects::Space;
use super::super::support::world::{World, world};
use super::figures::{Bound, Figure, Table};
use super::servers::UNREACHABLE;
use super::tenants::{self, PARALLEL, plain};

const RESOURCES: usize = 50;

pub(crate) async fn measure(table: &mut Table, minutes: u64) {
    let world = world();
    world.install();
    let (alone, pair) = (
        Space::new(world, "twins-alone").await,
        Space::new(world, "twins-pair").await,
    );
    // At the same time, so that the machine is as busy for the one as for the two.
    let operators = [&alone, &pair, &pair].map(|space| tenants::operator(world, &[space], &[]));
    futures::join!(create(&alone), create(&pair));
    tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
    let (one, two) = (status_writes(world, &alone), status_writes(world, &pair));
    drop(operators);
    tenants::clear(&alone).await;
    tenants::clear(&pair).await;
    table.add(
        &format!("status writes of two operators in {minutes} minutes (one makes {one})"),
        Figure::Count(two),
        // Both may write the first two statuses of a resource before they see the other's.
        Bound::AtMost(Figure::Count(one + 2 * RESOURCES)),
        "250 to 1546 in 5 s",
    );
}

async fn create(space: &Space) {
    space.credentials("login", "user", "word").await;
    futures::stream::iter(0..RESOURCES)
        .for_each_concurrent(PARALLEL / 2, |index| async move {
            let url = format!("198.18.9.{index}:{UNREACHABLE}");
            space.create(&format!("app-{index}"), plain(&url, "login")).await;
        })
        .await;
}

/// Those that the API server accepted.
fn status_writes(world: &World, space: &Space) -> usize {
    let requests = audit::of_operator(world).into_iter();
    let writes = requests.filter(|request| request.is_write() && request.response_status.code < 300);
    let own = writes.filter(|request| request.object_ref.namespace == space.name);
    own.filter(|request| request.object_ref.subresource == "status").count()
}
