//! From what a pass found to the status that is published.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use strum::IntoEnumIterator as _;

use crate::api::{ConditionType, DockerPullSecretStatus, Reason, VerificationResult, VerificationStatus};
use crate::domain::problem::Problem;
use crate::domain::status::pods::Pods;
use crate::domain::text::cut;

/// Longest message of a condition or warning, in characters: a status is read by people.
const MESSAGE_LENGTH: usize = 1024;

/// Most warnings that are shown.
const WARNINGS: usize = 10;

/// What a pass over one resource found.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// `spec.suspend` is set.
    Suspended,
    /// The API server could not be asked. The sentence says what was tried and what came back.
    Failing(String),
    /// The pass went through.
    Decided(Outcome),
}

/// What a pass that went through found.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The login: a sentence about where it is from, or why there is none.
    pub credentials: Result<String, Problem>,
    /// The Secret: a sentence, or why it does not hold the login.
    pub secret: Result<String, Problem>,
    /// Whether the Secret held another login before this pass, or there was none.
    pub replaced: bool,
    /// The check of the login.
    pub check: Check,
    /// The pods that cannot pull.
    pub pods: Pods,
    /// Name of the generated Secret if there is one.
    pub secret_name: Option<String>,
    /// The registry key, if the spec gives one.
    pub registry_key: Option<String>,
    /// What works but will probably surprise.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// There is no login: `why`; `kept` is the Secret that still holds an earlier one.
    pub fn without_login(why: Problem, kept: Option<String>, registry_key: Option<String>) -> Self {
        let secret = match &kept {
            Some(name) => Problem::new(
                Reason::Stale,
                format!("Secret {name:?} still holds the last good login"),
            ),
            None => Problem::new(
                Reason::CredentialsNotResolved,
                "there is no login to write, see condition CredentialsResolved",
            ),
        };
        Self {
            credentials: Err(why),
            secret: Err(secret),
            replaced: false,
            check: Check::NoLogin,
            pods: Pods::Unseen,
            secret_name: kept,
            registry_key,
            warnings: Vec::new(),
        }
    }
}

/// What is known of the login at its registry.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// There is no login; what was known before stays.
    NoLogin,
    /// It is not to be checked.
    Disabled,
    /// It will be checked soon.
    Pending,
    /// It was checked: what to publish, and the sentence.
    Done(Box<VerificationStatus>, String),
}

/// The status to publish. Times of conditions move only when their status changes; a status equal to `old` needs no write.
pub fn build_status(
    old: Option<&DockerPullSecretStatus>,
    generation: Option<i64>,
    finding: &Finding,
    now: &Time,
) -> DockerPullSecretStatus {
    let previous = old.cloned().unwrap_or_default();
    let mut conditions = Conditions {
        old: &previous.conditions,
        generation,
        now,
        all: Vec::new(),
    };
    match finding {
        Finding::Suspended => {
            conditions.keep(ConditionType::CredentialsResolved, Reason::Suspended);
            conditions.keep(ConditionType::SecretSynced, Reason::Suspended);
            conditions.keep(ConditionType::CredentialsAccepted, Reason::Suspended);
            conditions.keep(ConditionType::PullsHealthy, Reason::Suspended);
            let message = "spec.suspend is true: nothing is read or written for this resource";
            conditions.push(ConditionType::Ready, "Unknown", Reason::Suspended, message);
            DockerPullSecretStatus {
                observed_generation: generation,
                conditions: conditions.all,
                ..previous.clone()
            }
        }
        Finding::Failing(message) => {
            conditions.keep(ConditionType::CredentialsResolved, Reason::RetryingAfterError);
            conditions.keep(ConditionType::SecretSynced, Reason::RetryingAfterError);
            conditions.keep(ConditionType::CredentialsAccepted, Reason::RetryingAfterError);
            conditions.keep(ConditionType::PullsHealthy, Reason::RetryingAfterError);
            conditions.push(ConditionType::Ready, "Unknown", Reason::RetryingAfterError, message);
            conditions.push(ConditionType::Reconciling, "True", Reason::RetryingAfterError, message);
            DockerPullSecretStatus {
                conditions: conditions.all,
                ..previous.clone()
            }
        }
        Finding::Decided(outcome) => {
            decided(&mut conditions, outcome);
            let mut warnings: Vec<String> = outcome
                .warnings
                .iter()
                .take(WARNINGS)
                .map(|text| cut(text, MESSAGE_LENGTH))
                .collect();
            if outcome.warnings.len() > WARNINGS {
                warnings.push(format!("and {} more", outcome.warnings.len() - WARNINGS));
            }
            let (failing_pods, pull_failures) = match &outcome.pods {
                Pods::Seen(pulls) => (pulls.failing_pods, pulls.failures.clone()),
                Pods::Unseen | Pods::Same { .. } => (previous.failing_pods, previous.pull_failures.clone()),
            };
            DockerPullSecretStatus {
                observed_generation: generation,
                failing_pods,
                pull_failures,
                verification: verification(previous.verification.as_ref(), outcome),
                secret_name: outcome.secret_name.clone(),
                registry_key: outcome.registry_key.clone(),
                warnings,
                conditions: conditions.all,
            }
        }
    }
}

fn decided(conditions: &mut Conditions<'_>, outcome: &Outcome) {
    let mut first = None;
    let secret = outcome.secret.clone().map_err(|problem| conditions.dated(problem));
    for (condition, result, good) in [
        (
            ConditionType::CredentialsResolved,
            &outcome.credentials,
            Reason::Resolved,
        ),
        (ConditionType::SecretSynced, &secret, Reason::Synced),
    ] {
        match result {
            Ok(message) => conditions.push(condition, "True", good, message),
            Err(problem) => {
                conditions.push(condition, "False", problem.reason, &problem.message);
                first = first.or(Some(problem));
            }
        }
    }
    let refused = check(conditions, &outcome.check);
    let fails = crate::domain::status::pods::publish(conditions, &outcome.pods);
    let Some(problem) = first.or(refused.as_ref()).or(fails.as_ref()) else {
        let message = format!(
            "pods that list {:?} in imagePullSecrets send this login to {}",
            outcome.secret_name.as_deref().unwrap_or_default(),
            outcome.registry_key.as_deref().unwrap_or_default(),
        );
        conditions.push(ConditionType::Ready, "True", Reason::Ready, &message);
        return;
    };
    conditions.push(ConditionType::Ready, "False", problem.reason, &problem.message);
    let kind = if problem.reason.is_transient() {
        ConditionType::Reconciling
    } else {
        ConditionType::Stalled
    };
    conditions.push(kind, "True", problem.reason, &problem.message);
}

/// Publishes what is known of the login. Returns the problem if the registry refuses it; nothing else that a check finds
/// makes a resource not ready, since the operator's network is not the nodes'.
fn check(conditions: &mut Conditions<'_>, check: &Check) -> Option<Problem> {
    let kind = ConditionType::CredentialsAccepted;
    match check {
        Check::NoLogin => conditions.keep(kind, Reason::Pending),
        Check::Disabled => {
            conditions.push(
                kind,
                "Unknown",
                Reason::Disabled,
                "spec.verification.mode is Disabled: the login is not checked",
            );
        }
        Check::Pending => conditions.push(kind, "Unknown", Reason::Pending, "the login is being checked"),
        Check::Done(status, message) => {
            let result = status.result?;
            let shown = match result {
                VerificationResult::Accepted => "True",
                _ if result.refuses() => "False",
                _ => "Unknown",
            };
            conditions.push(kind, shown, result.reason(), message);
            return result.refuses().then(|| Problem::new(result.reason(), message.clone()));
        }
    }
    None
}

/// What is kept of a check.
fn verification(previous: Option<&VerificationStatus>, outcome: &Outcome) -> Option<VerificationStatus> {
    match &outcome.check {
        Check::NoLogin => previous.cloned(),
        Check::Disabled => None,
        Check::Pending => {
            let kept = VerificationStatus {
                handled_request: previous.and_then(|previous| previous.handled_request.clone()),
                secret_verified: secret_verified(previous, outcome, None),
                ..VerificationStatus::default()
            };
            (kept != VerificationStatus::default()).then_some(kept)
        }
        Check::Done(status, _) => Some(VerificationStatus {
            secret_verified: secret_verified(previous, outcome, status.of_login()),
            ..*status.clone()
        }),
    }
}

/// Whether the Secret holds an accepted login after a pass. It does until it holds another one or is refused itself:
/// nothing that is found out of a login that is not in the Secret changes that.
fn secret_verified(
    previous: Option<&VerificationStatus>,
    outcome: &Outcome,
    result: Option<VerificationResult>,
) -> bool {
    let stands = previous.is_some_and(|previous| previous.secret_verified);
    match (&outcome.secret, result) {
        (Err(_), _) => stands,
        (Ok(_), Some(VerificationResult::Accepted)) => true,
        (Ok(_), Some(result)) if result.refuses() => false,
        (Ok(_), _) => stands && !outcome.replaced,
    }
}

pub(crate) struct Conditions<'a> {
    pub(crate) old: &'a [Condition],
    generation: Option<i64>,
    now: &'a Time,
    all: Vec<Condition>,
}

impl Conditions<'_> {
    pub(crate) fn push(&mut self, condition: ConditionType, status: &str, reason: Reason, message: &str) {
        self.all.push(Condition {
            type_: condition.as_str().to_owned(),
            status: status.to_owned(),
            reason: reason.as_str().to_owned(),
            message: cut(message, MESSAGE_LENGTH),
            observed_generation: self.generation,
            last_transition_time: self.since(condition, status).clone(),
        });
    }

    /// Since when a condition that is `status` now has been so.
    fn since(&self, condition: ConditionType, status: &str) -> &Time {
        let old = self
            .old
            .iter()
            .find(|old| old.type_ == condition.as_str() && old.status == status);
        old.map_or(self.now, |old| &old.last_transition_time)
    }

    /// Says since when the Secret has not been kept in step, if that is because a login is held back. That is the time
    /// of the condition, which no retry moves.
    fn dated(&self, problem: Problem) -> Problem {
        if problem.reason != Reason::HeldBack {
            return problem;
        }
        let since = self.since(ConditionType::SecretSynced, "False").0;
        Problem::new(problem.reason, format!("since {since} {}", problem.message))
    }

    /// Leaves a condition as it was; Unknown when it was never decided.
    pub(crate) fn keep(&mut self, condition: ConditionType, reason: Reason) {
        match self.old.iter().find(|old| old.type_ == condition.as_str()) {
            Some(old) => self.all.push(old.clone()),
            None => self.push(condition, "Unknown", reason, "not looked at yet"),
        }
    }
}

/// Whether `there` says what `wanted` says. Conditions of types that are not ours do not count.
pub fn is_up_to_date(there: Option<&DockerPullSecretStatus>, wanted: &DockerPullSecretStatus) -> bool {
    let Some(there) = there else { return false };
    let ours = |condition: &&Condition| ConditionType::iter().any(|ours| ours.as_str() == condition.type_);
    there.observed_generation == wanted.observed_generation
        && there.secret_name == wanted.secret_name
        && there.registry_key == wanted.registry_key
        && there.warnings == wanted.warnings
        && there.verification == wanted.verification
        && there.failing_pods == wanted.failing_pods
        && there.pull_failures == wanted.pull_failures
        && there.conditions.iter().filter(ours).count() == wanted.conditions.len()
        && wanted
            .conditions
            .iter()
            .all(|condition| there.conditions.contains(condition))
}
