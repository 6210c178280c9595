//! What a person reads who tries to mint credentials, step by step. Nothing of a token or password is in it.

use serde::Serialize;

use crate::domain::minting::claims::Claims;
use crate::domain::minting::exchange::Minted;
use crate::domain::minting::identity::{MintIdentity, ProofRequest};
use crate::domain::minting::life::renewal;

/// What is said for the operator, and the same for a person.
const IN_OTHER_WORDS: [(&str, &str); 4] = [
    ("set the clock of the operator's node", "set the clock of this machine"),
    ("the operator's clock", "the clock of this machine"),
    (": set the clock of its node", ": set it"),
    ("; the operator tries again", "; try again later"),
];

/// Credentials that were minted, without them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MintTrial {
    /// The cloud.
    pub provider: &'static str,
    /// For whom they are.
    pub identity: String,
    /// Their user name.
    pub username: String,
    /// When they were minted.
    pub issued_at: String,
    /// Until when they are valid.
    pub expires_at: String,
    /// When the operator would renew them.
    pub renewal_at: String,
    /// What is wrong with a clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl MintTrial {
    /// `seed`: the UID of the resource, which decides when exactly its credentials are renewed.
    pub fn new(identity: &MintIdentity, minted: &Minted, seed: Option<&str>) -> Self {
        let credentials = &minted.credentials;
        Self {
            provider: identity.grant.provider().as_str(),
            identity: identity.display(),
            username: credentials.credentials.username().to_owned(),
            issued_at: credentials.issued_at.to_string(),
            expires_at: credentials.expires_at.to_string(),
            // Without a UID, the earliest possible time.
            renewal_at: renewal(credentials, seed.unwrap_or_default()).to_string(),
            warning: minted.skew.as_deref().map(for_person),
        }
    }

    /// In a sentence. `registry`: its key.
    pub fn sentence(&self, registry: &str) -> String {
        let Self {
            identity,
            username,
            expires_at,
            renewal_at,
            ..
        } = self;
        let warning = self.warning.as_ref();
        let warning = warning.map_or_else(String::new, |warning| format!("; ClockSkew: {warning}"));
        format!(
            "credentials of {identity} for {registry}, user name {username}, valid until {expires_at}; the operator would renew them at {renewal_at}{warning}"
        )
    }
}

/// A message of an exchange, for whoever made it from a terminal.
pub fn for_person(message: &str) -> String {
    let replace = |text: String, (operator, person): &(&str, &str)| text.replace(operator, person);
    IN_OTHER_WORDS.iter().fold(message.to_owned(), replace)
}

/// What the API server is asked for.
pub fn proof_request(proof: &ProofRequest, namespace: &str) -> String {
    match proof {
        ProofRequest::Token {
            service_account,
            audience,
            seconds,
        } => format!(
            "create a token of ServiceAccount {service_account:?} in namespace {namespace:?}, for the audience {audience:?} alone, valid for {seconds} s"
        ),
        ProofRequest::Key { secret, .. } => format!("get the key in Secret {secret:?} in namespace {namespace:?}"),
    }
}

/// What a token says of itself, which the cloud compares with what it trusts.
pub fn token_answer(token: &str) -> String {
    let Some(claims) = Claims::read(token) else {
        return "a token that cannot be read here".to_owned();
    };
    let end = claims
        .expires_at()
        .map_or_else(String::new, |end| format!(", valid until {end}"));
    let Claims { iss, sub, aud, .. } = &claims;
    format!(
        "a token with issuer {iss}, subject {sub}, audience {}{end}",
        aud.join(", ")
    )
}
