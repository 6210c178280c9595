//! Pods of many owners, in more than one namespace.

use super::{Web, fix, operator, recovering, registry};
use crate::support::objects::Space;
use crate::support::world::scoped_world;
use crate::support::{audit, eventually};

/// Their names.
const OWNERS: [&str; 4] = ["a", "b", "c", "d"];

/// Waits until so many pods of both namespaces were replaced. How many of each are new.
async fn replaced(webs: &[Web; 2], count: usize) -> [usize; 2] {
    eventually(&format!("{count} pods are replaced"), || async {
        let (one, other) = (webs[0].sorts().await, webs[1].sorts().await);
        let new = [one.1.len(), other.1.len()];
        let all = new[0] + new[1];
        (all == count && one.0.len() + other.0.len() + count == 2 * OWNERS.len())
            .then_some(new)
            .ok_or_else(|| format!("{one:?} {other:?}"))
    })
    .await
}

/// Successful evictions in both, once everything else that was to do is done.
async fn evictions(spaces: &[Space; 2]) -> usize {
    for space in spaces {
        space.settle().await;
    }
    let evictions = audit::evictions(scoped_world(), "recovery-many");
    evictions.iter().filter(|(_, code)| *code == 201).count()
}

#[tokio::test]
async fn five_owners_wait_for_a_successor_at_a_time_and_the_others_go_on_when_there_is_room() {
    let (world, registry) = (scoped_world(), registry());
    let image = format!("{}/app:1", registry.address);
    let spaces = [
        recovering(world, "recovery-many").await,
        recovering(world, "recovery-many").await,
    ];
    let webs = [
        Web::create(&spaces[0], &image, &OWNERS, 1).await,
        Web::create(&spaces[1], &image, &OWNERS, 1).await,
    ];
    for web in &webs {
        for pod in web.are(OWNERS.len(), 0).await.0 {
            web.fails(&pod).await;
        }
    }
    let namespaces = format!("{},{}", spaces[0].name, spaces[1].name);
    let operator = operator(world, &namespaces, &registry);
    for space in &spaces {
        fix(space, &registry).await;
    }
    let new = replaced(&webs, 5).await;
    assert_eq!(evictions(&spaces).await, 5);
    // What one resource has left, there is room for once the successors of the other run.
    let [more, fewer] = if new[0] > new[1] { [0, 1] } else { [1, 0] };
    let left = OWNERS.len() - new[fewer];
    spaces[fewer]
        .until("app", "nothing more is to be said of it", |status| {
            (usize::try_from(status.failing_pods) == Ok(left)).then_some(())
        })
        .await;
    for pod in webs[more].sorts().await.1 {
        webs[more].runs(&pod).await;
    }
    replaced(&webs, 8).await;
    assert_eq!(evictions(&spaces).await, 8);
    assert_eq!(operator.count("dps_writes_total{kind=\"Eviction\"}"), 8);
}
