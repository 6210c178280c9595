//! Two operators that look after the same resources.

use std::time::Duration;

use futures::StreamExt as _;

use super::super::support::audit;
use super::super::support::objects::Space;
use super::super::support::world::{LEASE, World, world};
use super::figures::{Bound, Figure, Table};
use super::servers::UNREACHABLE;
use super::tenants::{self, PARALLEL, plain};

const RESOURCES: usize = 50;

pub(crate) async fn measure(table: &mut Table, minutes: u64) {
    let world = world();
    world.install();
    let (alone, pair, rivals) = (
        Space::new(world, "twins-alone").await,
        Space::new(world, "twins-pair").await,
        Space::new(world, "twins-rivals").await,
    );
    let watched = Duration::from_secs(60 * minutes);
    // At the same time, so that the machine is as busy for the one as for the two.
    let one = tenants::operator(world, &[&alone], &[]);
    let two = [(); 2].map(|()| tenants::operator(world, &[&pair], &["--lease", LEASE]));
    futures::join!(create(&alone), create(&pair));
    tokio::time::sleep(watched).await;
    drop((one, two));
    // Their writes would keep the others from theirs.
    let two = [(); 2].map(|()| tenants::operator(world, &[&rivals], &[]));
    create(&rivals).await;
    tokio::time::sleep(watched).await;
    drop(two);

    let one = status_writes(world, &alone);
    for (what, space, most) in [
        // The first statuses take as many writes as reconciles happen to come before them.
        ("two operators with one Lease", &pair, one + RESOURCES),
        // Both do what one does.
        ("two without a Lease", &rivals, 2 * one),
    ] {
        table.add(
            &format!("status writes of {what} in {minutes} minutes (one: {one})"),
            Figure::Count(status_writes(world, space)),
            Bound::AtMost(Figure::Count(most)),
            "250 to 1546 in 5 s",
        );
    }
    for space in [&alone, &pair, &rivals] {
        tenants::clear(space).await;
    }
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
