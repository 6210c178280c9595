//! What becomes of the generated Secret, above all that rejected credentials never replace accepted ones.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;

use crate::api::OnRejected;
use crate::domain::names::ObjectKey;
use crate::domain::problem::Problem;
use crate::domain::reconcile::change::{ApplySecret, Change};
use crate::domain::reconcile::decide::{Subject, copies};
use crate::domain::reconcile::memory::ResourceMemory;
use crate::domain::reconcile::observed::Observed;
use crate::domain::secret::ownership::{Claimant, SecretAction, authorize_write};
use crate::domain::secret::plan::SecretPlan;
use crate::domain::secret::precondition::Precondition;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};
use crate::domain::time::{Timestamp, since};
use crate::domain::verification::fingerprint::Fingerprint;
use crate::domain::verification::schedule::{VerificationView, held_back};
use crate::domain::verification::state::VerificationState;

/// Longest time for which the write of changed credentials waits for the verdict on them.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// What stands in the Secret, compared with what is wanted.
pub(super) struct Comparison {
    /// Whether the Secret of the wanted name is missing, or holds other credentials.
    pub(super) changes_credentials: bool,
    /// Whether credentials are written only if the registry does not refuse them: they would replace accepted ones, or are new for
    /// many namespaces. A Secret under an earlier name counts: pods still use it.
    is_guarded: bool,
    /// Whether there is a Secret with other credentials.
    replaces: bool,
}

impl Comparison {
    pub(super) fn of(subject: &Subject<'_>, plan: &SecretPlan, observed: &Observed) -> Self {
        let status = subject.previous.and_then(|status| status.verification.as_ref());
        let accepted = status.is_some_and(|verification| verification.secret_verified);
        let standing: Option<&Secret> = observed.target.as_ref().or(observed.retained.as_ref());
        let is_same = standing.is_some_and(|standing| plan.desired.same_document(standing));
        let changes = !is_same && !copies::are_current(subject, plan, observed);
        let replaces = changes && (standing.is_some() || observed.copies.version.is_some());
        // What the registry says of minted ones, it says of their identity. Namespaces that have it need renewed ones.
        let are_new = observed.copies.identity.as_ref() != Some(&plan.identity);
        Self {
            changes_credentials: changes,
            is_guarded: (replaces && accepted) || (changes && are_new && subject.declaration.cluster.is_some()),
            replaces,
        }
    }

    /// Why the credentials are not written, if the registry refused them.
    pub(super) fn held_back(&self, spec: &ValidatedSpec, view: &VerificationView) -> Option<Problem> {
        let policy = spec.verification.on_rejected;
        let remedy = match &spec.source {
            CredentialSource::Secret(_) => "put working credentials into the referenced Secret",
            CredentialSource::Minted(_) => "let this identity pull from the registry",
        };
        held_back(policy, self.is_guarded, self.replaces, remedy, view.record.as_ref())
    }

    /// The verdict that the write has to wait for, and since when it does. While none can come, none is late.
    pub(super) fn verdict_to_wait_for(
        &self,
        spec: &ValidatedSpec,
        view: &VerificationView,
        memory: &ResourceMemory,
        now: Timestamp,
    ) -> Option<(Fingerprint, Timestamp)> {
        let keeps = spec.verification.on_rejected == OnRejected::KeepLastAccepted;
        let awaited = view.awaited.filter(|_| self.is_guarded && keeps)?;
        // A wait that begins in the future is left from before the clock was set back.
        let is_current = |(before, since): &(Fingerprint, Timestamp)| *before == awaited && *since <= now;
        let before = memory.decided.awaiting_verdict.filter(is_current);
        Some(before.unwrap_or((awaited, now)))
    }
}

/// How much longer a verdict is awaited, if it is. While no login attempt may begin, none is late.
pub(super) fn time_left(
    awaiting: Option<(Fingerprint, Timestamp)>,
    verification: &VerificationState,
    now: Timestamp,
) -> Option<Duration> {
    let (_, begun) = awaiting?;
    let waited = since(begun, now).min(verification.queue.open_for(now));
    Some(LONGEST_WAIT.saturating_sub(waited)).filter(|left| !left.is_zero())
}

/// The writes that make the Secret what it should be, or why it is left as it is.
pub(super) fn changes(
    subject: &Subject<'_>,
    spec: &ValidatedSpec,
    plan: &SecretPlan,
    standing: &Comparison,
    view: &VerificationView,
    observed: &Observed,
) -> Result<Vec<Change>, Problem> {
    if let Some(refusal) = &observed.refusal {
        return Err(refusal.problem.clone());
    }
    if let Some(problem) = standing.held_back(spec, view) {
        return Err(problem);
    }
    let key = &subject.reference.key;
    let claimant = Claimant {
        kind: subject.reference.kind,
        name: &key.name,
        uid: subject.reference.uid.as_str(),
        adopt: spec.targets.adopt,
    };
    let target = observed.target.as_ref();
    let oldest = observed.index.oldest_claimant.as_deref().unwrap_or(&key.name);
    let action = authorize_write(claimant, &plan.desired, target, oldest, |_| {
        observed.index.owner_wants_target
    })?;
    let replaces = target
        .filter(|_| action == SecretAction::Update)
        .map(|target| Precondition {
            uid: target.metadata.uid.clone(),
            resource_version: target.metadata.resource_version.clone(),
        });
    let mut changes = Vec::new();
    if !target.is_some_and(|target| plan.desired.is_satisfied_by(target)) {
        changes.push(Change::ApplySecret(Box::new(ApplySecret {
            desired: plan.desired.clone(),
            replaces,
            credentials: plan.credentials.clone(),
            changes_credentials: target.is_some_and(|target| !plan.desired.same_document(target)),
        })));
    }
    let orphans = observed.index.orphans.iter();
    changes.extend(orphans.map(|(name, generated)| Change::DeleteSecret {
        secret: ObjectKey::new(&key.namespace, name),
        observed: Precondition {
            uid: Some(generated.uid.to_string()),
            resource_version: Some(generated.resource_version.to_string()),
        },
    }));
    Ok(changes)
}
