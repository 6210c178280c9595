//! The docker config documents that the operator writes.

use serde::Serialize;
use serde_json::Value;

use crate::domain::credentials::RegistryCredentials;
use crate::domain::registry::key::RegistryKey;

#[derive(Serialize)]
struct WrittenEntry<'a> {
    username: &'a str,
    password: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    auth: String,
}

/// The bytes of a `.dockerconfigjson` with one entry: the fields in the order in which `kubectl create secret
/// docker-registry` writes them, no blanks, no line break. Equal input gives equal bytes.
pub fn canonical(registry: &RegistryKey, credentials: &RegistryCredentials, email: Option<&str>) -> Vec<u8> {
    let entry = WrittenEntry {
        username: credentials.username(),
        password: credentials.password(),
        email,
        auth: credentials.auth(),
    };
    let entry = serde_json::to_string(&entry).unwrap_or_default();
    let key = Value::from(registry.as_str());
    format!(r#"{{"auths":{{{key}:{entry}}}}}"#).into_bytes()
}
