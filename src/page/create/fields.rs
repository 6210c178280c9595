//! The fields of the form as they were typed, and what is wrong with each.

use crate::domain::credentials::RegistryCredentials;
use crate::domain::names::is_object_name;
use crate::domain::spec::selection::NamespaceSelection;
use crate::form::field::{self, ChosenRegistry};
use crate::form::objects::{Form, FurtherFields, Login, Scope};
use crate::form::selector;

/// `spec.type` of Docker Hub, as the form sends it.
pub(in crate::page) const DOCKER_HUB: &str = "DockerHub";

/// The fields, except for the password, which is never shown again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateFields {
    /// `DockerHub` or `PrivateRegistry`.
    pub registry_type: String,
    /// Name of the resource.
    pub name: String,
    /// The registry.
    pub registry_url: String,
    /// The user.
    pub username: String,
    /// The e-mail address.
    pub email: String,
    /// The namespace; that of the login if many are selected.
    pub namespace: String,
    /// Whether the Secret is for many namespaces.
    pub is_shared: bool,
    /// Labels of these namespaces.
    pub selector: String,
    /// Names that are left out, separated by commas.
    pub excluded: String,
    /// ServiceAccounts that are to list the Secret, separated by commas.
    pub service_accounts: String,
    /// Whether pods with such an image get it.
    pub attach_to_pods: bool,
    /// Whether it is written although the login was not accepted.
    pub is_unverified: bool,
}

/// What is wrong, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldProblems(Vec<(&'static str, String)>);

impl FieldProblems {
    /// What is wrong with a field.
    pub fn get(&self, field: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == field);
        found.map(|(_, problem)| problem.as_str())
    }

    /// Each field that is wrong, and what is wrong with it.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(field, problem)| (*field, problem.as_str()))
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the value, or takes note of what is wrong with it.
    fn check<T>(&mut self, field: &'static str, label: &str, checked: Result<T, String>) -> Option<T> {
        checked
            .map_err(|problem| self.0.push((field, format!("{label} {problem}."))))
            .ok()
    }
}

impl CreateFields {
    /// The form that these fields stand for.
    pub fn form(&self, password: &str) -> Result<Form, FieldProblems> {
        let mut problems = FieldProblems::default();
        let name = problems.check("name", "The name", field::name(&self.name));
        let registry = problems.check("registry-url", "The registry URL", self.registry());
        let scope = self.scope(&mut problems);
        let username = problems.check("username", "The input", field::username(&self.username));
        let credentials = username.and_then(|username| {
            let credentials = field::password(&username, password);
            problems.check("password", "The input", credentials)
        });
        let email = problems.check("email", "The address", field::email(&self.email));
        match (name, registry, scope, credentials, email) {
            (Some(name), Some(registry), Some(scope), Some(credentials), Some(email)) if problems.is_empty() => {
                Ok(self.filled(name, registry, scope, credentials, email))
            }
            _ => Err(problems),
        }
    }

    fn filled(
        &self,
        name: String,
        registry: ChosenRegistry,
        scope: Scope,
        credentials: RegistryCredentials,
        email: Option<String>,
    ) -> Form {
        Form {
            name,
            scope,
            registry,
            login: Login::New {
                secret: None,
                credentials,
            },
            email,
            options: FurtherFields {
                service_accounts: words(&self.service_accounts),
                attach_to_pods: self.attach_to_pods,
                ..FurtherFields::default()
            },
        }
    }

    /// The registry that was chosen.
    pub fn registry(&self) -> Result<ChosenRegistry, String> {
        if self.registry_type == DOCKER_HUB {
            return Ok(ChosenRegistry::docker_hub());
        }
        // Who types Docker Hub here means it.
        ChosenRegistry::new(None, Some(&self.registry_url))
    }

    /// Which images the credentials are for, as soon as that is known.
    pub fn registry_hint(&self) -> Option<String> {
        if self.registry_type == DOCKER_HUB || self.registry_url.trim().is_empty() {
            return None;
        }
        self.registry().ok().map(|registry| registry.images())
    }

    /// Which namespaces are selected; why none can be, in a sentence.
    pub fn selection(&self) -> Result<NamespaceSelection, String> {
        let selector = selector::parse(&self.selector).map_err(|problem| format!("The selector {problem}"))?;
        NamespaceSelection::new(&selector, &words(&self.excluded)).map_err(|problem| problem.message)
    }

    fn scope(&self, problems: &mut FieldProblems) -> Option<Scope> {
        let namespace = self.namespace.trim();
        let named = if is_object_name(namespace) {
            Ok(namespace.to_owned())
        } else {
            Err("must be a name in Kubernetes: lower-case letters, digits and '-'".to_owned())
        };
        let namespace = problems.check("namespace", "The namespace", named);
        if !self.is_shared {
            return namespace.map(|namespace| Scope::Namespace(Some(namespace)));
        }
        let selector = problems.check("selector", "The selector", selector::parse(&self.selector));
        Some(Scope::Selected {
            login: namespace?,
            selector: selector?,
            excluded: words(&self.excluded),
        })
    }
}

/// Words between commas.
pub(in crate::page) fn words(text: &str) -> Vec<String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}
