//! Whether a Secret of the wanted name may be written.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, FIELD_MANAGER, GROUP, KINDS, MANAGED_BY_LABEL, Reason};
use crate::domain::problem::Problem;
use crate::domain::secret::desired::{Desired, SECRET_TYPE, written_by_operator};

/// The resource that wants to write.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its UID.
    pub uid: &'a str,
    /// `spec.adopt`.
    pub adopt: bool,
}

/// What to do with the Secret of the wanted name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretAction {
    /// There is none: create it.
    Create,
    /// It is this resource's own, or may become so: update it if it differs.
    Update,
}

/// The controller of an object, if it is a resource of the operator.
pub fn controlling_resource(meta: &ObjectMeta) -> Option<&OwnerReference> {
    controller_of(meta).filter(|owner| is_resource(owner))
}

/// Whether the operator made a Secret, as far as its metadata tells. Others may name a resource as the controller of
/// what they made.
pub fn is_labelled(meta: &ObjectMeta) -> bool {
    let label = meta.labels.as_ref().and_then(|labels| labels.get(MANAGED_BY_LABEL));
    label.is_some_and(|value| value == FIELD_MANAGER)
}

/// The resource of this kind that has generated a Secret, as far as its metadata tells.
pub fn generator<'a>(meta: &'a ObjectMeta, kind: &str) -> Option<&'a OwnerReference> {
    controlling_resource(meta).filter(|owner| owner.kind == kind && is_labelled(meta))
}

/// Whether a Secret is the one that the resource of this UID generates.
pub fn is_own(secret: &Secret, uid: &str) -> bool {
    match controller_of(&secret.metadata) {
        Some(owner) => owner.uid == uid,
        None => written_by_operator(secret),
    }
}

fn controller_of(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references
        .as_ref()?
        .iter()
        .find(|owner| owner.controller == Some(true))
}

fn is_resource(owner: &OwnerReference) -> bool {
    KINDS.contains(&owner.kind.as_str()) && owner.api_version.split('/').next() == Some(GROUP)
}

/// Decides about `existing`. `oldest_claimant` is the name of the oldest resource of this kind that wants this Secret. `wants` tells
/// whether the resource that an owner reference names wants this Secret too; `None` if there is no such resource.
///
/// What a resource for many namespaces has put into one goes over to a resource of the namespace that wants it.
pub fn authorize_write(
    claimant: Claimant<'_>,
    desired: &Desired,
    existing: Option<&Secret>,
    oldest_claimant: &str,
    wants: impl Fn(&OwnerReference) -> Option<bool>,
) -> Result<SecretAction, Problem> {
    if oldest_claimant != claimant.name {
        return Err(Problem::new(
            Reason::OwnedByOther,
            format!(
                "{} {oldest_claimant:?} is older and generates the Secret of this name; set another spec.secretName in one of them",
                claimant.kind
            ),
        ));
    }
    let Some(existing) = existing else {
        return Ok(SecretAction::Create);
    };
    let name = existing.metadata.name.as_deref().unwrap_or_default();
    if existing.metadata.deletion_timestamp.is_some() {
        return Err(Problem::new(
            Reason::SecretBeingDeleted,
            format!("Secret {name:?} is being deleted; it is recreated once it is gone"),
        ));
    }
    match controller_of(&existing.metadata) {
        Some(owner) if owner.uid == claimant.uid => {}
        // A resource of this name that was deleted and created again.
        Some(owner) if is_resource(owner) && owner.kind == claimant.kind && owner.name == claimant.name => {}
        Some(owner) if is_resource(owner) && is_for_many(&owner.kind) && !is_for_many(claimant.kind) => {}
        Some(owner) if is_resource(owner) => match wants(owner) {
            // Both want it, and this one is the older.
            Some(true) => {}
            Some(false) => return Err(owned_by_other(name, owner)),
            None => {
                return Err(Problem::new(
                    Reason::SecretBeingDeleted,
                    format!(
                        "Secret {name:?} belongs to {} {:?}, which was deleted; it is recreated once the garbage collector has removed it",
                        owner.kind, owner.name
                    ),
                ));
            }
        },
        Some(owner) => return Err(owned_by_other(name, owner)),
        // Left behind by `kubectl delete --cascade=orphan`, or its owner reference was removed.
        None if written_by_operator(existing) => {}
        None if claimant.adopt => {}
        None => return Err(name_conflict(name, existing)),
    }
    fits(name, desired, existing)
}

fn is_for_many(kind: &str) -> bool {
    kind == CLUSTER_DOCKER_PULL_SECRET
}

fn owned_by_other(name: &str, owner: &OwnerReference) -> Problem {
    Problem::new(
        Reason::OwnedByOther,
        format!(
            "Secret {name:?} is controlled by {} {:?} and is left alone; set another spec.secretName",
            owner.kind, owner.name
        ),
    )
}

fn name_conflict(name: &str, existing: &Secret) -> Problem {
    let obstacle = fits_type(name, existing).err();
    let remedy = match obstacle {
        None => "delete it, set another spec.secretName, or set spec.adopt: true to replace its content",
        Some(_) => "delete it or set another spec.secretName (it has another type and cannot be adopted)",
    };
    Problem::new(
        Reason::NameConflict,
        format!("Secret {name:?} exists, was not created by this operator and is left alone; {remedy}"),
    )
}

fn fits_type(name: &str, existing: &Secret) -> Result<(), Problem> {
    let secret_type = existing.type_.as_deref().unwrap_or("Opaque");
    if secret_type == SECRET_TYPE {
        return Ok(());
    }
    Err(Problem::new(
        Reason::WrongSecretType,
        format!(
            "Secret {name:?} has type {secret_type}, and the type of a Secret cannot be changed; delete it or set another spec.secretName"
        ),
    ))
}

fn fits(name: &str, desired: &Desired, existing: &Secret) -> Result<SecretAction, Problem> {
    fits_type(name, existing)?;
    if existing.immutable == Some(true) && !desired.same_document(existing) {
        return Err(Problem::new(
            Reason::SecretImmutable,
            format!("Secret {name:?} is immutable and holds other data; delete it or set another spec.secretName"),
        ));
    }
    Ok(SecretAction::Update)
}
