//! The Secret to generate, and whether an existing one already is it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, OwnerReference};
use serde_json::Value;

use crate::api::{API_VERSION, CONTENT_ANNOTATION, FIELD_MANAGER, MANAGED_BY_LABEL};
use crate::domain::credential_source::{Resolved, ResolvedMint};
use crate::domain::docker_config::canonical::canonical;
use crate::domain::minting::minted::{is_of_minted, minted_for};
use crate::domain::names::{ObjectKey, ResourceRef};
use crate::domain::secret::shape::CopyShape;
use crate::domain::spec::validate::ValidatedSpec;

/// Type of every generated Secret.
pub const SECRET_TYPE: &str = "kubernetes.io/dockerconfigjson";

/// The one key of its data.
pub const DATA_KEY: &str = ".dockerconfigjson";

/// What the operator wants a Secret to be. Other labels, annotations, owners and keys are none of its business.
///
/// No `Debug`: the document holds the password.
#[derive(Clone, PartialEq)]
pub struct Desired {
    key: ObjectKey,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    owner: Option<OwnerReference>,
    document: Vec<u8>,
}

impl Desired {
    /// The Secret for resolved credentials in `namespace`. Without an `owner`, as for `render`, it has no owner reference.
    pub fn new(namespace: &str, owner: Option<&ResourceRef>, spec: &ValidatedSpec, resolved: &Resolved) -> Self {
        let mut labels = spec.targets.labels.clone();
        labels.insert(MANAGED_BY_LABEL.to_owned(), FIELD_MANAGER.to_owned());
        let document = canonical(&spec.registry, &resolved.credentials, resolved.email.as_deref());
        let mut annotations = spec.targets.annotations.clone();
        if let Some(ResolvedMint { identity, minted }) = &resolved.minted {
            annotations.extend(minted.annotations(identity, &document));
        }
        Self {
            key: ObjectKey::new(namespace, spec.targets.secret_name.as_str()),
            labels,
            annotations,
            owner: owner.map(|owner| OwnerReference {
                api_version: API_VERSION.to_owned(),
                kind: owner.kind.to_owned(),
                name: owner.key.name.clone(),
                uid: owner.uid.as_str().to_owned(),
                controller: Some(true),
                // Deleting the resource in the foreground need not wait for the Secret, and setting this would need a
                // permission on finalizers.
                block_owner_deletion: None,
            }),
            document,
        }
    }

    /// The same with the document of another Secret in it, and with what that says of minted credentials; `None` if it has none.
    pub fn holding(&self, other: &Secret) -> Option<Self> {
        let mut held = self.clone();
        held.document = document_of(other)?.to_vec();
        let annotations = other.metadata.annotations.iter().flatten();
        held.annotations.retain(|name, _| !is_of_minted(name));
        held.annotations.extend(
            annotations
                .filter(|(name, _)| is_of_minted(name))
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        Some(held)
    }

    /// The copy of it in a namespace, which says which version of the credentials it has.
    #[must_use]
    pub fn copy_in(&self, namespace: &str, version: &str) -> Self {
        let mut copy = self.clone();
        namespace.clone_into(&mut copy.key.namespace);
        copy.annotations
            .insert(CONTENT_ANNOTATION.to_owned(), version.to_owned());
        copy
    }

    /// What a copy of it has to look like.
    pub fn shape(&self) -> CopyShape {
        CopyShape::new(&self.labels, &self.annotations, self.owner.as_ref(), true)
    }

    /// The digest of minted credentials in it.
    pub(super) fn minted_for(&self) -> Option<&str> {
        minted_for(Some(&self.annotations))
    }

    /// What it is called.
    pub fn key(&self) -> &ObjectKey {
        &self.key
    }

    /// The Secret as it is applied.
    pub fn secret(&self) -> Secret {
        Secret {
            metadata: ObjectMeta {
                name: Some(self.key.name.clone()),
                namespace: Some(self.key.namespace.clone()).filter(|namespace| !namespace.is_empty()),
                labels: Some(self.labels.clone()),
                annotations: (!self.annotations.is_empty()).then(|| self.annotations.clone()),
                owner_references: self.owner.clone().map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            type_: Some(SECRET_TYPE.to_owned()),
            data: Some(BTreeMap::from([(
                DATA_KEY.to_owned(),
                ByteString(self.document.clone()),
            )])),
            ..Secret::default()
        }
    }

    /// Whether `existing` holds exactly this document.
    pub fn same_document(&self, existing: &Secret) -> bool {
        document_of(existing).is_some_and(|document| document == self.document)
    }

    /// Whether nothing has to be written: everything wanted is there, and nothing is left of what was wanted before.
    pub fn is_satisfied_by(&self, existing: &Secret) -> bool {
        let has_all = |wanted: &BTreeMap<String, String>, there: Option<&BTreeMap<String, String>>| {
            wanted
                .iter()
                .all(|(key, value)| there.and_then(|there| there.get(key)) == Some(value))
        };
        let meta = &existing.metadata;
        let owners = meta.owner_references.as_deref().unwrap_or_default();
        self.same_document(existing)
            && has_all(&self.labels, meta.labels.as_ref())
            && has_all(&self.annotations, meta.annotations.as_ref())
            && self.owner.as_ref().is_none_or(|owner| owners.contains(owner))
            && self.leftovers(existing).is_empty()
    }

    /// Fields that this operator applied once and does not want any more; the next apply removes them.
    fn leftovers(&self, existing: &Secret) -> BTreeSet<String> {
        let Some(applied) = applied_fields(&existing.metadata) else {
            return BTreeSet::new();
        };
        let unwanted = |path: &[&str], wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
            let fields = path
                .iter()
                .try_fold(applied, |fields, step| fields.get(step))
                .and_then(Value::as_object);
            fields
                .into_iter()
                .flatten()
                .map(|(field, _)| field.clone())
                .filter(|field| field != "." && !wanted(field))
                .collect()
        };
        let key = |field: &str| field.strip_prefix("f:").unwrap_or(field).to_owned();
        let owner = self
            .owner
            .as_ref()
            .map(|owner| format!("k:{{\"uid\":\"{}\"}}", owner.uid));
        let mut leftovers = BTreeSet::new();
        leftovers.extend(unwanted(&["f:metadata", "f:labels"], &|field| {
            self.labels.contains_key(&key(field))
        }));
        leftovers.extend(unwanted(&["f:metadata", "f:annotations"], &|field| {
            self.annotations.contains_key(&key(field))
        }));
        leftovers.extend(unwanted(&["f:metadata", "f:ownerReferences"], &|field| {
            Some(field) == owner.as_deref()
        }));
        leftovers.extend(unwanted(&["f:data"], &|field| key(field) == DATA_KEY));
        leftovers
    }
}

/// The document in a Secret.
pub fn document_of(secret: &Secret) -> Option<&[u8]> {
    let document = secret.data.as_ref()?.get(DATA_KEY)?;
    Some(&document.0)
}

/// The fields that this operator's last server-side apply set (`FieldsV1`).
pub(super) fn applied_fields(meta: &ObjectMeta) -> Option<&Value> {
    let ours = |entry: &&ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    };
    let entry = meta.managed_fields.as_ref()?.iter().find(ours)?;
    entry.fields_v1.as_ref().map(|fields| &fields.0)
}

/// Whether the document of `existing` was put there by this operator.
pub fn written_by_operator(existing: &Secret) -> bool {
    let field = format!("f:{DATA_KEY}");
    applied_fields(&existing.metadata)
        .and_then(|fields| fields.get("f:data")?.get(&field))
        .is_some()
}
