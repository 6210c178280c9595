//! What a resource has verified.

use crate::api::{ConditionType, DockerPullSecretStatus};
use crate::domain::reconcile::decide::{Subject, minting};
use crate::domain::reconcile::memory::DecisionMemory;
use crate::domain::reconcile::observed::Observed;
use crate::domain::reconcile::retry::spread;
use crate::domain::secret::plan::SecretPlan;
use crate::domain::spec::validate::ValidatedSpec;
use crate::domain::status::conditions::condition;
use crate::domain::verification::finding::PublishedVerification;
use crate::domain::verification::schedule::ScheduleInput;

/// What it knows and wants.
pub(super) fn schedule_input<'a>(
    subject: &Subject<'a>,
    spec: &'a ValidatedSpec,
    plan: &'a SecretPlan,
    observed: &'a Observed,
    memory: &'a DecisionMemory,
) -> ScheduleInput<'a> {
    ScheduleInput {
        credentials: &plan.credentials,
        identity: plan.identity.as_str(),
        is_minted: plan.is_minted,
        registry: &spec.registry,
        settings: &spec.verification,
        ca_bundle: observed.ca_bundle.as_ref().map(Option::as_ref),
        previous: subject.previous.and_then(published),
        interval: spec
            .verification
            .interval
            .map(|interval| spread(interval, &subject.reference.uid)),
        requested: subject.declaration.requested_verification.as_deref(),
        submitted: memory.submitted_request.as_deref(),
        announced: memory.announced,
        refused_at: memory
            .refused_at
            .filter(|refused| minting::is_refused(observed, Some(*refused))),
    }
}

/// What a status says of the credentials.
fn published(status: &DockerPullSecretStatus) -> Option<PublishedVerification<'_>> {
    let accepted = condition(status, ConditionType::CredentialsAccepted);
    Some(PublishedVerification {
        status: status.verification.as_ref()?,
        fallback_message: accepted.map(|accepted| accepted.message.as_str()),
    })
}
