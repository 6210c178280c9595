//! Which resource is reconciled next: namespaces take turns, so that one with thousands of resources delays no other.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use crate::domain::names::ObjectKey;

/// Resources that wait for a reconcile, each once.
///
/// One at a time is handed out ahead of its reconcile, and none that is being reconciled: the controller starts what it
/// was handed in no order, so that of several one could wait until no other comes.
///
/// Times are those since the start of the process.
#[derive(Debug, Default)]
pub struct FairQueue {
    /// Those that wait and since when, by namespace, in the order in which they came.
    waiting: HashMap<String, VecDeque<(String, Duration)>>,
    /// Namespaces in which some wait, in the order of their turns.
    turns: VecDeque<String>,
    /// All that wait.
    queued: HashSet<ObjectKey>,
    /// The one that was handed out and whose reconcile has not begun, and since when it waits.
    handed_out: Option<(ObjectKey, Duration)>,
    /// Those that are being reconciled, and since when they have to be again.
    reconciling: HashMap<ObjectKey, Option<Duration>>,
}

/// The reconcile of a resource has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Whether another one may be taken now.
    pub may_take: bool,
    /// How long it waited; `None` if it was not handed out, as when the process stops.
    pub waited: Option<Duration>,
}

impl FairQueue {
    /// Whether a resource is being reconciled.
    pub fn is_reconciling(&self, key: &ObjectKey) -> bool {
        self.reconciling.contains_key(key)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queued.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// A resource has to be reconciled.
    pub fn push(&mut self, key: &ObjectKey, now: Duration) {
        if let Some(again) = self.reconciling.get_mut(key) {
            again.get_or_insert(now);
        } else {
            self.push_since(key, now);
        }
    }

    fn push_since(&mut self, key: &ObjectKey, since: Duration) {
        // The reconcile of the one that was handed out will see what has changed.
        if self.is_handed_out(key) || !self.queued.insert(key.clone()) {
            return;
        }
        let waiting = self.waiting.entry(key.namespace.clone()).or_default();
        if waiting.is_empty() {
            self.turns.push_back(key.namespace.clone());
        }
        waiting.push_back((key.name.clone(), since));
    }

    fn is_handed_out(&self, key: &ObjectKey) -> bool {
        self.handed_out
            .as_ref()
            .is_some_and(|(handed_out, _)| handed_out == key)
    }

    /// Takes the next one; `None` if none waits, or the reconcile of the last one has not begun.
    pub fn take(&mut self) -> Option<ObjectKey> {
        if self.handed_out.is_some() {
            return None;
        }
        let (key, since) = loop {
            let (key, since) = self.next()?;
            // A reconcile that has begun since it was pushed sees what has changed.
            if !self.reconciling.contains_key(&key) {
                break (key, since);
            }
        };
        self.handed_out = Some((key.clone(), since));
        Some(key)
    }

    fn next(&mut self) -> Option<(ObjectKey, Duration)> {
        let namespace = self.turns.pop_front()?;
        let waiting = self.waiting.get_mut(&namespace)?;
        let (name, since) = waiting.pop_front()?;
        let key = ObjectKey::new(&*namespace, name);
        if waiting.is_empty() {
            self.waiting.remove(&namespace);
        } else {
            self.turns.push_back(namespace);
        }
        self.queued.remove(&key);
        if self.queued.is_empty() {
            // The first list makes it large, and it is small ever after.
            self.queued = HashSet::new();
            self.turns = VecDeque::new();
            self.waiting = HashMap::new();
        }
        Some((key, since))
    }

    /// The reconcile of a resource begins.
    pub fn begun(&mut self, key: &ObjectKey, now: Duration) -> Begun {
        self.reconciling.insert(key.clone(), None);
        let since = self.take_handed_out(key);
        Begun {
            may_take: since.is_some(),
            waited: since.map(|since| now.saturating_sub(since)),
        }
    }

    /// The reconcile of a resource has ended. Returns whether it has to be reconciled again.
    pub fn ended(&mut self, key: &ObjectKey) -> bool {
        let since = self.reconciling.remove(key).flatten();
        if let Some(since) = since {
            self.push_since(key, since);
        }
        since.is_some()
    }

    /// Since when it waits, if it is the one that was handed out.
    fn take_handed_out(&mut self, key: &ObjectKey) -> Option<Duration> {
        let (_, since) = self.handed_out.take_if(|(handed_out, _)| handed_out == key)?;
        Some(since)
    }
}
