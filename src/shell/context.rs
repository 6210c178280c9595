//! What all passes share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::Client;
use kube::ResourceExt as _;
use kube::runtime::reflector::{ObjectRef, Store};

use super::backoff::Failures;
use super::metrics::Metrics;
use super::readiness::Readiness;
use super::verifier::Verifier;
use super::watch::Queue;
use crate::api::{DockerPullSecret, DockerPullSecretStatus};
use crate::domain::claims::{Claims, Key};
use crate::domain::verification::ledger::Fingerprint;
use kube::core::DeserializeGuard;

/// A resource as it is listed: one that does not parse must not hide the others.
pub(crate) type Guarded = DeserializeGuard<DockerPullSecret>;

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
    pub(crate) store: Store<Guarded>,
    pub(crate) failures: Failures,
    /// Where passes are triggered.
    pub(crate) queue: Queue,
    holds: Mutex<HashMap<String, (Fingerprint, Instant)>>,
    claims: Mutex<Claims>,
    written: Mutex<HashMap<String, Written>>,
    echoes: Mutex<HashMap<Key, String>>,
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
    pub(crate) fn new(client: Client, shared: Arc<Shared>, store: Store<Guarded>, queue: Queue) -> Self {
        Self {
            client,
            shared,
            store,
            failures: Failures::default(),
            queue,
            holds: Mutex::default(),
            claims: Mutex::default(),
            written: Mutex::default(),
            echoes: Mutex::default(),
        }
    }

    pub(crate) fn claims(&self) -> MutexGuard<'_, Claims> {
        lock(&self.claims)
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
    pub(crate) fn caught_up(&self, resource: &Guarded) {
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
    pub(crate) fn forget(&self, uid: &str) {
        self.release(uid);
        self.shared.verifier.seen(uid);
        self.failures.forget(uid);
        self.set_written(uid, None);
    }
}

/// Resource versions of one kind can be compared as numbers (KEP-5504, guaranteed since 1.35, true before).
pub(crate) fn version(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The reference under which the controller's queue knows a resource.
pub(crate) fn reference(key: &Key) -> ObjectRef<Guarded> {
    ObjectRef::new(&key.1).within(&key.0)
}
