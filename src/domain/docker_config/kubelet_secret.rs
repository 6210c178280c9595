//! A Secret as a kubelet reads it when a pod names it in `imagePullSecrets`.
//!
//! The behavior of `pkg/credentialprovider` in Kubernetes 1.37; `tests/cluster/oracle.rs` compares it with that code itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::credentials::repetition::Unrepeatable;
use crate::domain::docker_config::kubelet_document::{Json, fields, text};
use crate::domain::registry::matching::lookup;
use crate::domain::text::shown_key as shown;

/// A Secret that a pod lists in `imagePullSecrets`.
#[derive(Clone, Debug)]
pub struct PullSecret {
    /// Its name.
    pub name: String,
    /// What a kubelet gets.
    pub content: Content,
}

/// What a kubelet makes of a Secret.
#[derive(Clone, Debug)]
pub enum Content {
    /// There is no such Secret: the kubelet continues without it.
    Absent,
    /// Unknown: the Secret could not be read.
    Unreadable,
    /// The kubelet skips it; the text follows the name of the Secret.
    Ignored(String),
    /// The kubelet cannot parse it, and then uses no pull secret at all; the text follows the name of the Secret.
    Malformed(String),
    /// Its entries.
    Entries(Vec<SecretEntry>),
}

/// An entry of a docker config document.
#[derive(Clone, Debug)]
pub struct SecretEntry {
    /// The registry key, as it is written.
    pub key: String,
    /// Whether it holds user name and password: container runtimes send nothing else.
    pub complete: bool,
    /// User name, password and `auth`: none is shown.
    hidden: [SecretString; 3],
}

const JSON: (&str, &str) = ("kubernetes.io/dockerconfigjson", ".dockerconfigjson");
const LEGACY: (&str, &str) = ("kubernetes.io/dockercfg", ".dockercfg");

/// Go's decoder accepts any bits after the last byte.
const LOOSE: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
const PADDED: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LOOSE);
const UNPADDED: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    LOOSE.with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

impl PullSecret {
    /// What a kubelet gets for a name. `secret` is the Secret of that name, if there is one.
    pub fn new(name: &str, secret: Option<&Secret>) -> Self {
        Self {
            name: name.to_owned(),
            content: secret.map_or(Content::Absent, read),
        }
    }

    /// Its entries, if the kubelet reads any.
    pub fn entries(&self) -> &[SecretEntry] {
        match &self.content {
            Content::Entries(entries) => entries,
            _ => &[],
        }
    }
}

/// What a runtime says about an image, as it may be repeated beside these Secrets.
pub fn redact(text: &str, secrets: &[PullSecret], image: &str) -> String {
    let host = image.split('/').next().unwrap_or_default();
    let mut hidden = Unrepeatable::default().knowing(image).knowing(host);
    for entry in secrets.iter().flat_map(PullSecret::entries) {
        let [username, password, auth] = entry.hidden.each_ref().map(ExposeSecret::expose_secret);
        hidden.add(username, password);
        hidden.add_shape(auth);
    }
    hidden.repeat(text)
}

/// An entry that serves an image: indexes of the Secret and of the entry in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Index of the Secret.
    pub secret: usize,
    /// Index of the entry.
    pub entry: usize,
}

/// The entries whose credentials a kubelet tries for a repository, in that order. None if a Secret is malformed.
pub fn tried(secrets: &[PullSecret], repository: &str) -> Vec<Tried> {
    if secrets
        .iter()
        .any(|secret| matches!(secret.content, Content::Malformed(_)))
    {
        return Vec::new();
    }
    let all: Vec<(Tried, &str)> = secrets
        .iter()
        .enumerate()
        .flat_map(|(index, secret)| {
            let entries = secret.entries().iter().enumerate();
            entries.map(move |(entry, found)| (Tried { secret: index, entry }, found.key.as_str()))
        })
        .collect();
    let keys: Vec<&str> = all.iter().map(|(_, key)| *key).collect();
    lookup(&keys, repository)
        .into_iter()
        .map(|index| all[index].0)
        .collect()
}

/// Whether somebody removed the content from a copy: no API server stores such a Secret.
pub fn is_redacted(secret: &Secret) -> bool {
    let kind = secret.type_.as_deref().unwrap_or_default();
    let Some((_, key)) = [JSON, LEGACY].into_iter().find(|(known, _)| *known == kind) else {
        return false;
    };
    let document = secret.data.as_ref().and_then(|data| data.get(key));
    let stored = document.and_then(|document| Json::parse(&document.0));
    secret.metadata.uid.is_some() && !stored.is_some_and(|stored| matches!(stored, Json::Object(_) | Json::Null))
}

fn read(secret: &Secret) -> Content {
    let kind = secret.type_.as_deref().unwrap_or("Opaque");
    let Some((_, key)) = [JSON, LEGACY].into_iter().find(|(known, _)| *known == kind) else {
        return Content::Ignored(format!(
            "has type {kind:?}, but kubelets use only {} (the type of a Secret is immutable: recreate it)",
            JSON.0
        ));
    };
    let data = secret.data.as_ref().and_then(|data| data.get(key));
    let Some(document) = data.map(|data| data.0.as_slice()).filter(|data| !data.is_empty()) else {
        return Content::Ignored(format!("has no key {key:?}"));
    };
    match read_document(document, key) {
        Ok(content) => content,
        Err(what) => Content::Malformed(format!("holds {what} in {key:?}")),
    }
}

/// The error says what the document is instead.
fn read_document(document: &[u8], key: &str) -> Result<Content, String> {
    let document = match Json::parse(document) {
        Some(Json::Object(document)) => document,
        Some(Json::Null) => Vec::new(),
        Some(_) => return Err("JSON that is not an object".to_owned()),
        None => return Err("text that is not JSON".to_owned()),
    };
    let mut entries = BTreeMap::new();
    if key == LEGACY.1 {
        add_entries(&mut entries, &document)?;
        return Ok(Content::Entries(entries.into_values().collect()));
    }
    if !fields(&document, "httpheaders").all(Json::is_text_map) {
        return Err("\"HttpHeaders\" that is not a map of strings".to_owned());
    }
    let has = |name| fields(&document, name).next().is_some();
    if !has("auths") && !has("credhelpers") && document.iter().any(|(_, value)| value.is_object()) {
        return Ok(Content::Ignored(
            "has no \"auths\" in its \".dockerconfigjson\": its registries are at the top level, as only the type kubernetes.io/dockercfg allows".to_owned(),
        ));
    }
    for auths in fields(&document, "auths") {
        match auths {
            Json::Object(auths) => add_entries(&mut entries, auths)?,
            Json::Null => entries.clear(),
            Json::Text(_) | Json::Other => return Err("\"auths\" that is not an object".to_owned()),
        }
    }
    Ok(Content::Entries(entries.into_values().collect()))
}

/// The last entry of a key counts.
fn add_entries(entries: &mut BTreeMap<String, SecretEntry>, auths: &[(String, Json)]) -> Result<(), String> {
    for (key, value) in auths {
        entries.insert(key.clone(), entry(key, value)?);
    }
    Ok(())
}

fn entry(key: &str, value: &Json) -> Result<SecretEntry, String> {
    let object = match value {
        Json::Object(object) => object.as_slice(),
        Json::Null => &[],
        Json::Text(_) | Json::Other => return Err(format!("an entry {:?} that is not an object", shown(key))),
    };
    let text = |name: &str| {
        let found = text(object, name);
        found.ok_or_else(|| format!("an entry {:?} whose {name:?} is not a string", shown(key)))
    };
    let (username, password, auth) = (text("username")?, text("password")?, text("auth")?);
    text("email")?;
    let (username, password) = if auth.is_empty() {
        (username.to_owned(), password.to_owned())
    } else {
        decode(auth).ok_or_else(|| {
            format!(
                "an entry {:?} whose \"auth\" is not base64 of username:password",
                shown(key)
            )
        })?
    };
    let complete = !username.is_empty() && !password.is_empty();
    let hidden = [username, password, auth.to_owned()];
    Ok(SecretEntry {
        key: key.to_owned(),
        complete,
        hidden: hidden.map(SecretString::from),
    })
}

/// Whether the kubelet can read the `auth` of an entry.
pub(crate) fn kubelet_reads(auth: &str) -> bool {
    decode(auth).is_some()
}

fn decode(auth: &str) -> Option<(String, String)> {
    let padded = auth.trim().ends_with('=');
    let text: String = auth.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = if padded {
        PADDED.decode(text)
    } else {
        UNPADDED.decode(text)
    };
    let text = String::from_utf8_lossy(&bytes.ok()?).into_owned();
    let (username, password) = text.split_once(':')?;
    Some((username.to_owned(), password.to_owned()))
}
