//! Whether a Secret still is what the operator has written, as far as its metadata tells. Nothing else of it has to be read: a field
//! that the operator applied and somebody else has changed since is not the operator's any more.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::Value;

use crate::api::CONTENT_ANNOTATION;
use crate::domain::secret::desired::{DATA_KEY, applied_fields};

/// What the operator has put into a Secret, but for the version of the credentials: labels, annotations, the owner, and that the
/// document is its own. Of a million copies that differ, two have the same one; it is compared within one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyShape {
    metadata: u64,
    holds_document: bool,
}

impl CopyShape {
    pub(super) fn new(
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
        owner: Option<&OwnerReference>,
        holds_document: bool,
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        (labels, annotations).hash(&mut hasher);
        let owner = owner.map(|owner| {
            (
                &owner.api_version,
                &owner.kind,
                &owner.name,
                &owner.uid,
                owner.controller,
            )
        });
        owner.hash(&mut hasher);
        Self {
            metadata: hasher.finish(),
            holds_document,
        }
    }

    /// Whether the document is the one that the operator has written.
    pub fn holds_document(self) -> bool {
        self.holds_document
    }

    /// Of a Secret with this metadata.
    pub fn of(meta: &ObjectMeta) -> Self {
        let applied = applied_fields(meta);
        let applied_to = |path: &[&str]| -> Vec<&str> {
            let fields = applied.and_then(|applied| path.iter().try_fold(applied, |fields, step| fields.get(step)));
            let fields = fields.and_then(Value::as_object).into_iter().flatten();
            fields
                .map(|(field, _)| field.as_str())
                .filter(|field| *field != ".")
                .collect()
        };
        let entries = |kind: &str, all: Option<&BTreeMap<String, String>>| -> BTreeMap<String, String> {
            let owned = applied_to(&["f:metadata", kind]);
            let names = owned.iter().filter_map(|field| field.strip_prefix("f:"));
            names
                .filter(|name| *name != CONTENT_ANNOTATION)
                .map(|name| {
                    (
                        name.to_owned(),
                        all.and_then(|all| all.get(name)).cloned().unwrap_or_default(),
                    )
                })
                .collect()
        };
        let references = applied_to(&["f:metadata", "f:ownerReferences"]);
        let owner = meta.owner_references.iter().flatten().find(|owner| {
            let field = format!("k:{{\"uid\":\"{}\"}}", owner.uid);
            references == [field.as_str()]
        });
        Self::new(
            &entries("f:labels", meta.labels.as_ref()),
            &entries("f:annotations", meta.annotations.as_ref()),
            owner,
            applied_to(&["f:data"]) == [format!("f:{DATA_KEY}").as_str()],
        )
    }
}
