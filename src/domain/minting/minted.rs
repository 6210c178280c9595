//! Credentials that were minted, and how the generated Secret says so.
//!
//! A process that has just started mints nothing as long as the Secret holds credentials that it can tell: for whom they were
//! minted, that nobody has changed them since, and how long they are valid.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;

use crate::domain::credentials::RegistryCredentials;
use crate::domain::docker_config::user_document;
use crate::domain::registry::key::RegistryKey;
use crate::domain::time::{Timestamp, after, since, whole_second};

/// Annotation on a generated Secret with minted credentials: when they were minted.
const ISSUED_AT: &str = "pullsecrets.dev/issued-at";

/// The same: until when they are valid.
const EXPIRES_AT: &str = "pullsecrets.dev/expires-at";

/// The same: a digest of whom they were minted for, these times and the document.
pub(crate) const MINTED_FOR: &str = "pullsecrets.dev/minted-for";

/// Credentials with an end.
#[derive(Clone, Debug, PartialEq)]
pub struct MintedCredentials {
    /// The credentials.
    pub credentials: RegistryCredentials,
    /// When they were minted.
    pub issued_at: Timestamp,
    /// Until when they are valid.
    pub expires_at: Timestamp,
}

impl MintedCredentials {
    /// Credentials that are valid for as long as `server_now` is before `server_end`: clocks need not agree for that.
    pub fn new(
        credentials: RegistryCredentials,
        now: Timestamp,
        server_now: Option<Timestamp>,
        server_end: Timestamp,
    ) -> Self {
        let now = whole_second(now);
        Self {
            credentials,
            issued_at: now,
            expires_at: whole_second(after(now, since(server_now.unwrap_or(now), server_end))),
        }
    }

    /// How long they are valid in all.
    pub fn life(&self) -> Duration {
        since(self.issued_at, self.expires_at)
    }

    /// Whether they are still valid.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// The annotations that say for whom they were minted, for a Secret with this document.
    pub fn annotations(&self, identity: &str, document: &[u8]) -> BTreeMap<String, String> {
        let (issued_at, expires_at) = (self.issued_at.to_string(), self.expires_at.to_string());
        let minted_for = digest(&[
            identity.as_bytes(),
            issued_at.as_bytes(),
            expires_at.as_bytes(),
            document,
        ]);
        BTreeMap::from([
            (ISSUED_AT.to_owned(), issued_at),
            (EXPIRES_AT.to_owned(), expires_at),
            (MINTED_FOR.to_owned(), minted_for),
        ])
    }

    /// The credentials in a Secret that were minted for `identity`, unless somebody has changed them.
    pub fn stored(secret: &Secret, document: &[u8], identity: &str, registry: &RegistryKey) -> Option<Self> {
        let annotations = secret.metadata.annotations.as_ref()?;
        let [issued_at, expires_at, minted_for] =
            [ISSUED_AT, EXPIRES_AT, MINTED_FOR].map(|name| annotations.get(name).map(String::as_str));
        let parts = [
            identity.as_bytes(),
            issued_at?.as_bytes(),
            expires_at?.as_bytes(),
            document,
        ];
        if minted_for? != digest(&parts) {
            return None;
        }
        Some(Self {
            credentials: user_document::find(document, registry).ok()?.credentials,
            issued_at: issued_at?.parse().ok()?,
            expires_at: expires_at?.parse().ok()?,
        })
    }
}

/// The digest of minted credentials, of whom they are for and until when, in annotations of a Secret that holds some.
pub fn minted_for(annotations: Option<&BTreeMap<String, String>>) -> Option<&str> {
    annotations?.get(MINTED_FOR).map(String::as_str)
}

/// Whether an annotation tells of minted credentials.
pub fn is_of_minted(annotation: &str) -> bool {
    [ISSUED_AT, EXPIRES_AT, MINTED_FOR].contains(&annotation)
}

/// Which identity, as a text that tells nothing else.
pub fn version(identity: &str) -> String {
    digest(&[identity.as_bytes()])
}

/// SHA-256 of the parts, each with its length before it, in hexadecimal digits.
fn digest(parts: &[&[u8]]) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let digest = context.finish();
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
