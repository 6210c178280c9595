//! Login attempts of a person.

use std::path::Path;
use std::sync::Arc;

use url::{Host, Url};

use crate::cli::network::NetworkArguments;
use crate::domain::verification::address::{Policy, target};
use crate::domain::verification::attempt::LoginAttempt;
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
