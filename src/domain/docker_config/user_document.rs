//! Docker config documents (`config.json`, `.dockercfg`) as users give them, in any spelling.

use std::collections::HashSet;

use crate::domain::credentials::encoding::{self, Trimmed};
use crate::domain::credentials::{InvalidCredentials, RegistryCredentials};
use crate::domain::docker_config::credential_helper::Helpers;
use crate::domain::docker_config::kubelet_document::{Json, fields};
use crate::domain::registry::key::{RegistryKey, serves};
use crate::domain::registry::matching;
use crate::domain::text::shown_key;

/// Why a document gives no credentials. Completes "key ... of Secret ..."; holds no value of the document but registry
/// keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// The document or the entry cannot be read.
    Malformed(String),
    /// The credentials are in a credential store or helper.
    CredentialStore {
        /// Name of the store; `None`: it has one that no program can have.
        store: Option<String>,
        /// What the store knows the credentials by.
        server: String,
    },
    /// The entry holds only an OAuth refresh token or a bearer token.
    IdentityToken,
    /// No entry serves the registry; the keys that are there.
    NoEntry(Vec<String>),
    /// Entries that serve the registry equally well disagree.
    Ambiguous(Vec<String>),
}

/// Credentials found in a document.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedEntry {
    /// The credentials.
    pub credentials: RegistryCredentials,
    /// Their e-mail address, if there is one.
    pub email: Option<String>,
    /// Where the kubelet reads something else than a person may expect.
    pub warnings: Vec<String>,
}

type Members = [(String, Json)];

/// An entry that serves the registry.
struct Candidate<'a> {
    /// The key as it stands in the document.
    key: &'a str,
    parsed: &'a RegistryKey,
    entry: &'a Members,
}

impl Candidate<'_> {
    /// The most specific entry serves, and of those one whose key the kubelet understands as it is written.
    fn rank(&self, registry: &RegistryKey) -> (bool, bool, usize, bool) {
        let as_written = matching::normalize(self.key);
        let is_understood = self.parsed.is_docker_hub() || as_written.as_deref() == Some(self.parsed.as_str());
        let key = self.parsed.as_str();
        (self.parsed == registry, !key.contains('*'), key.len(), is_understood)
    }
}

/// What an entry holds.
enum EntryContent {
    Credentials(ResolvedEntry),
    /// Nothing that the kubelet sends: it then goes on with the next entry.
    Nothing {
        has_token: bool,
    },
}

/// Finds the credentials that serve `registry`. Both shapes of document are understood under every key: with the `auths`
/// wrapper, and flat as in `.dockercfg`.
pub fn find(document: &[u8], registry: &RegistryKey) -> Result<ResolvedEntry, LookupError> {
    UserDocument::read(document)?.find(registry)
}

/// A document that is read once, for several look-ups.
pub struct UserDocument {
    entries: Vec<DocumentEntry>,
    helpers: Option<Helpers>,
    /// What was trimmed off the document.
    trimmed: Vec<Trimmed>,
}

struct DocumentEntry {
    key: String,
    /// The registry that the key stands for, if it can.
    parsed: Option<RegistryKey>,
    entry: Json,
}

impl UserDocument {
    /// Reads a document, in any spelling.
    pub fn read(document: &[u8]) -> Result<Self, LookupError> {
        let mut trimmed = Vec::new();
        let document = parse(document, &mut trimmed)?;
        let helpers = Helpers::read(&document);
        let entries = auths(document, helpers.is_some())?
            .into_iter()
            .map(|(key, entry)| DocumentEntry {
                parsed: RegistryKey::of_config_entry(&key),
                key,
                entry,
            });
        Ok(Self {
            entries: entries.collect(),
            helpers,
            trimmed,
        })
    }

    /// What it mentions.
    pub fn mentioned(&self) -> Mentioned {
        let entries = self.entries.iter().map(|entry| &entry.key);
        let by_registry = self.helpers.iter().flat_map(|helpers| &helpers.by_registry);
        Mentioned {
            keys: entries.chain(by_registry.map(|(key, _)| key)).cloned().collect(),
            store: self.helpers.as_ref().and_then(|helpers| helpers.store.clone()),
        }
    }

    /// Finds the credentials that serve `registry`, as [`find`] does.
    pub fn find(&self, registry: &RegistryKey) -> Result<ResolvedEntry, LookupError> {
        let mut candidates = candidates(&self.entries, registry)?;
        candidates.sort_by_cached_key(|candidate| std::cmp::Reverse(candidate.rank(registry)));

        let (mut found, mut empty) = (Vec::new(), Vec::new());
        for candidate in candidates {
            match read_entry(candidate.entry)? {
                EntryContent::Credentials(entry) => found.push((candidate, entry)),
                EntryContent::Nothing { has_token } => empty.push((candidate, has_token)),
            }
        }
        let Some((best, mut entry)) = found.first().map(|(best, entry)| (best, entry.clone())) else {
            let first_empty = empty.first().map(|(candidate, has_token)| (candidate.key, *has_token));
            return Err(nothing_found(
                registry,
                self.helpers.as_ref(),
                first_empty,
                &self.entries,
            ));
        };
        let twins = || found.iter().filter(|(other, _)| other.parsed == best.parsed);
        let differs = |other: &ResolvedEntry| other.credentials != entry.credentials;
        let rank = best.rank(registry);
        if twins().any(|(other, found)| other.rank(registry) == rank && differs(found)) {
            return Err(LookupError::Ambiguous(
                twins().map(|(other, _)| shown_key(other.key)).collect(),
            ));
        }
        let ignored: Vec<String> = twins()
            .filter(|(_, found)| differs(found))
            .map(|(other, _)| {
                format!(
                    "its entry {:?} has other credentials and is not used: the kubelet matches only {:?}",
                    shown_key(other.key),
                    shown_key(best.key)
                )
            })
            .collect();
        entry.warnings.extend(ignored);
        entry
            .warnings
            .extend(self.trimmed.iter().map(|what| format!("it {what}")));
        Ok(entry)
    }
}

/// What a document mentions: keys that stand for registries, of its entries and of what has a credential helper of its own,
/// and the credential store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mentioned {
    /// The keys as they stand there.
    pub keys: Vec<String>,
    /// The store of everything that has no helper of its own.
    pub store: Option<String>,
}

/// Reads what a document mentions.
pub fn mentioned(document: &[u8]) -> Result<Mentioned, LookupError> {
    Ok(UserDocument::read(document)?.mentioned())
}

/// The members of the document.
fn parse(document: &[u8], trimmed: &mut Vec<Trimmed>) -> Result<Vec<(String, Json)>, LookupError> {
    let malformed = |what: String| LookupError::Malformed(what);
    let text = encoding::text(document).map_err(|what| malformed(what.to_owned()))?;
    let text = encoding::trim_mark(text, trimmed);
    if text.trim().is_empty() {
        return Err(malformed("is empty".to_owned()));
    }
    match serde_json::from_str(text) {
        Ok(Json::Object(members)) => Ok(members),
        Ok(Json::Text(inner)) if serde_json::from_str::<Json>(&inner).is_ok() => {
            Err(malformed("is a docker config inside a JSON string: it is encoded twice".to_owned()))
        }
        Ok(_) => Err(malformed("is JSON, but not an object".to_owned())),
        Err(_) if is_base64_of_json(text) => Err(malformed(
            "is base64 of a docker config: it is encoded once too often (a Secret's stringData takes the document itself, data takes it as base64 once)"
                .to_owned(),
        )),
        // The parser's own words could quote the document.
        Err(error) => Err(malformed(format!(
            "is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ))),
    }
}

/// Whether the text is JSON that was encoded as base64 once or more.
fn is_base64_of_json(text: &str) -> bool {
    let mut text = text.to_owned();
    for _ in 0..4 {
        let Some(decoded) = encoding::decode_base64(&text) else {
            return false;
        };
        if serde_json::from_slice::<Json>(&decoded).is_ok_and(|json| json.is_object()) {
            return true;
        }
        let Ok(decoded) = String::from_utf8(decoded) else {
            return false;
        };
        text = decoded;
    }
    false
}

/// The entries by key, as Go reads them: what several `auths` hold counts together, of two entries with one key the last.
fn auths(document: Vec<(String, Json)>, has_helpers: bool) -> Result<Vec<(String, Json)>, LookupError> {
    let mut merged: Option<Vec<&(String, Json)>> = None;
    for value in fields(&document, "auths") {
        match value {
            Json::Object(members) => merged.get_or_insert_default().extend(members),
            Json::Null => merged = Some(Vec::new()),
            _ => {
                return Err(LookupError::Malformed(
                    "has an \"auths\" that is not an object".to_owned(),
                ));
            }
        }
    }
    Ok(match merged {
        Some(mut merged) => {
            let mut seen = HashSet::new();
            merged.reverse();
            merged.retain(|(key, _)| seen.insert(key.as_str()));
            merged.reverse();
            merged.into_iter().cloned().collect()
        }
        None if has_helpers => Vec::new(),
        None => document,
    })
}

fn candidates<'a>(entries: &'a [DocumentEntry], registry: &RegistryKey) -> Result<Vec<Candidate<'a>>, LookupError> {
    let mut candidates = Vec::new();
    for DocumentEntry { key, parsed, entry } in entries {
        let Some(parsed) = parsed.as_ref().filter(|parsed| serves(parsed, registry)) else {
            continue;
        };
        let entry: &Members = match entry {
            Json::Object(members) => members,
            Json::Null => &[],
            _ => {
                return Err(LookupError::Malformed(format!(
                    "has an entry for {} that is not an object",
                    parsed.as_str()
                )));
            }
        };
        candidates.push(Candidate { key, parsed, entry });
    }
    Ok(candidates)
}

/// Why there are no credentials: `empty` is the best entry that holds none.
fn nothing_found(
    registry: &RegistryKey,
    helpers: Option<&Helpers>,
    empty: Option<(&str, bool)>,
    entries: &[DocumentEntry],
) -> LookupError {
    let is_stored_without_entry = empty.is_some() || entries.is_empty();
    match (
        empty,
        helpers.and_then(|helpers| helpers.find(registry, empty.map(|(key, _)| key), is_stored_without_entry)),
    ) {
        (Some((_, true)), _) => LookupError::IdentityToken,
        (_, Some(stored)) => stored,
        (Some(_), None) => LookupError::Malformed(
            "has an entry for the registry without credentials: no \"auth\", no \"username\" and \"password\""
                .to_owned(),
        ),
        (None, None) => LookupError::NoEntry(entries.iter().map(|entry| shown_key(&entry.key)).collect()),
    }
}

/// A text field as Go reads it.
fn text<'a>(entry: &'a Members, name: &str) -> Result<&'a str, LookupError> {
    crate::domain::docker_config::kubelet_document::text(entry, name)
        .ok_or_else(|| LookupError::Malformed(format!("has an entry whose {name:?} is not a string")))
}

fn read_entry(entry: &Members) -> Result<EntryContent, LookupError> {
    let (username, password, auth) = (text(entry, "username")?, text(entry, "password")?, text(entry, "auth")?);
    let has_identity_token = !text(entry, "identitytoken")?.is_empty();
    let has_token = has_identity_token || !text(entry, "registrytoken")?.is_empty();
    let (mut warnings, mut trimmed) = (Vec::new(), Vec::new());
    let read = if !auth.is_empty() {
        RegistryCredentials::from_auth(auth, &mut trimmed)
    } else if username.is_empty() && password.is_empty() {
        return Ok(EntryContent::Nothing { has_token });
    } else {
        let username = encoding::trim(username, &mut trimmed);
        RegistryCredentials::new(username, encoding::trim(password, &mut trimmed))
    };
    let credentials = match read {
        Ok(credentials) => credentials,
        Err(_) if has_identity_token => return Ok(EntryContent::Nothing { has_token: true }),
        Err(InvalidCredentials::IdentityToken) => return Ok(EntryContent::Nothing { has_token: true }),
        Err(InvalidCredentials::Malformed(what)) => {
            return Err(LookupError::Malformed(format!("has an entry whose credential {what}")));
        }
    };
    let differs = |text: &str, used: &str| {
        let text = encoding::trim(text, &mut Vec::new());
        !text.is_empty() && text != used
    };
    if !auth.is_empty() && (differs(username, credentials.username()) || differs(password, credentials.password())) {
        warnings.push("its entry has an \"auth\" that differs from \"username\" and \"password\": \"auth\" is used, as the kubelet does".to_owned());
    }
    warnings.extend(trimmed.iter().map(|what| format!("a value of its entry {what}")));
    let email = text(entry, "email")?;
    Ok(EntryContent::Credentials(ResolvedEntry {
        credentials,
        email: (!email.is_empty()).then(|| email.to_owned()),
        warnings,
    }))
}
