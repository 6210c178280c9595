//! Whether the login of a resource is to be checked now.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::api::{OnRejected, Reason, VerificationResult, VerificationStatus};
use crate::domain::problem::Problem;
use crate::domain::status::build::Check;
use crate::domain::verification::ledger::VerificationRecord;

/// How a login is checked while the registry cannot be asked.
pub const CANNOT_BE_ASKED: &str = "cannot be asked";

/// Age from which on the ledger's word does not let a changed login replace an accepted one, in seconds.
const FRESH: i64 = 3600;

/// What one resource knows and wants.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Identity of its credentials.
    pub login: &'a str,
    /// How it wants the login to be checked, or [`CANNOT_BE_ASKED`].
    pub how: &'a str,
    /// What its status says.
    pub status: Option<&'a VerificationStatus>,
    /// Message of its `CredentialsAccepted` condition.
    pub message: &'a str,
    /// Time between two checks of an accepted login.
    pub interval: Option<Duration>,
    /// Value of its annotation that asks for a check.
    pub request: Option<&'a str>,
    /// The value for which this process has had the login checked, or has it checked now.
    pub submitted: Option<&'a str>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerificationDecision {
    /// This holds.
    Stands(VerificationRecord),
    /// Ask the registry. What is known until then, if it is of this login.
    Check(Option<VerificationRecord>),
}

impl Asking<'_> {
    /// What the status knows of this login, if it speaks of this login at all. When it was checked in another way, only
    /// that it was refused as such still counts, or at all if nobody can be asked.
    pub fn own(&self) -> Option<VerificationRecord> {
        let status = self.status?;
        let version = status.credentials_version.as_deref()?;
        let how = version.strip_prefix(self.login)?.strip_prefix(' ')?;
        let second = |time: &Option<Time>| time.as_ref().map(|time| time.0.as_second());
        let result = status.result?;
        let waits = !matches!(result, VerificationResult::Accepted | VerificationResult::NotVerifiable);
        let known = VerificationRecord {
            result,
            message: self.message.to_owned(),
            how: how.to_owned(),
            checked: second(&status.last_verified_time).unwrap_or_default(),
            // Of any other, it is the interval that this resource wanted.
            next: second(&status.next_verification_time).filter(|_| waits),
            rejections: status.consecutive_rejections,
            attempts: 0,
            bound: status.consecutive_rejections > 0 || result == VerificationResult::RateLimited,
            image_denied: status.image_denied,
        };
        let host = |how: &str| how.split(' ').next().map(str::to_owned);
        let counts = match (self.how, how) {
            (now, then) if now == then => true,
            (CANNOT_BE_ASKED, _) => result.refuses(),
            (_, CANNOT_BE_ASKED) => known.refuses_login(),
            // Another host, or port, is another registry.
            (now, then) => known.refuses_login() && host(now) == host(then),
        };
        counts.then_some(known)
    }

    /// The request that was obeyed last.
    pub fn handled(&self) -> Option<&str> {
        self.status?.handled_request.as_deref()
    }

    /// Whether a person waits for a check that has not begun.
    pub fn asked(&self) -> bool {
        self.request.is_some() && self.request != self.handled() && self.request != self.submitted
    }

    /// The request that is obeyed now, when no check is under way.
    pub fn obeyed(&self) -> Option<&str> {
        self.request
            .and_then(|request| if self.asked() { self.handled() } else { Some(request) })
    }

    /// What to publish of what is known, when it is `due` again, and of the request that was obeyed.
    pub fn published(&self, known: &VerificationRecord, due: Option<i64>, obeyed: Option<&str>) -> Check {
        let time = |second: i64| Timestamp::from_second(second).ok().map(Time);
        let status = VerificationStatus {
            result: Some(known.result),
            last_verified_time: time(known.checked),
            credentials_version: Some(format!("{} {}", self.login, self.how)),
            next_verification_time: due.and_then(time),
            consecutive_rejections: known.rejections,
            handled_request: obeyed.map(str::to_owned),
            image_denied: known.image_denied,
            secret_verified: false,
        };
        Check::Done(Box::new(status), known.message.clone())
    }

    /// Decides, from what the status and the ledger know.
    pub fn advise(&self, ledger: Option<&VerificationRecord>, now: i64) -> VerificationDecision {
        let own = self.own();
        // An old word on a login that is to replace an accepted one is no check of it: it may have been revoked.
        let replaces = own.is_none() && self.status.is_some_and(|status| status.secret_verified);
        let is_old =
            |known: &VerificationRecord| known.result == VerificationResult::Accepted && now - known.checked >= FRESH;
        let ledger = ledger.filter(|known| !(replaces && is_old(known)));
        let newest = match (own, ledger) {
            // Of the same second: the status knows no more than the ledger, which has read it.
            (Some(own), Some(ledger)) if ledger.checked >= own.checked => Some(ledger.clone()),
            (Some(own), _) => Some(own),
            (None, ledger) => ledger.cloned(),
        };
        match newest {
            Some(known) if known.stands(self.how, known.due(self.interval, self.asked()), now) => {
                VerificationDecision::Stands(known)
            }
            known => VerificationDecision::Check(known.filter(|known| known.how == self.how || known.refuses_login())),
        }
    }
}

/// Why a login is not written: the registry refuses it, and the Secret holds one that it accepted. The status puts in
/// front since when.
pub fn held_back(policy: OnRejected, accepted_stands: bool, known: Option<&VerificationRecord>) -> Option<Problem> {
    let known =
        known.filter(|known| known.result.refuses() && accepted_stands && policy == OnRejected::KeepLastAccepted)?;
    Some(Problem::new(
        Reason::HeldBack,
        format!(
            "the Secret keeps the last login that the registry accepted; the new one was refused ({}): put a login that works into the referenced Secret, or set spec.verification.onRejected to WriteAnyway",
            known.result.as_str()
        ),
    ))
}
