//! Objects that exist, changed to what a form says.

use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use crate::domain::registry::key::RegistryKey;
use crate::domain::text::cut;

/// The spec of a resource that exists, changed to what a form says; what the form leaves open stays.
pub fn replaced_spec(existing: &Value, wanted: &Value) -> Value {
    let mut spec = existing.clone();
    if let Some(fields) = spec.as_object_mut() {
        // Docker Hub has none.
        fields.remove("registryUrl");
        // There is one of both.
        fields.remove("credentialsRef");
        fields.remove("credentialsFrom");
    }
    for (field, value) in wanted.as_object().into_iter().flatten() {
        match (field.as_str(), value.as_object(), spec[field].is_object()) {
            ("attachTo" | "verification" | "recovery", Some(inner), true) => {
                for (field_inside, value) in inner {
                    spec[field][field_inside] = value.clone();
                }
            }
            ("secretTemplate", Some(_), true) => {
                for (label, value) in value["labels"].as_object().into_iter().flatten() {
                    spec[field]["labels"][label] = value.clone();
                }
            }
            _ => spec[field] = value.clone(),
        }
    }
    spec
}

/// Other forms of a login: two forms in one Secret have to agree, and other resources may read these.
const OTHER_FORMS: [&str; 4] = ["auth", ".dockerconfigjson", "config.json", ".dockercfg"];

/// Refuses to change a resource to another registry: for a moment, the operator would send the login to the wrong one.
pub fn check_registry(existing: &Value, wanted: &Value) -> Result<(), String> {
    let registry = |spec: &Value| {
        (
            spec["type"].clone(),
            spec["registryUrl"].as_str().and_then(RegistryKey::of_config_entry),
        )
    };
    if registry(existing) == registry(wanted) {
        return Ok(());
    }
    let other = existing["registryUrl"].as_str().unwrap_or("Docker Hub");
    Err(format!(
        "serves another registry, {}: choose another name, or delete it first",
        cut(other, 200)
    ))
}

/// A Secret with a login that exists, changed to the one that a form says; other keys and all metadata stay.
pub fn replaced_login(existing: &Secret, wanted: &Value) -> Result<Value, String> {
    let name = existing.metadata.name.as_deref().unwrap_or_default();
    let owners = existing.metadata.owner_references.iter().flatten();
    if let Some(owner) = owners.into_iter().find(|owner| owner.controller == Some(true)) {
        return Err(format!(
            "Secret {name:?} is written by {} {:?}: change the login there, or use another Secret with --login-secret",
            owner.kind, owner.name
        ));
    }
    let kind = existing.type_.as_deref().unwrap_or("Opaque");
    if !matches!(kind, "Opaque" | "kubernetes.io/basic-auth") {
        return Err(format!(
            "Secret {name:?} is of type {kind}, which cannot become a user name and password: use another Secret with --login-secret"
        ));
    }
    let data = existing.data.clone().unwrap_or_default();
    if let Some(key) = OTHER_FORMS.iter().find(|key| data.contains_key(**key)) {
        return Err(format!(
            "Secret {name:?} holds its login in key {key}, which others may read as well: change it there, or use another Secret with --login-secret"
        ));
    }
    let mut secret = wanted.clone();
    secret["metadata"] = json!(existing.metadata);
    secret["type"] = json!(kind);
    secret["data"] = json!(data);
    Ok(secret)
}
