//! What the process remembers of each resource, from its first event until it is gone.

use std::collections::HashMap;

use crate::api::DockerPullSecretStatus;
use crate::domain::names::{Uid, is_older};
use crate::domain::reconcile::throttle::StatusThrottle;
use crate::domain::time::Timestamp;
use crate::domain::verification::fingerprint::Fingerprint;

/// All that is remembered of one resource. Nothing of it has to survive a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceMemory {
    /// Errors of the platform in a row.
    pub consecutive_errors: u32,
    /// The last status that was written, until the watch brings it or something newer.
    pub published: Option<PublishedStatus>,
    /// When a resource for many namespaces was last reconciled: each of them may be a reason to.
    pub reconciled_at: Option<Timestamp>,
    /// When its status was last written.
    pub status_written_at: Option<Timestamp>,
    /// When the credentials in the generated Secret were last replaced by others.
    pub credentials_changed_at: Option<Timestamp>,
    /// What [`decide`](crate::domain::reconcile::decide::decide) keeps from one reconcile to the next.
    pub decided: DecisionMemory,
    /// Whether a reconcile will be triggered in a moment, for pods that fail.
    pub wakeup_scheduled: bool,
    /// Verdicts on the credentials that no status says yet.
    pub unpublished_verdicts: u32,
}

/// What one decision leaves for the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DecisionMemory {
    /// The verdict that changed credentials wait for, and since when.
    pub awaiting_verdict: Option<(Fingerprint, Timestamp)>,
    /// The value of the annotation for which a verification was last requested.
    pub submitted_request: Option<String>,
    /// When the last login attempt started that the status was to announce.
    pub announced: Option<Timestamp>,
    /// When a registry last refused what a pod sent from the generated Secret.
    pub refused_at: Option<Timestamp>,
    /// The pace of status writes.
    pub status_throttle: StatusThrottle,
}

/// A status that this process wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedStatus {
    /// Resource version that the API server gave the resource; `None` while the request runs.
    pub resource_version: Option<String>,
    /// The status.
    pub status: DockerPullSecretStatus,
}

impl ResourceMemory {
    /// The status of the resource as far as is known: what was stored may be older than what was written since.
    pub fn previous_status(&self, stored: Option<DockerPullSecretStatus>) -> Option<DockerPullSecretStatus> {
        let published = self.published.as_ref().map(|published| published.status.clone());
        published.or(stored)
    }

    /// A status was written that was decided on when there were so many unpublished verdicts. One that came meanwhile is
    /// still unpublished.
    pub fn publish_verdicts(&mut self, count: u32) {
        self.unpublished_verdicts = self.unpublished_verdicts.saturating_sub(count);
    }

    /// The watch has brought the resource in this version: what was published before it is known from there.
    pub fn acknowledge(&mut self, resource_version: Option<&str>) {
        self.published = self.published.take().filter(|published| {
            let Some(own) = &published.resource_version else {
                return true;
            };
            is_older(resource_version, own)
        });
    }
}

/// What is remembered of all resources.
///
/// An entry exists as long as the watch shows the resource. A change to one that is gone does nothing, so that a
/// reconcile in flight cannot bring it back. At rest there is nothing to remember of most resources, and it takes no memory.
#[derive(Debug, Default)]
pub struct ResourceMemories(HashMap<Uid, Option<Box<ResourceMemory>>>);

impl ResourceMemories {
    /// The watch shows a resource.
    pub fn insert(&mut self, uid: Uid) {
        self.0.entry(uid).or_default();
    }

    /// The resource is gone.
    pub fn remove(&mut self, uid: &Uid) {
        self.0.remove(uid);
    }

    /// What is remembered of a resource; nothing if it is gone.
    pub fn get(&self, uid: &Uid) -> ResourceMemory {
        let memory = self.0.get(uid).and_then(Option::as_deref);
        memory.cloned().unwrap_or_default()
    }

    /// Looks at what is remembered of a resource; `None` if there is nothing, or it is gone.
    pub fn look<T>(&self, uid: &Uid, at: impl FnOnce(&ResourceMemory) -> T) -> Option<T> {
        self.0.get(uid)?.as_deref().map(at)
    }

    /// Changes what is remembered; `None` if the resource is gone.
    pub fn update<T>(&mut self, uid: &Uid, change: impl FnOnce(&mut ResourceMemory) -> T) -> Option<T> {
        let entry = self.0.get_mut(uid)?;
        let mut memory = entry.take().unwrap_or_default();
        let result = change(&mut memory);
        *entry = Some(memory).filter(|memory| **memory != ResourceMemory::default());
        Some(result)
    }

    /// Resources whose status does not say the verdict yet.
    pub fn with_unpublished_verdict(&self) -> Vec<Uid> {
        let unpublished = |memory: &ResourceMemory| memory.unpublished_verdicts > 0;
        let all = self.0.iter();
        let all = all.filter(|(_, memory)| memory.as_deref().is_some_and(unpublished));
        all.map(|(uid, _)| uid.clone()).collect()
    }
}
