//! What a decision writes, for either kind of resource.

use std::time::Duration;

use crate::api::Reason;
use crate::domain::problem::Problem;
use crate::domain::reconcile::change::Change;
use crate::domain::reconcile::decide::copies::Distribute;
use crate::domain::reconcile::decide::{Subject, copies, secret};
use crate::domain::reconcile::observed::Observed;
use crate::domain::secret::plan::SecretPlan;
use crate::domain::spec::validate::ValidatedSpec;
use crate::domain::verification::schedule::VerificationView;

/// What is written, or why it is not.
pub(super) struct Writes {
    /// Writes of a resource for one namespace.
    pub(super) changes: Vec<Change>,
    /// What becomes of copies.
    pub(super) distribute: Distribute,
    /// Whether the credentials are in the Secret, or on the way to all namespaces.
    pub(super) is_current: bool,
    /// A sentence about the Secret, or what is wrong with it.
    pub(super) secret: Result<String, Problem>,
}

/// `waits`: for how much longer the verdict on the credentials is awaited, if it is.
pub(super) fn written(
    subject: &Subject<'_>,
    spec: &ValidatedSpec,
    plan: &SecretPlan,
    standing: &secret::Comparison,
    view: &VerificationView,
    observed: &Observed,
    waits: Option<Duration>,
) -> Writes {
    let (name, registry) = (&spec.targets.secret_name, spec.registry.as_str());
    if subject.declaration.cluster.is_none() {
        let changes = secret::changes(subject, spec, plan, standing, view, observed);
        let problem = changes.as_ref().err().cloned();
        return Writes {
            is_current: problem.is_none(),
            secret: problem.map_or_else(
                || Ok(format!("Secret {name:?} holds the credentials for {registry}")),
                Err,
            ),
            changes: changes.unwrap_or_default(),
            distribute: Distribute::Keep,
        };
    }
    if waits.is_some() {
        let message = "the credentials are verified before namespaces get them";
        return Writes {
            changes: Vec::new(),
            distribute: Distribute::Keep,
            is_current: false,
            secret: Err(Problem::new(Reason::Pending, message)),
        };
    }
    let (held, distribute) = copies::content(subject, spec, plan, standing, view, observed);
    Writes {
        changes: Vec::new(),
        distribute,
        is_current: held.is_ok(),
        secret: held.and_then(|()| observed.census.verdict(name, registry)),
    }
}
