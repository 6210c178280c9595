//! What metrics say of a resource.

use std::collections::BTreeMap;

use crate::api::{ConditionType, DockerPullSecretStatus, Reason, VerificationResult};
use crate::domain::status::conditions::condition;
use crate::domain::time::Timestamp;

/// The conditions that are worth a series for each resource: the sum, and the two that need different people.
const SHOWN: [ConditionType; 3] = [
    ConditionType::Ready,
    ConditionType::CredentialsAccepted,
    ConditionType::PullsHealthy,
];

/// What metrics say of one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Type, status and reason of conditions.
    pub conditions: Vec<(&'static str, String, String)>,
    /// Failing pods by cause: those of the failures that the status shows.
    pub failing_pods: BTreeMap<&'static str, u32>,
    /// When the registry last accepted the credentials, if the last verdict says so.
    pub accepted_at: Option<Timestamp>,
    /// When the next verification is due.
    pub next_verification: Option<Timestamp>,
}

impl Figures {
    /// Of a resource with this status. One that has none yet is not ready.
    pub fn of(status: Option<&DockerPullSecretStatus>) -> Self {
        let mut figures = Self {
            conditions: Vec::new(),
            failing_pods: BTreeMap::new(),
            accepted_at: None,
            next_verification: None,
        };
        let Some(status) = status else {
            let row = (ConditionType::Ready.as_str(), "Unknown", Reason::Pending.as_str());
            figures.conditions.push((row.0, row.1.to_owned(), row.2.to_owned()));
            return figures;
        };
        for kind in SHOWN {
            if let Some(found) = condition(status, kind) {
                let row = (kind.as_str(), found.status.clone(), found.reason.clone());
                figures.conditions.push(row);
            }
        }
        for failure in &status.pull_failures {
            *figures.failing_pods.entry(failure.cause.as_str()).or_default() += failure.count;
        }
        if let Some(verification) = &status.verification {
            let is_accepted = verification.of_credentials() == Some(VerificationResult::Accepted);
            let accepted_at = verification.last_verified_time.as_ref().filter(|_| is_accepted);
            figures.accepted_at = accepted_at.map(|time| time.0);
            figures.next_verification = verification.next_verification_time.as_ref().map(|time| time.0);
        }
        figures
    }
}
