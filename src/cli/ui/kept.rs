//! What is left of the config that was read last.

use crate::form::import::Found;

/// Credentials that somebody may still import. They are never sent back. A number stands for them, so that a form of an earlier config
/// imports nothing of a later one.
#[derive(Default)]
pub(super) struct KeptCredentials {
    number: u64,
    found: Option<Vec<Found>>,
}

impl KeptCredentials {
    /// Keeps those of a config instead of any earlier ones.
    pub(super) fn keep(&mut self, found: Vec<Found>) -> u64 {
        self.number += 1;
        self.found = Some(found);
        self.number
    }

    /// Takes those that a number stands for.
    pub(super) fn take(&mut self, number: u64) -> Option<Vec<Found>> {
        self.found.take_if(|_| self.number == number)
    }

    /// Keeps what was not imported of those that were taken, unless there is none, or another config was read meanwhile.
    pub(super) fn keep_rest(&mut self, number: u64, rest: Vec<Found>) -> Option<u64> {
        let is_last = self.number == number && self.found.is_none();
        (is_last && !rest.is_empty()).then(|| self.keep(rest))
    }
}
