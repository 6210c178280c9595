//! The pods that cannot pull, as long as they cannot: nothing is kept of any other pod.
//!
//! Times are milliseconds since 1970.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::{Cause, PullCode};
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::cause::about;
use crate::domain::pull_failures::classify::{Classification, read};
use crate::domain::pull_failures::pod::{Pod, WaitingContainer};
use crate::domain::text::{excerpt, unwrap};

/// Longest report that is kept, in characters.
const REPORT: usize = 400;

/// How long a failure that can pass with the next attempt has to last, unless a second attempt fails first.
const PASSING: i64 = 30_000;

/// How long every other failure has to last: a Secret that the same `kubectl apply` creates may be a moment behind.
const FIRM: i64 = 1_000;

/// A pod that cannot pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingPod {
    /// UID of the pod.
    pub uid: String,
    /// What its `imagePullSecrets` name.
    pub pull_secrets: Vec<String>,
    /// Its containers that cannot get their image.
    pub containers: Vec<FailingContainer>,
}

/// A container that cannot get its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingContainer {
    /// Its name.
    pub container: String,
    /// The image.
    pub image: String,
    /// The platform's code.
    pub code: PullCode,
    /// What the last report said that said something.
    pub classification: Option<Classification>,
    /// That report, fit to be shown.
    pub report: String,
    /// When this was seen first.
    pub since: i64,
    /// When the last attempt was seen.
    pub attempted: i64,
    /// Attempts that were seen to fail.
    attempts: u32,
    /// Whether the kubelet waits before the next attempt.
    pausing: bool,
}

impl FailingContainer {
    /// When it counts: one failure proves nothing (testbed.md 5).
    pub fn counts_from(&self, cause: Cause, may_pass: bool) -> i64 {
        if self.attempts >= 2 {
            return self.since;
        }
        let is_transient = about(cause).is_transient || may_pass;
        self.since + if is_transient { PASSING } else { FIRM }
    }

    /// Whether a second attempt was seen to fail.
    fn confirmed(&self) -> bool {
        self.attempts >= 2
    }

    /// `before`: what was known of the same container and image.
    fn new(waits: WaitingContainer, before: Option<&Self>, started: Option<i64>, now: i64) -> Self {
        let classification = read(&waits.reason, &waits.message, &waits.image);
        let (code, pausing) = (waits.code(), !waits.is_attempt());
        let Some(before) = before else {
            let report = excerpt(unwrap(&waits.message).1, REPORT);
            // A pause that is the first thing seen comes after an attempt that nobody saw, perhaps long ago.
            let since = started.filter(|_| pausing).map_or(now, |started| started.min(now));
            return Self {
                container: waits.container,
                image: waits.image,
                code,
                classification,
                report,
                since,
                attempted: now,
                attempts: 1,
                pausing,
            };
        };
        let mut next = before.clone();
        next.pausing = pausing;
        if !pausing && before.pausing {
            next.attempts = before.attempts.saturating_add(1);
            next.attempted = now;
        }
        // The same failure is told in other words each time: ports, times, request numbers.
        if classification.is_some() && !is_alike(classification.as_ref(), before.classification.as_ref()) {
            next.classification = classification;
            next.code = code;
            next.report = excerpt(unwrap(&waits.message).1, REPORT);
        }
        next
    }

    /// Whether nothing has changed that anybody would be told.
    fn tells_the_same(&self, other: &Self) -> bool {
        (&self.container, &self.image, self.code, self.confirmed())
            == (&other.container, &other.image, other.code, other.confirmed())
            && is_alike(self.classification.as_ref(), other.classification.as_ref())
    }
}

/// Whether two reports say the same, see [`Classification::is_alike`].
fn is_alike(one: Option<&Classification>, other: Option<&Classification>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is_alike(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// What became of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing that anybody would be told.
    None,
    /// This pod fails in another way than before, or began to.
    Fails,
    /// Another attempt failed as the last one did, which was seen at this time.
    Again(i64),
    /// This pod fails no more; what was known of it.
    Ended(Arc<FailingPod>),
}

/// The list.
#[derive(Debug, Default)]
pub struct FailingPods {
    pods: BTreeMap<ObjectKey, Arc<FailingPod>>,
}

impl FailingPods {
    /// Takes in what a pod looks like now.
    pub fn observe(&mut self, pod: &Pod, now: i64) -> Change {
        let meta = &pod.metadata;
        let key = ObjectKey::of(meta);
        let waits = pod.waits();
        // A pod that is going away takes its failure along.
        if waits.is_empty() || pod.is_over() {
            return self.forget(&key);
        }
        let uid = meta.uid.clone().unwrap_or_default();
        let before = self.pods.get(&key).filter(|before| before.uid == uid);
        let known = |waits: &WaitingContainer| {
            let mut containers = before.into_iter().flat_map(|before| &before.containers);
            containers.find(|one| one.container == waits.container && one.image == waits.image)
        };
        let started = pod.started().map(|seconds| seconds.saturating_mul(1000));
        let containers = waits.into_iter().map(|waits| {
            let known = known(&waits);
            FailingContainer::new(waits, known, started, now)
        });
        let failing = FailingPod {
            uid,
            pull_secrets: pod.pull_secrets().map(str::to_owned).collect(),
            containers: containers.collect(),
        };
        let same = before.is_some_and(|before| {
            before.containers.len() == failing.containers.len()
                && before
                    .containers
                    .iter()
                    .zip(&failing.containers)
                    .all(|(old, new)| old.tells_the_same(new))
        });
        let attempted = |failing: &FailingPod| failing.containers.iter().map(|one| one.attempted).max();
        let last = before.and_then(|before| attempted(before));
        let change = match last {
            Some(last) if same && attempted(&failing) != Some(last) => Change::Again(last),
            _ if same => Change::None,
            _ => Change::Fails,
        };
        self.pods.insert(key, Arc::new(failing));
        change
    }

    /// A pod is gone.
    pub fn forget(&mut self, pod: &ObjectKey) -> Change {
        self.pods.remove(pod).map_or(Change::None, Change::Ended)
    }

    /// The failing pods of a namespace, by name.
    pub fn of_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a str, &'a Arc<FailingPod>)> {
        let from = ObjectKey::new(namespace, "");
        let pods = self.pods.range(from..);
        pods.take_while(move |(key, _)| key.namespace == namespace)
            .map(|(key, failing)| (key.name.as_str(), failing))
    }

    /// A failing pod.
    pub fn get(&self, pod: &ObjectKey) -> Option<Arc<FailingPod>> {
        self.pods.get(pod).cloned()
    }

    /// Names of all failing pods.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.pods.keys()
    }

    /// What an event said of a pod whose status says only that the kubelet waits.
    pub fn learn(&mut self, pod: &ObjectKey, image: &str, report: &str) {
        let Some(failing) = self.pods.get_mut(pod) else { return };
        let silent = Arc::make_mut(failing)
            .containers
            .iter_mut()
            .filter(|one| one.image == image && one.classification.is_none());
        for one in silent {
            one.classification = read("ErrImagePull", report, image);
            one.report = excerpt(unwrap(report).1, REPORT);
        }
    }
}
