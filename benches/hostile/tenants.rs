//! What tenants create.

use std::time::{Duration, Instant};

use dps::api::VerificationResult;
use futures::StreamExt as _;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use super::super::support::objects::{Space, private_verified, with};
use super::super::support::operator::Operator;
use super::super::support::world::World;
use super::figures::Figure;
use super::servers::PASSWORD;

/// Longest time for a verdict.
const PATIENCE: Duration = Duration::from_mins(2);

/// Requests to the API server at a time.
pub(crate) const PARALLEL: usize = 32;

/// An operator for these namespaces; for all, if there are none.
pub(crate) fn operator(world: &World, spaces: &[&Space], arguments: &[&str]) -> Operator {
    let namespaces = spaces.iter().flat_map(|space| ["--namespace", &space.name]);
    let arguments: Vec<&str> = namespaces.chain(arguments.iter().copied()).collect();
    let operator = Operator::start_isolated(world, &world.install(), &arguments);
    operator.wait_until_ready();
    operator
}

/// Leaves nothing that a later operator would look at.
pub(crate) async fn clear(space: &Space) {
    let (delete, list) = (DeleteParams::default(), ListParams::default());
    let resources = space.resources.delete_collection(&delete, &list);
    resources.await.expect("deleted");
    let secrets = space.secrets.delete_collection(&delete, &list);
    secrets.await.expect("deleted");
}

/// A spec whose registry speaks plain HTTP.
pub(crate) fn plain(url: &str, source: &str) -> Value {
    with(
        private_verified(url, source),
        json!({"verification": {"plainHttp": true}}),
    )
}

/// Resources of one user, each with another wrong password, at the registries that `url` names.
pub(crate) async fn create(space: &Space, count: usize, user: &str, url: impl Fn(usize) -> String) {
    let url = &url;
    futures::stream::iter(0..count)
        .for_each_concurrent(PARALLEL, |index| async move {
            let name = format!("wrong-{index}");
            space.credentials(&name, user, &format!("wrong-{index}")).await;
            space.create(&format!("app-{index}"), plain(&url(index), &name)).await;
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
