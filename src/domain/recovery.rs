//! Pods that were created before their login was fixed, and get another one only when they are replaced: one pod of each owner first,
//! the next only when its successor has pulled. Resources take turns.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use crate::domain::names::{ObjectKey, ResourceRef, Uid};
use crate::domain::pull_failures::pod::Pod;
use crate::domain::time::{Timestamp, since, whole_second};

/// Most owners that wait for a successor at a time.
const AT_A_TIME: usize = 5;

/// How long a successor may take.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// How long a place is kept for the resource whose turn it is.
pub const TURN: Duration = Duration::from_secs(30);

/// How long an owner is left alone when the eviction of its pod was refused.
const AFTER_REFUSAL: Duration = Duration::from_mins(1);

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

/// What is due for a resource.
#[derive(Debug, Default)]
pub struct Due {
    /// The pods to evict now.
    pub evictions: Vec<PodToReplace>,
    /// When to look again, if nothing happens before.
    pub again: Option<Duration>,
    /// Other resources that can go on.
    pub others: Vec<ObjectKey>,
}

/// A pod of an owner was evicted, and its successor has not pulled yet.
#[derive(Debug)]
struct Replacement {
    evicted: Uid,
    at: Timestamp,
    /// The resource that had it evicted.
    by: Uid,
    /// Who has more to do with that owner, and still exists.
    awaited_by: BTreeSet<ResourceRef>,
}

/// Why a resource has no pod of an owner replaced.
#[derive(Clone, Copy, Debug)]
enum Held {
    /// A successor fails as well, or there is none.
    Ended,
    /// The eviction was refused then.
    Refused(Timestamp),
}

/// A resource that has pods to replace, and found no place.
#[derive(Debug)]
struct Turn {
    resource: ResourceRef,
    /// Since when a place is kept for it.
    kept_since: Option<Timestamp>,
}

/// What is known of owners whose pods are replaced. Nothing of it survives a restart: then each owner begins with one pod again.
#[derive(Debug, Default)]
pub struct Recoveries {
    /// By owner.
    replacements: HashMap<Uid, Replacement>,
    /// By resource, then by owner.
    held: HashMap<Uid, HashMap<Uid, Held>>,
    /// The longest waiting first.
    turns: VecDeque<Turn>,
}

impl Recoveries {
    /// What is due for a resource. Owners that were refused come last.
    pub fn next(&mut self, resource: &ResourceRef, candidates: &[PodToReplace], now: Timestamp) -> Due {
        let mut others = self.end_late(now);
        self.turns.retain(|turn| turn.resource.uid != resource.uid);
        self.keep_held(resource, candidates);
        let mut again: Option<Duration> = None;
        let mut ready = Vec::new();
        let mut owners = HashSet::new();
        for candidate in candidates.iter().filter(|one| owners.insert(&one.owner)) {
            if let Some(replacement) = self.replacements.get_mut(&candidate.owner) {
                replacement.awaited_by.insert(resource.clone());
                continue;
            }
            let held = self.held.get(&resource.uid).and_then(|held| held.get(&candidate.owner));
            match held {
                None => ready.push((None, candidate)),
                Some(Held::Ended) => {}
                Some(Held::Refused(at)) => match AFTER_REFUSAL.saturating_sub(since(*at, now)) {
                    Duration::ZERO => ready.push((Some(*at), candidate)),
                    pause => again = Some(again.map_or(pause, |again| again.min(pause))),
                },
            }
        }
        ready.sort_by_key(|(refused, _)| *refused);
        let without_place = ready.split_off(ready.len().min(self.free()));
        let evictions: Vec<PodToReplace> = ready.into_iter().map(|(_, pod)| pod.clone()).collect();
        for pod in &evictions {
            self.begin(resource, pod, now);
        }
        if !without_place.is_empty() {
            self.turns.push_back(Turn {
                resource: resource.clone(),
                kept_since: None,
            });
        }
        others.extend(self.keep_places(now));
        others.retain(|other| *other != resource.key);
        Due {
            evictions,
            again,
            others,
        }
    }

    /// An eviction was refused: the pod stays for now. Returns the resources that can go on.
    pub fn refused(&mut self, owner: &Uid, now: Timestamp) -> Vec<ObjectKey> {
        self.end(owner, Some(Held::Refused(now)), now)
    }

    /// A pod as it is now. Returns the resources that can go on, if this is the successor of an evicted one.
    pub fn observe(&mut self, pod: &Pod, now: Timestamp) -> Vec<ObjectKey> {
        let outcome = || {
            let owner = pod.owner()?;
            let Replacement { evicted, at, .. } = self.replacements.get(&owner)?;
            let created = pod.metadata.creation_timestamp.as_ref()?.0;
            if pod.metadata.uid.as_deref() == Some(evicted.as_str()) || created < whole_second(*at) {
                return None;
            }
            let fails = !pod.waiting_containers().is_empty();
            (fails || pod.is_running()).then_some((owner, fails.then_some(Held::Ended)))
        };
        match outcome() {
            Some((owner, held)) => self.end(&owner, held, now),
            None => Vec::new(),
        }
    }

    /// Time has passed. Returns the resources that can go on.
    pub fn hand_on(&mut self, now: Timestamp) -> Vec<ObjectKey> {
        let mut next = self.end_late(now);
        next.extend(self.keep_places(now));
        next
    }

    /// A resource is gone. Its successors are still waited for: somebody else must not evict the next pod before. Returns the
    /// resources that can go on.
    pub fn forget(&mut self, resource: &Uid, now: Timestamp) -> Vec<ObjectKey> {
        self.held.remove(resource);
        self.turns.retain(|turn| turn.resource.uid != *resource);
        for replacement in self.replacements.values_mut() {
            replacement.awaited_by.retain(|other| other.uid != *resource);
        }
        self.hand_on(now)
    }

    /// Forgets why owners were held that have nothing to replace any more.
    fn keep_held(&mut self, resource: &ResourceRef, candidates: &[PodToReplace]) {
        if let Some(held) = self.held.get_mut(&resource.uid) {
            let owners: HashSet<&Uid> = candidates.iter().map(|candidate| &candidate.owner).collect();
            held.retain(|owner, _| owners.contains(owner));
            if held.is_empty() {
                self.held.remove(&resource.uid);
            }
        }
    }

    fn begin(&mut self, resource: &ResourceRef, pod: &PodToReplace, now: Timestamp) {
        if let Some(held) = self.held.get_mut(&resource.uid) {
            held.remove(&pod.owner);
        }
        let replacement = Replacement {
            evicted: pod.uid.clone(),
            at: now,
            by: resource.uid.clone(),
            awaited_by: BTreeSet::from([resource.clone()]),
        };
        self.replacements.insert(pod.owner.clone(), replacement);
    }

    /// A successor is waited for no longer.
    fn end(&mut self, owner: &Uid, held: Option<Held>, now: Timestamp) -> Vec<ObjectKey> {
        let mut next = self.take_out(owner, held);
        next.extend(self.hand_on(now));
        next
    }

    fn take_out(&mut self, owner: &Uid, held: Option<Held>) -> Vec<ObjectKey> {
        let Some(Replacement { by, awaited_by, .. }) = self.replacements.remove(owner) else {
            return Vec::new();
        };
        if let Some(held) = held.filter(|_| awaited_by.iter().any(|resource| resource.uid == by)) {
            self.held.entry(by).or_default().insert(owner.clone(), held);
        }
        awaited_by.into_iter().map(|resource| resource.key).collect()
    }

    /// Ends what takes too long.
    fn end_late(&mut self, now: Timestamp) -> Vec<ObjectKey> {
        let is_missed = |turn: &Turn| turn.kept_since.is_some_and(|at| since(at, now) >= TURN);
        self.turns.retain(|turn| !is_missed(turn));
        let replacements = self.replacements.iter();
        let late = replacements.filter(|(_, replacement)| since(replacement.at, now) >= PATIENCE);
        let late: Vec<Uid> = late.map(|(owner, _)| owner.clone()).collect();
        late.iter()
            .flat_map(|owner| self.take_out(owner, Some(Held::Ended)))
            .collect()
    }

    /// How many more owners may wait for a successor.
    fn free(&self) -> usize {
        let kept = self.turns.iter().filter(|turn| turn.kept_since.is_some());
        AT_A_TIME.saturating_sub(self.replacements.len() + kept.count())
    }

    /// Keeps free places for those that have waited longest. Returns them.
    fn keep_places(&mut self, now: Timestamp) -> Vec<ObjectKey> {
        let free = self.free();
        let waiting = self.turns.iter_mut().filter(|turn| turn.kept_since.is_none());
        let next = waiting.take(free).map(|turn| {
            turn.kept_since = Some(now);
            turn.resource.key.clone()
        });
        next.collect()
    }
}
