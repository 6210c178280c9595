//! What is known of logins, whichever resource they were checked for, and when to ask again (design.md 5).
//!
//! Times are seconds since 1970. Fingerprints stand for (registry host, user, password).

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::verification::verdict::{Verdict, VerificationResult};

/// Stands for a login at a registry; made by whoever can make it unguessable.
pub type Fingerprint = u128;

/// Pauses after the first, second and third rejection of a login; after that it is not tried again.
const AFTER_REJECTION: [u64; 3] = [15 * 60, 3600, 6 * 3600];

/// First and longest pause while the registry gives no verdict.
const NO_VERDICT: (u64, u64) = (60, 3600);

/// Pause after a 429 that names none.
const RATE_LIMITED: u64 = 15 * 60;

/// A login that no pass has wanted for so long is forgotten, in seconds. Each resource wants its own at least hourly, and
/// no pause is longer, so that nothing is tried early for having been forgotten.
const KEPT: i64 = 24 * 3600;

/// Time between two looks for what to forget, in seconds.
const SWEEP: u64 = 3600;

/// What is known of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationRecord {
    /// What was found.
    pub result: VerificationResult,
    /// What to tell.
    pub message: String,
    /// How it was checked: an answer about one image says nothing about another one.
    pub how: String,
    /// When it was checked.
    pub checked: i64,
    /// When it may be checked again; `None`: not before something changes.
    pub next: Option<i64>,
    /// Rejections in a row.
    pub rejections: u32,
    /// Checks in a row without a verdict.
    pub attempts: u32,
    /// Whether nobody may have it checked before `next`: a registry counts failed logins, or wants a pause.
    pub bound: bool,
    /// Whether this is about the image that was asked for, and not about the login as such.
    pub image_denied: bool,
}

impl VerificationRecord {
    /// When it is checked again: an accepted login `interval` after the last time, if at all, and any login as soon as
    /// the bounds allow when a person `asked`.
    pub fn due(&self, interval: Option<Duration>, asked: bool) -> Option<i64> {
        let after = |pause| self.checked.saturating_add_unsigned(pause);
        match self.next {
            // A login that was given up may be tried once more for each request, at the pace of the first retry.
            None if self.bound => asked.then(|| after(AFTER_REJECTION[0])),
            next if self.bound => next,
            _ if asked => Some(self.checked),
            None => interval.map(|interval| after(interval.as_secs())),
            next => next,
        }
    }

    /// Whether a check would now be for nothing, or against the bounds.
    pub fn stands(&self, how: &str, due: Option<i64>, now: i64) -> bool {
        (self.bound || self.how == how) && due.is_none_or(|due| due > now)
    }

    /// Whether the login as such was refused: it does not matter how it is checked.
    pub fn refuses_login(&self) -> bool {
        self.result.refuses() && !self.image_denied
    }

    /// Whether the login as such was accepted, even if an image was kept from it.
    pub fn accepts_login(&self) -> bool {
        self.image_denied || self.result == VerificationResult::Accepted
    }
}

/// What is known of all logins.
#[derive(Debug, Default)]
pub struct Ledger {
    logins: HashMap<Fingerprint, CredentialHistory>,
    swept: i64,
}

/// What is known of one login.
#[derive(Debug, Default)]
struct CredentialHistory {
    by_how: HashMap<String, Entry>,
    /// That it was refused as such, or must wait: it does not matter how it is checked.
    in_any_way: Option<Entry>,
    /// When it was last accepted as such, in whichever way: no older refusal counts.
    accepted: Option<i64>,
}

#[derive(Debug)]
struct Entry {
    known: VerificationRecord,
    /// When somebody last had to do with it.
    wanted: i64,
}

impl Ledger {
    /// What is known of a login that is to be checked like this.
    pub fn get(&self, login: Fingerprint, how: &str) -> Option<&VerificationRecord> {
        self.logins.get(&login)?.get(how)
    }

    /// A pass wants to know of a login, which keeps it from being forgotten, as others are.
    pub fn want(&mut self, login: Fingerprint, how: &str, now: i64) {
        if let Some(login) = self.logins.get_mut(&login) {
            let specific = login.by_how.get_mut(how);
            for entry in specific.into_iter().chain(&mut login.in_any_way) {
                entry.wanted = now;
            }
        }
        if now.abs_diff(self.swept) >= SWEEP {
            self.swept = now;
            let wanted = |entry: &Entry| now - entry.wanted <= KEPT;
            self.logins.retain(|_, login| {
                login.by_how.retain(|_, entry| wanted(entry));
                login.in_any_way = login.in_any_way.take().filter(wanted);
                !login.by_how.is_empty() || login.in_any_way.is_some()
            });
        }
    }

    /// Takes over what a status says, unless something newer is known.
    pub fn seed(&mut self, login: Fingerprint, known: VerificationRecord, now: i64) {
        self.logins.entry(login).or_default().seed(known, now);
    }

    /// Takes in a verdict.
    pub fn record(&mut self, login: Fingerprint, verdict: &Verdict, how: &str, now: i64) {
        self.logins.entry(login).or_default().record(verdict, how, now);
    }
}

impl CredentialHistory {
    fn get(&self, how: &str) -> Option<&VerificationRecord> {
        let specific = self.by_how.get(how).map(|entry| &entry.known);
        let any = self.in_any_way.as_ref().map(|entry| &entry.known);
        match (specific, any) {
            (Some(specific), Some(any)) if any.checked <= specific.checked => Some(specific),
            // That a registry gave no answer takes back none.
            (Some(specific), Some(any)) if specific.result.is_firm() && !any.result.is_firm() => Some(specific),
            (specific, any) => any.or(specific),
        }
    }

    fn seed(&mut self, mut known: VerificationRecord, now: i64) {
        if known.accepts_login() && self.accepted < Some(known.checked) {
            // A status of the same second was written before what was found since.
            self.accept(known.checked, known.checked, now);
        }
        if known.refuses_login() {
            if self.accepted > Some(known.checked) {
                known.next = Some(now);
            } else {
                merge(&mut self.in_any_way, known.clone(), now);
            }
        }
        let mut there = self.by_how.remove(&known.how);
        let how = known.how.clone();
        merge(&mut there, known, now);
        self.by_how.extend(there.map(|entry| (how, entry)));
    }

    fn record(&mut self, verdict: &Verdict, how: &str, now: i64) {
        let known = after(self.get(how), verdict, how, now);
        let entry = |known| Entry { known, wanted: now };
        let refused = self.in_any_way.as_ref().is_some_and(|any| any.known.refuses_login());
        if verdict.image_denied || verdict.result == VerificationResult::Accepted {
            self.accept(now, now + 1, now);
        } else if verdict.refuses_login() || (known.refuses_login() && refused) {
            self.in_any_way = Some(entry(known.clone()));
        } else if known.bound && !known.refuses_login() && !known.image_denied {
            // An accepted login stays accepted in the way in which it was, and in no other.
            self.in_any_way = Some(entry(VerificationRecord {
                result: verdict.result,
                message: verdict.message.clone(),
                checked: now,
                ..known.clone()
            }));
        }
        self.by_how.insert(known.how.clone(), entry(known));
    }

    /// It was accepted `at` that time: whoever was refused `before` is to ask again.
    fn accept(&mut self, at: i64, before: i64, now: i64) {
        self.accepted = self.accepted.max(Some(at));
        let older = |entry: &Entry| entry.known.checked < before;
        self.in_any_way = self.in_any_way.take().filter(|entry| !older(entry));
        for entry in self.by_how.values_mut().filter(|entry| older(entry)) {
            if entry.known.refuses_login() {
                entry.known.next = Some(now);
            }
        }
    }
}

/// Takes in what a status says beside what is there. Of a login, a refusal is not forgotten for an answer that says
/// nothing, and it counts as often as it did.
fn merge(there: &mut Option<Entry>, status: VerificationRecord, now: i64) {
    let refused = status.refuses_login();
    let merged = match there.as_ref().map(|entry| &entry.known) {
        Some(there) if refused && there.refuses_login() => VerificationRecord {
            rejections: status.rejections.max(there.rejections),
            ..if there.checked < status.checked {
                status
            } else {
                there.clone()
            }
        },
        Some(there) if refused && there.checked >= status.checked && !there.result.is_firm() => VerificationRecord {
            next: status.next.map(|next| there.next.map_or(next, |other| next.max(other))),
            ..status
        },
        Some(there) if there.checked >= status.checked => return,
        _ => status,
    };
    *there = Some(Entry {
        known: merged,
        wanted: now,
    });
}

/// What is known after a check. No verdict leaves an earlier one of the same login as it is: the registry has not changed
/// its mind.
fn after(before: Option<&VerificationRecord>, verdict: &Verdict, how: &str, now: i64) -> VerificationRecord {
    let rejections = before.map_or(0, |before| before.rejections);
    let attempts = before.map_or(0, |before| before.attempts);
    let (rejections, attempts) = match verdict.result {
        VerificationResult::Accepted | VerificationResult::NotVerifiable => (0, 0),
        VerificationResult::Rejected | VerificationResult::LockedOut => (rejections + 1, 0),
        _ => (rejections, attempts + 1),
    };
    let next = pause(verdict, rejections, attempts).map(|pause| now.saturating_add_unsigned(pause));
    let bound = rejections > 0 || verdict.unanswered || verdict.result == VerificationResult::RateLimited;
    let concerned =
        |before: &VerificationRecord| before.result.is_firm() && (before.how == how || before.refuses_login());
    let kept = before.filter(|before| !verdict.result.is_firm() && concerned(before));
    match kept {
        Some(before) if verdict.result != VerificationResult::NotVerifiable => VerificationRecord {
            next,
            rejections,
            attempts,
            bound,
            ..before.clone()
        },
        _ => VerificationRecord {
            result: verdict.result,
            message: verdict.message.clone(),
            how: how.to_owned(),
            checked: now,
            next,
            rejections,
            attempts,
            bound,
            image_denied: verdict.image_denied,
        },
    }
}

fn pause(verdict: &Verdict, rejections: u32, attempts: u32) -> Option<u64> {
    let asked = verdict.retry_after.map_or(0, |pause| pause.as_secs());
    let doubled = (NO_VERDICT.0 << attempts.saturating_sub(1).min(10)).min(NO_VERDICT.1);
    let pause = match verdict.result {
        VerificationResult::Accepted | VerificationResult::NotVerifiable => return None,
        VerificationResult::Rejected | VerificationResult::LockedOut => after_rejections(rejections)?,
        VerificationResult::RateLimited if asked == 0 => RATE_LIMITED.max(doubled),
        // As if it were one more: many registries would call it so.
        _ if verdict.unanswered => after_rejections((rejections + 1).min(3))?.max(doubled),
        _ => doubled,
    };
    Some(pause.max(asked))
}

fn after_rejections(rejections: u32) -> Option<u64> {
    let index = usize::try_from(rejections.saturating_sub(1)).ok()?;
    AFTER_REJECTION.get(index).copied()
}
