//! Watching pods: those that cannot pull are remembered, of every other one nothing is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, pin_mut};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use tokio::sync::watch::Sender;

use crate::controller::backoff::NonResettingBackoff;
use crate::controller::context::{Context, reference};
use crate::controller::readiness::explain;
use crate::controller::watches::drive::trigger;
use crate::domain::index::Key;
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::failing_pods::{FailingPod, PodChange};
use crate::domain::pull_failures::pod::Pod;

/// Pods of a page: a page is in memory three times while it is read.
const PAGE: u32 = 200;

/// Pods that finished need no image any more. Running ones can: a debug container, a new image, a restart.
const UNFINISHED: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// How long passes wait for more of the same: pods of a Deployment fail together.
const GATHER: Duration = Duration::from_millis(300);

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Watches the pods of a scope. `listed` is told when the first list is complete, and also when it fails: everything
/// else works without it.
pub(crate) async fn watch_pods(api: Api<Pod>, name: String, ctx: Arc<Context>, listed: Sender<bool>) {
    let config = watcher::Config::default().page_size(PAGE).fields(UNFINISHED);
    let events = watch(api, config).backoff(NonResettingBackoff::default());
    pin_mut!(events);
    // What a new list has not shown is gone.
    let mut unseen: BTreeSet<ObjectKey> = BTreeSet::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => unseen = ctx.watchlist().keys().cloned().collect(),
            Ok(Event::InitApply(pod)) => {
                unseen.remove(&key_of(&pod));
                observe(&ctx, &pod);
            }
            Ok(Event::InitDone) => {
                for key in std::mem::take(&mut unseen) {
                    forget(&ctx, &key);
                }
                ctx.shared.readiness.listed(&name);
                // Passes that began without this list.
                if !ctx.pods_listed() && *listed.borrow() {
                    let all: Vec<Key> = ctx.claims().resources().collect();
                    trigger(&ctx.queue, &all);
                }
                listed.send_replace(true);
            }
            Ok(Event::Apply(pod)) => {
                ctx.shared.readiness.alive(&name);
                observe(&ctx, &pod);
            }
            Ok(Event::Delete(pod)) => {
                ctx.shared.readiness.alive(&name);
                forget(&ctx, &key_of(&pod));
            }
            Err(error) => {
                ctx.shared.readiness.failed(&name, explain(&error, "pods"));
                ctx.shared.metrics.watch_error("Pod");
                tracing::warn!(watch = name, "{}", explain(&error, "pods"));
                listed.send_replace(true);
            }
        }
    }
}

fn key_of(pod: &Pod) -> ObjectKey {
    ObjectKey::of(&pod.metadata)
}

fn observe(ctx: &Arc<Context>, pod: &Pod) {
    let key = key_of(pod);
    let change = ctx.watchlist().observe(pod, Timestamp::now());
    let failing = || ctx.watchlist().get(&key);
    match change {
        PodChange::None => {}
        PodChange::Fails => failing()
            .iter()
            .for_each(|failing| tell(ctx, &key.namespace, failing, |_| true)),
        // Only news for those that said of the last attempt that the login has changed since.
        PodChange::Again(last) => failing().iter().for_each(|failing| {
            tell(ctx, &key.namespace, failing, |resource| {
                let uid = ctx.claims().uid(resource).map(str::to_owned);
                uid.and_then(|uid| ctx.rotated(&uid))
                    .is_some_and(|at| at > last.as_millisecond())
            });
        }),
        PodChange::Ended(failing) => tell(ctx, &key.namespace, &failing, |_| true),
    }
}

fn forget(ctx: &Arc<Context>, key: &ObjectKey) {
    let change = ctx.watchlist().forget(key);
    if let PodChange::Ended(failing) = change {
        tell(ctx, &key.namespace, &failing, |_| true);
    }
}

/// Triggers the resources that a failing pod concerns, soon and once for many pods.
fn tell(ctx: &Arc<Context>, namespace: &str, failing: &FailingPod, needs_it: impl Fn(&Key) -> bool) {
    let concerned = ctx.claims().concerned_by_pod(namespace, failing);
    for key in concerned.into_iter().filter(needs_it) {
        if !ctx.gather(&key) {
            continue;
        }
        let ctx = Arc::clone(ctx);
        tokio::spawn(async move {
            tokio::time::sleep(GATHER).await;
            ctx.gathered(&key);
            // The receiver lives as long as the controller.
            let _ = ctx.queue.unbounded_send(reference(&key));
        });
    }
}
