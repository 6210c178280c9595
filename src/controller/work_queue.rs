//! Writes that are made beside the reconciles, several at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::Notify;

use crate::controller::context::lock;
use crate::domain::names::ObjectKey;
use crate::domain::reconcile::work_set::WorkSet;

/// A [`WorkSet`], and who waits for it.
#[derive(Default)]
pub(crate) struct WorkQueue {
    set: Mutex<WorkSet>,
    called: Notify,
    finished: Notify,
    /// Whether anybody does it. A standby looks at everything when it takes over.
    runs: AtomicBool,
}

impl WorkQueue {
    /// From now on, who calls is heard.
    pub(crate) fn begin(&self) {
        self.runs.store(true, Ordering::Relaxed);
    }

    pub(crate) fn runs(&self) -> bool {
        self.runs.load(Ordering::Relaxed)
    }

    /// Something has to be done about these. `at_once`: also about what is left alone for a while.
    pub(crate) fn call(&self, keys: impl IntoIterator<Item = ObjectKey>, at_once: bool) {
        if !self.runs() {
            return;
        }
        let mut set = lock(&self.set);
        for key in keys {
            if at_once {
                set.resume(&key);
            }
            set.call(key);
        }
        drop(set);
        self.called.notify_one();
    }

    /// Does `work` for what is called until it is to `stop`, and finishes what it has begun; `done` follows each. `work` returns how long
    /// to leave alone what has failed.
    pub(crate) async fn run<F: Future<Output = Option<Duration>>>(
        self: &Arc<Self>,
        concurrency: usize,
        stop: impl Future<Output = ()>,
        work: impl Fn(ObjectKey) -> F,
        done: impl Fn(ObjectKey),
    ) {
        let (work, done) = (&work, &done);
        let next = futures::stream::unfold((), |()| async {
            loop {
                let next = lock(&self.set).take();
                if let Some(next) = next {
                    return Some((next, ()));
                }
                self.called.notified().await;
            }
        });
        next.take_until(stop)
            .for_each_concurrent(concurrency, |key| async move {
                let pause = work(key.clone()).await;
                self.end(&key, pause);
                done(key);
            })
            .await;
    }

    fn end(self: &Arc<Self>, key: &ObjectKey, duration: Option<Duration>) {
        let pause = lock(&self.set).done(key, duration.is_some());
        // Somebody may have called meanwhile.
        self.called.notify_one();
        self.finished.notify_waiters();
        if let (Some(pause), Some(duration)) = (pause, duration) {
            let (queue, key) = (Arc::clone(self), key.clone());
            tokio::spawn(async move {
                tokio::time::sleep(duration).await;
                lock(&queue.set).end(&key, pause);
                queue.called.notify_one();
            });
        }
    }

    /// Whether more is about to be done in a namespace.
    pub(crate) fn is_busy_in(&self, namespace: &str) -> bool {
        lock(&self.set).is_busy_in(namespace)
    }

    /// Ends when nothing is about to be done for what has this name in any namespace.
    pub(crate) async fn until_done(&self, name: &str) {
        loop {
            let finished = self.finished.notified();
            if !lock(&self.set).is_busy_with(name) {
                return;
            }
            finished.await;
        }
    }
}
