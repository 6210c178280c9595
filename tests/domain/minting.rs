//! Credentials that are minted: hosts, identities, exchanges, and their life.

mod exchange;
mod host;
mod identity;
mod life;
mod refusals;
mod shared;
mod trial;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dps::api::RegistryType::PrivateRegistry;
use dps::domain::minting::identity::MintIdentity;
use dps::domain::minting::settings::MintSettings;
use dps::domain::minting::source::MintSource;
use dps::domain::problem::Problem;
use dps::domain::registry::key::RegistryKey;
use dps::domain::time::Timestamp;
use serde_json::{Value, json};

/// Annotations of the ServiceAccount.
type Annotations<'a> = &'a [(&'a str, &'a str)];

/// 2026-11-27T12:00:00Z.
fn noon() -> Timestamp {
    "2026-11-27T12:00:00Z".parse().unwrap()
}

/// The identity of a spec's `credentialsFrom` for a registry.
fn identity(registry: &str, from: Value, annotations: Annotations<'_>) -> Result<MintIdentity, Problem> {
    with_settings(registry, from, annotations, &MintSettings::default())
}

fn with_settings(
    registry: &str,
    from: Value,
    annotations: Annotations<'_>,
    settings: &MintSettings,
) -> Result<MintIdentity, Problem> {
    let source = MintSource::new(&serde_json::from_value(from).unwrap())?;
    let key = RegistryKey::new(PrivateRegistry, Some(registry))?;
    let annotations = annotations
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    MintIdentity::new(&source, &key, &annotations.collect(), settings)
}

/// A spec with a ServiceAccount.
#[allow(clippy::needless_pass_by_value, reason = "what json! makes")]
fn account(provider: &str, fields: Value) -> Value {
    json!({"serviceAccountRef": {"name": "puller"}, provider: fields})
}

/// A token with these claims that nobody has signed.
fn token(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.c2lnbmF0dXJl-canary",
        part(&json!({"alg": "RS256"})),
        part(claims)
    )
}

/// A token of the ServiceAccount `puller` in `team`.
fn account_token(audience: &str) -> String {
    token(&json!({
        "iss": "https://issuer.example.com", "sub": "system:serviceaccount:team:puller", "aud": [audience],
        "exp": noon().as_second() + 600,
    }))
}
