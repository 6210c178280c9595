//! What a resource reports of the pods that cannot pull, and how soon.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;

use crate::api::{ConditionType, DockerPullSecretStatus, Reason, VerificationResult};
use crate::domain::credential_source::plain::is_plain_login;
use crate::domain::docker_config::kubelet_secret::PullSecret;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::pull_failures::summary::{PullSummary, have_same_cause};
use crate::domain::pull_failures::survey::{SurveyInput, survey};
use crate::domain::reconcile::decide::{Subject, recovery};
use crate::domain::reconcile::observed::Observed;
use crate::domain::reconcile::retry::AFTER_INCOMPLETE;
use crate::domain::reconcile::throttle::StatusThrottle;
use crate::domain::recovery::PodToReplace;
use crate::domain::secret::ownership::is_own;
use crate::domain::status::conditions::condition;
use crate::domain::status::outcome::Outcome;
use crate::domain::time::Timestamp;
use crate::domain::verification::finding::VerificationFinding;

/// What follows from failing pods, beside what the status says of them.
#[derive(Default)]
pub(super) struct PodSurvey {
    /// When to look again.
    pub(super) next: Option<Duration>,
    /// The pods to evict.
    pub(super) outdated: Vec<PodToReplace>,
    /// When a registry last refused what a pod sent from the resource's Secret.
    pub(super) refused_at: Option<Timestamp>,
}

/// Adds to the outcome what is found out about failing pods; `holder` is the Secret of the wanted name as it will be.
pub(super) fn survey_pods(
    subject: &Subject<'_>,
    outcome: &mut Outcome,
    holder: Option<&Secret>,
    observed: &Observed,
    credentials_changed_at: Option<Timestamp>,
    throttle: &mut StatusThrottle,
    now: Timestamp,
) -> PodSurvey {
    let Some(pods) = &observed.pods else {
        return PodSurvey::default();
    };
    if pods.incomplete {
        return PodSurvey {
            next: Some(AFTER_INCOMPLETE),
            ..PodSurvey::default()
        };
    }
    let Some(mut own) = Resource::of(subject.declaration, subject.previous) else {
        throttle.reset();
        outcome.pulls = Some(Box::default());
        return PodSurvey::default();
    };
    own.verified = verified(subject, outcome);
    own.takes_password = match (&subject.declaration.spec, &observed.source) {
        (Ok(spec), Some(source)) => is_plain_login(spec, source),
        _ => false,
    };
    if let Some(holder) = holder {
        own.owns = is_own(holder, subject.reference.uid.as_str());
    }
    let previous = subject.previous.map_or(&[][..], |status| &status.pull_failures);
    let pull_secrets: Vec<HashMap<String, PullSecret>> = pods
        .places
        .iter()
        .map(|place| {
            let mut pull_secrets = place.pull_secrets.clone();
            // With an invalid spec, or where it is not the resource's, the Secret was read like any other.
            if subject.declaration.spec.is_ok() && place.has_secret {
                pull_secrets.insert(own.secret.clone(), PullSecret::new(&own.secret, holder));
            }
            pull_secrets
        })
        .collect();
    // Where somebody else's Secret is in the way, it has no own one.
    let without = Resource {
        owns: false,
        ..own.clone()
    };
    let places = pods.places.iter().zip(&pull_secrets);
    let places: Vec<SurveyInput<'_>> = places
        .map(|(place, pull_secrets)| SurveyInput {
            namespace: &place.namespace,
            own: if place.has_secret { &own } else { &without },
            others: &place.others,
            elsewhere: &place.elsewhere,
            failing: &place.failing,
            pull_secrets,
            accounts: &place.accounts,
            credentials_changed_at,
        })
        .collect();
    let found = survey(&places, subject.declaration.cluster.is_some(), previous, now);
    let outdated = recovery::candidates(subject, outcome, &own, &found.outdated, observed);
    let mut summary = found.summary;
    let published = subject
        .previous
        .is_some_and(|status| status.failing_pods == summary.failing_pods && status.pull_failures == summary.failures);
    let mut next = found.next;
    let pause = if summary.problem.is_none() {
        throttle.reset();
        None
    } else if !have_same_cause(&summary.failures, previous) {
        throttle.pause_of_cause(now)
    } else if published {
        None
    } else {
        throttle.pause(now)
    };
    if let (Some(pause), Some(status)) = (pause, subject.previous) {
        summary = PullSummary::published(status.failing_pods, previous, blames_resource(status));
        next = Some(next.map_or(pause, |next| next.min(pause)));
    }
    outcome.pulls = Some(Box::new(summary));
    PodSurvey {
        next,
        outdated,
        refused_at: found.refused_at,
    }
}

/// Whether a status says that the resource is at fault for failing pods: then it is not ready for the same reason.
fn blames_resource(status: &DockerPullSecretStatus) -> bool {
    let reason = |kind| condition(status, kind).map(|condition| (&condition.status, &condition.reason));
    reason(ConditionType::Ready) == reason(ConditionType::PullsHealthy)
}

/// What the registry said of the credentials that are in the Secret after this reconcile.
fn verified(subject: &Subject<'_>, outcome: &Outcome) -> Option<VerificationResult> {
    let verification = subject.previous.and_then(|status| status.verification.as_ref());
    let stands = verification.is_some_and(|verification| verification.secret_verified);
    match (&outcome.secret, &outcome.verification) {
        (Ok(_), VerificationFinding::Done(status)) => status.of_credentials(),
        (Err(problem), _) if stands || problem.reason == Reason::HeldBack => Some(VerificationResult::Accepted),
        _ => None,
    }
}
