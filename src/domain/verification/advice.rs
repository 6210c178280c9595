//! Whether the login of a resource is to be checked now.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::ledger::Known;
use crate::api::{OnRejected, Reason, VerificationStatus};
use crate::domain::problem::Problem;

/// What one resource knows and wants.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Identity of its login, as in `status.verification.credentialsVersion`.
    pub version: &'a str,
    /// How it wants the login to be checked.
    pub how: &'a str,
    /// What its status says.
    pub status: Option<&'a VerificationStatus>,
    /// Message of its `CredentialsAccepted` condition.
    pub message: &'a str,
    /// Time between two checks of an accepted login.
    pub interval: Option<Duration>,
    /// Value of its annotation that asks for a check.
    pub request: Option<&'a str>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// This holds.
    Stands(Known),
    /// Ask the registry. What is known until then, if it is of this login.
    Check(Option<Known>),
}

impl Asking<'_> {
    /// What the status knows of this login, if it speaks of this login at all.
    pub fn own(&self) -> Option<Known> {
        let status = self
            .status
            .filter(|status| status.credentials_version.as_deref() == Some(self.version))?;
        Some(Known {
            result: status.result?,
            message: self.message.to_owned(),
            how: self.how.to_owned(),
            checked: status.last_verified_time.as_ref().map_or(0, |time| time.0.as_second()),
            next: status.next_verification_time.as_ref().map(|time| time.0.as_second()),
            rejections: status.failures,
            attempts: 0,
        })
    }

    /// The request that was obeyed last.
    pub fn handled(&self) -> Option<&str> {
        self.status?.handled_request.as_deref()
    }

    /// Decides, from what the status and the ledger know.
    pub fn advise(&self, ledger: Option<&Known>, now: i64) -> Advice {
        let own = self.own();
        let newest = match (own, ledger) {
            // Of the same second: the status knows no more than the ledger, which has read it.
            (Some(own), Some(ledger)) if ledger.checked >= own.checked => Some(ledger.clone()),
            (Some(own), _) => Some(own),
            (None, ledger) => ledger.cloned(),
        };
        let asked = self.request.is_some() && self.request != self.handled();
        match newest {
            Some(known) if known.stands(self.how, known.due(self.interval), now, asked) => Advice::Stands(known),
            known => Advice::Check(known.filter(|known| known.how == self.how)),
        }
    }
}

/// The status that tells what is known.
pub fn status(known: &Known, version: &str, interval: Option<Duration>, request: Option<&str>) -> VerificationStatus {
    let time = |second: i64| Timestamp::from_second(second).ok().map(Time);
    VerificationStatus {
        result: Some(known.result),
        last_verified_time: time(known.checked),
        credentials_version: Some(version.to_owned()),
        next_verification_time: known.due(interval).and_then(time),
        failures: known.rejections,
        handled_request: request.map(str::to_owned),
        secret_accepted: false,
    }
}

/// Why a login is not written: the registry refuses it, and the Secret holds one that it accepted. The status puts in
/// front since when.
pub fn held_back(policy: OnRejected, accepted_stands: bool, known: Option<&Known>) -> Option<Problem> {
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
