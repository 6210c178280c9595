//! Each action as the command that does the same.

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, VERIFY_ANNOTATION};
use crate::domain::listing::ListedResource;
use crate::form::objects::{Form, Login, Scope};

/// What can be done with a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceCommands {
    /// Requests a verification.
    pub verify: String,
    /// Pauses it.
    pub suspend: String,
    /// Ends the pause.
    pub resume: String,
    /// Deletes it.
    pub delete: String,
}

impl ResourceCommands {
    /// Those of a resource. Its name is one that the API server accepted.
    pub(super) fn of(resource: &ListedResource) -> Self {
        let key = &resource.key;
        let object = if resource.kind == CLUSTER_DOCKER_PULL_SECRET {
            format!("clusterdockerpullsecret {}", key.name)
        } else {
            format!("-n {} dockerpullsecret {}", key.namespace, key.name)
        };
        let suspend = |is_suspended: bool| {
            format!("kubectl patch {object} --type=merge -p '{{\"spec\":{{\"suspend\":{is_suspended}}}}}'")
        };
        Self {
            verify: format!("kubectl annotate {object} --overwrite {VERIFY_ANNOTATION}=\"$(date +%s)\""),
            suspend: suspend(true),
            resume: suspend(false),
            delete: format!("kubectl delete {object}"),
        }
    }

    /// The same for the context of a page, where that can be written.
    pub(super) fn map(self, change: impl Fn(&str) -> Option<String>) -> Self {
        let changed = |command: String| change(&command).unwrap_or(command);
        Self {
            verify: changed(self.verify),
            suspend: changed(self.suspend),
            resume: changed(self.resume),
            delete: changed(self.delete),
        }
    }
}

/// Makes the Secret with the login of a form, and asks for the password.
pub fn login_command(form: &Form) -> String {
    let namespace = match &form.scope {
        Scope::Namespace(namespace) => namespace.as_deref(),
        Scope::Selected { login, .. } => Some(login.as_str()),
    };
    let namespace = namespace
        .map(|namespace| format!(" -n {namespace}"))
        .unwrap_or_default();
    let username = match &form.login {
        Login::New { credentials, .. } => credentials.username(),
        Login::Existing { .. } => "",
    };
    format!(
        "kubectl create secret generic {}{namespace} --from-literal=username={} --from-file=password=/dev/stdin",
        form.login_secret(),
        quoted(username)
    )
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
