//! The pods that cannot pull an image, for as long as they cannot. No other pod is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::api::{Cause, PullCode};
use crate::domain::names::{ObjectKey, Uid};
use crate::domain::pull_failures::cause::about;
use crate::domain::pull_failures::classify::{Classification, read};
use crate::domain::pull_failures::pod::{Pod, WaitingContainer};
use crate::domain::pull_failures::template::PodTemplate;
use crate::domain::text::{excerpt, unwrap};
use crate::domain::time::{Timestamp, after};

/// Longest report that is stored, in characters.
const REPORT_LENGTH: usize = 400;

/// How long a transient failure has to last, unless a second attempt fails first.
const TRANSIENT_DELAY: Duration = Duration::from_secs(30);

/// How long any other failure has to last: a Secret that the same `kubectl apply` creates may be a moment behind.
const FIRM_DELAY: Duration = Duration::from_secs(1);

/// A pod that cannot pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingPod {
    /// Its UID.
    pub uid: Uid,
    /// UID of what controls it, if anything does.
    pub owner: Option<Uid>,
    /// What it is made from, if that is certain.
    pub template: Option<PodTemplate>,
    /// Name of its ServiceAccount.
    pub account: String,
    /// The names in its `imagePullSecrets`.
    pub pull_secrets: Vec<String>,
    /// Its containers that wait for an image.
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
    /// What the last report that gave a reason means.
    pub classification: Option<Classification>,
    /// That report, fit to be shown.
    pub report: String,
    /// When the failure was first seen.
    pub since: Timestamp,
    /// When the last failed attempt was seen.
    pub attempted: Timestamp,
    /// Number of failed attempts seen.
    attempts: u32,
    /// Whether the kubelet waits before the next attempt.
    backing_off: bool,
}

impl FailingContainer {
    /// From when on the failure counts. A single failed attempt proves little.
    pub fn counts_from(&self, cause: Cause, may_succeed_next: bool) -> Timestamp {
        if self.is_confirmed() {
            return self.since;
        }
        let delay = if about(cause).is_transient || may_succeed_next {
            TRANSIENT_DELAY
        } else {
            FIRM_DELAY
        };
        after(self.since, delay)
    }

    /// Whether a second attempt was seen to fail.
    fn is_confirmed(&self) -> bool {
        self.attempts >= 2
    }

    /// A failure that was not known before.
    fn first_seen(waiting: WaitingContainer, started: Option<Timestamp>, now: Timestamp) -> Self {
        let backing_off = !waiting.is_attempt();
        // The attempt before this pause was not seen and may be long ago.
        let since = started.filter(|_| backing_off).map_or(now, |started| started.min(now));
        Self {
            code: waiting.code(),
            classification: read(&waiting.reason, &waiting.message, &waiting.image),
            report: excerpt(unwrap(&waiting.message).1, REPORT_LENGTH),
            container: waiting.container,
            image: waiting.image,
            since,
            attempted: now,
            attempts: 1,
            backing_off,
        }
    }

    /// The same failure as the kubelet reports it now.
    fn seen_again(&self, waiting: &WaitingContainer, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.backing_off = !waiting.is_attempt();
        if self.backing_off && !next.backing_off {
            next.attempts = self.attempts.saturating_add(1);
            next.attempted = now;
        }
        // The words of one and the same failure vary: ports, times, request numbers.
        let classification = read(&waiting.reason, &waiting.message, &waiting.image);
        if classification.is_some() && !is_alike(classification.as_ref(), self.classification.as_ref()) {
            next.classification = classification;
            next.code = waiting.code();
            next.report = excerpt(unwrap(&waiting.message).1, REPORT_LENGTH);
        }
        next
    }

    /// Whether a resource would report the same of both.
    fn is_alike(&self, other: &Self) -> bool {
        (&self.container, &self.image, self.code, self.is_confirmed())
            == (&other.container, &other.image, other.code, other.is_confirmed())
            && is_alike(self.classification.as_ref(), other.classification.as_ref())
    }
}

/// Whether two reports are about the same problem.
fn is_alike(first: Option<&Classification>, second: Option<&Classification>) -> bool {
    match (first, second) {
        (Some(first), Some(second)) => first.is_alike(second),
        (first, second) => first.is_none() && second.is_none(),
    }
}

impl FailingPod {
    /// The pod as it is now, if it fails. `before` is what was known of it.
    fn observe(pod: &Pod, uid: Uid, before: Option<&Self>, now: Timestamp) -> Self {
        let containers = pod.waiting_containers().into_iter().map(|waiting| {
            let mut known = before.into_iter().flat_map(|before| &before.containers);
            let known = known.find(|known| known.container == waiting.container && known.image == waiting.image);
            match known {
                Some(known) => known.seen_again(&waiting, now),
                None => FailingContainer::first_seen(waiting, pod.started(), now),
            }
        });
        Self {
            uid,
            owner: pod.owner(),
            template: PodTemplate::of(&pod.metadata),
            account: pod.service_account().to_owned(),
            containers: containers.collect(),
            pull_secrets: pod.pull_secrets().map(str::to_owned).collect(),
        }
    }

    fn is_alike(&self, other: &Self) -> bool {
        self.containers.len() == other.containers.len()
            && self
                .containers
                .iter()
                .zip(&other.containers)
                .all(|(container, other)| container.is_alike(other))
    }

    fn last_attempt(&self) -> Option<Timestamp> {
        self.containers.iter().map(|container| container.attempted).max()
    }
}

/// What an observation of a pod changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodChange {
    /// Nothing that a resource would report.
    None,
    /// The pod began to fail, or fails in another way than before.
    Fails,
    /// Another attempt failed like the last one, which was seen at this time.
    Again(Timestamp),
    /// The pod no longer fails; this was known of it.
    Ended(Arc<FailingPod>),
}

/// All pods that fail.
#[derive(Debug, Default)]
pub struct FailingPods {
    pods: BTreeMap<ObjectKey, Arc<FailingPod>>,
}

impl FailingPods {
    /// Records the current state of a pod.
    pub fn observe(&mut self, pod: &Pod, now: Timestamp) -> PodChange {
        let key = ObjectKey::of(&pod.metadata);
        let uid = match pod.metadata.uid.as_deref() {
            // A pod that finishes or is being deleted no longer needs its image.
            Some(uid) if !pod.is_over() => Uid::new(uid),
            _ => return self.forget(&key),
        };
        let before = self.pods.get(&key).filter(|before| before.uid == uid);
        let failing = FailingPod::observe(pod, uid, before.map(Arc::as_ref), now);
        if failing.containers.is_empty() {
            return self.forget(&key);
        }
        let change = match before {
            Some(before) if before.is_alike(&failing) => match before.last_attempt() {
                Some(last) if failing.last_attempt() != Some(last) => PodChange::Again(last),
                _ => PodChange::None,
            },
            _ => PodChange::Fails,
        };
        self.pods.insert(key, Arc::new(failing));
        change
    }

    /// Forgets a pod that no longer fails or exists.
    pub fn forget(&mut self, pod: &ObjectKey) -> PodChange {
        self.pods.remove(pod).map_or(PodChange::None, PodChange::Ended)
    }

    /// The failing pods of a namespace, in the order of their names.
    pub fn of_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a str, &'a Arc<FailingPod>)> {
        let pods = self.pods.range(ObjectKey::new(namespace, "")..);
        pods.take_while(move |(key, _)| key.namespace == namespace)
            .map(|(key, failing)| (key.name.as_str(), failing))
    }

    /// The namespaces with failing pods.
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.pods.keys().map(|key| key.namespace.clone()).collect()
    }

    /// A failing pod.
    pub fn get(&self, pod: &ObjectKey) -> Option<Arc<FailingPod>> {
        self.pods.get(pod).cloned()
    }

    /// The names of all failing pods.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.pods.keys()
    }

    /// Adds what an Event says of a pod whose status says only that the kubelet waits.
    pub fn learn(&mut self, pod: &ObjectKey, image: &str, report: &str) {
        let Some(failing) = self.pods.get_mut(pod) else { return };
        let without_reason = Arc::make_mut(failing)
            .containers
            .iter_mut()
            .filter(|container| container.image == image && container.classification.is_none());
        for container in without_reason {
            container.classification = read("ErrImagePull", report, image);
            container.report = excerpt(unwrap(report).1, REPORT_LENGTH);
        }
    }
}
