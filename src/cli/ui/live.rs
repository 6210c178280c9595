//! The resources of a cluster, as they are now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::api::DOCKER_PULL_SECRET;
use crate::cli::cluster::Cluster;
use crate::cli::resources::watch::{WatchedChange, watch as watch_kind};
use crate::cli::resources::{ListedObject, Listing, Selection};
use crate::domain::listing::ListedResource;
use crate::domain::names::ObjectKey;
use crate::page::list::ListedNow;

/// After a list that failed.
const PAUSE: Duration = Duration::from_secs(5);

/// Longest time until a watch tells of a deletion.
const SETTLING: Duration = Duration::from_secs(2);

/// A cluster that is watched as long as the page is served.
pub(super) struct LiveCluster {
    pub(super) cluster: Cluster,
    resources: Mutex<LiveResources>,
    /// How many changes there were; 0 before the first list.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct LiveResources {
    shown: HashMap<(&'static str, ObjectKey), ListedResource>,
    /// Whether the resources of a namespace, or of all, could be listed.
    is_known: bool,
    /// What this user may not read.
    refused: Vec<String>,
    /// Why what is shown of a kind may be out of date.
    failures: BTreeMap<&'static str, String>,
}

impl LiveCluster {
    pub(super) fn begin(cluster: Cluster) -> Arc<Self> {
        let live = Arc::new(Self {
            cluster,
            resources: Mutex::default(),
            changes: watch::Sender::new(0),
        });
        // It ends with the process.
        tokio::spawn(follow(Arc::clone(&live)));
        live
    }

    /// Tells of changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The resources. Waits for the first list.
    pub(super) async fn resources(&self) -> ListedNow {
        // It fails only when nobody sends any more, which `self` does.
        let _ = self.changes.subscribe().wait_for(|changes| *changes > 0).await;
        let version = *self.changes.borrow();
        let resources = self.locked();
        let obstacles = resources.refused.iter().chain(resources.failures.values()).cloned();
        ListedNow {
            resources: resources.shown.values().cloned().collect(),
            obstacles: obstacles.collect(),
            is_known: resources.is_known && resources.failures.is_empty(),
            version,
        }
    }

    /// The namespaces that have a resource, in order.
    pub(super) fn namespaces(&self) -> Vec<String> {
        let resources = self.locked();
        let namespaces = resources.shown.keys().map(|(_, key)| key.namespace.clone());
        let namespaces: BTreeSet<String> = namespaces.filter(|name| !name.is_empty()).collect();
        namespaces.into_iter().collect()
    }

    /// Waits until a resource that was deleted is not shown any more, for a moment: without scripts, the list stays as it is.
    pub(super) async fn gone(&self, kind: &'static str, key: ObjectKey) {
        let resource = (kind, key);
        let mut changes = self.changes.subscribe();
        let gone = changes.wait_for(|_| !self.locked().shown.contains_key(&resource));
        // A finalizer may keep it.
        let _ = timeout(SETTLING, gone).await;
    }

    fn locked(&self) -> MutexGuard<'_, LiveResources> {
        self.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn apply(&self, change: WatchedChange) {
        let mut resources = self.locked();
        match change {
            WatchedChange::Applied(object) => {
                let resource = object.resource;
                let key = (resource.kind, resource.key.clone());
                resources.shown.insert(key, resource);
            }
            WatchedChange::Deleted(kind, key) => {
                resources.shown.remove(&(kind, key));
            }
            WatchedChange::Listed(kind, objects) => resources.replace(kind, objects),
            WatchedChange::Failed(kind, why) => {
                resources.failures.insert(kind, why);
            }
        }
        drop(resources);
        self.announce();
    }
}

impl LiveResources {
    /// All of a kind.
    fn replace(&mut self, kind: &'static str, objects: Vec<ListedObject>) {
        self.shown.retain(|(known, _), _| *known != kind);
        let resources = objects.into_iter().map(|object| object.resource);
        self.shown
            .extend(resources.map(|resource| ((kind, resource.key.clone()), resource)));
        self.failures.remove(kind);
    }
}

/// Lists, then watches, as long as the page is served.
async fn follow(live: Arc<LiveCluster>) {
    let listing = loop {
        match read(&live.cluster).await {
            Ok(listing) => break listing,
            Err(why) => {
                live.locked().failures.insert(DOCKER_PULL_SECRET, why);
                live.announce();
                sleep(PAUSE).await;
            }
        }
    };
    {
        let mut resources = live.locked();
        resources.is_known = has_own(&listing);
        let shown = listing.objects.into_iter().map(|object| object.resource);
        resources.shown = shown.map(|one| ((one.kind, one.key.clone()), one)).collect();
        resources.refused = listing.obstacles;
        resources.failures.clear();
    }
    live.announce();
    let (sender, mut changes) = unbounded_channel();
    let watches = listing.versions.into_iter();
    let mut watches: FuturesUnordered<_> = watches
        .map(|(kind, version)| watch_kind(&live.cluster, kind, version, sender.clone()))
        .collect();
    loop {
        tokio::select! {
            Some(change) = changes.recv() => live.apply(change),
            Some(()) = watches.next() => {}
            else => return,
        }
    }
}

/// Those of all namespaces; of the context's namespace for a user who may not list all.
async fn read(cluster: &Cluster) -> Result<Listing, String> {
    let selection = |all_namespaces| Selection {
        all_namespaces,
        selector: None,
    };
    let all = Listing::read(cluster, &selection(true)).await;
    if all.as_ref().is_ok_and(has_own) {
        return all;
    }
    match Listing::read(cluster, &selection(false)).await {
        Ok(mut own) if has_own(&own) => {
            own.obstacles.push(format!(
                "You may not list the DockerPullSecrets of all namespaces: those of namespace {} are shown.",
                cluster.namespace
            ));
            Ok(own)
        }
        _ => all,
    }
}

fn has_own(listing: &Listing) -> bool {
    let mut kinds = listing.versions.iter();
    kinds.any(|(kind, _)| kind.kind == DOCKER_PULL_SECRET)
}
