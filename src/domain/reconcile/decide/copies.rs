//! What a resource for many namespaces distributes.

use std::sync::Arc;

use crate::api::Reason;
use crate::domain::credential_source::from_secret::resolve_document;
use crate::domain::distribution::content::CopiedSecret;
use crate::domain::problem::Problem;
use crate::domain::reconcile::decide::Subject;
use crate::domain::reconcile::decide::secret::Comparison;
use crate::domain::reconcile::observed::Observed;
use crate::domain::secret::desired::document_of;
use crate::domain::secret::plan::SecretPlan;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};
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

/// The earlier credentials, in a Secret that otherwise is what the spec asks for. After a restart there are none: a copy may have been
/// written by somebody else, and must not get from one namespace into others.
fn earlier(spec: &ValidatedSpec, plan: &SecretPlan, observed: &Observed) -> Option<CopiedSecret> {
    let standing = observed.retained.as_ref().filter(|_| observed.copies.is_trusted)?;
    let (document, version) = (document_of(standing)?, observed.copies.version.as_deref()?);
    let credentials = resolve_document("the Secret", document, &spec.registry);
    let credentials = credentials.unwrap_or_else(|_| plan.credentials.clone());
    let earlier = CopiedSecret::new(plan.desired.holding(standing)?, version, credentials);
    Some(earlier.minted_for(observed.copies.identity.clone()))
}

/// These credentials. If the copies hold them already, their version stays: whatever else has changed about the source is no reason
/// to write a thousand Secrets.
fn new(subject: &Subject<'_>, plan: &SecretPlan, observed: &Observed) -> CopiedSecret {
    let standing = observed.retained.as_ref();
    let is_same = standing.is_some_and(|standing| plan.desired.same_document(standing));
    let before = observed.copies.version.clone().filter(|_| is_same);
    let version = before.unwrap_or_else(|| current(subject, plan, observed));
    let identity = plan.is_minted.then(|| plan.identity.clone());
    CopiedSecret::new(plan.desired.clone(), &version, plan.credentials.clone()).minted_for(identity)
}

/// Whether the copies have the version of these credentials. Then none is read to find that out.
pub(super) fn are_current(subject: &Subject<'_>, plan: &SecretPlan, observed: &Observed) -> bool {
    observed.copies.version.as_ref() == Some(&current(subject, plan, observed))
}

fn current(subject: &Subject<'_>, plan: &SecretPlan, observed: &Observed) -> String {
    let source = observed.source.as_ref();
    let source = source.and_then(|source| source.metadata.resource_version.as_deref());
    // The Secret with a long-lived key says nothing of what it has minted.
    version(subject.declaration.generation, plan.minted_for().or(source))
}

/// Of the documents that this program makes: to be raised when it makes others of the same credentials.
const FORMAT: u8 = 1;

/// Of the credentials that a resource of this generation takes from a Secret of this version, or that have this digest.
pub fn version(generation: Option<i64>, source: Option<&str>) -> String {
    format!(
        "{FORMAT}.{}.{}",
        generation.unwrap_or_default(),
        source.unwrap_or_default()
    )
}

/// Whether this is a version of the credentials in a Secret of this version, or with this digest, whatever the generation.
pub fn is_version_of(version: &str, source: &str) -> bool {
    !source.is_empty() && version.rsplit_once('.').is_some_and(|(_, of)| of == source)
}

/// Why the credentials must not be read, or minted.
pub(super) fn unreadable(subject: &Subject<'_>, spec: &ValidatedSpec, observed: &Observed) -> Option<Problem> {
    let cluster = subject
        .declaration
        .cluster
        .as_ref()
        .filter(|_| !observed.may_read_source)?;
    let (field, what) = match &spec.source {
        CredentialSource::Secret(_) => ("credentialsRef", "Secret"),
        CredentialSource::Minted(source) if source.key_secret().is_some() => ("credentialsFrom", "Secret"),
        CredentialSource::Minted(_) => ("credentialsFrom", "ServiceAccount"),
    };
    Some(Problem::new(
        Reason::NotAllowed,
        format!(
            "spec.{field}.namespace {:?} is not one that the operator reads credentials for many namespaces from: move the {what}, or add the namespace to clusterResources.credentialsNamespaces in the operator's chart",
            cluster.source_namespace
        ),
    ))
}
