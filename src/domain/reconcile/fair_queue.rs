//! Which resource is reconciled next: namespaces take turns, so that one with thousands of resources delays no other.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::domain::names::ObjectKey;

/// Resources that wait for a reconcile, each once.
///
/// One at a time is handed out ahead of its reconcile, and none that is being reconciled: the controller starts what it
/// was handed in no order, so that of several one could wait until no other comes.
#[derive(Debug, Default)]
pub struct FairQueue {
    /// Those that wait, by namespace, in the order in which they came.
    waiting: HashMap<String, VecDeque<String>>,
    /// Namespaces in which some wait, in the order of their turns.
    turns: VecDeque<String>,
    /// All that wait.
    queued: HashSet<ObjectKey>,
    /// The one that was handed out and whose reconcile has not begun.
    handed_out: Option<ObjectKey>,
    /// Those that are being reconciled, and whether they have to be again.
    reconciling: HashMap<ObjectKey, bool>,
}

impl FairQueue {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.queued.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// A resource has to be reconciled.
    pub fn push(&mut self, key: &ObjectKey) {
        if let Some(again) = self.reconciling.get_mut(key) {
            *again = true;
            return;
        }
        // The reconcile of the one that was handed out will see what has changed.
        if self.handed_out.as_ref() == Some(key) || !self.queued.insert(key.clone()) {
            return;
        }
        let waiting = self.waiting.entry(key.namespace.clone()).or_default();
        if waiting.is_empty() {
            self.turns.push_back(key.namespace.clone());
        }
        waiting.push_back(key.name.clone());
    }

    /// Takes the next one; `None` if none waits, or the reconcile of the last one has not begun.
    pub fn take(&mut self) -> Option<ObjectKey> {
        if self.handed_out.is_some() {
            return None;
        }
        let key = loop {
            let key = self.next()?;
            // A reconcile that has begun since it was pushed sees what has changed.
            if !self.reconciling.contains_key(&key) {
                break key;
            }
        };
        self.handed_out = Some(key.clone());
        Some(key)
    }

    fn next(&mut self) -> Option<ObjectKey> {
        let namespace = self.turns.pop_front()?;
        let waiting = self.waiting.get_mut(&namespace)?;
        let key = ObjectKey::new(&*namespace, waiting.pop_front()?);
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
        Some(key)
    }

    /// The reconcile of a resource begins. Returns whether another one may be taken now.
    pub fn begun(&mut self, key: &ObjectKey) -> bool {
        self.reconciling.insert(key.clone(), false);
        self.gone(key)
    }

    /// The reconcile of a resource has ended. Returns whether it has to be reconciled again.
    pub fn ended(&mut self, key: &ObjectKey) -> bool {
        let again = self.reconciling.remove(key).unwrap_or_default();
        if again {
            self.push(key);
        }
        again
    }

    /// The reconcile of a resource cannot begin, since it is gone. Returns whether another one may be taken now.
    pub fn gone(&mut self, key: &ObjectKey) -> bool {
        self.handed_out.take_if(|handed_out| handed_out == key).is_some()
    }
}
