//! Requests to the API server whose answer may be that the user must not ask.

use std::fmt::Debug;

use kube::Api;
use kube::api::ListParams;
use serde::de::DeserializeOwned;

use crate::cli::cluster::{Cluster, ClusterError};
use crate::domain::doctor::seen::Seen;

/// What a request brings. `what` completes "you may not ..." and "cannot ...".
pub(super) async fn seen<T>(cluster: &Cluster, what: &str, request: impl Future<Output = kube::Result<T>>) -> Seen<T> {
    match cluster.call(request).await {
        Ok(read) => Seen::Read(read),
        Err(error) => unseen(cluster, what, &error),
    }
}

/// All objects of a list; `None` if the API server does not know their kind.
pub(super) async fn list<K>(cluster: &Cluster, what: &str, api: &Api<K>, labels: Option<&str>) -> Seen<Option<Vec<K>>>
where
    K: Clone + DeserializeOwned + Debug,
{
    let params = match labels {
        Some(labels) => ListParams::default().labels(labels),
        None => ListParams::default(),
    };
    match cluster.list(api, &params).await {
        Ok(found) => Seen::Read(Some(found)),
        Err(error) if error.code() == Some(404) => Seen::Read(None),
        Err(error) => unseen(cluster, what, &error),
    }
}

fn unseen<T>(cluster: &Cluster, what: &str, error: &ClusterError) -> Seen<T> {
    if error.is_forbidden() {
        Seen::denied(what)
    } else {
        Seen::Failed(cluster.failed(&format!("cannot {what}"), error))
    }
}
