//! What all reconciles share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::Stream;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use prometheus_client::collector::Collector;
use tokio::sync::Notify;

use crate::controller::attach::Attacher;
use crate::controller::distribute::Distributor;
use crate::controller::lease::Leader;
use crate::controller::metrics::{EachResource, Metrics, Now};
use crate::controller::minter::Minter;
use crate::controller::readiness::Readiness;
use crate::controller::recover::go_on;
use crate::controller::store::resource_store::ResourceStore;
use crate::controller::store::stored_resource::StoredResource;
use crate::controller::verification::Verifier;
use crate::domain::index::ResourceIndex;
use crate::domain::names::{ObjectKey, ResourceRef, Uid};
use crate::domain::pull_failures::failing_pods::FailingPods;
use crate::domain::reconcile::fair_queue::FairQueue;
use crate::domain::reconcile::memory::{ResourceMemories, ResourceMemory};
use crate::domain::reconcile::own_writes::OwnWrites;
use crate::domain::reconcile::timers::Timers;
use crate::domain::recovery::Recoveries;
use crate::domain::status::figures::Figures;
use crate::kubernetes::request::{CALL_TIMEOUT, Error};

/// One for the process.
#[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(crate) struct Shared {
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) minter: Arc<Minter>,
    pub(crate) leader: Arc<Leader>,
    /// Whether metrics name resources.
    pub(crate) resource_metrics: bool,
    /// Whether ServiceAccounts may be changed.
    pub(crate) attaches_to_accounts: bool,
    /// Whether the cluster attaches Secrets to pods.
    pub(crate) attaches_to_pods: bool,
    /// Whether pods may be evicted.
    pub(crate) evicts_pods: bool,
    /// Namespaces that credentials for many namespaces may be read from; `None` if there are no such resources.
    pub(crate) clusters: Option<Vec<String>>,
    /// Pods that are replaced, in all namespaces.
    pub(crate) recoveries: Mutex<Recoveries>,
    /// Each set of watches.
    pub(crate) scopes: Mutex<Vec<Weak<Context>>>,
}

impl Shared {
    /// A set of watches begins.
    pub(crate) fn add_scope(&self, ctx: &Arc<Context>) {
        lock(&self.scopes).push(Arc::downgrade(ctx));
    }

    fn scopes(&self) -> Vec<Arc<Context>> {
        lock(&self.scopes).iter().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn recoveries(&self) -> MutexGuard<'_, Recoveries> {
        lock(&self.recoveries)
    }

    /// Has these resources reconciled, wherever they are watched.
    pub(crate) fn trigger(&self, keys: &[ObjectKey]) {
        for ctx in self.scopes() {
            ctx.trigger(keys.iter().filter(|key| ctx.stored(key).is_some()));
        }
    }

    /// What metrics say now. Resources are told by the leader: others may be behind.
    pub(crate) fn now(&self) -> Now {
        let leads = self.leader.may_take(Duration::ZERO);
        let scopes = self.scopes();
        let objects: Vec<Arc<StoredResource>> = scopes
            .iter()
            .filter(|_| leads)
            .flat_map(|ctx| ctx.store.all())
            .collect();
        Now {
            leads,
            watches: self.readiness.watches(),
            queued: scopes.iter().map(|ctx| lock(&ctx.queue).len()).sum(),
            conditions: Figures::count(objects.iter().map(|object| object.figures())),
            resources: self
                .resource_metrics
                .then(|| Box::new(EachResource(objects)) as Box<dyn Collector>),
        }
    }
}

/// One for each set of watches: a namespace, or the cluster. No lock is held while anything is awaited.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: ResourceStore,
    queue: Mutex<FairQueue>,
    triggered: Notify,
    timers: Mutex<Timers>,
    /// The clock of queue and timers.
    start: Instant,
    memories: Mutex<ResourceMemories>,
    index: Mutex<ResourceIndex>,
    own_writes: Mutex<OwnWrites>,
    failing_pods: Mutex<FailingPods>,
    pods_listed: AtomicBool,
    /// `None` if ServiceAccounts are none of its business.
    pub(crate) attacher: Option<Arc<Attacher>>,
    /// `None` if resources for many namespaces are none of its business.
    pub(crate) distributor: Option<Arc<Distributor>>,
}

/// What is locked is whole at any time, also after a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Context {
    pub(crate) fn new(client: Client, shared: Arc<Shared>) -> Self {
        let attacher = shared.attaches_to_accounts.then(Arc::default);
        let distributor = shared.clusters.is_some().then(Arc::default);
        let index = Mutex::<ResourceIndex>::default();
        lock(&index).distributions.copies.tracks_names = distributor.is_some();
        Self {
            client,
            shared,
            store: ResourceStore::default(),
            queue: Mutex::default(),
            triggered: Notify::new(),
            timers: Mutex::default(),
            start: Instant::now(),
            memories: Mutex::default(),
            index,
            own_writes: Mutex::default(),
            failing_pods: Mutex::default(),
            pods_listed: AtomicBool::new(false),
            attacher,
            distributor,
        }
    }

    /// Before each write: that no other replica can be the leader while it may take.
    pub(crate) fn may_write(&self) -> Result<(), Error> {
        if self.shared.leader.may_take(CALL_TIMEOUT) {
            Ok(())
        } else {
            Err(Error::NotLeading)
        }
    }

    pub(crate) fn memories(&self) -> MutexGuard<'_, ResourceMemories> {
        lock(&self.memories)
    }

    pub(crate) fn memory(&self, uid: &Uid) -> ResourceMemory {
        self.memories().get(uid)
    }

    pub(crate) fn index(&self) -> MutexGuard<'_, ResourceIndex> {
        lock(&self.index)
    }

    pub(crate) fn own_writes(&self) -> MutexGuard<'_, OwnWrites> {
        lock(&self.own_writes)
    }

    pub(crate) fn failing_pods(&self) -> MutexGuard<'_, FailingPods> {
        lock(&self.failing_pods)
    }

    /// The list of pods is complete. Returns whether it was before.
    pub(crate) fn set_pods_listed(&self) -> bool {
        self.pods_listed.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn pods_are_listed(&self) -> bool {
        self.pods_listed.load(Ordering::Relaxed)
    }

    /// The resource as the watch last showed it.
    pub(crate) fn stored(&self, key: &ObjectKey) -> Option<Arc<StoredResource>> {
        self.store.get(key)
    }

    /// Has these resources reconciled.
    pub(crate) fn trigger<'a>(&self, keys: impl IntoIterator<Item = &'a ObjectKey>) {
        let (mut queue, now) = (lock(&self.queue), self.start.elapsed());
        keys.into_iter().for_each(|key| queue.push(key, now));
        drop(queue);
        self.triggered.notify_one();
    }

    /// Has a resource reconciled after a pause, if nothing happens before.
    pub(crate) fn trigger_after(&self, key: &ObjectKey, pause: Duration) {
        lock(&self.timers).set(key, Some(self.start.elapsed() + pause));
        self.triggered.notify_one();
    }

    /// [`Self::trigger_after`], unless it is due sooner anyway.
    pub(crate) fn trigger_within(&self, key: &ObjectKey, pause: Duration) {
        lock(&self.timers).set_sooner(key, self.start.elapsed() + pause);
        self.triggered.notify_one();
    }

    /// What was triggered or is due, in the order in which it is to be reconciled.
    pub(crate) fn triggered(self: Arc<Self>) -> impl Stream<Item = ObjectKey> {
        futures::stream::unfold(self, |ctx| async move {
            loop {
                let until_due = ctx.queue_due();
                let next = lock(&ctx.queue).take();
                if let Some(key) = next {
                    return Some((key, ctx));
                }
                let triggered = ctx.triggered.notified();
                match until_due {
                    // Either way it is time to look again.
                    Some(pause) => drop(tokio::time::timeout(pause, triggered).await),
                    None => triggered.await,
                }
            }
        })
    }

    /// Queues what is due. Returns how long until more is.
    fn queue_due(&self) -> Option<Duration> {
        let now = self.start.elapsed();
        let mut timers = lock(&self.timers);
        let mut queue = lock(&self.queue);
        while let Some(key) = timers.take_due(now) {
            queue.push(&key, now);
        }
        timers.next().map(|due| due.saturating_sub(now))
    }

    /// The reconcile of a resource begins.
    pub(crate) fn begun(&self, key: &ObjectKey) {
        lock(&self.timers).set(key, None);
        let begun = lock(&self.queue).begun(key, self.start.elapsed());
        if let Some(waited) = begun.waited {
            self.shared.metrics.waited(waited);
        }
        self.notify_if(begun.may_take);
    }

    /// Whether a resource is being reconciled.
    pub(crate) fn is_reconciling(&self, key: &ObjectKey) -> bool {
        lock(&self.queue).is_reconciling(key)
    }

    /// The reconcile of a resource has ended.
    pub(crate) fn ended(&self, key: &ObjectKey) {
        self.notify_if(lock(&self.queue).ended(key));
    }

    fn notify_if(&self, may_take: bool) {
        if may_take {
            self.triggered.notify_one();
        }
    }

    /// Has all resources reconciled.
    pub(crate) fn trigger_all(&self) {
        let all: Vec<ObjectKey> = self.index().resources().collect();
        self.trigger(&all);
    }

    /// There is a verdict on the credentials of a resource.
    pub(crate) fn verdict_reached(&self, resource: &ResourceRef) {
        self.memories()
            .update(&resource.uid, |memory| memory.unpublished_verdicts += 1);
        self.trigger([&resource.key]);
    }

    /// Forgets all about a resource that is gone.
    pub(crate) fn forget(&self, resource: &ResourceRef) {
        lock(&self.timers).set(&resource.key, None);
        self.memories().remove(&resource.uid);
        self.shared.verifier.forget(resource);
        self.shared.minter.forget(&resource.uid);
        let next = self.shared.recoveries().forget(&resource.uid, now());
        go_on(&next, &self.shared);
    }
}

/// The one clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
