//! Quay: a token of a robot account for the token of a ServiceAccount (quay/quay `endpoints/oauth/robot_identity_federation.py`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::api::Reason;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::minting::claims::Claims;
use crate::domain::minting::exchange::Exchange;
use crate::domain::minting::exchange::http::{CloudRequest, CloudResponse, https, malformed};
use crate::domain::minting::failure::MintFailure;
use crate::domain::time::Timestamp;

/// For a token of a robot account.
pub(super) fn federation(host: &str, robot: &str, token: &SecretString) -> Result<CloudRequest, MintFailure> {
    let pair = STANDARD.encode(format!("{robot}:{}", token.expose_secret()));
    Ok(CloudRequest {
        url: https(host, "/oauth2/federation/robot/token")?,
        headers: vec![("authorization", format!("Basic {pair}").into())],
        body: None,
    })
}

/// The credentials in the answer, and their end.
pub(super) fn answer(
    response: &CloudResponse,
    robot: &str,
    exchange: &Exchange,
) -> Result<(RegistryCredentials, Timestamp), MintFailure> {
    let who = exchange.who_answers();
    let document: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if response.is_good() {
        let read = || {
            let token = document["token"].as_str()?;
            let end = Claims::read(token)?.expires_at()?;
            Some((RegistryCredentials::new(robot, token).ok()?, end))
        };
        return read().ok_or_else(|| malformed(who));
    }
    let host = &exchange.identity.host;
    let (reason, remedy) = match response.status {
        404 => (
            Reason::RegistryMismatch,
            format!("{host} is no Quay with robot federation: correct registryUrl, or use credentialsRef"),
        ),
        _ => (
            Reason::TrustRefused,
            format!(
                "either the robot account {robot} does not exist, or its federation does not name this ServiceAccount: set up robot identity federation with {}",
                exchange.trusted()
            ),
        ),
    };
    let said = exchange.words(document["error"].as_str().unwrap_or_default());
    Err(MintFailure::new(
        reason,
        format!("{who} answered {}: {said}; {remedy}", response.status),
    ))
}
