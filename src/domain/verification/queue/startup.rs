//! What has to happen before the first attempt of a process.

use std::collections::HashSet;
use std::time::Duration;

use crate::domain::names::Uid;
use crate::domain::time::{Timestamp, after, since};
use crate::domain::verification::queue::STARTUP_GRACE;

#[derive(Debug)]
pub(super) struct Startup {
    started_at: Timestamp,
    has_begun: bool,
    scopes_to_list: usize,
    to_reconcile: HashSet<Uid>,
    /// Since when attempts have been possible.
    opened_at: Option<Timestamp>,
}

impl Startup {
    pub(super) fn new(scopes: usize, now: Timestamp) -> Self {
        Self {
            started_at: now,
            has_begun: false,
            scopes_to_list: scopes,
            to_reconcile: HashSet::new(),
            opened_at: None,
        }
    }

    /// The process begins to work now, unless it has. What happened before opened nothing: nobody reconciled.
    pub(super) fn begin(&mut self, now: Timestamp) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.started_at = now;
            self.opened_at = None;
        }
    }

    /// The resources of a scope are known.
    pub(super) fn scope_listed(&mut self, resources: impl IntoIterator<Item = Uid>, now: Timestamp) {
        self.scopes_to_list = self.scopes_to_list.saturating_sub(1);
        self.to_reconcile.extend(resources);
        self.update(now);
    }

    /// A resource was reconciled. Returns whether that is what attempts have waited for.
    pub(super) fn reconciled(&mut self, resource: &Uid, now: Timestamp) -> bool {
        self.to_reconcile.remove(resource) && self.update(now)
    }

    /// Whether everything has happened by now.
    fn update(&mut self, now: Timestamp) -> bool {
        let is_complete = self.scopes_to_list == 0 && self.to_reconcile.is_empty();
        if is_complete {
            self.opened_at
                .get_or_insert(now.min(after(self.started_at, STARTUP_GRACE)));
        }
        is_complete
    }

    /// How long no attempt is possible yet. What has opened stays open, also when the clock is set back.
    pub(super) fn wait(&mut self, now: Timestamp) -> Option<Duration> {
        if self.opened_at.is_some() {
            return None;
        }
        self.started_at = self.started_at.min(now);
        let end = after(self.started_at, STARTUP_GRACE);
        if end > now {
            return Some(since(now, end));
        }
        self.opened_at = Some(end);
        None
    }

    /// For how long attempts have been possible.
    pub(super) fn open_for(&self, now: Timestamp) -> Duration {
        match self.opened_at {
            // The clock was set back: nobody knows how long ago it was.
            Some(opened_at) if opened_at > now => Duration::MAX,
            Some(opened_at) => since(opened_at, now),
            None => since(after(self.started_at, STARTUP_GRACE), now),
        }
    }
}
