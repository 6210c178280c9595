//! Credential stores and helpers: programs on somebody's machine, which no kubelet can run.

use crate::domain::docker_config::kubelet_document::{Json, fields, text};
use crate::domain::docker_config::user_document::LookupError;
use crate::domain::registry::key::{RegistryKey, serves};

/// What a document says about stores and helpers. A blank name is none.
pub(crate) struct Helpers {
    /// For every registry without a helper of its own.
    pub(crate) store: Option<String>,
    /// Registry and helper.
    pub(crate) by_registry: Vec<(String, String)>,
}

impl Helpers {
    /// `None` if the document does not mention any.
    pub(crate) fn read(document: &[(String, Json)]) -> Option<Self> {
        let is_named = |name: &&str| !name.trim().is_empty();
        let store = text(document, "credsstore").filter(is_named).map(str::to_owned);
        let objects: Vec<&[(String, Json)]> = fields(document, "credhelpers")
            .filter_map(|value| match value {
                Json::Object(members) => Some(members.as_slice()),
                _ => None,
            })
            .collect();
        if store.is_none() && objects.is_empty() {
            return None;
        }
        let members = objects.into_iter().flatten();
        let by_registry = members.filter_map(|(registry, helper)| match helper {
            Json::Text(helper) if is_named(&helper.as_str()) => Some((registry.clone(), helper.clone())),
            _ => None,
        });
        Some(Self {
            store,
            by_registry: by_registry.collect(),
        })
    }

    /// The program that has the credentials for `registry`: its own helper before the store, as Docker chooses
    /// (docker/cli `cli/config/configfile/file.go`). `entry` is the key of an entry without credentials; `in_store`:
    /// whether the store probably has them.
    pub(crate) fn find(&self, registry: &RegistryKey, entry: Option<&str>, in_store: bool) -> Option<LookupError> {
        let serving = self.by_registry.iter().filter_map(|(key, helper)| {
            let parsed = RegistryKey::of_config_entry(key).filter(|parsed| serves(parsed, registry))?;
            Some((parsed, key, helper))
        });
        let best = serving.max_by_key(|(parsed, ..)| (parsed == registry, parsed.as_str().len()));
        if let Some((_, key, helper)) = best {
            return Some(stored(helper, entry.or(Some(key)), registry));
        }
        let store = self.store.as_ref().filter(|_| in_store)?;
        Some(stored(store, entry, registry))
    }
}

/// A store knows credentials by the words with which `docker login` was called: the key of the entry, otherwise probably
/// the host.
fn stored(store: &str, key: Option<&str>, registry: &RegistryKey) -> LookupError {
    let host = if registry.is_docker_hub() {
        registry.as_str()
    } else {
        registry.host_port()
    };
    // It becomes part of a shell command.
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || "-_.:/[]".contains(c);
    let key = key.filter(|key| key.len() <= 255 && key.chars().all(is_harmless));
    LookupError::CredentialStore {
        // It comes from a document that also holds secrets, and is shown.
        store: is_name(store).then(|| store.to_owned()),
        server: key.unwrap_or(host).to_owned(),
    }
}

/// Whether a name can be part of the name of a program.
pub(crate) fn is_name(name: &str) -> bool {
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 64 && name.chars().all(is_harmless) && !name.starts_with('.')
}
