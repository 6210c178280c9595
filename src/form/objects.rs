//! The objects that a filled-in form stands for.

mod existing;
mod replaced;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde_json::{Value, json};

use crate::api::{API_VERSION, CLUSTER_DOCKER_PULL_SECRET, CredentialKeys, CredentialsFrom, DOCKER_PULL_SECRET};
use crate::domain::credentials::RegistryCredentials;
use crate::domain::problem::{Problem, unparsable};
use crate::domain::spec::declaration::Declaration;
use crate::form::field::{ChosenRegistry, login_name};

pub use crate::form::objects::existing::Existing;
pub use crate::form::objects::replaced::{check_registry, replaced_login, replaced_spec};

/// A filled-in form.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// Name of the resource.
    pub name: String,
    /// Which namespaces get the Secret.
    pub scope: Scope,
    /// The registry.
    pub registry: ChosenRegistry,
    /// Where the login is.
    pub login: Login,
    /// `spec.email`.
    pub email: Option<String>,
    /// What is seldom filled in.
    pub options: FurtherFields,
}

/// Which namespaces get the Secret.
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    /// This one; `None`: the one to which the objects are applied.
    Namespace(Option<String>),
    /// Those that are selected.
    Selected {
        /// Namespace of the login.
        login: String,
        /// Labels of the namespaces.
        selector: LabelSelector,
        /// Names that are left out, with `*` for any text.
        excluded: Vec<String>,
    },
}

/// Where the login of a resource is.
#[derive(Clone, Debug, PartialEq)]
pub enum Login {
    /// In a Secret that is made of these credentials.
    New {
        /// Name of the Secret; `None`: made of the name of the resource.
        secret: Option<String>,
        /// What it holds.
        credentials: RegistryCredentials,
    },
    /// In a Secret that is there.
    Existing {
        /// Name of the Secret.
        secret: String,
        /// Keys that differ from the defaults.
        keys: CredentialKeys,
    },
    /// None: the operator mints credentials.
    Minted(Box<CredentialsFrom>),
}

/// Fields of a spec that have no question of their own.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "fields of the resource")]
pub struct FurtherFields {
    /// `spec.secretName`.
    pub secret_name: Option<String>,
    /// `spec.secretTemplate.labels`.
    pub labels: BTreeMap<String, String>,
    /// `spec.attachTo.serviceAccounts`.
    pub service_accounts: Vec<String>,
    /// `spec.attachTo.pods`.
    pub attach_to_pods: bool,
    /// `spec.recovery.evictPods`.
    pub evict_pods: bool,
    /// `spec.verification.image`.
    pub image: Option<String>,
    /// `spec.verification.plainHttp`.
    pub plain_http: bool,
    /// `spec.adopt`.
    pub adopt: bool,
}

/// What a form stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    /// The Secret with the login, if one is made.
    pub login: Option<Value>,
    /// The resource.
    pub resource: Value,
    /// The same, as the operator reads it.
    pub declaration: Declaration,
}

impl Scope {
    /// Kind of a resource for it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Namespace(_) => DOCKER_PULL_SECRET,
            Self::Selected { .. } => CLUSTER_DOCKER_PULL_SECRET,
        }
    }
}

impl Form {
    /// Kind of the resource.
    pub fn kind(&self) -> &'static str {
        self.scope.kind()
    }

    /// Name of the Secret with the login, if there is one.
    pub fn login_secret(&self) -> Option<String> {
        match &self.login {
            Login::New { secret, .. } => Some(secret.clone().unwrap_or_else(|| login_name(&self.name))),
            Login::Existing { secret, .. } => Some(secret.clone()),
            Login::Minted(_) => None,
        }
    }

    /// Name of the Secret that pods list.
    pub fn pull_secret(&self) -> &str {
        self.options.secret_name.as_deref().unwrap_or(&self.name)
    }

    /// The objects, if the resource breaks no rule.
    pub fn objects(&self) -> Result<Objects, Problem> {
        let resource = self.resource();
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            ..ObjectMeta::default()
        };
        let declaration = Declaration::read(self.kind(), metadata, resource["spec"].clone());
        let declaration = declaration.map_err(|error| unparsable(&error.to_string()))?;
        declaration.spec.clone()?;
        let login = match &self.login {
            Login::New { credentials, .. } => Some(self.login(credentials)),
            Login::Existing { .. } | Login::Minted(_) => None,
        };
        Ok(Objects {
            login,
            resource,
            declaration,
        })
    }

    fn login(&self, credentials: &RegistryCredentials) -> Value {
        let mut metadata = json!({"name": self.login_secret()});
        let namespace = match &self.scope {
            Scope::Namespace(namespace) => namespace.as_ref(),
            Scope::Selected { login, .. } => Some(login),
        };
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque",
            "stringData": {"username": credentials.username(), "password": credentials.password()},
        })
    }

    /// The field of the spec that says where the credentials come from, and its value.
    fn source(&self) -> (&'static str, Value) {
        let mut source = json!({"name": self.login_secret()});
        match &self.login {
            Login::Existing { keys, .. } if *keys != CredentialKeys::default() => source["keys"] = json!(keys),
            Login::New { .. } | Login::Existing { .. } => {}
            Login::Minted(from) => return ("credentialsFrom", json!(from)),
        }
        ("credentialsRef", source)
    }

    fn resource(&self) -> Value {
        let mut metadata = json!({"name": self.name});
        let (field, mut source) = self.source();
        let mut spec = json!({"type": self.registry.registry_type});
        if let Some(url) = self.registry.url() {
            spec["registryUrl"] = json!(url);
        }
        match &self.scope {
            Scope::Namespace(None) => {}
            Scope::Namespace(Some(namespace)) => metadata["namespace"] = json!(namespace),
            Scope::Selected {
                login,
                selector,
                excluded,
            } => {
                source["namespace"] = json!(login);
                spec["namespaceSelector"] = json!(selector);
                if !excluded.is_empty() {
                    spec["excludeNamespaces"] = json!(excluded);
                }
            }
        }
        spec[field] = source;
        if let Some(email) = &self.email {
            spec["email"] = json!(email);
        }
        self.options.write(&mut spec);
        json!({"apiVersion": API_VERSION, "kind": self.kind(), "metadata": metadata, "spec": spec})
    }
}

impl FurtherFields {
    fn write(&self, spec: &mut Value) {
        if let Some(name) = &self.secret_name {
            spec["secretName"] = json!(name);
        }
        if !self.labels.is_empty() {
            spec["secretTemplate"] = json!({"labels": self.labels});
        }
        if !self.service_accounts.is_empty() {
            spec["attachTo"]["serviceAccounts"] = json!(self.service_accounts);
        }
        if self.attach_to_pods {
            spec["attachTo"]["pods"] = json!("MatchingImages");
        }
        if self.evict_pods {
            spec["recovery"] = json!({"evictPods": "WhenFixed"});
        }
        if let Some(image) = &self.image {
            spec["verification"]["image"] = json!(image);
        }
        if self.plain_http {
            spec["verification"]["plainHttp"] = json!(true);
        }
        if self.adopt {
            spec["adopt"] = json!(true);
        }
    }
}
