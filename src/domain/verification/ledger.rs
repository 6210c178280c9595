//! What is known about all credentials, whichever resource they were verified for.
//!
//! Times are whole seconds, as those of a status: what a status says is compared with what was found since.

use std::collections::HashMap;
use std::time::Duration;

use url::Url;

use crate::domain::credentials::RegistryCredentials;
use crate::domain::time::{Timestamp, after, since, whole_second};
use crate::domain::verification::fingerprint::{Fingerprint, Fingerprinter};
use crate::domain::verification::method::VerificationMethod;
use crate::domain::verification::record::VerificationRecord;
use crate::domain::verification::verdict::Verdict;

/// Credentials that no reconcile has wanted for so long are forgotten. Each resource wants its own at least hourly, and
/// no pause is longer, so that nothing is tried early for having been forgotten.
const RETENTION: Duration = Duration::from_hours(24);

/// Time between two searches for what to forget.
const SWEEP: Duration = Duration::from_hours(1);

/// What is known about all credentials.
#[derive(Debug)]
pub struct Ledger {
    fingerprinter: Fingerprinter,
    credentials: HashMap<Fingerprint, CredentialHistory>,
    swept_at: Timestamp,
}

/// What is known about one pair of credentials.
#[derive(Debug, Default)]
struct CredentialHistory {
    by_method: HashMap<VerificationMethod, LedgerEntry>,
    /// That they were refused as such, or that attempts have to wait, whatever the method.
    any_method: Option<LedgerEntry>,
    /// When they were last accepted as such, by whatever method: no older refusal counts.
    accepted_at: Option<Timestamp>,
}

#[derive(Debug)]
struct LedgerEntry {
    record: VerificationRecord,
    /// When a reconcile or an attempt last used it.
    wanted_at: Timestamp,
}

impl Ledger {
    /// Nothing is known yet.
    pub fn new(fingerprinter: Fingerprinter) -> Self {
        Self {
            fingerprinter,
            credentials: HashMap::new(),
            swept_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// What stands for credentials at the registry at this URL.
    pub fn fingerprint(&self, registry: &Url, credentials: &RegistryCredentials) -> Fingerprint {
        self.fingerprinter.fingerprint(registry, credentials)
    }

    /// What stands for an identity with changing credentials at the registry at this URL.
    pub fn fingerprint_of_identity(&self, registry: &Url, identity: &str) -> Fingerprint {
        self.fingerprinter.fingerprint_of_identity(registry, identity)
    }

    /// What stands for credentials at a registry or token server (`host:port`).
    pub fn fingerprint_at(&self, host: &str, credentials: &RegistryCredentials) -> Fingerprint {
        self.fingerprinter.fingerprint_at(host, credentials)
    }

    /// What is known about credentials that are to be verified by this method.
    pub fn get(&self, fingerprint: Fingerprint, method: &VerificationMethod) -> Option<&VerificationRecord> {
        self.credentials.get(&fingerprint)?.get(method)
    }

    /// A reconcile needs these credentials, so they are not forgotten.
    pub fn want(&mut self, fingerprint: Fingerprint, method: &VerificationMethod, now: Timestamp) {
        if let Some(history) = self.credentials.get_mut(&fingerprint) {
            let specific = history.by_method.get_mut(method);
            for entry in specific.into_iter().chain(&mut history.any_method) {
                entry.wanted_at = now;
            }
        }
        if self.swept_at > now || since(self.swept_at, now) >= SWEEP {
            self.swept_at = now;
            let wanted = |entry: &LedgerEntry| since(entry.wanted_at, now) <= RETENTION;
            self.credentials.retain(|_, history| {
                history.by_method.retain(|_, entry| wanted(entry));
                history.any_method = history.any_method.take().filter(wanted);
                !history.by_method.is_empty() || history.any_method.is_some()
            });
        }
    }

    /// Takes over what a status says, unless something newer is known.
    pub fn seed(&mut self, fingerprint: Fingerprint, record: VerificationRecord, now: Timestamp) {
        let history = self.credentials.entry(fingerprint).or_default();
        history.seed(record, whole_second(now));
    }

    /// Takes in a verdict.
    pub fn record(&mut self, fingerprint: Fingerprint, verdict: &Verdict, method: &VerificationMethod, now: Timestamp) {
        let history = self.credentials.entry(fingerprint).or_default();
        let now = whole_second(now);
        let record = VerificationRecord::following(history.get(method), verdict, method, now);
        history.record(record, verdict, now);
    }

    /// Takes in that an attempt was made at `start` by a process that ended before it wrote an answer.
    pub fn lost(&mut self, fingerprint: Fingerprint, method: &VerificationMethod, start: Timestamp) {
        let history = self.credentials.entry(fingerprint).or_default();
        let (before, verdict) = (history.get(method), Verdict::lost());
        if before.is_some_and(|before| before.verified_at >= start || before.lost_at >= Some(start)) {
            return;
        }
        let record = VerificationRecord {
            lost_at: Some(start),
            ..VerificationRecord::following(before, &verdict, method, start)
        };
        history.record(record, &verdict, start);
    }
}

impl CredentialHistory {
    fn get(&self, method: &VerificationMethod) -> Option<&VerificationRecord> {
        let specific = self.by_method.get(method).map(|entry| &entry.record);
        let any = self.any_method.as_ref().map(|entry| &entry.record);
        match (specific, any) {
            // The same refusal, one copy read from a status. Only the other copy counts later attempts without a verdict.
            (Some(specific), Some(any))
                if any.verified_at == specific.verified_at
                    && any.credentials_refused()
                    && specific.credentials_refused() =>
            {
                Some(if retries_later(any, specific) { any } else { specific })
            }
            (Some(specific), Some(any)) if any.verified_at <= specific.verified_at => Some(specific),
            // An attempt without a verdict does not withdraw an earlier verdict.
            (Some(specific), Some(any)) if specific.result.is_firm() && !any.result.is_firm() => Some(specific),
            (specific, any) => any.or(specific),
        }
    }

    fn seed(&mut self, mut record: VerificationRecord, now: Timestamp) {
        if record.credentials_accepted() && self.accepted_at < Some(record.verified_at) {
            // A refusal of the same second may be newer than this status, so it stays.
            self.accept(record.verified_at, record.verified_at, now);
        }
        if record.credentials_refused() {
            if self.accepted_at > Some(record.verified_at) {
                record.retry_at = Some(now);
            } else {
                merge(&mut self.any_method, record.clone(), now);
            }
        }
        let method = record.method.clone();
        let mut entry = self.by_method.remove(&method);
        merge(&mut entry, record, now);
        self.by_method.extend(entry.map(|entry| (method, entry)));
    }

    fn record(&mut self, record: VerificationRecord, verdict: &Verdict, now: Timestamp) {
        let entry = |record| LedgerEntry { record, wanted_at: now };
        let any_method = self.any_method.as_ref().map(|entry| &entry.record);
        let was_refused = any_method.is_some_and(VerificationRecord::credentials_refused);
        if verdict.credentials_accepted() {
            self.accept(now, after(now, Duration::from_secs(1)), now);
        } else if verdict.credentials_refused() || (record.credentials_refused() && was_refused) {
            self.any_method = Some(entry(record.clone()));
        } else if record.backoff_enforced && !record.credentials_refused() && !record.image_denied {
            // An acceptance stays valid for its own method only.
            self.any_method = Some(entry(VerificationRecord {
                result: verdict.result,
                message: verdict.message.clone(),
                verified_at: now,
                ..record.clone()
            }));
        }
        self.by_method.insert(record.method.clone(), entry(record));
    }

    /// The credentials were accepted at `accepted_at`: a refusal from `before` no longer delays an attempt.
    fn accept(&mut self, accepted_at: Timestamp, before: Timestamp, now: Timestamp) {
        self.accepted_at = self.accepted_at.max(Some(accepted_at));
        let is_older = |entry: &LedgerEntry| entry.record.verified_at < before;
        self.any_method = self.any_method.take().filter(|entry| !is_older(entry));
        for entry in self.by_method.values_mut().filter(|entry| is_older(entry)) {
            if entry.record.credentials_refused() {
                entry.record.retry_at = Some(now);
            }
        }
    }
}

fn retries_later(record: &VerificationRecord, than: &VerificationRecord) -> bool {
    match (record.retry_at, than.retry_at) {
        (Some(retry_at), Some(than)) => retry_at > than,
        (retry_at, than) => retry_at.is_none() && than.is_some(),
    }
}

/// Whether a status tells of the same attempt, but of a longer pause after it.
fn is_same_but_later(status: &VerificationRecord, known: &VerificationRecord) -> bool {
    let is_same = known.verified_at == status.verified_at && known.result == status.result;
    is_same && matches!((known.retry_at, status.retry_at), (Some(known), Some(status)) if known < status)
}

/// Merges what a status says into what is known. An attempt without a verdict does not replace a refusal of the
/// credentials, and the number of rejections never drops.
fn merge(known: &mut Option<LedgerEntry>, status: VerificationRecord, now: Timestamp) {
    let is_refusal = status.credentials_refused();
    let merged = match known.as_ref().map(|entry| &entry.record) {
        // The answer to the attempt, after all.
        Some(known)
            if known.lost_at.is_some() && status.lost_at.is_none() && known.lost_at <= Some(status.verified_at) =>
        {
            status
        }
        Some(known) if is_refusal && known.credentials_refused() => VerificationRecord {
            consecutive_rejections: status.consecutive_rejections.max(known.consecutive_rejections),
            ..if known.verified_at < status.verified_at {
                status
            } else {
                known.clone()
            }
        },
        Some(known) if is_refusal && known.verified_at >= status.verified_at && !known.result.is_firm() => {
            VerificationRecord {
                retry_at: status
                    .retry_at
                    .map(|retry_at| known.retry_at.map_or(retry_at, |other| retry_at.max(other))),
                ..status
            }
        }
        // Two processes that write of the same second agree on what waits longer.
        Some(known) if is_same_but_later(&status, known) => status,
        Some(known) if known.verified_at >= status.verified_at => return,
        _ => status,
    };
    *known = Some(LedgerEntry {
        record: merged,
        wanted_at: now,
    });
}
