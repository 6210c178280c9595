//! The one pair of credentials that a referenced Secret gives.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use crate::api::{CredentialKeys, Reason};
use crate::domain::credential_source::Resolved;
use crate::domain::credential_source::identity::CredentialIdentity;
use crate::domain::credential_source::permitted::check_type;
use crate::domain::credential_source::problems::document_problem;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::credentials::encoding;
use crate::domain::docker_config::user_document::{self, ResolvedEntry};
use crate::domain::problem::Problem;
use crate::domain::registry::dialect::Dialect;
use crate::domain::registry::key::RegistryKey;
use crate::domain::spec::validate::{SecretSource, ValidatedSpec};

/// Keys of docker config documents that are read when none is named.
pub(super) const DOCUMENT_KEYS: [&str; 2] = [".dockerconfigjson", "config.json"];
pub(super) const LEGACY_DOCUMENT_KEYS: [&str; 1] = [".dockercfg"];

/// Reads the credentials from the referenced Secret; `None` if that does not exist.
pub(crate) fn resolve(
    spec: &ValidatedSpec,
    source: &SecretSource,
    secret: Option<&Secret>,
) -> Result<Resolved, Problem> {
    let name = &source.name;
    let Some(secret) = secret else {
        let place = source.namespace.as_ref().map_or_else(
            || "this namespace".to_owned(),
            |namespace| format!("namespace {namespace:?}"),
        );
        return Err(Problem::new(
            Reason::SecretNotFound,
            format!("Secret {name:?} (spec.credentialsRef.name) does not exist in {place}: create it"),
        ));
    };
    check_type(name, secret.type_.as_deref().unwrap_or_default())?;
    let empty = BTreeMap::new();
    let mut reader = SecretReader {
        name,
        data: secret.data.as_ref().unwrap_or(&empty),
        keys: &source.keys,
        warnings: Vec::new(),
    };
    let (form, email) = reader.read(&spec.registry, spec.email.as_deref())?;
    Ok(Resolved {
        credentials: form.entry.credentials,
        email,
        origin: format!(
            "credentials read from {} of Secret {name:?}{}",
            form.keys,
            source.elsewhere()
        ),
        identity: CredentialIdentity::of_secret(&secret.metadata, &source.keys, &spec.registry),
        minted: None,
        warnings: reader.warnings,
    })
}

/// Reads the credentials for `registry` from a docker config that stands at `place`.
pub fn resolve_document(place: &str, document: &[u8], registry: &RegistryKey) -> Result<RegistryCredentials, Problem> {
    user_document::find(document, registry)
        .map(|entry| entry.credentials)
        .map_err(|error| document_problem(place, registry, error))
}

/// A form in which credentials can be written, with the keys they were read from.
struct CredentialForm {
    keys: String,
    entry: ResolvedEntry,
}

impl CredentialForm {
    fn plain(keys: String, credentials: RegistryCredentials) -> Self {
        Self {
            keys,
            entry: ResolvedEntry {
                credentials,
                email: None,
                warnings: Vec::new(),
            },
        }
    }
}

/// The Secret that is read.
pub(crate) struct SecretReader<'a> {
    pub(crate) name: &'a str,
    pub(crate) data: &'a BTreeMap<String, ByteString>,
    keys: &'a CredentialKeys,
    warnings: Vec<String>,
}

impl SecretReader<'_> {
    /// The credentials of all forms, which have to agree, and the e-mail address.
    fn read(
        &mut self,
        registry: &RegistryKey,
        email: Option<&str>,
    ) -> Result<(CredentialForm, Option<String>), Problem> {
        let (mut forms, no_entry) = self.documents(registry)?;
        forms.extend(self.auth()?);
        let incomplete = self.username_and_password(&mut forms)?;
        let Some(first) = forms.first() else {
            return Err(incomplete.or(no_entry).unwrap_or_else(|| self.nothing()));
        };
        if forms
            .iter()
            .any(|form| form.entry.credentials != first.entry.credentials)
        {
            let keys: Vec<&str> = forms.iter().map(|form| form.keys.as_str()).collect();
            return Err(self.ambiguous(&keys.join(" and ")));
        }
        let email = match email {
            Some(email) => Some(email.to_owned()),
            None => self
                .email()?
                .or_else(|| forms.iter().find_map(|form| form.entry.email.clone())),
        };
        for form in &forms {
            let warnings = form.entry.warnings.iter();
            let located = warnings.map(|warning| format!("{} of Secret {:?}: {warning}", form.keys, self.name));
            self.warnings.extend(located);
        }
        self.warn_of(&first.entry.credentials, registry);
        Ok((forms.swap_remove(0), email))
    }

    /// What is used as it is and may surprise.
    fn warn_of(&mut self, credentials: &RegistryCredentials, registry: &RegistryKey) {
        for (what, text) in [
            ("user name", credentials.username()),
            ("password", credentials.password()),
        ] {
            if text.trim() != text {
                self.warnings.push(format!(
                    "the {what} in Secret {:?} begins or ends with whitespace; it is used as it is",
                    self.name
                ));
            }
        }
        let dialect = if registry.is_docker_hub() {
            Dialect::DockerHub
        } else {
            Dialect::of(registry.host_port())
        };
        let doubt = dialect.username_doubt(credentials.username());
        let doubt = doubt.map(|doubt| format!("the user name in Secret {:?} {doubt}", self.name));
        self.warnings.extend(doubt);
    }

    /// Whether a form is read: every one by default, and only the named ones once a key is named.
    fn is_selected(&self, is_named: bool) -> bool {
        let keys = self.keys;
        let forms = [
            &keys.username,
            &keys.password,
            &keys.auth,
            &keys.docker_config_json,
            &keys.docker_cfg,
        ];
        is_named || forms.iter().all(|key| key.is_none())
    }

    /// Keys of the documents to read: the named one, or those of the usual ones that are there.
    fn document_keys(&self) -> Vec<&str> {
        let keys = self.keys;
        let forms = [
            (&keys.docker_config_json, &DOCUMENT_KEYS[..]),
            (&keys.docker_cfg, &LEGACY_DOCUMENT_KEYS[..]),
        ];
        let selected = forms.into_iter().filter(|(named, _)| self.is_selected(named.is_some()));
        selected
            .flat_map(|(named, usual)| match named {
                Some(key) => vec![key.as_str()],
                None => usual
                    .iter()
                    .copied()
                    .filter(|key| self.data.contains_key(*key))
                    .collect(),
            })
            .collect()
    }

    /// Credentials of the docker config documents, and why the last one without an entry has none.
    fn documents(&self, registry: &RegistryKey) -> Result<(Vec<CredentialForm>, Option<Problem>), Problem> {
        let (mut forms, mut no_entry) = (Vec::new(), None);
        for key in self.document_keys() {
            let Some(document) = self.data.get(key) else {
                return Err(self.missing(&[key]));
            };
            match user_document::find(&document.0, registry) {
                Ok(entry) => forms.push(CredentialForm {
                    keys: format!("key {key:?}"),
                    entry,
                }),
                Err(error) => {
                    let place = format!("key {key:?} of Secret {:?}", self.name);
                    let problem = document_problem(&place, registry, error);
                    if problem.reason != Reason::NoEntryForRegistry {
                        return Err(problem);
                    }
                    no_entry = Some(problem);
                }
            }
        }
        Ok((forms, no_entry))
    }

    fn auth(&mut self) -> Result<Option<CredentialForm>, Problem> {
        let (named, key) = (self.keys.auth.is_some(), self.keys.auth.as_deref().unwrap_or("auth"));
        if !self.is_selected(named) {
            return Ok(None);
        }
        let Some(token) = self.text(key)? else {
            return if named { Err(self.missing(&[key])) } else { Ok(None) };
        };
        let (keys, mut trimmed) = (format!("key {key:?}"), Vec::new());
        let credentials =
            RegistryCredentials::from_auth(token, &mut trimmed).map_err(|error| self.invalid(&keys, error))?;
        trimmed.sort_unstable();
        trimmed.dedup();
        let warnings = trimmed
            .iter()
            .map(|what| format!("a value in key {key:?} of Secret {:?} {what}", self.name));
        self.warnings.extend(warnings);
        Ok(Some(CredentialForm::plain(keys, credentials)))
    }

    /// Adds the credentials of the plain keys. One of the two alone is a problem when no other form is complete, and has
    /// to agree otherwise.
    fn username_and_password(&mut self, forms: &mut Vec<CredentialForm>) -> Result<Option<Problem>, Problem> {
        let is_named = self.keys.username.is_some() || self.keys.password.is_some();
        if !self.is_selected(is_named) {
            return Ok(None);
        }
        let username_key = self.keys.username.as_deref().unwrap_or("username");
        let password_key = self.keys.password.as_deref().unwrap_or("password");
        let (username, password) = (self.line(username_key)?, self.line(password_key)?);
        let (present, absent) = match (&username, &password) {
            (Some(username), Some(password)) => {
                let keys = format!("keys {username_key:?} and {password_key:?}");
                let credentials =
                    RegistryCredentials::new(username, password).map_err(|error| self.invalid(&keys, error))?;
                forms.push(CredentialForm::plain(keys, credentials));
                return Ok(None);
            }
            (None, None) => return Ok(is_named.then(|| self.missing(&[username_key, password_key]))),
            (Some(_), None) => (username_key, password_key),
            (None, Some(_)) => (password_key, username_key),
        };
        if is_named {
            return Err(self.missing(&[absent]));
        }
        let agrees = |credentials: &RegistryCredentials| {
            username
                .as_deref()
                .is_none_or(|username| username == credentials.username())
                && password
                    .as_deref()
                    .is_none_or(|password| password == credentials.password())
        };
        match forms.iter().find(|form| !agrees(&form.entry.credentials)) {
            Some(other) => Err(self.ambiguous(&format!("key {present:?} and {}", other.keys))),
            None => Ok(Some(self.missing(&[absent]))),
        }
    }

    fn email(&self) -> Result<Option<String>, Problem> {
        let key = self.keys.email.as_deref().unwrap_or("email");
        let Some(email) = self.text(key)? else {
            return if self.keys.email.is_some() {
                Err(self.missing(&[key]))
            } else {
                Ok(None)
            };
        };
        let email = encoding::trim_mark(email, &mut Vec::new()).trim();
        Ok((!email.is_empty()).then(|| email.to_owned()))
    }

    fn text(&self, key: &str) -> Result<Option<&str>, Problem> {
        let Some(value) = self.data.get(key) else {
            return Ok(None);
        };
        encoding::text(&value.0).map(Some).map_err(|what| {
            Problem::new(
                Reason::Malformed,
                format!("key {key:?} of Secret {:?} {what}", self.name),
            )
        })
    }

    /// The value without what editors and `echo` leave around it.
    fn line(&mut self, key: &str) -> Result<Option<String>, Problem> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let mut trimmed = Vec::new();
        let line = encoding::trim(text, &mut trimmed).to_owned();
        let warnings = trimmed
            .iter()
            .map(|what| format!("key {key:?} of Secret {:?} {what}", self.name));
        self.warnings.extend(warnings);
        Ok(Some(line))
    }
}
