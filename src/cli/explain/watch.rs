//! Waits until something changes that an explanation depends on.

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _, select_all};
use kube::api::{ListParams, WatchParams};
use kube::core::WatchEvent;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use crate::api::{ClusterDockerPullSecret, DockerPullSecret};
use crate::cli::cluster::Cluster;
use crate::cli::explain::ExplainQuestion;
use crate::domain::pull_failures::pod::Pod;
use crate::explain::subject::ExplainSubject;

/// What no watch tells, such as a changed Secret, is seen this much later.
const INTERVAL: Duration = Duration::from_secs(30);

/// Changes come in groups.
const SETTLING: Duration = Duration::from_millis(500);

/// Pause after reading everything, in multiples of the time that reading took: in a large cluster, something always changes.
pub(crate) const REST: u32 = 5;

/// Waits for a change after now; the future that it returns is to be awaited once everything was read.
pub(crate) async fn next_change(cluster: &Cluster, question: &ExplainQuestion) -> BoxFuture<'static, ()> {
    let (client, namespace) = (|| cluster.client.clone(), cluster.namespace.as_str());
    let (pods, resources) = if question.all_namespaces {
        (Api::<Pod>::all(client()), Api::<DockerPullSecret>::all(client()))
    } else {
        (
            Api::<Pod>::namespaced(client(), namespace),
            Api::<DockerPullSecret>::namespaced(client(), namespace),
        )
    };
    let mut wanted = WatchParams {
        label_selector: question.selector.clone(),
        ..WatchParams::default()
    };
    if let ExplainSubject::Pod(name) = &question.subject {
        wanted = wanted.fields(&format!("metadata.name={name}"));
    }
    let all = WatchParams::default;
    let shared = Api::<ClusterDockerPullSecret>::all(client());
    let changes = [
        change(cluster, pods, wanted).await,
        change(cluster, resources, all()).await,
        change(cluster, shared, all()).await,
    ];
    let changes = changes.into_iter().flatten().chain([sleep(INTERVAL).boxed()]);
    let first = select_all(changes.collect::<Vec<_>>());
    async move {
        first.await;
        sleep(SETTLING).await;
    }
    .boxed()
}

/// The next change of a kind; `None` if it cannot be watched.
async fn change<K>(cluster: &Cluster, api: Api<K>, params: WatchParams) -> Option<BoxFuture<'static, ()>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let listed = cluster.call(api.list_metadata(&ListParams::default().limit(1))).await;
    let version = listed.ok()?.metadata.resource_version?;
    let watch = async move {
        let Ok(events) = api.watch_metadata(&params, &version).await else {
            // The interval is left.
            return futures::future::pending().await;
        };
        let mut events = events.boxed();
        while let Some(Ok(WatchEvent::Bookmark(_))) = events.next().await {}
    };
    Some(watch.boxed())
}
