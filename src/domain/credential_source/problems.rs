//! What is wrong with a referenced Secret, in words.

use crate::api::Reason;
use crate::domain::credential_source::from_secret::Source;
use crate::domain::credentials::InvalidCredentials;
use crate::domain::docker_config::user_document::LookupError;
use crate::domain::problem::Problem;
use crate::domain::registry::key::RegistryKey;

/// Why the docker config at `place` gives no login.
pub(crate) fn document_problem(place: &str, registry: &RegistryKey, miss: LookupError) -> Problem {
    let shown = if registry.is_docker_hub() {
        "Docker Hub"
    } else {
        registry.as_str()
    };
    match miss {
        LookupError::Malformed(what) => Problem::new(Reason::Malformed, format!("{place} {what}")),
        LookupError::IdentityToken => identity_token(place),
        LookupError::CredentialStore { store, server } => Problem::new(
            Reason::CredentialStoreOnly,
            format!(
                "{place} has no login for {shown}, it only says that the credential store {store:?} of somebody's machine has it, which no kubelet can ask: on that machine run `echo {server} | docker-credential-{store} get` and put its Username and Secret into the keys username and password"
            ),
        ),
        LookupError::NoEntry(keys) => Problem::new(
            Reason::NoEntryForRegistry,
            format!(
                "{place} has no entry for {shown}; it has {}",
                listing(keys.iter().map(String::as_str))
            ),
        ),
        LookupError::Ambiguous(keys) => Problem::new(
            Reason::Ambiguous,
            format!(
                "{place} has entries for {shown} that disagree ({}): kubelets would try them in random order, keep one",
                listing(keys.iter().map(String::as_str))
            ),
        ),
    }
}

impl Source<'_> {
    pub(crate) fn refused(&self, keys: &str, refusal: InvalidCredentials) -> Problem {
        let place = format!("{keys} of Secret {:?}", self.name);
        match refusal {
            InvalidCredentials::Malformed(what) => {
                Problem::new(Reason::Malformed, format!("the login in {place} {what}"))
            }
            InvalidCredentials::IdentityToken => identity_token(&place),
        }
    }

    pub(crate) fn ambiguous(&self, keys: &str) -> Problem {
        Problem::new(
            Reason::Ambiguous,
            format!(
                "Secret {:?} holds logins that disagree, in {keys}: remove one, or name the one to read in spec.credentialsRef.keys",
                self.name
            ),
        )
    }

    pub(crate) fn missing(&self, keys: &[&str]) -> Problem {
        let wanted = keys
            .iter()
            .map(|key| format!("{key:?}"))
            .collect::<Vec<_>>()
            .join(" and ");
        self.key_missing(&format!("no key {wanted}"))
    }

    pub(crate) fn nothing(&self) -> Problem {
        self.key_missing(
            "none of the keys that can hold a login: username and password, auth, .dockerconfigjson, config.json or .dockercfg",
        )
    }

    pub(crate) fn key_missing(&self, what: &str) -> Problem {
        let there = listing(self.data.keys().map(String::as_str));
        Problem::new(
            Reason::KeyMissing,
            format!(
                "Secret {:?} has {what}; it has {there}: add it, or name the keys to read in spec.credentialsRef.keys",
                self.name
            ),
        )
    }
}

fn identity_token(place: &str) -> Problem {
    Problem::new(
        Reason::IdentityTokenOnly,
        format!(
            "{place} holds only an identity token, which kubelets cannot use: create an access token at the registry and give it as password"
        ),
    )
}

/// At most eight names: they come from users, and the message goes into a status.
fn listing<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    match names.len() {
        0 => "nothing".to_owned(),
        1..=8 => names.join(", "),
        count => format!("{} and {} more", names[..8].join(", "), count - 8),
    }
}
