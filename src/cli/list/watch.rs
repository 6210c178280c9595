//! Prints a line for each change.

use std::time::Duration;

use futures::StreamExt as _;
use kube::core::WatchEvent;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep};

use crate::cli::cluster::{Cluster, ClusterError};
use crate::cli::list::read::{KindToList, Listing};
use crate::cli::list::{List, ListedObject};
use crate::cli::output::{report, write_live};
use crate::domain::listing::changes::ShownResources;
use crate::domain::listing::table::Columns;
use crate::domain::names::ObjectKey;
use crate::domain::text::invisible::printable;

/// Pauses after failures in a row.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// A watch that lasts this long works.
const LASTING: Duration = Duration::from_secs(5);

/// What a watch brings.
enum WatchedChange {
    Applied(Box<ListedObject>),
    Deleted(&'static str, ObjectKey),
    /// All of a kind.
    Listed(&'static str, Vec<ListedObject>),
    Failed(String),
}

/// Prints what changes, until nobody reads it any more.
pub(super) async fn follow(
    cluster: &Cluster,
    arguments: &List,
    listing: Listing,
    columns: &Columns,
) -> Result<(), String> {
    let mut shown = ShownResources::default();
    for object in &listing.objects {
        shown.observe(&object.resource);
    }
    let (sender, mut changes) = unbounded_channel();
    let watches = listing
        .versions
        .into_iter()
        .map(|(kind, version)| watch(cluster, kind, version, sender.clone()));
    let printing = async {
        while let Some(change) = changes.recv().await {
            for text in lines(change, &mut shown, arguments, columns)? {
                if !write_live(&text)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    };
    tokio::select! {
        printed = printing => printed,
        _ = futures::future::join_all(watches) => Ok(()),
    }
}

/// The texts to print about a change, each with a line break at its end.
fn lines(
    change: WatchedChange,
    shown: &mut ShownResources,
    arguments: &List,
    columns: &Columns,
) -> Result<Vec<String>, String> {
    let mut texts = Vec::new();
    let mut applied = |object: &ListedObject, shown: &mut ShownResources| -> Result<(), String> {
        if !shown.observe(&object.resource) {
            return Ok(());
        }
        texts.push(if arguments.output.is_document() {
            arguments.output.document(&object.object)?
        } else {
            printable(&arguments.output.line(columns, &object.resource)) + "\n"
        });
        Ok(())
    };
    let mut deleted = Vec::new();
    match change {
        WatchedChange::Applied(object) => applied(&object, shown)?,
        WatchedChange::Deleted(kind, key) => deleted.extend(shown.remove(kind, &key)),
        WatchedChange::Listed(kind, objects) => {
            for object in &objects {
                applied(object, shown)?;
            }
            let resources: Vec<_> = objects.into_iter().map(|object| object.resource).collect();
            for key in shown.missing_from(kind, &resources) {
                deleted.extend(shown.remove(kind, &key));
            }
        }
        WatchedChange::Failed(why) => report(&format!("dps list: {why}")),
    }
    // A deleted object is no document any more.
    let deleted = deleted.iter().filter(|_| !arguments.output.is_document());
    texts.extend(deleted.map(|resource| printable(&arguments.output.line(columns, resource)) + "\n"));
    Ok(texts)
}

/// Watches a kind for ever. After a failure, it is listed again.
async fn watch(cluster: &Cluster, kind: KindToList, mut version: String, changes: UnboundedSender<WatchedChange>) {
    let (mut failures, mut said) = (0, None);
    loop {
        let begun = Instant::now();
        let ended = watch_once(cluster, &kind, &mut version, &changes).await;
        if begun.elapsed() >= LASTING {
            (failures, said) = (0, None);
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
                tell_once(&changes, &mut said, why);
                kind.list(cluster).await
            }
        };
        match listed {
            Ok((objects, listed)) => {
                version = listed;
                let _ = changes.send(WatchedChange::Listed(kind.kind, objects));
            }
            Err(error) => tell_once(&changes, &mut said, format_failure(cluster, "listing", &kind, &error)),
        }
        sleep(PAUSES[failures.min(PAUSES.len() - 1)]).await;
        failures += 1;
    }
}

fn format_failure(cluster: &Cluster, what: &str, kind: &KindToList, error: &ClusterError) -> String {
    cluster.failed(&format!("{what} {}s", kind.kind), error)
}

/// The same again is not worth a line.
fn tell_once(changes: &UnboundedSender<WatchedChange>, said: &mut Option<String>, why: String) {
    if said.as_ref() != Some(&why) {
        *said = Some(why.clone());
        let _ = changes.send(WatchedChange::Failed(why));
    }
}

/// Watches until the API server ends it, which it does every few minutes.
async fn watch_once(
    cluster: &Cluster,
    kind: &KindToList,
    version: &mut String,
    changes: &UnboundedSender<WatchedChange>,
) -> Result<(), ClusterError> {
    let failed = |error| ClusterError::Api(Box::new(error));
    let params = kind.watch_params();
    let mut events = cluster.call(kind.api.watch(&params, version)).await?.boxed();
    while let Some(event) = events.next().await {
        let (change, seen) = match event.map_err(failed)? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let seen = object.metadata.resource_version.clone();
                (Some(WatchedChange::Applied(Box::new(kind.listed(object)))), seen)
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
