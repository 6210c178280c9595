//! The resources of a cluster, as they are now.

mod follow;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::cli::cluster::Cluster;
use crate::cli::resources::watch::WatchedChange;
use crate::cli::ui::live::follow::follow;
use crate::domain::listing::ListedResource;
use crate::domain::names::{ObjectKey, is_object_name};
use crate::page::followed::{FollowedList, FollowedLists, ListStanding};
use crate::page::list::ListedNow;

/// Longest time that a page waits for lists that are being read: few resources come within it.
const READING: Duration = Duration::from_millis(100);

/// Longest time until a watch tells of a deletion.
const SETTLING: Duration = Duration::from_secs(2);

/// A cluster that is watched as long as the page is served.
pub(super) struct LiveCluster {
    pub(super) cluster: Cluster,
    resources: Mutex<LiveResources>,
    /// How many changes there were.
    changes: watch::Sender<u64>,
    /// How often somebody wanted to know again what was refused.
    asked: watch::Sender<u64>,
}

#[derive(Default)]
struct LiveResources {
    shown: HashMap<(&'static str, ObjectKey), Arc<ListedResource>>,
    lists: FollowedLists,
    /// What follows the namespaces of who may not list all.
    tasks: Vec<AbortHandle>,
}

impl LiveCluster {
    pub(super) fn begin(cluster: Cluster) -> Arc<Self> {
        let live = Arc::new(Self {
            cluster,
            resources: Mutex::default(),
            changes: watch::Sender::new(1),
            asked: watch::Sender::new(0),
        });
        for list in [FollowedList::AllNamespaces, FollowedList::Shared] {
            // It ends with the process.
            tokio::spawn(follow(Arc::clone(&live), list));
        }
        live
    }

    /// Tells of changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Asks the API server again for what it refused.
    pub(super) fn ask_again(&self) {
        if self.locked().lists.ask_again() {
            self.asked.send_modify(|asked| *asked += 1);
        }
    }

    /// Also follows the resources of a namespace that somebody names who may not list all.
    pub(super) fn include(self: &Arc<Self>, namespace: &str) {
        let mut resources = self.locked();
        if resources.lists.is_limited() && is_object_name(namespace) {
            resources.follow(self, namespace);
        }
    }

    /// The resources. Waits for an answer to what was asked for again, and for a moment for lists that are being read.
    pub(super) async fn resources(&self) -> ListedNow {
        let mut changes = self.changes.subscribe();
        // It fails only when nobody sends any more, which `self` does.
        let _ = changes.wait_for(|_| !self.locked().lists.is_asking()).await;
        let read = changes.wait_for(|_| !self.locked().lists.is_reading());
        let _ = timeout(READING, read).await;
        let version = *self.changes.borrow();
        let resources = self.locked();
        ListedNow {
            resources: resources.shown.values().cloned().collect(),
            obstacles: resources.lists.obstacles(),
            is_known: resources.lists.is_known(),
            is_reading: resources.lists.is_reading(),
            is_limited: resources.lists.is_limited(),
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

    /// Takes note of how a list stands.
    fn stands(self: &Arc<Self>, list: &FollowedList, standing: ListStanding) {
        let mut resources = self.locked();
        let is_limited = *list == FollowedList::AllNamespaces && matches!(standing, ListStanding::Forbidden(_));
        let is_news = resources.set(list, standing);
        if is_limited {
            resources.follow(self, &self.cluster.namespace);
        }
        drop(resources);
        if is_news {
            self.announce();
        }
    }

    /// Shows a page of a list that is being read. The first one takes the place of what was read of it before.
    fn read(&self, list: &FollowedList, kind: &'static str, page: Vec<ListedResource>, is_first: bool) {
        let mut resources = self.locked();
        if is_first {
            resources.remove_all(list, kind);
            resources.set(list, ListStanding::Reading);
        }
        resources.show(page);
        drop(resources);
        self.announce();
    }

    /// Shows what changed in a list.
    fn apply(&self, list: &FollowedList, change: WatchedChange<ListedResource>) {
        let mut resources = self.locked();
        if !resources.lists.has(list) {
            return;
        }
        match change {
            WatchedChange::Applied(resource) => resources.show([*resource]),
            WatchedChange::Deleted(kind, key) => {
                resources.shown.remove(&(kind, key));
            }
            WatchedChange::Listed(kind, all) => {
                resources.remove_all(list, kind);
                resources.show(all);
                resources.set(list, ListStanding::Followed);
            }
            WatchedChange::Failed(why) => {
                resources.set(list, ListStanding::Failed(why));
            }
        }
        drop(resources);
        self.announce();
    }
}

impl LiveResources {
    /// Takes note of how a list stands. Returns whether somebody has to know.
    fn set(&mut self, list: &FollowedList, standing: ListStanding) -> bool {
        if *list == FollowedList::AllNamespaces && standing == ListStanding::Followed {
            // Whoever follows one of them is not needed any more.
            self.tasks.drain(..).for_each(|task| task.abort());
        }
        self.lists.set(list, standing)
    }

    fn show(&mut self, resources: impl IntoIterator<Item = ListedResource>) {
        let all = resources.into_iter().map(Arc::new);
        self.shown
            .extend(all.map(|resource| ((resource.kind, resource.key.clone()), resource)));
    }

    /// Forgets what is shown of a list, whose resources are of a kind.
    fn remove_all(&mut self, list: &FollowedList, kind: &str) {
        let is_in = |known: &str, key: &ObjectKey| known == kind && list.has(&key.namespace);
        self.shown.retain(|(known, key), _| !is_in(known, key));
    }

    /// Follows the resources of a namespace, unless somebody does.
    fn follow(&mut self, live: &Arc<LiveCluster>, namespace: &str) {
        if self.lists.add(namespace) {
            let list = FollowedList::Namespace(namespace.to_owned());
            let task = tokio::spawn(follow(Arc::clone(live), list));
            self.tasks.push(task.abort_handle());
        }
    }
}
