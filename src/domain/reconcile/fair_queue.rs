//! Which resource is reconciled next: namespaces take turns, so that one with thousands of resources delays no other.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::domain::names::ObjectKey;

/// Resources that wait for a reconcile, each once.
#[derive(Debug)]
pub struct FairQueue {
    /// Those that wait, by namespace, in the order in which they came.
    waiting: HashMap<String, VecDeque<String>>,
    /// Namespaces in which some wait, in the order of their turns.
    turns: VecDeque<String>,
    /// All that wait.
    queued: HashSet<ObjectKey>,
    /// Those that were taken and whose reconcile has not begun.
    taken: HashSet<ObjectKey>,
    /// Most that may be taken ahead: what is taken has left the turns.
    ahead: usize,
}

impl FairQueue {
    /// An empty queue, from which `ahead` resources can be taken before their reconciles begin.
    pub fn new(ahead: usize) -> Self {
        Self {
            waiting: HashMap::new(),
            turns: VecDeque::new(),
            queued: HashSet::new(),
            taken: HashSet::new(),
            ahead,
        }
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
    pub fn push(&mut self, key: &ObjectKey) {
        // The reconcile of one that was taken will see what has changed.
        if self.taken.contains(key) || !self.queued.insert(key.clone()) {
            return;
        }
        let waiting = self.waiting.entry(key.namespace.clone()).or_default();
        if waiting.is_empty() {
            self.turns.push_back(key.namespace.clone());
        }
        waiting.push_back(key.name.clone());
    }

    /// Takes the next one; `None` if none waits, or enough were taken ahead.
    pub fn take(&mut self) -> Option<ObjectKey> {
        if self.taken.len() >= self.ahead {
            return None;
        }
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
        self.taken.insert(key.clone());
        Some(key)
    }

    /// The reconcile of a resource begins, or cannot since the resource is gone. Returns whether that makes room for
    /// another one.
    pub fn begun(&mut self, key: &ObjectKey) -> bool {
        self.taken.remove(key)
    }
}
