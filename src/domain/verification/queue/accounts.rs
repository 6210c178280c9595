//! How long a user is left alone after rejected credentials.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::registry::dialect::REJECTION_COOLDOWN;
use crate::domain::time::{Timestamp, since};

/// Pauses after the first, second, third and every further rejection: registries lock users out, whichever passwords were
/// wrong.
const PAUSES: [Duration; 4] = [
    REJECTION_COOLDOWN,
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(15),
];

/// Rejections before such a rest do not count.
const REST: Duration = Duration::from_hours(1);

/// `host:port` that receives the password, and the user name.
pub(super) type Account = (String, String);

/// The users that were rejected lately.
#[derive(Debug, Default)]
pub(super) struct Accounts(HashMap<Account, Rejections>);

#[derive(Debug)]
struct Rejections {
    last: Timestamp,
    count: usize,
}

impl Accounts {
    /// Credentials were rejected.
    pub(super) fn rejected(&mut self, account: Account, now: Timestamp) {
        let rejections = self.0.entry(account).or_insert(Rejections { last: now, count: 0 });
        rejections.last = now;
        rejections.count += 1;
    }

    /// Credentials were accepted.
    pub(super) fn accepted(&mut self, account: &Account) {
        self.0.remove(account);
    }

    /// How long an attempt has to wait. One with credentials that were accepted before waits only as long as a registry
    /// rejects every password after a wrong one.
    pub(super) fn wait(&self, account: &Account, accepted_before: bool, now: Timestamp) -> Option<Duration> {
        let rejections = self.0.get(account)?;
        // The clock was set back.
        if rejections.last > now {
            return None;
        }
        let number = if accepted_before {
            1
        } else {
            rejections.count.min(PAUSES.len())
        };
        let left = PAUSES[number.saturating_sub(1)].saturating_sub(since(rejections.last, now));
        (!left.is_zero()).then_some(left)
    }

    /// Whether nobody was rejected lately.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets rejections that are long ago.
    pub(super) fn forget_old(&mut self, now: Timestamp) {
        self.0
            .retain(|_, rejections| rejections.last <= now && since(rejections.last, now) < REST);
    }
}
