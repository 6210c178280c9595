//! What a resource for many namespaces distributes.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;

use crate::api::{CONTENT_ANNOTATION, Reason};
use crate::domain::credential_source::from_secret::resolve_document;
use crate::domain::distribution::content::CopiedSecret;
use crate::domain::problem::Problem;
use crate::domain::reconcile::decide::Subject;
use crate::domain::reconcile::decide::secret::Comparison;
use crate::domain::reconcile::observed::Observed;
use crate::domain::secret::desired::document_of;
use crate::domain::secret::plan::SecretPlan;
use crate::domain::spec::validate::ValidatedSpec;
use crate::domain::verification::schedule::VerificationView;

/// What becomes of the copies.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribute {
    /// What is distributed stays so.
    Keep,
    /// From now on it is this; `None`: nothing, and the copies that there are stay as they are.
    Content(Option<Arc<CopiedSecret>>),
}

/// Whether new credentials are distributed, or why the earlier ones still are.
pub(super) fn content(
    subject: &Subject<'_>,
    spec: &ValidatedSpec,
    plan: &SecretPlan,
    standing: &Comparison,
    view: &VerificationView,
    observed: &Observed,
) -> (Result<(), Problem>, Distribute) {
    match standing.held_back(spec, view) {
        Some(problem) => (
            Err(problem),
            Distribute::Content(earlier(spec, plan, observed).map(Arc::new)),
        ),
        None => (
            Ok(()),
            Distribute::Content(Some(Arc::new(new(subject, plan, observed)))),
        ),
    }
}

/// The earlier credentials, in a Secret that otherwise is what the spec asks for.
fn earlier(spec: &ValidatedSpec, plan: &SecretPlan, observed: &Observed) -> Option<CopiedSecret> {
    let standing = observed.retained.as_ref()?;
    let document = document_of(standing)?;
    let credentials = resolve_document("the Secret", document, &spec.registry);
    let credentials = credentials.unwrap_or_else(|_| plan.credentials.clone());
    Some(CopiedSecret::new(
        plan.desired.holding(document),
        version_of(standing),
        credentials,
    ))
}

/// These credentials. If the copies hold them already, their version stays: whatever else has changed about the source is no reason
/// to write a thousand Secrets.
fn new(subject: &Subject<'_>, plan: &SecretPlan, observed: &Observed) -> CopiedSecret {
    let standing = observed.retained.as_ref();
    let before = standing.map_or("", version_of);
    let source = observed
        .source
        .as_ref()
        .and_then(|source| source.metadata.resource_version.as_deref());
    let generation = subject.declaration.generation.unwrap_or_default();
    let current = version(generation, source.unwrap_or_default());
    let is_same = standing.is_some_and(|standing| plan.desired.same_document(standing));
    let version = if is_same && !before.is_empty() {
        before.to_owned()
    } else if before == current {
        // Another version of the operator has made another document of the same.
        format!("{current}.1")
    } else {
        current
    };
    CopiedSecret::new(plan.desired.clone(), &version, plan.credentials.clone())
}

/// Of the credentials that a resource of this generation takes from a Secret of this version.
pub fn version(generation: i64, source: &str) -> String {
    format!("{generation}.{source}")
}

fn version_of(copy: &Secret) -> &str {
    let annotations = copy.metadata.annotations.as_ref();
    annotations
        .and_then(|all| all.get(CONTENT_ANNOTATION))
        .map_or("", String::as_str)
}

/// Why the credentials must not be read.
pub(super) fn unreadable(subject: &Subject<'_>, observed: &Observed) -> Option<Problem> {
    let cluster = subject
        .declaration
        .cluster
        .as_ref()
        .filter(|_| !observed.may_read_source)?;
    Some(Problem::new(
        Reason::NotAllowed,
        format!(
            "spec.credentialsRef.namespace {:?} is not one that the operator reads credentials for many namespaces from: move the Secret, or add the namespace to clusterResources.credentialsNamespaces in the operator's chart",
            cluster.source_namespace
        ),
    ))
}
