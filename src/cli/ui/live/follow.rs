//! Follows one list, for ever.

use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout;

use crate::cli::resources::KindToList;
use crate::cli::resources::watch::watch;
use crate::cli::ui::live::LiveCluster;
use crate::page::followed::{FollowedList, ListStanding};

/// After a list that failed.
const PAUSE: Duration = Duration::from_secs(5);

/// After a list that was refused, unless somebody wants to know sooner.
const REFUSED: Duration = Duration::from_mins(1);

/// Lists until that works, then watches.
pub(super) async fn follow(live: Arc<LiveCluster>, list: FollowedList) {
    let kind = match &list {
        FollowedList::AllNamespaces => KindToList::own(&live.cluster, None),
        FollowedList::Namespace(namespace) => KindToList::own(&live.cluster, Some(namespace)),
        FollowedList::Shared => KindToList::shared(&live.cluster),
    };
    let mut asked = live.asked.subscribe();
    let version = loop {
        let mut is_first = true;
        let show = |page| live.read(&list, kind.kind, page, take(&mut is_first));
        let error = match kind.list_pages(&live.cluster, show).await {
            Ok(version) => break version,
            Err(error) => error,
        };
        let why = live.cluster.failed(&format!("listing {}s", kind.kind), &error);
        let (standing, pause) = match error.code() {
            Some(403) => (ListStanding::Forbidden(why), REFUSED),
            Some(404) => (ListStanding::Unknown(why), REFUSED),
            _ => (ListStanding::Failed(why), PAUSE),
        };
        live.stands(&list, standing);
        // Whatever was asked during the list counts too.
        let _ = timeout(pause, asked.changed()).await;
    };
    live.stands(&list, ListStanding::Followed);
    let (sender, mut changes) = unbounded_channel();
    let watching = watch(&live.cluster, kind, version, sender);
    let applying = async {
        while let Some(change) = changes.recv().await {
            live.apply(&list, change);
        }
    };
    tokio::join!(watching, applying);
}
