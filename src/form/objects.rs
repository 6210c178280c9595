//! The objects that a filled-in form stands for.

mod existing;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde_json::{Value, json};

use crate::api::{API_VERSION, CLUSTER_DOCKER_PULL_SECRET, CredentialKeys, DOCKER_PULL_SECRET};
use crate::domain::credentials::RegistryCredentials;
use crate::domain::problem::{Problem, unparsable};
use crate::domain::registry::key::RegistryKey;
use crate::domain::spec::declaration::Declaration;
use crate::domain::text::cut;
use crate::form::field::{ChosenRegistry, login_name};

pub use crate::form::objects::existing::Existing;

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

    /// Name of the Secret with the login.
    pub fn login_secret(&self) -> String {
        match &self.login {
            Login::New { secret, .. } => secret.clone().unwrap_or_else(|| login_name(&self.name)),
            Login::Existing { secret, .. } => secret.clone(),
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
            Login::Existing { .. } => None,
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

    fn resource(&self) -> Value {
        let mut metadata = json!({"name": self.name});
        let mut credentials = json!({"name": self.login_secret()});
        if let Login::Existing { keys, .. } = &self.login
            && *keys != CredentialKeys::default()
        {
            credentials["keys"] = json!(keys);
        }
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
                credentials["namespace"] = json!(login);
                spec["namespaceSelector"] = json!(selector);
                if !excluded.is_empty() {
                    spec["excludeNamespaces"] = json!(excluded);
                }
            }
        }
        spec["credentialsRef"] = credentials;
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

/// The spec of a resource that exists, changed to what a form says; what the form leaves open stays.
pub fn replaced_spec(existing: &Value, wanted: &Value) -> Value {
    let mut spec = existing.clone();
    if let Some(fields) = spec.as_object_mut() {
        // Docker Hub has none.
        fields.remove("registryUrl");
    }
    for (field, value) in wanted.as_object().into_iter().flatten() {
        match (field.as_str(), value.as_object(), spec[field].is_object()) {
            ("attachTo" | "verification" | "recovery", Some(inner), true) => {
                for (field_inside, value) in inner {
                    spec[field][field_inside] = value.clone();
                }
            }
            ("secretTemplate", Some(_), true) => {
                for (label, value) in value["labels"].as_object().into_iter().flatten() {
                    spec[field]["labels"][label] = value.clone();
                }
            }
            _ => spec[field] = value.clone(),
        }
    }
    spec
}

/// Other forms of a login: two forms in one Secret have to agree, and other resources may read these.
const OTHER_FORMS: [&str; 4] = ["auth", ".dockerconfigjson", "config.json", ".dockercfg"];

/// Refuses to change a resource to another registry: for a moment, the operator would send the login to the wrong one.
pub fn check_registry(existing: &Value, wanted: &Value) -> Result<(), String> {
    let registry = |spec: &Value| {
        (
            spec["type"].clone(),
            spec["registryUrl"].as_str().and_then(RegistryKey::of_config_entry),
        )
    };
    if registry(existing) == registry(wanted) {
        return Ok(());
    }
    let other = existing["registryUrl"].as_str().unwrap_or("Docker Hub");
    Err(format!(
        "serves another registry, {}: choose another name, or delete it first",
        cut(other, 200)
    ))
}

/// A Secret with a login that exists, changed to the one that a form says; other keys and all metadata stay.
pub fn replaced_login(existing: &Secret, wanted: &Value) -> Result<Value, String> {
    let name = existing.metadata.name.as_deref().unwrap_or_default();
    let owners = existing.metadata.owner_references.iter().flatten();
    if let Some(owner) = owners.into_iter().find(|owner| owner.controller == Some(true)) {
        return Err(format!(
            "Secret {name:?} is written by {} {:?}: change the login there, or use another Secret with --login-secret",
            owner.kind, owner.name
        ));
    }
    let kind = existing.type_.as_deref().unwrap_or("Opaque");
    if !matches!(kind, "Opaque" | "kubernetes.io/basic-auth") {
        return Err(format!(
            "Secret {name:?} is of type {kind}, which cannot become a user name and password: use another Secret with --login-secret"
        ));
    }
    let data = existing.data.clone().unwrap_or_default();
    if let Some(key) = OTHER_FORMS.iter().find(|key| data.contains_key(**key)) {
        return Err(format!(
            "Secret {name:?} holds its login in key {key}, which others may read as well: change it there, or use another Secret with --login-secret"
        ));
    }
    let mut secret = wanted.clone();
    secret["metadata"] = json!(existing.metadata);
    secret["type"] = json!(kind);
    secret["data"] = json!(data);
    Ok(secret)
}
