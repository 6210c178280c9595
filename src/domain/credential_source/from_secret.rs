//! The one login that a referenced Secret gives (design.md 2.2).

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use crate::api::{CredentialKeys, Reason};
use crate::domain::credentials::{RegistryCredentials, trim_line_break};
use crate::domain::docker_config::user_document;
use crate::domain::docker_config::user_document::ResolvedEntry;
use crate::domain::problem::Problem;
use crate::domain::registry::key::RegistryKey;
use crate::domain::spec::validate::ValidatedSpec;

/// Types whose content gives access to the cluster itself and never to a registry.
const FORBIDDEN_TYPES: [&str; 2] = ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"];

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The login.
    pub login: RegistryCredentials,
    /// E-mail address, the spec's before the Secret's.
    pub email: Option<String>,
    /// The keys it was read from, for the status.
    pub keys: String,
    /// What works but will probably surprise.
    pub warnings: Vec<String>,
}

/// Reads the login out of the referenced Secret; `None` when that does not exist.
pub fn resolve(spec: &ValidatedSpec, secret: Option<&Secret>) -> Result<Resolved, Problem> {
    let Some(secret) = secret else {
        return Err(Problem::new(
            Reason::SecretNotFound,
            format!(
                "Secret {:?} (spec.credentialsRef.name) does not exist in this namespace: create it",
                spec.source
            ),
        ));
    };
    let secret_type = secret.type_.as_deref().unwrap_or("Opaque");
    if FORBIDDEN_TYPES.contains(&secret_type) {
        return Err(Problem::new(
            Reason::ForbiddenSecretType,
            format!(
                "Secret {:?} is of type {secret_type}, which gives access to the cluster and is never sent to a registry: name a Secret that holds a registry login",
                spec.source
            ),
        ));
    }
    let empty = BTreeMap::new();
    let source = Source {
        name: &spec.source,
        data: secret.data.as_ref().unwrap_or(&empty),
        keys: &spec.keys,
    };
    source.resolve(spec)
}

/// Reads the login for `registry` out of a docker config that stands at `place`.
pub fn resolve_document(place: &str, document: &[u8], registry: &RegistryKey) -> Result<RegistryCredentials, Problem> {
    user_document::find(document, registry)
        .map(|found| found.login)
        .map_err(|miss| crate::domain::credential_source::problems::document_problem(place, registry, miss))
}

/// A form in which a login can be written, with the keys it was read from.
struct CredentialForm {
    keys: String,
    found: ResolvedEntry,
}

pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) data: &'a BTreeMap<String, ByteString>,
    pub(crate) keys: &'a CredentialKeys,
}

impl Source<'_> {
    fn resolve(&self, spec: &ValidatedSpec) -> Result<Resolved, Problem> {
        let mut warnings = Vec::new();
        let (documents, missed) = self.documents(&spec.registry)?;
        let mut forms: Vec<CredentialForm> = documents;
        forms.extend(self.auth()?);
        let half = self.username_and_password(&mut forms, &mut warnings)?;

        let Some(first) = forms.first() else {
            return Err(half.or(missed).unwrap_or_else(|| self.nothing()));
        };
        if forms.iter().any(|form| form.found.login != first.found.login) {
            let keys: Vec<&str> = forms.iter().map(|form| form.keys.as_str()).collect();
            return Err(self.ambiguous(&keys.join(" and ")));
        }
        let email = match &spec.email {
            Some(email) => Some(email.clone()),
            None => self
                .email()?
                .or_else(|| forms.iter().find_map(|form| form.found.email.clone())),
        };
        let login = first.found.login.clone();
        let keys = first.keys.clone();
        for form in &mut forms {
            warnings.extend(
                form.found
                    .warnings
                    .drain(..)
                    .map(|what| format!("{} of Secret {:?}: {what}", form.keys, self.name)),
            );
        }
        if login.username().trim() != login.username() {
            warnings.push(format!(
                "the user name in Secret {:?} begins or ends with a blank; it is used as it is",
                self.name
            ));
        }
        if login.password().trim() != login.password() {
            warnings.push(format!(
                "the password in Secret {:?} begins or ends with a blank; it is used as it is",
                self.name
            ));
        }
        Ok(Resolved {
            login,
            email,
            keys,
            warnings,
        })
    }

    /// Whether a form is to be read: every one by default, and only the named ones once a key is named.
    fn selected(&self, named: bool) -> bool {
        let keys = self.keys;
        let forms = [
            &keys.username,
            &keys.password,
            &keys.auth,
            &keys.docker_config_json,
            &keys.docker_cfg,
        ];
        named || forms.iter().all(|key| key.is_none())
    }

    /// Logins of the docker config documents, and why the last one without a login has none.
    fn documents(&self, registry: &RegistryKey) -> Result<(Vec<CredentialForm>, Option<Problem>), Problem> {
        let mut candidates: Vec<&str> = Vec::new();
        if self.selected(self.keys.docker_config_json.is_some()) {
            match &self.keys.docker_config_json {
                Some(key) => candidates.push(key),
                None => candidates.extend(
                    [".dockerconfigjson", "config.json"]
                        .iter()
                        .filter(|key| self.data.contains_key(**key)),
                ),
            }
        }
        if self.selected(self.keys.docker_cfg.is_some()) {
            match &self.keys.docker_cfg {
                Some(key) => candidates.push(key),
                None => candidates.extend([".dockercfg"].iter().filter(|key| self.data.contains_key(**key))),
            }
        }
        let (mut forms, mut missed) = (Vec::new(), None);
        for key in candidates {
            let Some(document) = self.data.get(key) else {
                return Err(self.missing(&[key]));
            };
            match user_document::find(&document.0, registry) {
                Ok(found) => forms.push(CredentialForm {
                    keys: format!("key {key:?}"),
                    found,
                }),
                Err(miss) => {
                    let problem = crate::domain::credential_source::problems::document_problem(
                        &format!("key {:?} of Secret {:?}", key, self.name),
                        registry,
                        miss,
                    );
                    if problem.reason != Reason::NoEntryForRegistry {
                        return Err(problem);
                    }
                    missed = Some(problem);
                }
            }
        }
        Ok((forms, missed))
    }

    fn auth(&self) -> Result<Option<CredentialForm>, Problem> {
        let key = self.keys.auth.as_deref().unwrap_or("auth");
        if !self.selected(self.keys.auth.is_some()) {
            return Ok(None);
        }
        let Some(token) = self.text(key)? else {
            return if self.keys.auth.is_some() {
                Err(self.missing(&[key]))
            } else {
                Ok(None)
            };
        };
        let login =
            RegistryCredentials::from_auth(token).map_err(|refusal| self.refused(&format!("key {key:?}"), refusal))?;
        Ok(Some(CredentialForm {
            keys: format!("key {key:?}"),
            found: ResolvedEntry {
                login,
                email: None,
                warnings: Vec::new(),
            },
        }))
    }

    /// Adds the login of the plain keys. A half of it is a problem when no other form is complete, and has to agree otherwise.
    fn username_and_password(
        &self,
        forms: &mut Vec<CredentialForm>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Problem>, Problem> {
        let named = self.keys.username.is_some() || self.keys.password.is_some();
        if !self.selected(named) {
            return Ok(None);
        }
        let user_key = self.keys.username.as_deref().unwrap_or("username");
        let password_key = self.keys.password.as_deref().unwrap_or("password");
        let (username, password) = (self.line(user_key, warnings)?, self.line(password_key, warnings)?);
        match (username, password) {
            (Some(username), Some(password)) => {
                let keys = format!("keys {user_key:?} and {password_key:?}");
                let login =
                    RegistryCredentials::new(username, password).map_err(|refusal| self.refused(&keys, refusal))?;
                forms.push(CredentialForm {
                    keys,
                    found: ResolvedEntry {
                        login,
                        email: None,
                        warnings: Vec::new(),
                    },
                });
                Ok(None)
            }
            (None, None) => Ok(named.then(|| self.missing(&[user_key, password_key]))),
            (username, password) => {
                let (present, absent) = if username.is_some() {
                    (user_key, password_key)
                } else {
                    (password_key, user_key)
                };
                if named {
                    return Err(self.missing(&[absent]));
                }
                let agrees = |login: &RegistryCredentials| {
                    username.is_none_or(|username| username == login.username())
                        && password.is_none_or(|password| password == login.password())
                };
                match forms.iter().find(|form| !agrees(&form.found.login)) {
                    Some(other) => Err(self.ambiguous(&format!("key {present:?} and {}", other.keys))),
                    None => Ok(Some(self.missing(&[absent]))),
                }
            }
        }
    }

    fn email(&self) -> Result<Option<String>, Problem> {
        let key = self.keys.email.as_deref().unwrap_or("email");
        let Some(email) = self.text(key)?.map(str::trim) else {
            return if self.keys.email.is_some() {
                Err(self.missing(&[key]))
            } else {
                Ok(None)
            };
        };
        Ok((!email.is_empty()).then(|| email.to_owned()))
    }

    fn text(&self, key: &str) -> Result<Option<&str>, Problem> {
        let Some(value) = self.data.get(key) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&value.0).map_err(|_| {
            Problem::new(
                Reason::Malformed,
                format!("key {key:?} of Secret {:?} is not UTF-8 text", self.name),
            )
        })?;
        Ok(Some(text))
    }

    fn line(&self, key: &str, warnings: &mut Vec<String>) -> Result<Option<&str>, Problem> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let line = trim_line_break(text);
        if line != text {
            warnings.push(format!(
                "key {key:?} of Secret {:?} ends with a line break, which is left out",
                self.name
            ));
        }
        Ok(Some(line))
    }
}
