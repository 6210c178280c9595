//! From what a reconcile found to the status that is published.

use crate::api::{ConditionType, DockerPullSecretStatus, Reason, VerificationResult, VerificationStatus};
use crate::domain::distribution::census::Census;
use crate::domain::problem::Problem;
use crate::domain::status::conditions::{ConditionState, Conditions, MESSAGE_LENGTH, condition};
use crate::domain::status::outcome::{Finding, Outcome};
use crate::domain::text::cut;
use crate::domain::time::Timestamp;
use crate::domain::verification::finding::VerificationFinding;

/// Most warnings that are shown.
const WARNINGS: usize = 10;

/// The conditions that say something of the resource by themselves.
const OBSERVED: [ConditionType; 4] = [
    ConditionType::CredentialsResolved,
    ConditionType::SecretSynced,
    ConditionType::CredentialsAccepted,
    ConditionType::PullsHealthy,
];

/// These, and the one that only some resources have.
fn observed(previous: &DockerPullSecretStatus) -> Vec<ConditionType> {
    let attached = condition(previous, ConditionType::Attached).map(|_| ConditionType::Attached);
    OBSERVED.into_iter().chain(attached).collect()
}

/// The status to publish. Times of conditions move only when their state changes, so that a status which says the same
/// equals `previous`.
pub fn build_status(
    previous: Option<&DockerPullSecretStatus>,
    generation: Option<i64>,
    finding: &Finding,
    now: Timestamp,
) -> DockerPullSecretStatus {
    let previous = previous.cloned().unwrap_or_default();
    let mut conditions = Conditions::new(&previous, generation, now);
    match finding {
        Finding::Suspended => {
            conditions.keep_all(&observed(&previous), Reason::Suspended);
            let message = "spec.suspend is true: nothing is read or written for this resource";
            conditions.push(
                ConditionType::Ready,
                ConditionState::Unknown,
                Reason::Suspended,
                message,
            );
            DockerPullSecretStatus {
                observed_generation: generation,
                conditions: conditions.into_vec(),
                ..previous.clone()
            }
        }
        Finding::Failing(message) => {
            let reason = Reason::RetryingAfterError;
            conditions.keep_all(&observed(&previous), reason);
            conditions.push(ConditionType::Ready, ConditionState::Unknown, reason, message);
            conditions.push(ConditionType::Reconciling, ConditionState::True, reason, message);
            DockerPullSecretStatus {
                conditions: conditions.into_vec(),
                ..previous.clone()
            }
        }
        Finding::AwaitingVerdict(attempt) => DockerPullSecretStatus {
            verification: (previous.verification.is_some() || attempt.is_some()).then(|| VerificationStatus {
                attempt: attempt.clone(),
                ..previous.verification.clone().unwrap_or_default()
            }),
            ..previous.clone()
        },
        Finding::Decided(outcome) => {
            push_all(&mut conditions, outcome);
            let (failing_pods, pull_failures) = match &outcome.pulls {
                Some(pulls) => (pulls.failing_pods, pulls.failures.clone()),
                None => (previous.failing_pods, previous.pull_failures.clone()),
            };
            DockerPullSecretStatus {
                observed_generation: generation,
                secret_name: outcome.secret_name.clone(),
                registry_key: outcome.registry_key.clone(),
                image_pattern: outcome.image_pattern.clone(),
                warnings: warnings(&outcome.warnings),
                verification: verification(previous.verification.as_ref(), outcome),
                minted: outcome.minted.clone(),
                namespaces: outcome.census.as_ref().map(Census::counts),
                failures: outcome
                    .census
                    .as_ref()
                    .map_or_else(Vec::new, |census| census.failures.clone()),
                failing_pods,
                pull_failures,
                conditions: conditions.into_vec(),
            }
        }
    }
}

fn warnings(all: &[String]) -> Vec<String> {
    let shown = all.iter().take(WARNINGS).map(|text| cut(text, MESSAGE_LENGTH));
    let more = all.len().saturating_sub(WARNINGS);
    shown.chain((more > 0).then(|| format!("and {more} more"))).collect()
}

fn push_all(conditions: &mut Conditions<'_>, outcome: &Outcome) {
    let kind = ConditionType::CredentialsResolved;
    let unresolved = push_result(conditions, kind, Reason::Resolved, outcome.credentials.as_ref());
    let secret = outcome.secret.as_ref().map_err(|problem| conditions.dated(problem));
    let unsynced = push_result(
        conditions,
        ConditionType::SecretSynced,
        Reason::Synced,
        secret.as_ref().copied(),
    );
    let refused = push_verification(conditions, &outcome.verification);
    let failing = push_pulls(conditions, outcome);
    let attached = outcome.attached.as_ref().map(Result::as_ref);
    let detached =
        attached.and_then(|attached| push_result(conditions, ConditionType::Attached, Reason::Attached, attached));
    let Some(problem) = unresolved.or(unsynced).or(refused).or(failing).or(detached) else {
        let places = outcome.census.as_ref().map_or("", |_| " in the selected namespaces");
        let message = format!(
            "pods{places} that list Secret {:?} in imagePullSecrets send these credentials to {}",
            outcome.secret_name.as_deref().unwrap_or_default(),
            outcome.registry_key.as_deref().unwrap_or_default(),
        );
        conditions.push(ConditionType::Ready, ConditionState::True, Reason::Ready, &message);
        return;
    };
    conditions.push(
        ConditionType::Ready,
        ConditionState::False,
        problem.reason,
        &problem.message,
    );
    let kind = if problem.reason.is_transient() {
        ConditionType::Reconciling
    } else {
        ConditionType::Stalled
    };
    conditions.push(kind, ConditionState::True, problem.reason, &problem.message);
}

/// Adds a condition that is True, or False with a problem. Returns the problem.
fn push_result(
    conditions: &mut Conditions<'_>,
    kind: ConditionType,
    good: Reason,
    result: Result<&String, &Problem>,
) -> Option<Problem> {
    match result {
        Ok(message) => {
            conditions.push(kind, ConditionState::True, good, message);
            None
        }
        Err(problem) => {
            conditions.push(kind, ConditionState::False, problem.reason, &problem.message);
            Some(problem.clone())
        }
    }
}

/// Returns the problem if the registry rejects the credentials. Nothing else that a verification finds makes a resource
/// not ready: the operator's network is not the nodes'.
fn push_verification(conditions: &mut Conditions<'_>, finding: &VerificationFinding) -> Option<Problem> {
    let kind = ConditionType::CredentialsAccepted;
    match finding {
        VerificationFinding::NoCredentials | VerificationFinding::Underway => conditions.keep(kind, Reason::Pending),
        VerificationFinding::Disabled => {
            let message = "spec.verification.mode is Disabled: the credentials are not verified";
            conditions.push(kind, ConditionState::Unknown, Reason::Disabled, message);
        }
        VerificationFinding::Pending => {
            let message = "the credentials are being verified";
            conditions.push(kind, ConditionState::Unknown, Reason::Pending, message);
        }
        VerificationFinding::Done(status) => {
            let (result, message) = (status.result?, status.message.as_deref().unwrap_or_default());
            let state = match result {
                VerificationResult::Accepted => ConditionState::True,
                _ if result.is_refusal() => ConditionState::False,
                _ => ConditionState::Unknown,
            };
            conditions.push(kind, state, result.reason(), message);
            return result.is_refusal().then(|| Problem::new(result.reason(), message));
        }
    }
    None
}

/// Returns the problem if this resource is at fault for pods that cannot pull.
fn push_pulls(conditions: &mut Conditions<'_>, outcome: &Outcome) -> Option<Problem> {
    let kind = ConditionType::PullsHealthy;
    let Some(pulls) = &outcome.pulls else {
        conditions.keep(kind, Reason::Pending);
        return None;
    };
    let Some(problem) = &pulls.problem else {
        let message = "no pod that needs these credentials fails to pull its image";
        conditions.push(kind, ConditionState::True, Reason::Healthy, message);
        return None;
    };
    conditions.push(kind, ConditionState::False, problem.reason, &problem.message);
    pulls.fault.then(|| problem.clone())
}

/// What is kept of a verification.
fn verification(previous: Option<&VerificationStatus>, outcome: &Outcome) -> Option<VerificationStatus> {
    match &outcome.verification {
        VerificationFinding::NoCredentials => previous.cloned(),
        VerificationFinding::Disabled => None,
        VerificationFinding::Pending => {
            let carried_over = VerificationStatus {
                handled_request: previous.and_then(|previous| previous.handled_request.clone()),
                secret_verified: secret_verified(previous, outcome, None),
                attempt: outcome.attempt.clone(),
                ..VerificationStatus::default()
            };
            (carried_over != VerificationStatus::default()).then_some(carried_over)
        }
        VerificationFinding::Underway => Some(VerificationStatus {
            secret_verified: secret_verified(previous, outcome, None),
            ..previous.cloned().unwrap_or_default()
        }),
        VerificationFinding::Done(status) => Some(VerificationStatus {
            attempt: outcome.attempt.clone(),
            secret_verified: secret_verified(previous, outcome, status.of_credentials()),
            ..*status.clone()
        }),
    }
}

/// Whether the Secret holds accepted credentials after a reconcile. It does until it holds others or they are rejected
/// themselves: nothing that is found out about credentials that are not in the Secret changes that.
fn secret_verified(
    previous: Option<&VerificationStatus>,
    outcome: &Outcome,
    result: Option<VerificationResult>,
) -> bool {
    let stands = previous.is_some_and(|previous| previous.secret_verified);
    match result {
        _ if !outcome.is_written => stands,
        Some(VerificationResult::Accepted) => true,
        Some(result) if result.is_refusal() => false,
        _ => stands && !outcome.replaced,
    }
}
