//! What is wrong with a referenced Secret, in words.

use crate::api::Reason;
use crate::domain::credential_source::from_secret::SecretReader;
use crate::domain::credentials::InvalidCredentials;
use crate::domain::docker_config::user_document::LookupError;
use crate::domain::problem::Problem;
use crate::domain::registry::dialect::{DOCKER_HUB_KEY, is_docker_hub_host};
use crate::domain::registry::key::RegistryKey;

/// Why the docker config at `place` gives no credentials.
pub(crate) fn document_problem(place: &str, registry: &RegistryKey, error: LookupError) -> Problem {
    let shown = registry.display_name();
    match error {
        LookupError::Malformed(what) => Problem::new(Reason::Malformed, format!("{place} {what}")),
        LookupError::IdentityToken => identity_token(place),
        LookupError::CredentialStore { store, server } => {
            let store = store.as_deref().unwrap_or("NAME");
            Problem::new(
                Reason::CredentialStoreOnly,
                format!(
                    "{place} has no credentials for {shown}; it only says that the credential store {store:?} on somebody's machine has them, which the kubelet cannot read: on that machine, run `echo {server} | docker-credential-{store} get` and put its Username and Secret into the keys username and password"
                ),
            )
        }
        LookupError::NoEntry(keys) => {
            let found = listing(keys.iter().map(String::as_str));
            let remedy = if registry.is_docker_hub() && keys.iter().any(|key| is_part_of_docker_hub(key)) {
                format!(
                    ": type DockerHub has one key for all of Docker Hub, so an entry for a part of it is not used; put its credentials under {DOCKER_HUB_KEY:?}, or into the keys username and password"
                )
            } else {
                String::new()
            };
            Problem::new(
                Reason::NoEntryForRegistry,
                format!("{place} has no entry for {shown}; it has {found}{remedy}"),
            )
        }
        LookupError::Ambiguous(keys) => Problem::new(
            Reason::Ambiguous,
            format!(
                "{place} has entries for {shown} with different credentials ({}): keep the one that is right",
                listing(keys.iter().map(String::as_str))
            ),
        ),
    }
}

/// Podman writes such keys: `docker.io/acme` (containers-auth.json(5)).
fn is_part_of_docker_hub(key: &str) -> bool {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.split_once('/').is_some_and(|(host, _)| is_docker_hub_host(host))
}

impl SecretReader<'_> {
    pub(crate) fn invalid(&self, keys: &str, error: InvalidCredentials) -> Problem {
        let place = format!("{keys} of Secret {:?}", self.name);
        match error {
            InvalidCredentials::Malformed(what) => {
                Problem::new(Reason::Malformed, format!("the credential in {place} {what}"))
            }
            InvalidCredentials::IdentityToken => identity_token(&place),
        }
    }

    pub(crate) fn ambiguous(&self, keys: &str) -> Problem {
        Problem::new(
            Reason::Ambiguous,
            format!(
                "Secret {:?} holds different credentials in {keys}: remove one, or name the one to read in spec.credentialsRef.keys",
                self.name
            ),
        )
    }

    pub(crate) fn missing(&self, keys: &[&str]) -> Problem {
        let wanted: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
        self.key_missing(&format!("no key {}", wanted.join(" and ")))
    }

    pub(crate) fn nothing(&self) -> Problem {
        self.key_missing(
            "none of the keys that can hold credentials: username and password, auth, .dockerconfigjson, config.json or .dockercfg",
        )
    }

    fn key_missing(&self, what: &str) -> Problem {
        let found = listing(self.data.keys().map(String::as_str));
        Problem::new(
            Reason::KeyMissing,
            format!(
                "Secret {:?} has {what}; it has {found}: add the key, or name the keys to read in spec.credentialsRef.keys",
                self.name
            ),
        )
    }
}

fn identity_token(place: &str) -> Problem {
    Problem::new(
        Reason::IdentityTokenOnly,
        format!(
            "{place}: there is only an identity token, which the kubelet cannot use: create an access token at the registry and use it as the password"
        ),
    )
}

/// At most eight names: they come from users, and the message goes into a status.
fn listing<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names
        .map(|name| format!("{:?}", crate::domain::text::cut(name, 100)))
        .collect();
    match names.len() {
        0 => "nothing".to_owned(),
        1..=8 => names.join(", "),
        count => format!("{} and {} more", names[..8].join(", "), count - 8),
    }
}
