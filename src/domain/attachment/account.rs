//! The pull secrets of one ServiceAccount.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde_json::{Value, json};

use crate::api::{ATTACHED_ANNOTATION, FIELD_MANAGER};
use crate::domain::names::is_older;

/// A ServiceAccount, as far as its pull secrets go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSecrets {
    resource_version: String,
    /// Names in `imagePullSecrets`, in their order.
    pub listed: Vec<String>,
    /// Those of them that the operator has put there, as its annotation says. It may also name some that somebody has taken
    /// out since.
    pub own: BTreeSet<String>,
    has_annotations: bool,
    /// Who changed it last, if that is known.
    pub changed_by: Option<String>,
}

/// What is to be changed about a ServiceAccount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// Names to list.
    pub listed: Vec<String>,
    /// The operator's own among them.
    pub own: BTreeSet<String>,
    /// What was not listed before.
    pub added: Vec<String>,
}

impl AccountSecrets {
    /// As it is in the cluster.
    pub fn of(object: &ServiceAccount) -> Self {
        let annotations = object.metadata.annotations.as_ref();
        let own = annotations.and_then(|all| all.get(ATTACHED_ANNOTATION));
        let own = own.into_iter().flat_map(|names| names.split(','));
        let listed = object.image_pull_secrets.iter().flatten();
        Self {
            resource_version: object.metadata.resource_version.clone().unwrap_or_default(),
            listed: listed.map(|secret| secret.name.clone()).collect(),
            own: own.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            has_annotations: annotations.is_some(),
            changed_by: last_manager(&object.metadata),
        }
    }

    /// Whether this is what it was before `other`.
    pub fn is_older_than(&self, other: &Self) -> bool {
        is_older(Some(&self.resource_version), &other.resource_version)
    }

    /// What to change so that it lists the wanted Secrets, behind those of others, and none of the operator's own that are
    /// not wanted. What somebody else has listed is theirs, also if it is wanted. What is `left_out` is no reason for a change.
    pub fn change(&self, wanted: &BTreeSet<String>, left_out: &BTreeSet<String>) -> Option<AccountChange> {
        let is_left = |name: &&String| !self.own.contains(*name) || wanted.contains(*name);
        let mut listed: Vec<String> = self.listed.iter().filter(is_left).cloned().collect();
        let added: Vec<String> = wanted.iter().filter(|name| !listed.contains(name)).cloned().collect();
        listed.extend(added.iter().cloned());
        let own = listed
            .iter()
            .filter(|name| self.own.contains(*name) || added.contains(name));
        let own: BTreeSet<String> = own.chain(self.own.intersection(left_out)).cloned().collect();
        (listed != self.listed || own != self.own).then_some(AccountChange { listed, own, added })
    }

    /// The change as a JSON patch (RFC 6902), which fails if the ServiceAccount is not what it was. The list belongs to nobody
    /// in server-side apply: whoever applies it, owns all of it.
    pub fn patch(&self, change: &AccountChange) -> Value {
        let mut patch =
            vec![json!({"op": "test", "path": "/metadata/resourceVersion", "value": self.resource_version})];
        if change.listed != self.listed {
            let names: Vec<Value> = change.listed.iter().map(|name| json!({ "name": name })).collect();
            patch.push(set("/imagePullSecrets", (!names.is_empty()).then_some(json!(names))));
        }
        if change.own != self.own {
            if !self.has_annotations {
                patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
            }
            let names: Vec<&str> = change.own.iter().map(String::as_str).collect();
            let annotation = format!("/metadata/annotations/{}", ATTACHED_ANNOTATION.replace('/', "~1"));
            patch.push(set(&annotation, (!names.is_empty()).then(|| json!(names.join(",")))));
        }
        Value::Array(patch)
    }
}

/// Sets a field, or removes it.
fn set(path: &str, value: Option<Value>) -> Value {
    match value {
        Some(value) => json!({"op": "add", "path": path, "value": value}),
        None => json!({"op": "remove", "path": path}),
    }
}

/// Who changed the pull secrets of a ServiceAccount, or else anything of it, last; not the operator. What is removed by an
/// update belongs to nobody afterwards.
fn last_manager(meta: &ObjectMeta) -> Option<String> {
    let others = meta.managed_fields.iter().flatten();
    let others = others.filter(|entry| entry.manager.as_deref() != Some(FIELD_MANAGER));
    let lists_secrets = |entry: &ManagedFieldsEntry| {
        entry
            .fields_v1
            .as_ref()
            .is_some_and(|fields| fields.0.get("f:imagePullSecrets").is_some())
    };
    let last = others.max_by_key(|entry| (entry.time.as_ref().map(|time| time.0), lists_secrets(entry)));
    last.and_then(|entry| entry.manager.clone())
}
