//! What one resource makes of what is known of its identity: which credentials it writes, what it says, and when it asks again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{MintedStatus, Reason};
use crate::domain::minting::identity::MintIdentity;
use crate::domain::minting::ledger::{MintKey, MintRecord};
use crate::domain::minting::life::{renewal, soon, spaced};
use crate::domain::minting::minted::MintedCredentials;
use crate::domain::problem::Problem;
use crate::domain::time::{Timestamp, whole_second};

/// Begins a warning, and is the reason of an Event: credentials that cannot be renewed are about to expire.
pub const EXPIRES_SOON: &str = "ExpiresSoon";

/// What was observed of minted credentials.
#[derive(Clone, Debug)]
pub struct Minting {
    /// For whom they are minted.
    pub identity: MintIdentity,
    /// The same, as the key of what is known.
    pub key: MintKey,
    /// What is known.
    pub record: MintRecord,
    /// The time by whichever clock is ahead: see [`MintRecord::latest`].
    pub latest: Timestamp,
}

/// What follows from it.
#[derive(Clone, Debug)]
pub struct MintJudgement {
    /// The credentials to write, or why there are none.
    pub credentials: Result<MintedCredentials, Problem>,
    /// What works, but not for long.
    pub warnings: Vec<String>,
    /// Whether an attempt is due now.
    pub is_due: bool,
    /// When the next one is due, or the credentials end.
    pub next: Option<Timestamp>,
    /// What the status says.
    pub status: MintedStatus,
}

impl Minting {
    /// Judges. `seed`: what tells this resource from another; `rejected_at`: when the registry last rejected the credentials.
    pub fn judge(&self, seed: &str, rejected_at: Option<Timestamp>, now: Timestamp) -> MintJudgement {
        let (record, now) = (&self.record, self.now(now));
        let newest = record.minted.as_ref();
        let alive = newest.filter(|minted| minted.is_alive(now));
        let is_rejected = alive.is_some_and(|minted| rejected_at.is_some_and(|rejected| rejected > minted.issued_at));
        let wanted = match alive {
            Some(minted) if !is_rejected => renewal(minted, seed),
            _ => whole_second(now),
        };
        let last = record
            .last_attempt
            .or(alive.filter(|_| is_rejected).map(|minted| minted.issued_at));
        let allowed = [last.map(|last| spaced(last, is_rejected)), record.retry_at];
        let due = allowed.into_iter().flatten().fold(wanted, Timestamp::max);
        let is_due = due <= now && !record.is_in_flight;
        let end = alive.map(|minted| minted.expires_at);
        let next = (!record.is_in_flight && !is_due).then_some(due);
        let soon = alive.filter(|_| record.failure.is_some()).map(soon);
        let soon = soon.filter(|soon| *soon > now);
        MintJudgement {
            credentials: alive.cloned().ok_or_else(|| self.problem(newest)),
            warnings: self.warnings(alive, now),
            is_due,
            next: next.into_iter().chain(end).chain(soon).min(),
            status: MintedStatus {
                provider: self.identity.grant.provider().as_str().to_owned(),
                identity: self.identity.display(),
                issued_at: newest.map(|minted| Time(minted.issued_at)),
                expires_at: newest.map(|minted| Time(minted.expires_at)),
                next_refresh_time: alive.is_some().then(|| Time(whole_second(due))),
                last_attempt_time: record
                    .failure
                    .as_ref()
                    .and(record.last_attempt)
                    .map(|time| Time(whole_second(time))),
                digest: None,
                failures: record.failures,
            },
        }
    }

    /// The time by whichever clock is ahead.
    pub fn now(&self, now: Timestamp) -> Timestamp {
        now.max(self.latest)
    }

    /// Why there are no credentials. `dead`: those that have expired.
    fn problem(&self, dead: Option<&MintedCredentials>) -> Problem {
        match (&self.record.failure, dead) {
            (Some(failure), Some(dead)) => Problem::new(
                Reason::Expired,
                format!(
                    "the credentials expired at {} and could not be renewed: {}",
                    dead.expires_at, failure.problem.message
                ),
            ),
            (Some(failure), None) => failure.problem.clone(),
            (None, _) => Problem::new(Reason::Pending, "the credentials are being minted"),
        }
    }

    fn warnings(&self, alive: Option<&MintedCredentials>, now: Timestamp) -> Vec<String> {
        let failing = self.record.failure.as_ref().zip(alive);
        let refreshing = failing.map(|(failure, alive)| {
            format!(
                "RefreshFailing: the credentials cannot be renewed, and expire at {}: {}",
                alive.expires_at, failure.problem.message
            )
        });
        let skew = self.record.skew.as_ref().map(|skew| format!("ClockSkew: {skew}"));
        let ending = failing.filter(|(_, alive)| soon(alive) <= now);
        let ending = ending.map(|(failure, alive)| {
            format!(
                "{EXPIRES_SOON}: pods cannot pull with these credentials after {}, and they could not be renewed: {}",
                alive.expires_at, failure.problem.message
            )
        });
        refreshing.into_iter().chain(ending).chain(skew).collect()
    }
}
