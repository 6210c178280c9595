//! Each action as the command that does the same.

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, VERIFY_ANNOTATION};
use crate::domain::listing::ListedResource;
use crate::domain::registry::key::RegistryKey;
use crate::domain::text::invisible::is_invisible;
use crate::domain::text::shell::{quoted, word};
use crate::form::field;
use crate::form::objects::{Form, Login, Scope};
use crate::page::create::fields::{CreateFields, DOCKER_HUB, words};

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

/// `dps create` with what was filled in. It asks for the password, which is not in it. `None`: something cannot be written for a shell.
pub fn create_command(fields: &CreateFields, flags: &str) -> Option<String> {
    let mut command = format!("dps create{flags}");
    // It asks for what is missing.
    if let Ok(name) = field::name(&fields.name) {
        command = format!("{command} {name}");
    }
    let typed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let is_docker_hub = fields.registry_type == DOCKER_HUB;
    let excluded = words(&fields.excluded).into_iter().filter(|_| fields.is_shared);
    let accounts = words(&fields.service_accounts).into_iter();
    let flags = [
        ("-n", typed(&fields.namespace)),
        ("--type", is_docker_hub.then(|| DOCKER_HUB.to_owned())),
        ("--registry-url", typed(&fields.registry_url).filter(|_| !is_docker_hub)),
        ("--username", typed(&fields.username)),
        ("--email", typed(&fields.email)),
        (
            "--namespace-selector",
            fields.is_shared.then(|| fields.selector.trim().to_owned()),
        ),
    ];
    let flags = flags.into_iter().filter_map(|(flag, value)| Some((flag, value?)));
    let flags = flags
        .chain(excluded.map(|name| ("--exclude-namespace", name)))
        .chain(accounts.map(|name| ("--service-account", name)));
    for (flag, value) in flags {
        command = with_flag(&command, flag, &value)?;
    }
    Some(if fields.attach_to_pods {
        command + " --attach-to-pods"
    } else {
        command
    })
}

/// `dps import` of a docker config. `chosen`: the registries that were chosen; without any, it asks.
pub fn import_command(flags: &str, namespace: &str, short_lived: bool, chosen: &[RegistryKey]) -> Option<String> {
    let mut command = format!("dps import{flags} --from config.json");
    if !namespace.is_empty() {
        command = with_flag(&command, "-n", namespace)?;
    }
    if short_lived {
        command += " --allow-short-lived";
    }
    for registry in chosen {
        command = with_flag(&command, "--registry", registry.as_str())?;
    }
    Some(command)
}

/// A command with one more flag. A value that looks like a flag is tied to its own.
fn with_flag(command: &str, flag: &str, value: &str) -> Option<String> {
    let separator = if value.starts_with('-') { '=' } else { ' ' };
    Some(format!("{command} {flag}{separator}{}", word(value)?))
}

/// Makes the Secret with the credentials that were typed into a form, with flags for the context of the page. The password is typed
/// again, and not shown.
pub fn login_command(form: &Form, flags: &str) -> Option<String> {
    let Login::New { credentials, .. } = &form.login else {
        return None;
    };
    let namespace = match &form.scope {
        Scope::Namespace(namespace) => namespace.as_deref(),
        Scope::Selected { login, .. } => Some(login.as_str()),
    };
    let namespace = namespace
        .map(|namespace| format!(" -n {namespace}"))
        .unwrap_or_default();
    Some(format!(
        "stty -echo; kubectl{flags} create secret generic {}{namespace} --from-literal=username={} --from-file=password=/dev/stdin; stty echo",
        form.login_secret()?,
        quoted(credentials.username())
    ))
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
