//! What credential helpers are asked and what they answer (the protocol of
//! <https://github.com/docker/docker-credential-helpers>). No message repeats an answer: it may hold the password.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::credentials::{InvalidCredentials, RegistryCredentials};
use crate::domain::registry::key::RegistryKey;

/// What a helper says on stdout when it has nothing (`credentials/error.go` there).
const NOT_FOUND: &str = "credentials not found in native keychain";

/// Longest answer, in bytes.
pub const LONGEST_ANSWER: u64 = 64 * 1024;

/// Helpers that mint logins which end after hours: a Secret made of one fails soon.
const SHORT_LIVED: [&str; 4] = ["ecr-login", "gcloud", "gcr", "acr-env"];

/// Whether the logins of a helper end after hours.
pub fn is_short_lived(name: &str) -> bool {
    SHORT_LIVED.contains(&name)
}

/// Under which names a helper may know a login, the likeliest first: as the document spells it, the host, and its URL.
pub fn servers(written: &str, registry: &RegistryKey) -> Vec<String> {
    let host = if registry.is_docker_hub() {
        registry.as_str()
    } else {
        registry.host_port()
    };
    let mut servers = vec![written.to_owned(), host.to_owned()];
    if !registry.is_docker_hub() {
        servers.push(format!("https://{host}"));
    }
    let mut seen = Vec::new();
    servers.retain(|server| {
        !seen.contains(server) && {
            seen.push(server.clone());
            true
        }
    });
    servers
}

#[derive(Deserialize)]
struct HelperAnswer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// Reads the answer to `get`; `None`: the helper has no such login. The error completes "docker-credential-NAME ...".
pub fn login(succeeded: bool, stdout: &[u8]) -> Result<Option<RegistryCredentials>, String> {
    if !succeeded {
        let is_nothing = std::str::from_utf8(stdout).is_ok_and(|text| text.trim() == NOT_FOUND);
        return if is_nothing {
            Ok(None)
        } else {
            Err("failed: run it by hand to see why".to_owned())
        };
    }
    let answer: HelperAnswer = serde_json::from_slice(stdout).map_err(|_| {
        "answered something else than JSON with Username and Secret: it is no credential helper".to_owned()
    })?;
    // docker-credential-pass says so that it has none (version 0.6.4, which Debian 12 has).
    if answer.username.is_empty() && answer.secret.is_empty() {
        return Ok(None);
    }
    RegistryCredentials::new(&answer.username, &answer.secret)
        .map(Some)
        .map_err(|invalid| match invalid {
            InvalidCredentials::Malformed(what) => format!("answered with a login that {what}"),
            InvalidCredentials::IdentityToken => {
                "has an identity token, which the kubelet cannot use: create an access token at the registry, and use dps create".to_owned()
            }
        })
}

/// Reads the answer to `list`: the names of logins. Whatever else it is counts as none.
pub fn listed(succeeded: bool, stdout: &[u8]) -> Vec<String> {
    if !succeeded {
        return Vec::new();
    }
    let listed: BTreeMap<String, String> = serde_json::from_slice(stdout).unwrap_or_default();
    listed.into_keys().collect()
}
