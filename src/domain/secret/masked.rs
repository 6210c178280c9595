//! The Secret of minted credentials, as it may be shown: no byte of it comes from the password.

use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use crate::domain::credential_source::minted;
use crate::domain::credentials::MASK;
use crate::domain::minting::minted::{MINTED_FOR, MintedCredentials};
use crate::domain::names::ResourceRef;
use crate::domain::secret::desired::{DATA_KEY, Desired, document_of};
use crate::domain::spec::validate::ValidatedSpec;

/// What the operator would generate in `namespace`, with a mask for the password. `owner`: the resource, if it is in a cluster.
pub fn masked(
    namespace: &str,
    owner: Option<&ResourceRef>,
    spec: &ValidatedSpec,
    credentials: &MintedCredentials,
) -> Value {
    let credentials = MintedCredentials {
        credentials: credentials.credentials.masked(),
        ..credentials.clone()
    };
    let resolved = minted(spec, "", "", credentials);
    let secret = Desired::new(namespace, owner, spec, &resolved).secret();
    let document = document_of(&secret).and_then(|document| serde_json::from_slice(document).ok());
    let mut document: Value = document.unwrap_or_default();
    for entry in document["auths"]
        .as_object_mut()
        .into_iter()
        .flat_map(|auths| auths.values_mut())
    {
        // Base64 of a mask looks like base64 of a password.
        entry["auth"] = MASK.into();
    }
    let mut shown = json!(Secret { data: None, ..secret });
    // A digest of what is not shown.
    shown["metadata"]["annotations"][MINTED_FOR] = MASK.into();
    shown["stringData"] = json!({ DATA_KEY: document.to_string() });
    shown
}
