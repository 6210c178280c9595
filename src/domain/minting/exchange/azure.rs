//! Microsoft: a token of Entra, then a token of the registry (Azure/acr `docs/AAD-OAuth.md`).

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::api::Reason;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::minting::claims::Claims;
use crate::domain::minting::exchange::Exchange;
use crate::domain::minting::exchange::http::{CloudRequest, CloudResponse, OAuthRefusal, malformed};
use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::host::AzureCloud;
use crate::domain::minting::identity::Grant;
use crate::domain::minting::static_key::Proof;
use crate::domain::time::Timestamp;

/// What a token of Entra is for: the same in all clouds, and no other resource takes it.
const SCOPE: &str = "https://containerregistry.azure.net/.default";

/// User name with a token of a registry as password.
const USER: &str = "00000000-0000-0000-0000-000000000000";

/// For a token of Entra.
pub(super) fn entra_token(
    cloud: AzureCloud,
    tenant: &str,
    client: &str,
    proof: &Proof,
) -> Result<CloudRequest, MintFailure> {
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("scope", SCOPE),
    ];
    match proof {
        Proof::Token(token) => {
            fields.push((
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ));
            fields.push(("client_assertion", token.expose_secret()));
        }
        Proof::ClientSecret(secret) => fields.push(("client_secret", secret.expose_secret())),
        Proof::Aws(_) | Proof::GoogleKey(_) => {}
    }
    CloudRequest::form(cloud.authority, &format!("/{tenant}/oauth2/v2.0/token"), &fields)
}

/// For the refresh token of a registry.
pub(super) fn refresh_token(host: &str, token: &SecretString) -> Result<CloudRequest, MintFailure> {
    let fields = [
        ("grant_type", "access_token"),
        ("service", host),
        ("access_token", token.expose_secret()),
    ];
    CloudRequest::form(host, "/oauth2/exchange", &fields)
}

/// For a token that may pull some repositories.
pub(super) fn access_token(
    host: &str,
    repositories: &[String],
    token: &SecretString,
) -> Result<CloudRequest, MintFailure> {
    let scopes: Vec<String> = repositories
        .iter()
        .map(|name| format!("repository:{name}:pull"))
        .collect();
    let mut fields = vec![("grant_type", "refresh_token"), ("service", host)];
    fields.extend(scopes.iter().map(|scope| ("scope", scope.as_str())));
    fields.push(("refresh_token", token.expose_secret()));
    CloudRequest::form(host, "/oauth2/token", &fields)
}

#[derive(Deserialize)]
struct EntraToken {
    access_token: SecretString,
}

/// The token in the answer of Entra.
pub(super) fn entra_answer(response: &CloudResponse, exchange: &Exchange) -> Result<SecretString, MintFailure> {
    if response.is_good() {
        return Ok(response.json::<EntraToken>(exchange.who_answers())?.access_token);
    }
    let refusal = OAuthRefusal::of(response);
    let text = &refusal.error_description;
    // AADSTS700213: …
    let code = text.strip_prefix("AADSTS").map_or("", |rest| {
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default()
    });
    let Grant::Azure {
        client_id, tenant_id, ..
    } = &exchange.identity.grant
    else {
        return Err(malformed(exchange.who_answers()));
    };
    let trusted = exchange.trusted();
    let (reason, remedy) = match code {
        "70021" | "700211" | "700213" => (
            Reason::TrustRefused,
            format!("add a federated credential to {client_id} with {trusted}; Entra may take some minutes to know it"),
        ),
        "700212" => (
            Reason::AudienceRefused,
            format!("give the federated credential of {client_id} this audience: {trusted}"),
        ),
        "700024" => (
            Reason::ClockSkew,
            "the token was created a moment ago: set the clock of the API server's node".to_owned(),
        ),
        "700016" => (
            Reason::TrustRefused,
            format!(
                "the tenant {tenant_id} has no application or managed identity {client_id}: correct clientId or tenantId"
            ),
        ),
        "90002" => (
            Reason::TrustRefused,
            format!("there is no tenant {tenant_id} in this cloud: correct tenantId"),
        ),
        "7000215" => (
            Reason::PermissionDenied,
            "the client secret is wrong: put its value into the Secret, not its id".to_owned(),
        ),
        "7000222" => (
            Reason::PermissionDenied,
            "the client secret has expired: create another one and put it into the Secret".to_owned(),
        ),
        "500011" => (
            Reason::RegistryMismatch,
            "this tenant belongs to another cloud than the registry: correct registryUrl or tenantId".to_owned(),
        ),
        _ => (
            Reason::TrustRefused,
            format!("check the federated credentials of {client_id}: {trusted}"),
        ),
    };
    let words = exchange.words(if text.is_empty() { &refusal.error } else { text });
    let said = format!("{} answered {}: {words}", exchange.who_answers(), response.status);
    Err(MintFailure::new(reason, format!("{said}; {remedy}")))
}

/// The token of this name in the answer of a registry.
pub(super) fn registry_answer(
    response: &CloudResponse,
    name: &str,
    exchange: &Exchange,
) -> Result<SecretString, MintFailure> {
    let who = exchange.who_answers();
    let document: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if response.is_good() {
        let token = document[name].as_str().filter(|token| !token.is_empty());
        return token.map(SecretString::from).ok_or_else(|| malformed(who));
    }
    let Grant::Azure { client_id, .. } = &exchange.identity.grant else {
        return Err(malformed(who));
    };
    let text = document["errors"][0]["message"].as_str().unwrap_or_default();
    let host = &exchange.identity.host;
    let (reason, remedy) = match response.status {
        403 if text.contains("client with IP") => (
            Reason::PermissionDenied,
            format!("allow the address of the operator in the firewall of {host}"),
        ),
        401 | 403 => (
            Reason::PermissionDenied,
            format!(
                "grant {client_id} the role AcrPull on {host}, or Container Registry Repository Reader if the registry has permissions by repository: az role assignment create --assignee {client_id} --role AcrPull --scope REGISTRY_ID"
            ),
        ),
        404 => (
            Reason::RegistryMismatch,
            format!("{host} is no Azure Container Registry: correct registryUrl"),
        ),
        _ => (
            Reason::PermissionDenied,
            format!("check what {client_id} may do on {host}"),
        ),
    };
    let said = format!("{who} answered {}: {}", response.status, exchange.words(text));
    Err(MintFailure::new(reason, format!("{said}; {remedy}")))
}

/// The credentials with a token, and their end.
pub(super) fn credentials(token: &SecretString) -> Result<(RegistryCredentials, Timestamp), MintFailure> {
    let read = || {
        let end = Claims::read(token.expose_secret())?.expires_at()?;
        Some((RegistryCredentials::new(USER, token.expose_secret()).ok()?, end))
    };
    read().ok_or_else(|| malformed("Azure Container Registry"))
}
