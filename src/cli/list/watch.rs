//! Prints a line for each change.

use tokio::sync::mpsc::unbounded_channel;

use crate::cli::cluster::Cluster;
use crate::cli::list::List;
use crate::cli::output::{report, write_live};
use crate::cli::resources::watch::{WatchedChange, watch};
use crate::cli::resources::{ListedObject, Listing};
use crate::domain::listing::changes::ShownResources;
use crate::domain::listing::table::Columns;
use crate::domain::text::invisible::printable;

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
    change: WatchedChange<ListedObject>,
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
