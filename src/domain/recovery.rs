//! Pods that were created before their login was fixed, and get another one only when they are replaced: one pod of each owner first,
//! the next only when its successor has pulled.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::names::{ObjectKey, ResourceRef, Uid};
use crate::domain::pull_failures::pod::Pod;
use crate::domain::time::{Timestamp, since, whole_second};

/// Most owners that wait for a successor at a time.
const AT_A_TIME: usize = 5;

/// How long a successor may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// A pod whose successor would pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodToReplace {
    /// Its namespace and name.
    pub pod: ObjectKey,
    /// Its UID.
    pub uid: Uid,
    /// UID of what controls it.
    pub owner: Uid,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ReplacementPhase {
    /// A pod was evicted then, and its successor has not pulled yet.
    Waiting { evicted: Uid, at: Timestamp },
    /// A successor has pulled.
    Proven,
    /// A successor fails as well, or there is none.
    Ended,
}

#[derive(Clone, Debug)]
struct Replacement {
    resource: ResourceRef,
    phase: ReplacementPhase,
    is_proven: bool,
}

/// What is known of owners whose pods are replaced. Nothing of it survives a restart: then each owner begins with one pod again.
#[derive(Debug, Default)]
pub struct Recoveries(HashMap<Uid, Replacement>);

impl Recoveries {
    /// The pods of a resource to evict now.
    pub fn next(&mut self, resource: &ResourceRef, candidates: &[PodToReplace], now: Timestamp) -> Vec<PodToReplace> {
        for recovery in self.0.values_mut() {
            if let ReplacementPhase::Waiting { at, .. } = recovery.phase
                && since(at, now) >= PATIENCE
            {
                recovery.phase = ReplacementPhase::Ended;
            }
        }
        self.0.retain(|owner, recovery| {
            recovery.resource != *resource
                || matches!(recovery.phase, ReplacementPhase::Waiting { .. })
                || candidates.iter().any(|candidate| candidate.owner == *owner)
        });
        let (mut room, mut evicted) = (self.room(), Vec::new());
        for candidate in candidates {
            if room == 0 || !self.may_begin(&candidate.owner) {
                continue;
            }
            let before = self.0.get(&candidate.owner);
            let recovery = Replacement {
                resource: resource.clone(),
                phase: ReplacementPhase::Waiting {
                    evicted: candidate.uid.clone(),
                    at: now,
                },
                is_proven: before.is_some(),
            };
            self.0.insert(candidate.owner.clone(), recovery);
            evicted.push(candidate.clone());
            room -= 1;
        }
        evicted
    }

    /// Whether some of these pods are left only because enough owners wait.
    pub fn lacks_room_for(&self, candidates: &[PodToReplace]) -> bool {
        self.room() == 0 && candidates.iter().any(|candidate| self.may_begin(&candidate.owner))
    }

    /// How many more owners may wait.
    fn room(&self) -> usize {
        let phases = self.0.values().map(|one| &one.phase);
        let waiting = phases.filter(|phase| matches!(phase, ReplacementPhase::Waiting { .. }));
        AT_A_TIME.saturating_sub(waiting.count())
    }

    /// Whether a pod of this owner may be evicted, if there is room.
    fn may_begin(&self, owner: &Uid) -> bool {
        let known = self.0.get(owner);
        known.is_none_or(|known| known.phase == ReplacementPhase::Proven)
    }

    /// An eviction was refused: the pod stays for now.
    pub fn refused(&mut self, owner: &Uid) {
        match self.0.get_mut(owner) {
            Some(recovery) if recovery.is_proven => recovery.phase = ReplacementPhase::Proven,
            _ => drop(self.0.remove(owner)),
        }
    }

    /// A pod as it is now. Returns the resource that can go on, if this is the successor that it waits for.
    pub fn observe(&mut self, pod: &Pod) -> Option<ObjectKey> {
        let recovery = self.0.get_mut(&pod.owner()?)?;
        let ReplacementPhase::Waiting { evicted, at } = &recovery.phase else {
            return None;
        };
        let created = pod.metadata.creation_timestamp.as_ref()?.0;
        if pod.metadata.uid.as_deref() == Some(evicted.as_str()) || created < whole_second(*at) {
            return None;
        }
        if !pod.waiting_containers().is_empty() {
            recovery.phase = ReplacementPhase::Ended;
        } else if pod.is_running() {
            recovery.phase = ReplacementPhase::Proven;
        } else {
            return None;
        }
        Some(recovery.resource.key.clone())
    }
}
