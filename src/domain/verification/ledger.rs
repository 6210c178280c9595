//! What is known of logins, whichever resource they were checked for, and when to ask again (design.md 5).
//!
//! Times are seconds since 1970. Fingerprints stand for (registry host, user, password).

use std::collections::HashMap;
use std::time::Duration;

use super::verdict::{Verdict, VerificationResult};

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
pub struct Known {
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
    pub of_image: bool,
}

impl Known {
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
        self.result.refuses() && !self.of_image
    }
}

/// What is known of all logins, and of each way in which one was checked.
#[derive(Debug, Default)]
pub struct Ledger {
    by_how: HashMap<(Fingerprint, String), Entry>,
    /// Logins that were refused as such, or that must wait: it does not matter how they are checked.
    in_any_way: HashMap<Fingerprint, Entry>,
    swept: i64,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    /// When somebody last had to do with it.
    wanted: i64,
}

impl Ledger {
    /// What is known of a login that is to be checked like this.
    pub fn get(&self, login: Fingerprint, how: &str) -> Option<&Known> {
        let specific = self.by_how.get(&(login, how.to_owned())).map(|entry| &entry.known);
        let any = self.in_any_way.get(&login).map(|entry| &entry.known);
        match (specific, any) {
            (Some(specific), Some(any)) if any.checked < specific.checked => Some(specific),
            // That a registry gave no answer takes back none.
            (Some(specific), Some(any)) if specific.result.is_firm() && !any.result.is_firm() => Some(specific),
            (specific, any) => any.or(specific),
        }
    }

    /// A pass wants to know of a login, which keeps it from being forgotten, as others are.
    pub fn want(&mut self, login: Fingerprint, how: &str, now: i64) {
        let specific = self.by_how.get_mut(&(login, how.to_owned()));
        for entry in specific.into_iter().chain(self.in_any_way.get_mut(&login)) {
            entry.wanted = now;
        }
        if now.abs_diff(self.swept) >= SWEEP {
            self.swept = now;
            self.by_how.retain(|_, entry| now - entry.wanted <= KEPT);
            self.in_any_way.retain(|_, entry| now - entry.wanted <= KEPT);
        }
    }

    /// Takes over what a status says, unless something newer is known.
    pub fn seed(&mut self, login: Fingerprint, known: Known, now: i64) {
        let newer = self
            .get(login, &known.how)
            .is_some_and(|there| there.checked >= known.checked);
        if !newer {
            self.insert(login, known, now);
        }
    }

    /// Takes in a verdict.
    pub fn record(&mut self, login: Fingerprint, verdict: &Verdict, how: &str, now: i64) {
        let known = after(self.get(login, how), verdict, how, now);
        let accepted = verdict.of_image || verdict.result == VerificationResult::Accepted;
        if accepted && self.in_any_way.remove(&login).is_some() {
            self.reconsider(login, now);
        }
        if known.bound && !known.refuses_login() && !verdict.of_image {
            // An accepted login stays accepted in the way in which it was, and in no other.
            let waits = Known {
                result: verdict.result,
                message: verdict.message.clone(),
                checked: now,
                ..known.clone()
            };
            self.in_any_way.insert(
                login,
                Entry {
                    known: waits,
                    wanted: now,
                },
            );
        }
        self.insert(login, known, now);
    }

    /// A login that was refused is accepted: who was refused in another way is to ask again.
    fn reconsider(&mut self, login: Fingerprint, now: i64) {
        let all = self.by_how.iter_mut().filter(|((of, _), _)| *of == login);
        for (_, entry) in all.filter(|(_, entry)| entry.known.refuses_login()) {
            // Newer than what a status says.
            (entry.known.checked, entry.known.next) = (now, Some(now));
        }
    }

    fn insert(&mut self, login: Fingerprint, known: Known, now: i64) {
        let entry = |known| Entry { known, wanted: now };
        if known.refuses_login() {
            self.in_any_way.insert(login, entry(known.clone()));
        }
        self.by_how.insert((login, known.how.clone()), entry(known));
    }
}

/// What is known after a check. No verdict leaves an earlier one of the same login as it is: the registry has not changed
/// its mind.
fn after(before: Option<&Known>, verdict: &Verdict, how: &str, now: i64) -> Known {
    let rejections = before.map_or(0, |before| before.rejections);
    let attempts = before.map_or(0, |before| before.attempts);
    let (rejections, attempts) = match verdict.result {
        VerificationResult::Accepted | VerificationResult::NotVerifiable => (0, 0),
        VerificationResult::Rejected | VerificationResult::LockedOut => (rejections + 1, 0),
        _ => (rejections, attempts + 1),
    };
    let next = pause(verdict, rejections, attempts).map(|pause| now.saturating_add_unsigned(pause));
    let bound = rejections > 0 || verdict.unanswered || verdict.result == VerificationResult::RateLimited;
    let concerned = |before: &Known| before.result.is_firm() && (before.how == how || before.refuses_login());
    let kept = before.filter(|before| !verdict.result.is_firm() && concerned(before));
    match kept {
        Some(before) if verdict.result != VerificationResult::NotVerifiable => Known {
            next,
            rejections,
            attempts,
            bound,
            ..before.clone()
        },
        _ => Known {
            result: verdict.result,
            message: verdict.message.clone(),
            how: how.to_owned(),
            checked: now,
            next,
            rejections,
            attempts,
            bound,
            of_image: verdict.of_image,
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
