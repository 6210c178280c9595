//! Others who take a Secret out of a ServiceAccount again and again. The operator gives in: two controllers that undo each
//! other's work cost the API server a write each time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::attachment::account::AccountSecrets;
use crate::domain::names::ObjectKey;
use crate::domain::time::{Timestamp, after, since};

/// So many removals within [`WITHIN`] are no accident.
pub(crate) const REMOVALS: usize = 3;

/// In how short a time.
pub(crate) const WITHIN: Duration = Duration::from_mins(10);

/// How long the Secret is left out then.
const PAUSE: Duration = Duration::from_hours(1);

/// One Secret in one ServiceAccount.
#[derive(Debug, Default)]
struct Contest {
    /// Whether the operator has put it there, and nobody has taken it out since.
    is_put: bool,
    removed_at: Vec<Timestamp>,
    by: Option<String>,
    given_up_until: Option<Timestamp>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Contests(BTreeMap<ObjectKey, BTreeMap<String, Contest>>);

impl Contests {
    /// The operator has put a Secret into a ServiceAccount.
    pub fn put(&mut self, account: &ObjectKey, secret: &str) {
        let of_account = self.0.entry(account.clone()).or_default();
        of_account.entry(secret.to_owned()).or_default().is_put = true;
    }

    /// A ServiceAccount is as it is `seen`, and is to list what is wanted.
    pub fn observe(&mut self, account: &ObjectKey, seen: &AccountSecrets, wanted: &BTreeSet<String>, now: Timestamp) {
        let Some(contests) = self.0.get_mut(account) else {
            return;
        };
        contests.retain(|secret, _| wanted.contains(secret));
        let removed = contests
            .iter_mut()
            .filter(|(secret, one)| one.is_put && !seen.listed.contains(secret));
        for (_, contest) in removed {
            contest.is_put = false;
            contest
                .removed_at
                .retain(|before| *before <= now && since(*before, now) < WITHIN);
            contest.removed_at.push(now);
            contest.by.clone_from(&seen.changed_by);
            if contest.removed_at.len() >= REMOVALS {
                contest.removed_at.clear();
                contest.given_up_until = Some(after(now, PAUSE));
            }
        }
        if contests.is_empty() {
            self.0.remove(account);
        }
    }

    /// Who takes the Secret out, if it is contested: `Some(None)` if nobody knows.
    pub fn of(&self, account: &ObjectKey, secret: &str, now: Timestamp) -> Option<Option<&str>> {
        let contest = self.0.get(account)?.get(secret)?;
        let is_given_up = contest.given_up_until.is_some_and(|until| now < until);
        is_given_up.then_some(contest.by.as_deref())
    }

    /// A ServiceAccount is gone.
    pub fn forget(&mut self, account: &ObjectKey) {
        self.0.remove(account);
    }

    /// A Secret is tried again, in this namespace or in all.
    pub fn forget_secret(&mut self, namespace: Option<&str>, secret: &str) {
        let is_there = |account: &ObjectKey| namespace.is_none_or(|namespace| account.namespace == namespace);
        let there = self.0.iter_mut().filter(|(account, _)| is_there(account));
        there.for_each(|(_, contests)| drop(contests.remove(secret)));
    }
}
