//! Each action as the command that does the same.

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, VERIFY_ANNOTATION};
use crate::domain::listing::ListedResource;
use crate::domain::text::invisible::is_invisible;
use crate::domain::text::shell::quoted;
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
    /// Those of a resource, with flags for the context of the page. Its name is one that the API server accepted.
    pub(super) fn of(resource: &ListedResource, flags: &str) -> Self {
        let key = &resource.key;
        let object = if resource.kind == CLUSTER_DOCKER_PULL_SECRET {
            format!("clusterdockerpullsecret {}", key.name)
        } else {
            format!("-n {} dockerpullsecret {}", key.namespace, key.name)
        };
        let suspend = |is_suspended: bool| {
            format!("kubectl{flags} patch {object} --type=merge -p '{{\"spec\":{{\"suspend\":{is_suspended}}}}}'")
        };
        Self {
            verify: format!("kubectl{flags} annotate {object} --overwrite {VERIFY_ANNOTATION}=\"$(date +%s)\""),
            suspend: suspend(true),
            resume: suspend(false),
            delete: format!("kubectl{flags} delete {object}"),
        }
    }
}

/// Makes the Secret with the login of a form, with flags for the context of the page. The password is typed, and not shown.
pub fn login_command(form: &Form, flags: &str) -> String {
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
        "stty -echo; kubectl{flags} create secret generic {}{namespace} --from-literal=username={} --from-file=password=/dev/stdin; stty echo",
        form.login_secret(),
        quoted(username)
    )
}

/// Whether a shell does nothing with a command but run the programs that it begins with: a status may be written by others.
pub(super) fn is_plain(command: &str) -> bool {
    let mut is_quoted = false;
    let is_harmless = command.chars().all(|c| {
        is_quoted ^= c == '\'';
        !is_invisible(c) && (is_quoted || c.is_ascii_alphanumeric() || " '\"-_./:@+=,&[]".contains(c))
    });
    is_harmless && !is_quoted && !command.replace(" && ", " ").contains('&')
}
