//! Login attempts of a person.

use std::path::Path;
use std::sync::Arc;

use url::{Host, Url};

use crate::cli::network::NetworkArguments;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::manifest::ManifestReference;
use crate::domain::verification::address::{Policy, target};
use crate::domain::verification::attempt::{LoginAttempt, LoginTarget};
use crate::domain::verification::requester::Requester;
use crate::domain::verification::verdict::Verdict;
use crate::registry_client::http::{ClientError, verify};

/// Logs in as a pull does.
pub(crate) async fn log_in(
    attempt: LoginAttempt,
    targets: &NetworkArguments,
    ca_bundle: Option<&[u8]>,
) -> Result<Verdict, ClientError> {
    let policy = Arc::new(policy(&attempt.target.base, targets));
    verify(policy, ca_bundle, attempt, Requester::Person).await
}

/// Logs in to a registry, and reads the manifest of an image if one is named. Where nobody can log in, the verdict says so.
pub(crate) async fn log_in_to(
    registry: &RegistryKey,
    image: Option<&ManifestReference>,
    plain_http: bool,
    credentials: RegistryCredentials,
    targets: &NetworkArguments,
    ca_bundle: Option<&[u8]>,
) -> Result<Verdict, String> {
    match LoginTarget::new(registry, image, plain_http) {
        Err(verdict) => Ok(verdict),
        Ok(target) => log_in(LoginAttempt { target, credentials }, targets, ca_bundle)
            .await
            .map_err(|error| error.to_string()),
    }
}

/// Reads the certificates of `--ca-file`.
pub(crate) fn ca_bundle(file: Option<&Path>) -> Result<Option<Vec<u8>>, String> {
    let read = |file: &Path| std::fs::read(file).map_err(|error| format!("--ca-file {}: {error}", file.display()));
    file.map(read).transpose()
}

/// A person may verify at the registry that they name, and on their own machine if that is what they name.
fn policy(base: &Url, targets: &NetworkArguments) -> Policy {
    let loopback = match base.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let mut policy = targets.policy();
    policy.allow.push(target(base));
    policy.loopback = loopback;
    policy
}
