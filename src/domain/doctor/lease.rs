//! The Leases of operators: whether there is a leader.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;

use crate::domain::doctor::report::{Category, Check, Page};
use crate::domain::doctor::seen::Seen;
use crate::domain::leadership::ObservedLease;
use crate::domain::names::ObjectKey;
use crate::domain::time::{Timestamp, since};

/// One look at a Lease.
#[derive(Clone, Debug)]
pub struct LeaseView {
    /// Its namespace and name.
    pub key: ObjectKey,
    /// What it says, if it exists.
    pub state: Seen<Option<LeaseState>>,
}

/// What a Lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseState {
    /// Who holds it; empty if nobody does.
    pub holder: String,
    /// When the holder last renewed it, by the holder's clock.
    pub renewed_at: Option<Timestamp>,
    /// For how long it is held then.
    pub duration: Duration,
    /// Its resource version.
    pub version: String,
    /// Whether it was renewed while somebody watched.
    pub is_renewed: bool,
}

impl LeaseState {
    /// What a Lease says.
    pub fn of(lease: &Lease) -> Self {
        let ObservedLease {
            holder,
            version,
            duration,
        } = ObservedLease::of(lease);
        let renew_time = lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref());
        Self {
            holder,
            renewed_at: renew_time.map(|time| time.0),
            duration,
            version,
            is_renewed: false,
        }
    }

    /// Whether it looks as if nobody renewed it. The clock of the holder may be wrong, so this is worth a longer look.
    pub fn seems_expired(&self, now: Timestamp) -> bool {
        let age = self.renewed_at.map(|time| since(time, now).max(since(now, time)));
        !self.holder.is_empty() && !self.is_renewed && age.is_none_or(|age| age > self.duration)
    }
}

pub(crate) fn check(leases: &[LeaseView], now: Timestamp) -> Vec<Check> {
    leases.iter().map(|lease| check_one(lease, now)).collect()
}

fn check_one(LeaseView { key, state }: &LeaseView, now: Timestamp) -> Check {
    let (category, page) = (Category::Operator, Page::Replicas);
    let ObjectKey { namespace, .. } = key;
    let fail = |message: String| {
        Check::fail(category, page, message).hint(format!(
            "see whether its pods run: kubectl get pods -n {namespace}; /readyz and the log of one say what it lacks"
        ))
    };
    match state {
        Seen::Skipped(why) => Check::skipped(category, page, &format!("Lease {key}"), why),
        Seen::Failed(why) => Check::fail(category, page, why.as_str()),
        Seen::Read(None) => fail(format!("there is no leader: Lease {key} does not exist")),
        Seen::Read(Some(lease)) if lease.holder.is_empty() => {
            fail(format!("there is no leader: nobody holds Lease {key}"))
        }
        Seen::Read(Some(lease)) if lease.seems_expired(now) => fail(format!(
            "there is no leader: {} does not renew Lease {key}",
            lease.holder
        )),
        Seen::Read(Some(lease)) => Check::ok(
            category,
            page,
            format!("{} holds Lease {key}, and renews it", lease.holder),
        ),
    }
}
