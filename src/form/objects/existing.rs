//! How the objects of a form stand to what exists.

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use crate::domain::credential_source::from_secret::resolve_document;
use crate::domain::secret::desired::document_of;
use crate::form::objects::{Objects, replaced_spec};

/// How objects stand to those that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Neither exists.
    Nothing,
    /// Both are there, and what they are to be.
    Same,
    /// One is something else.
    Different,
}

impl Objects {
    /// Whether a generated Secret holds the login. Without one, whatever it holds is what was meant.
    pub fn are_in(&self, generated: &Secret) -> bool {
        let (Some(login), Some(registry)) = (&self.login, &self.declaration.registry) else {
            return true;
        };
        let held = resolve_document("the Secret", document_of(generated).unwrap_or_default(), registry).ok();
        let typed = &login["stringData"];
        held.is_some_and(|held| typed["username"] == held.username() && typed["password"] == held.password())
    }

    /// Compares them with the resource and the Secret with the login that exist.
    pub fn compare(&self, resource: Option<&Value>, login: Option<&Secret>) -> Existing {
        if resource.is_none() && login.is_none() {
            return Existing::Nothing;
        }
        let is_same = resource.is_some_and(|spec| replaced_spec(spec, &self.resource["spec"]) == *spec);
        let holds = |key: &str, value: &Value| {
            let data = login.and_then(|login| login.data.as_ref()?.get(key));
            data.is_some_and(|data| value.as_str().is_some_and(|value| data.0 == value.as_bytes()))
        };
        let fields = self
            .login
            .iter()
            .filter_map(|login| login["stringData"].as_object())
            .flatten();
        if is_same && fields.into_iter().all(|(key, value)| holds(key, value)) {
            Existing::Same
        } else {
            Existing::Different
        }
    }
}
