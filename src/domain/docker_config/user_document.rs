//! Reading docker config documents (`config.json`, `.dockercfg`) the way kubelets do, and writing our own.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::credentials::{InvalidCredentials, RegistryCredentials, trim_line_break};
use crate::domain::registry::key::{RegistryKey, serves};

/// Why a document gives no login. Completes "key … of Secret …"; holds no value of the document but registry keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// The document or the entry cannot be read.
    Malformed(String),
    /// The login is in a credential store or helper.
    CredentialStore {
        /// Name of the store.
        store: String,
        /// What the store knows the login by.
        server: String,
    },
    /// The entry holds only an OAuth refresh token or a bearer token.
    IdentityToken,
    /// No entry serves the registry; the keys that are there.
    NoEntry(Vec<String>),
    /// Entries that serve the registry equally well disagree.
    Ambiguous(Vec<String>),
}

/// A login found in a document.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedEntry {
    /// The login.
    pub login: RegistryCredentials,
    /// Its e-mail address, if there is one.
    pub email: Option<String>,
    /// What kubelets would read differently than a person may think.
    pub warnings: Vec<String>,
}

/// Go matches the names of JSON fields without regard to case (domain.md A1).
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .iter()
        .rfind(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str, LookupError> {
    match field(object, name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(LookupError::Malformed(format!(
            "has an entry whose {name:?} is not a string"
        ))),
    }
}

/// Finds the login that serves `registry`. Both shapes of document are understood under every key: with the `auths`
/// wrapper, and flat as in `.dockercfg`.
pub fn find(document: &[u8], registry: &RegistryKey) -> Result<ResolvedEntry, LookupError> {
    let document: Value = serde_json::from_slice(document).map_err(|error| {
        // The parser's own words could quote the document.
        LookupError::Malformed(format!(
            "is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    let Value::Object(document) = document else {
        return Err(LookupError::Malformed("is JSON, but not an object".to_owned()));
    };
    let store = field(&document, "credsStore")
        .and_then(Value::as_str)
        .filter(|store| !store.is_empty());
    let helpers = field(&document, "credHelpers").and_then(Value::as_object);
    let auths = match field(&document, "auths") {
        Some(Value::Object(auths)) => auths.clone(),
        Some(Value::Null) => Map::new(),
        Some(_) => {
            return Err(LookupError::Malformed(
                "has an \"auths\" that is not an object".to_owned(),
            ));
        }
        None if store.is_some() || helpers.is_some() => Map::new(),
        None => document.clone(),
    };

    let mut best: Vec<(String, RegistryKey, &Map<String, Value>)> = Vec::new();
    for (key, entry) in &auths {
        let Some(parsed) = RegistryKey::of_config_entry(key).filter(|parsed| serves(parsed, registry)) else {
            continue;
        };
        let Value::Object(entry) = entry else {
            return Err(LookupError::Malformed(format!(
                "has an entry for {} that is not an object",
                parsed.as_str()
            )));
        };
        best.push((key.clone(), parsed, entry));
    }
    // The most specific entry serves: kubelets too try the longest path first and wildcards last.
    let rank = |key: &RegistryKey| (key == registry, !key.as_str().contains('*'), key.as_str().len());
    let top = best.iter().map(|(_, key, _)| rank(key)).max();
    best.retain(|(_, key, _)| Some(rank(key)) == top);

    if best.is_empty() {
        let helper = helpers.and_then(|helpers| {
            let ours = |key: &str| RegistryKey::of_config_entry(key).is_some_and(|key| serves(&key, registry));
            helpers
                .iter()
                .find(|(key, _)| ours(key))
                .and_then(|(key, helper)| Some((helper.as_str()?, Some(key.as_str()))))
        });
        let store = store.filter(|_| auths.is_empty()).map(|store| (store, None));
        return Err(match helper.or(store) {
            Some((store, key)) => in_store(store, key, registry),
            None => LookupError::NoEntry(
                auths
                    .keys()
                    .filter_map(|key| Some(RegistryKey::of_config_entry(key)?.as_str().to_owned()))
                    .collect(),
            ),
        });
    }
    let found: Vec<ResolvedEntry> = best
        .iter()
        .map(|(key, _, entry)| read_entry(entry, store.map(|store| in_store(store, Some(key), registry))))
        .collect::<Result<_, _>>()?;
    let mut found = found.into_iter();
    match found.next() {
        Some(first) if found.all(|other| other.login == first.login) => Ok(first),
        _ => Err(LookupError::Ambiguous(best.into_iter().map(|(key, ..)| key).collect())),
    }
}

/// `stored` is the answer for an entry without a login, if there is a credential store.
fn read_entry(entry: &Map<String, Value>, stored: Option<LookupError>) -> Result<ResolvedEntry, LookupError> {
    let (username, password, auth) = (text(entry, "username")?, text(entry, "password")?, text(entry, "auth")?);
    let refused = |refusal| match refusal {
        InvalidCredentials::Malformed(what) => LookupError::Malformed(format!("has an entry whose login {what}")),
        InvalidCredentials::IdentityToken => LookupError::IdentityToken,
    };
    let mut warnings = Vec::new();
    let login = if !auth.is_empty() {
        let token = !text(entry, "identitytoken")?.is_empty();
        let login = RegistryCredentials::from_auth(auth).map_err(|refusal| {
            if token {
                LookupError::IdentityToken
            } else {
                refused(refusal)
            }
        })?;
        let differs = (!username.is_empty() && username != login.username())
            || (!password.is_empty() && password != login.password());
        if differs {
            warnings.push("its entry has an \"auth\" that differs from \"username\" and \"password\": \"auth\" is used, as kubelets do".to_owned());
        }
        login
    } else if username.is_empty() && password.is_empty() {
        let token = !text(entry, "identitytoken")?.is_empty() || !text(entry, "registrytoken")?.is_empty();
        return Err(match stored {
            _ if token => LookupError::IdentityToken,
            Some(miss) => miss,
            None => LookupError::Malformed(
                "has an entry for the registry that holds no login: no \"auth\", no \"username\" and \"password\""
                    .to_owned(),
            ),
        });
    } else {
        RegistryCredentials::new(username, trim_line_break(password)).map_err(refused)?
    };
    let email = text(entry, "email")?;
    Ok(ResolvedEntry {
        login,
        email: (!email.is_empty()).then(|| email.to_owned()),
        warnings,
    })
}

/// A store knows a login by the words with which `docker login` was called: the entry's key, otherwise probably the host.
fn in_store(store: &str, key: Option<&str>, registry: &RegistryKey) -> LookupError {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.:/[]".contains(c);
    let host = if registry.is_docker_hub() {
        registry.as_str()
    } else {
        registry.host_port()
    };
    // It gets into a command.
    let key = key.filter(|key| key.len() <= 255 && key.chars().all(inside));
    LookupError::CredentialStore {
        store: plain(store),
        server: key.unwrap_or(host).to_owned(),
    }
}

/// A helper's name as it may be shown: it comes from a document that also holds secrets.
fn plain(store: &str) -> String {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if store.len() <= 64 && store.chars().all(inside) {
        store.to_owned()
    } else {
        "NAME".to_owned()
    }
}

#[derive(Serialize)]
struct Entry<'a> {
    username: &'a str,
    password: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    auth: String,
}

/// The bytes of a `.dockerconfigjson` with one entry: the fields in the order in which `kubectl create secret
/// docker-registry` writes them, no blanks, no line break. Equal input gives equal bytes.
pub fn canonical(registry: &RegistryKey, login: &RegistryCredentials, email: Option<&str>) -> Vec<u8> {
    let entry = Entry {
        username: login.username(),
        password: login.password(),
        email,
        auth: login.auth(),
    };
    let entry = serde_json::to_string(&entry).unwrap_or_default();
    let key = Value::from(registry.as_str());
    format!(r#"{{"auths":{{{key}:{entry}}}}}"#).into_bytes()
}
