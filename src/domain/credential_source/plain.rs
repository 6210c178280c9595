//! Logins that consist of nothing but a user name and a password, so that a person can type another one.

use k8s_openapi::api::core::v1::Secret;

use crate::api::CredentialKeys;
use crate::domain::credential_source::from_secret::{DOCUMENT_KEYS, LEGACY_DOCUMENT_KEYS};
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};

/// Whether the login of a resource is user name and password under the usual keys, in a Secret that nobody else writes.
pub fn is_plain_login(spec: &ValidatedSpec, secret: &Secret) -> bool {
    let CredentialSource::Secret(source) = &spec.source else {
        return false;
    };
    let has = |key: &str| secret.data.as_ref().is_some_and(|data| data.contains_key(key));
    let mut other_forms = DOCUMENT_KEYS.iter().chain(&LEGACY_DOCUMENT_KEYS).chain(&["auth"]);
    let is_controlled = || {
        let mut owners = secret.metadata.owner_references.iter().flatten();
        owners.any(|owner| owner.controller == Some(true))
    };
    source.keys == CredentialKeys::default()
        && matches!(
            secret.type_.as_deref(),
            None | Some("" | "Opaque" | "kubernetes.io/basic-auth")
        )
        && has("username")
        && has("password")
        && !other_forms.any(|key| has(key))
        && secret.immutable != Some(true)
        && !is_controlled()
}
