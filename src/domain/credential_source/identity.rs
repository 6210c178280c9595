//! Which credentials a status is about.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::CredentialKeys;
use crate::domain::minting::minted::version;
use crate::domain::registry::key::RegistryKey;

/// Identity of credentials for a status, made of no part of them: the version of the Secret, the keys to read, and the
/// registry. It changes whenever the credentials may have changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialIdentity(String);

impl CredentialIdentity {
    /// The identity of credentials that are read from the Secret with this metadata.
    pub fn of_secret(source: &ObjectMeta, keys: &CredentialKeys, registry: &RegistryKey) -> Self {
        let (uid, version) = (
            source.uid.as_deref().unwrap_or_default(),
            source.resource_version.as_deref().unwrap_or_default(),
        );
        let keys = if *keys == CredentialKeys::default() {
            String::new()
        } else {
            serde_json::to_string(keys).unwrap_or_default()
        };
        Self(format!("{uid}/{version} {keys}{}", registry.as_str()))
    }

    /// The identity of credentials that are minted: it stays when they are renewed.
    pub fn of_minted(identity: &str, registry: &RegistryKey) -> Self {
        Self(format!("minted/{} {}", version(identity), registry.as_str()))
    }

    /// As it stands in a status.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
