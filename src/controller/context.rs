//! What all passes share.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::Client;
use kube::ResourceExt as _;
use kube::runtime::reflector::{ObjectRef, Store};

use crate::api::DockerPullSecretStatus;
use crate::controller::backoff::Failures;
use crate::controller::metrics::Metrics;
use crate::controller::pace::Paces;
use crate::controller::readiness::Readiness;
use crate::controller::store::stored_resource::StoredResource;
use crate::controller::verifier::Verifier;
use crate::controller::watches::drive::Queue;
use crate::domain::index::{Key, ResourceIndex};
use crate::domain::pull_failures::failing_pods::FailingPods;
use crate::domain::verification::ledger::Fingerprint;

/// One for the process.
pub(crate) struct Shared {
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) verifier: Arc<Verifier>,
}

/// One for each set of watches: a namespace, or the cluster.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Store<StoredResource>,
    pub(crate) failures: Failures,
    /// Where passes are triggered.
    pub(crate) queue: Queue,
    holds: Mutex<HashMap<String, (Fingerprint, Instant)>>,
    /// Value of the annotation that asks for a check, by UID, for which the login was last submitted.
    submitted: Mutex<HashMap<String, String>>,
    claims: Mutex<ResourceIndex>,
    written: Mutex<HashMap<String, Written>>,
    echoes: Mutex<HashMap<Key, String>>,
    watchlist: Mutex<FailingPods>,
    pods_listed: AtomicBool,
    /// Resources that will be triggered in a moment.
    gathering: Mutex<HashSet<Key>>,
    /// When the login in the Secret of a resource was replaced, by UID; milliseconds since 1970.
    rotated: Mutex<HashMap<String, i64>>,
    paces: Mutex<Paces>,
}

/// The last status this process wrote to a resource: the watch brings it later.
#[derive(Clone)]
pub(crate) struct Written {
    /// Resource version that the API server gave it; `None` while the request runs.
    pub(crate) resource_version: Option<String>,
    pub(crate) status: DockerPullSecretStatus,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Context {
    pub(crate) fn new(client: Client, shared: Arc<Shared>, store: Store<StoredResource>, queue: Queue) -> Self {
        Self {
            client,
            shared,
            store,
            failures: Failures::default(),
            queue,
            holds: Mutex::default(),
            submitted: Mutex::default(),
            claims: Mutex::default(),
            written: Mutex::default(),
            echoes: Mutex::default(),
            watchlist: Mutex::default(),
            pods_listed: AtomicBool::new(false),
            gathering: Mutex::default(),
            rotated: Mutex::default(),
            paces: Mutex::default(),
        }
    }

    pub(crate) fn claims(&self) -> MutexGuard<'_, ResourceIndex> {
        lock(&self.claims)
    }

    pub(crate) fn watchlist(&self) -> MutexGuard<'_, FailingPods> {
        lock(&self.watchlist)
    }

    pub(crate) fn paces(&self) -> MutexGuard<'_, Paces> {
        lock(&self.paces)
    }

    /// The list of pods is complete; whether it was before.
    pub(crate) fn pods_listed(&self) -> bool {
        self.pods_listed.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn pods_are_listed(&self) -> bool {
        self.pods_listed.load(Ordering::Relaxed)
    }

    /// Whether a trigger for this resource is not on its way yet.
    pub(crate) fn gather(&self, resource: &Key) -> bool {
        lock(&self.gathering).insert(resource.clone())
    }

    /// The trigger is sent.
    pub(crate) fn gathered(&self, resource: &Key) {
        lock(&self.gathering).remove(resource);
    }

    /// When the login in the Secret of a resource was replaced by another one.
    pub(crate) fn rotated(&self, uid: &str) -> Option<i64> {
        lock(&self.rotated).get(uid).copied()
    }

    pub(crate) fn set_rotated(&self, uid: &str, at: i64) {
        lock(&self.rotated).insert(uid.to_owned(), at);
    }

    pub(crate) fn written(&self, uid: &str) -> Option<Written> {
        lock(&self.written).get(uid).cloned()
    }

    pub(crate) fn set_written(&self, uid: &str, written: Option<Written>) {
        match written {
            Some(written) => lock(&self.written).insert(uid.to_owned(), written),
            None => lock(&self.written).remove(uid),
        };
    }

    /// Drops what was written once the watch has brought it, or something newer.
    pub(crate) fn caught_up(&self, resource: &StoredResource) {
        let uid = resource.uid().unwrap_or_default();
        if let Some(Written {
            resource_version: Some(written),
            ..
        }) = self.written(&uid)
            && version(resource.resource_version().as_deref()) >= version(Some(&written))
        {
            self.set_written(&uid, None);
        }
    }

    /// Remembers the version of a Secret that a pass has just written and therefore knows.
    pub(crate) fn expect_echo(&self, secret: Key, resource_version: String) {
        lock(&self.echoes).insert(secret, resource_version);
    }

    /// Whether an event only brings what a pass wrote.
    pub(crate) fn is_echo(&self, secret: &Key, resource_version: Option<&str>) -> bool {
        let mut echoes = lock(&self.echoes);
        let echo = echoes.get(secret).map(String::as_str) == resource_version && resource_version.is_some();
        if echo {
            echoes.remove(secret);
        }
        echo
    }

    /// Forgets what was written to a Secret that is gone.
    pub(crate) fn forget_echo(&self, secret: &Key) {
        lock(&self.echoes).remove(secret);
    }

    pub(crate) fn submitted(&self, uid: &str) -> Option<String> {
        lock(&self.submitted).get(uid).cloned()
    }

    pub(crate) fn set_submitted(&self, uid: &str, request: Option<&str>) {
        match request {
            Some(request) => lock(&self.submitted).insert(uid.to_owned(), request.to_owned()),
            None => lock(&self.submitted).remove(uid),
        };
    }

    /// How long a resource has been waiting for the verdict on a login; it begins to now if it was not.
    pub(crate) fn held_for(&self, uid: &str, login: Fingerprint) -> Duration {
        let mut holds = lock(&self.holds);
        let hold = holds.entry(uid.to_owned()).or_insert((login, Instant::now()));
        if hold.0 != login {
            *hold = (login, Instant::now());
        }
        hold.1.elapsed()
    }

    /// A resource waits no more.
    pub(crate) fn release(&self, uid: &str) {
        lock(&self.holds).remove(uid);
    }

    /// Forgets what is known about a resource that is gone.
    pub(crate) fn forget(&self, resource: &Key, uid: &str) {
        self.release(uid);
        self.set_submitted(uid, None);
        self.shared.verifier.seen(uid);
        self.shared.verifier.forget(resource);
        self.failures.forget(uid);
        self.paces().calm(uid);
        lock(&self.rotated).remove(uid);
        self.set_written(uid, None);
    }
}

/// Resource versions of one kind can be compared as numbers (KEP-5504, guaranteed since 1.35, true before).
pub(crate) fn version(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The reference under which the controller's queue knows a resource.
pub(crate) fn reference(key: &Key) -> ObjectRef<StoredResource> {
    ObjectRef::new(&key.1).within(&key.0)
}
