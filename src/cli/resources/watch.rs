//! Watches the resources of a kind.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use kube::core::WatchEvent;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};

use crate::cli::cluster::{Cluster, ClusterError};
use crate::cli::resources::{KindToList, ListedObject};
use crate::domain::names::ObjectKey;

/// Pauses after failures in a row.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// A watch that lasts this long works.
const LASTING: Duration = Duration::from_secs(5);

/// What a watch brings. `T`: what is kept of an object.
pub(crate) enum WatchedChange<T> {
    Applied(Box<T>),
    Deleted(&'static str, ObjectKey),
    /// All of a kind.
    Listed(&'static str, Vec<T>),
    /// It cannot be watched or listed now, and why.
    Failed(String),
}

/// Watches a kind for ever. After a failure, it is listed again.
pub(crate) async fn watch<T: From<ListedObject>>(
    cluster: &Cluster,
    kind: KindToList,
    mut version: String,
    changes: UnboundedSender<WatchedChange<T>>,
) {
    let (mut failures, mut said) = (0, BTreeMap::new());
    loop {
        let begun = Instant::now();
        let ended = watch_once(cluster, &kind, &mut version, &changes).await;
        if begun.elapsed() >= LASTING {
            failures = 0;
            said.clear();
        }
        let ended = match ended {
            // 410: the version is too old, which is no failure.
            Err(error) if error.code() != Some(410) => Err(format_failure(cluster, "watching", &kind, &error)),
            Err(_) => Ok(true),
            Ok(()) => Ok(false),
        };
        let listed = match ended {
            Ok(false) if begun.elapsed() >= LASTING => continue,
            Ok(_) => kind.list(cluster).await,
            Err(why) => {
                tell_once(&changes, &mut said, "watching", why);
                kind.list(cluster).await
            }
        };
        match listed {
            Ok((objects, listed)) => {
                version = listed;
                let _ = changes.send(WatchedChange::Listed(kind.kind, objects));
            }
            Err(error) => {
                let why = format_failure(cluster, "listing", &kind, &error);
                tell_once(&changes, &mut said, "listing", why);
            }
        }
        sleep(PAUSES[failures.min(PAUSES.len() - 1)]).await;
        failures += 1;
    }
}

fn format_failure(cluster: &Cluster, what: &str, kind: &KindToList, error: &ClusterError) -> String {
    cluster.failed(&format!("{what} {}s", kind.kind), error)
}

/// The same again of an operation is not worth a line. Watching and listing fail by turns.
fn tell_once<T>(
    changes: &UnboundedSender<WatchedChange<T>>,
    said: &mut BTreeMap<&'static str, String>,
    operation: &'static str,
    why: String,
) {
    if said.get(operation) != Some(&why) {
        said.insert(operation, why.clone());
        let _ = changes.send(WatchedChange::Failed(why));
    }
}

/// Watches until the API server ends it, which it does every few minutes.
async fn watch_once<T: From<ListedObject>>(
    cluster: &Cluster,
    kind: &KindToList,
    version: &mut String,
    changes: &UnboundedSender<WatchedChange<T>>,
) -> Result<(), ClusterError> {
    let failed = |error| ClusterError::Api(Box::new(error));
    let params = kind.watch_params();
    let mut events = cluster.call(kind.api.watch(&params, version)).await?.boxed();
    while let Some(event) = events.next().await {
        let (change, seen) = match event.map_err(failed)? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let seen = object.metadata.resource_version.clone();
                (Some(WatchedChange::Applied(Box::new(kind.listed(object).into()))), seen)
            }
            WatchEvent::Deleted(object) => {
                let key = ObjectKey::of(&object.metadata);
                (
                    Some(WatchedChange::Deleted(kind.kind, key)),
                    object.metadata.resource_version,
                )
            }
            WatchEvent::Bookmark(bookmark) => (None, Some(bookmark.metadata.resource_version)),
            WatchEvent::Error(status) => return Err(failed(kube::Error::Api(status))),
        };
        if let Some(seen) = seen {
            *version = seen;
        }
        if let Some(change) = change {
            let _ = changes.send(change);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::sync::mpsc::unbounded_channel;

    use super::{WatchedChange, tell_once};

    #[test]
    fn failures_that_alternate_are_told_once_each() {
        let (sender, mut changes) = unbounded_channel::<WatchedChange<()>>();
        let mut said = BTreeMap::new();
        for (operation, why) in [
            ("watching", "a"),
            ("listing", "b"),
            ("watching", "a"),
            ("listing", "b"),
            ("listing", "c"),
        ] {
            tell_once(&sender, &mut said, operation, why.to_owned());
        }
        let mut told = Vec::new();
        while let Ok(WatchedChange::Failed(why)) = changes.try_recv() {
            told.push(why);
        }
        assert_eq!(told, ["a", "b", "c"]);
    }
}
