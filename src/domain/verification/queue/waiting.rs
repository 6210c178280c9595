//! Attempts that wait for their turn: namespaces take turns, and within a namespace the first that may start is next.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::domain::verification::queue::{AttemptKey, VerificationRequest};

/// Most attempts of a namespace at one registry that are looked at for the next one.
const LOOKED_AT: usize = 256;

/// Attempts by namespace and registry.
#[derive(Debug, Default)]
pub(super) struct WaitingAttempts {
    namespaces: HashMap<String, BTreeMap<String, VecDeque<VerificationRequest>>>,
    turns: VecDeque<String>,
    /// How many wait for each registry.
    targets: HashMap<String, usize>,
}

impl WaitingAttempts {
    /// Adds an attempt.
    pub(super) fn push(&mut self, namespace: &str, request: VerificationRequest) {
        let targets = self.namespaces.entry(namespace.to_owned()).or_default();
        if targets.is_empty() {
            self.turns.push_back(namespace.to_owned());
        }
        *self.targets.entry(request.target()).or_default() += 1;
        targets.entry(request.target()).or_default().push_back(request);
    }

    /// The namespaces in which attempts wait, in the order of their turns.
    pub(super) fn turns(&self) -> Vec<String> {
        self.turns.iter().cloned().collect()
    }

    /// Takes the attempt of a namespace that ranks first, of equal ones the first that came, at the first registry that
    /// `is_free` and has any. `rank`: `None` if it may not start now. Then it is the turn of others.
    pub(super) fn take<R: Ord>(
        &mut self,
        namespace: &str,
        is_free: impl Fn(&str) -> bool,
        rank: impl Fn(&VerificationRequest) -> Option<R>,
    ) -> Option<VerificationRequest> {
        let targets = self.namespaces.get(namespace)?;
        let free = targets.iter().filter(|(target, _)| is_free(target));
        let (target, position) = free.into_iter().find_map(|(target, requests)| {
            let ranked = requests.iter().take(LOOKED_AT).enumerate();
            let ranked = ranked.filter_map(|(position, request)| Some((rank(request)?, position)));
            Some((target.clone(), ranked.min()?.1))
        })?;
        let taken = self.take_at(namespace, &target, position);
        if let Some(turn) = self.turns.iter().position(|other| other == namespace) {
            let turn = self.turns.remove(turn);
            self.turns.extend(turn);
        }
        taken
    }

    /// Takes an attempt out wherever it is.
    pub(super) fn remove(&mut self, key: &AttemptKey) -> Option<VerificationRequest> {
        let (namespace, target, position) = self.namespaces.iter().find_map(|(namespace, targets)| {
            targets.iter().find_map(|(target, requests)| {
                let position = requests.iter().position(|request| request.has_key(key))?;
                Some((namespace.clone(), target.clone(), position))
            })
        })?;
        self.take_at(&namespace, &target, position)
    }

    fn take_at(&mut self, namespace: &str, target: &str, position: usize) -> Option<VerificationRequest> {
        let targets = self.namespaces.get_mut(namespace)?;
        let requests = targets.get_mut(target)?;
        let taken = requests.remove(position)?;
        if requests.is_empty() {
            targets.remove(target);
        }
        if targets.is_empty() {
            self.namespaces.remove(namespace);
            self.turns.retain(|other| other != namespace);
        }
        if let Entry::Occupied(mut count) = self.targets.entry(target.to_owned()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        Some(taken)
    }

    /// Those that are looked at next, by registry.
    pub(super) fn by_target(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &VerificationRequest>)> {
        let targets = self.namespaces.values().flatten();
        targets.map(|(target, requests)| (target.as_str(), requests.iter().take(LOOKED_AT)))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &VerificationRequest> {
        self.namespaces.values().flat_map(BTreeMap::values).flatten()
    }

    /// The registries for which any waits.
    pub(super) fn targets(&self) -> impl Iterator<Item = &str> {
        self.targets.keys().map(String::as_str)
    }

    /// Whether any waits for this registry.
    pub(super) fn waits_for(&self, target: &str) -> bool {
        self.targets.contains_key(target)
    }
}
