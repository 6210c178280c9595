//! Which cloud mints credentials, and for what identity, as somebody says it in fields.

use serde_json::{Value, json};

use crate::api::CredentialsFrom;
use crate::domain::minting::settings::{MintSettings, Provider};
use crate::domain::registry::key::RegistryKey;
use crate::form::expiring::CloudRegistry;

/// The field that all clouds have.
const AUDIENCE: &str = "audience";

/// The one field that has several values.
const REPOSITORIES: &str = "repositories";

/// What can be said of an identity of each cloud, as in `spec.credentialsFrom`.
fn fields_of(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Aws => &["roleArn", AUDIENCE],
        Provider::Google => &["workloadIdentityProvider", "serviceAccountEmail", AUDIENCE],
        Provider::Azure => &["clientId", "tenantId", REPOSITORIES, AUDIENCE],
        Provider::Quay => &["robot", AUDIENCE],
    }
}

/// The cloud of a registry. Its host tells; otherwise, the names of the fields do.
fn provider(registry: &RegistryKey, settings: &MintSettings, fields: &[(String, String)]) -> Option<Provider> {
    let is_of = |provider: &Provider, field: &str| field != AUDIENCE && fields_of(*provider).contains(&field);
    let is_meant = |provider: &Provider| fields.iter().any(|(field, _)| is_of(provider, field));
    CloudRegistry::known(registry, settings)
        .map(|cloud| cloud.provider())
        .or_else(|| {
            let all = [Provider::Aws, Provider::Google, Provider::Azure, Provider::Quay];
            all.into_iter().find(is_meant)
        })
}

/// Adds the cloud to who asks for the credentials.
///
/// The error completes a sentence that begins with the name of the argument.
pub fn with_cloud(
    asker: &CredentialsFrom,
    registry: &RegistryKey,
    settings: &MintSettings,
    fields: &[(String, String)],
) -> Result<CredentialsFrom, String> {
    let Some(provider) = provider(registry, settings, fields) else {
        return Err(format!(
            "is missing: {} is not a registry of AWS, Google or Azure. For Quay, write robot=ORGANIZATION+NAME",
            registry.as_str()
        ));
    };
    let known = fields_of(provider);
    let mut cloud = json!({});
    for (field, value) in fields {
        if !known.contains(&field.as_str()) {
            let cloud = provider.as_str();
            return Err(format!("{field}: for {cloud}, write {}", known.join(", ")));
        }
        match &mut cloud[field] {
            Value::Array(values) => values.push(json!(value)),
            empty @ Value::Null if field == REPOSITORIES => *empty = json!([value]),
            empty @ Value::Null => *empty = json!(value),
            _ => return Err(format!("{field}: is named twice")),
        }
    }
    let mut from = json!(asker);
    from[provider.as_str()] = cloud;
    serde_json::from_value(from).map_err(|error| error.to_string())
}
