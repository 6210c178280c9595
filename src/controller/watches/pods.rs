//! The watch of pods. Those that cannot pull are remembered; nothing is stored of any other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::controller::context::{Context, now};
use crate::controller::recover::go_on;
use crate::controller::watches::drive::{Watched, only};
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::failing_pods::{FailingPod, PodChange};
use crate::domain::pull_failures::pod::Pod;
use crate::domain::pull_failures::template::TEMPLATE_HASH;

/// Pods that finished need no image any more. Running ones can: a debug container, a new image, a restart.
pub(crate) const UNFINISHED: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// How long reconciles wait for more of the same: the pods of a Deployment fail together.
const DEBOUNCE: Duration = Duration::from_millis(300);

pub(crate) struct Pods {
    ctx: Arc<Context>,
    /// Failing pods that the list that is being read has not shown yet.
    missing_from_relist: BTreeSet<ObjectKey>,
}

impl Pods {
    pub(crate) fn new(ctx: Arc<Context>) -> Self {
        Self {
            ctx,
            missing_from_relist: BTreeSet::new(),
        }
    }

    fn observe(&self, pod: &Pod) {
        let key = ObjectKey::of(&pod.metadata);
        if self.ctx.shared.evicts_pods {
            let next = self.ctx.shared.recoveries().observe(pod, now());
            go_on(&next, &self.ctx.shared);
        }
        let change = self.ctx.failing_pods().observe(pod, now());
        match change {
            PodChange::None => {}
            PodChange::Fails => self.with_failing(&key, |failing| self.notify(&key, failing, |_| true)),
            // Only news for those that said of the last attempt that the credentials have changed since.
            PodChange::Again(last) => self.with_failing(&key, |failing| {
                self.notify(&key, failing, |resource| {
                    let uid = self.ctx.index().uid(resource);
                    let changed =
                        uid.and_then(|uid| self.ctx.memories().look(&uid, |memory| memory.credentials_changed_at)?);
                    changed.is_some_and(|changed| changed > last)
                });
            }),
            PodChange::Ended(failing) => self.notify(&key, &failing, |_| true),
        }
    }

    fn with_failing(&self, pod: &ObjectKey, with: impl FnOnce(&FailingPod)) {
        let failing = self.ctx.failing_pods().get(pod);
        if let Some(failing) = failing {
            with(&failing);
        }
    }

    fn forget(&self, pod: &ObjectKey) {
        let change = self.ctx.failing_pods().forget(pod);
        if let PodChange::Ended(failing) = change {
            self.notify(pod, &failing, |_| true);
        }
    }

    /// Triggers the resources that a failing pod may affect, soon and once for many pods.
    fn notify(&self, pod: &ObjectKey, failing: &FailingPod, needs_it: impl Fn(&ObjectKey) -> bool) {
        let affected = self.ctx.index().affected_by_pod(&pod.namespace, failing);
        for key in affected.into_iter().filter(needs_it) {
            let Some(uid) = self.ctx.index().uid(&key) else {
                continue;
            };
            let scheduled = self
                .ctx
                .memories()
                .update(&uid, |memory| std::mem::replace(&mut memory.wakeup_scheduled, true));
            if scheduled != Some(false) {
                continue;
            }
            let ctx = Arc::clone(&self.ctx);
            tokio::spawn(async move {
                tokio::time::sleep(DEBOUNCE).await;
                ctx.memories().update(&uid, |memory| memory.wakeup_scheduled = false);
                ctx.trigger([&key]);
            });
        }
    }
}

impl Watched for Pods {
    type Object = Pod;
    const KIND: &'static str = "Pod";
    const RESOURCE: &'static str = "pods";

    fn slim(pod: &mut Pod) {
        let meta = &mut pod.metadata;
        meta.managed_fields = None;
        meta.labels = only(TEMPLATE_HASH, meta.labels.take());
        meta.annotations = None;
    }

    fn list_begins(&mut self) {
        self.missing_from_relist = self.ctx.failing_pods().keys().cloned().collect();
    }

    fn listed(&mut self, pod: Pod) {
        self.missing_from_relist.remove(&ObjectKey::of(&pod.metadata));
        self.observe(&pod);
    }

    fn list_ends(&mut self, first: bool) {
        for key in std::mem::take(&mut self.missing_from_relist) {
            self.forget(&key);
        }
        // Reconciles that began without this list, since it failed at first.
        if !self.ctx.set_pods_listed() && !first {
            self.ctx.trigger_all();
        }
    }

    fn applied(&mut self, pod: Pod) {
        self.observe(&pod);
    }

    fn deleted(&mut self, pod: Pod) {
        self.forget(&ObjectKey::of(&pod.metadata));
    }

    /// Everything else works without pods.
    fn is_optional(&self, _is_forbidden: bool) -> bool {
        true
    }
}
