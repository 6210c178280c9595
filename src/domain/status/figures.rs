//! What metrics say of a resource. It is kept for each resource between two scrapes, so it is small.

use std::collections::BTreeMap;

use strum::IntoEnumIterator as _;

use crate::api::{Cause, ConditionType, DockerPullSecretStatus, Reason, VerificationResult, VerificationStatus};
use crate::domain::status::conditions::condition;

/// The conditions that are worth a series for each resource: the sum, and the two that need different people.
const SHOWN: [ConditionType; 3] = [
    ConditionType::Ready,
    ConditionType::CredentialsAccepted,
    ConditionType::PullsHealthy,
];

/// Type, status and reason of a condition.
pub type ShownCondition = (&'static str, &'static str, &'static str);

/// What metrics say of one resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Status and reason of the conditions that are shown.
    conditions: [Option<(&'static str, &'static str)>; SHOWN.len()],
    /// Failing pods by cause: those of the failures that the status shows.
    pub failing_pods: BTreeMap<&'static str, u32>,
    /// When the registry last accepted the credentials, if the last verdict says so; in Unix time.
    pub accepted_at: Option<i64>,
    /// When the next verification is due; in Unix time.
    pub next_verification: Option<i64>,
    /// How many namespaces are to have the Secret, have it, and cannot get it; of a resource for many.
    pub namespaces: Option<[(&'static str, u32); 3]>,
}

impl Figures {
    /// Of a resource with this status. One that has none yet is not ready.
    pub fn of(status: Option<&DockerPullSecretStatus>) -> Self {
        let Some(status) = status else {
            return Self {
                conditions: [Some(("Unknown", Reason::Pending.as_str())), None, None],
                ..Self::default()
            };
        };
        let mut failing_pods = BTreeMap::new();
        for failure in &status.pull_failures {
            *failing_pods.entry(failure.cause.as_str()).or_default() += failure.count;
        }
        let verification = status.verification.as_ref();
        let is_accepted =
            verification.and_then(VerificationStatus::of_credentials) == Some(VerificationResult::Accepted);
        Self {
            conditions: SHOWN.map(|kind| {
                let found = condition(status, kind)?;
                Some((known_state(&found.status), known_reason(&found.reason)))
            }),
            failing_pods,
            accepted_at: verification
                .and_then(|found| found.last_verified_time.as_ref())
                .filter(|_| is_accepted)
                .map(|time| time.0.as_second()),
            next_verification: verification
                .and_then(|found| found.next_verification_time.as_ref())
                .map(|time| time.0.as_second()),
            namespaces: status.namespaces.as_ref().map(|counts| {
                [
                    ("selected", counts.selected),
                    ("ready", counts.ready),
                    ("failing", counts.failing),
                ]
            }),
        }
    }

    /// How many of these have a condition in a state.
    pub fn count<'a>(all: impl Iterator<Item = &'a Self>) -> BTreeMap<ShownCondition, i64> {
        let mut counts = BTreeMap::new();
        for state in all.flat_map(Self::conditions) {
            *counts.entry(state).or_default() += 1;
        }
        counts
    }

    /// Its conditions that are shown.
    pub fn conditions(&self) -> impl Iterator<Item = ShownCondition> {
        let shown = SHOWN.iter().zip(self.conditions);
        shown.filter_map(|(kind, found)| found.map(|(status, reason)| (kind.as_str(), status, reason)))
    }
}

fn known_state(status: &str) -> &'static str {
    let known = ["True", "False"].into_iter().find(|known| *known == status);
    known.unwrap_or("Unknown")
}

/// A reason of a newer version is `Unknown`, like a cause.
fn known_reason(reason: &str) -> &'static str {
    let known = Reason::iter()
        .map(Reason::as_str)
        .chain(Cause::iter().map(Cause::as_str));
    known.into_iter().find(|known| *known == reason).unwrap_or("Unknown")
}
