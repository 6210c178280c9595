//! Credential plugins of a kubeconfig: programs that print credentials for the API server.
//!
//! A plugin is run once here. The client would run it three times before the first request, and would panic if the token
//! cannot stand in a header.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::{Command, Stdio};

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;

use crate::kubernetes::client_errors::{INVALID_OUTPUT, INVALID_TOKEN};

/// For how long a client is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// For one command: what a plugin gives lasts long enough.
    Command,
    /// For the whole life of the operator or of a page: what expires has to be renewed.
    Process,
    /// For a moment, in which a plugin may neither ask nor print anything.
    Silent,
}

#[derive(Deserialize)]
struct ExecCredential {
    status: Option<ExecCredentialStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredentialStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

/// Puts what the plugin gives in the place of the plugin, which is kept only if its token has to be renewed.
pub(super) async fn replace(user: &mut AuthInfo, lifetime: Lifetime) -> Result<(), String> {
    // The client prefers these.
    let has_password = user.username.is_some() && user.password.is_some();
    let has_token = user.token.is_some() || user.token_file.is_some();
    if user.auth_provider.is_some() || has_password || has_token {
        return Ok(());
    }
    let Some(plugin) = &mut user.exec else {
        return Ok(());
    };
    let name = plugin
        .command
        .as_ref()
        .and_then(|command| Path::new(command).file_name());
    let name = name.map(|name| name.to_string_lossy().into_owned());
    if cfg!(windows) {
        plugin.command = plugin.command.take().map(|command| found(&command).unwrap_or(command));
    }
    let plugin = plugin.clone();
    let has_terminal = std::io::stdin().is_terminal();
    let output = tokio::task::spawn_blocking(move || run(&plugin, lifetime == Lifetime::Silent, has_terminal)).await;
    let output = output.unwrap_or_else(|_| Err("the credential plugin cannot be run".to_owned()));
    let status = output.map_err(|why| match name {
        Some(name) => format!("{name:?}: {why}"),
        None => why,
    })?;
    if let (Some(certificate), Some(key)) = (status.client_certificate_data, status.client_key_data) {
        user.client_certificate_data = Some(STANDARD.encode(certificate));
        user.client_key_data = Some(STANDARD.encode(key).into());
    }
    if status.token.is_some() && status.expiration_timestamp.is_some() && lifetime == Lifetime::Process {
        // The client runs it then, and would pass on a stdin that is no terminal.
        if !has_terminal {
            user.exec.iter_mut().for_each(never_ask);
        }
        return Ok(());
    }
    user.token = status.token.map(Into::into);
    user.exec = None;
    Ok(())
}

/// The file of a program. On Windows, it may be a script, which is not found by its bare name.
fn found(command: &str) -> Option<String> {
    which::which(command).ok()?.into_os_string().into_string().ok()
}

fn never_ask(plugin: &mut ExecConfig) {
    plugin.interactive_mode = Some(ExecInteractiveMode::Never);
}

/// Whether a plugin gets stdin: as for client-go, a terminal only. What else is there, such as the password of a registry,
/// is not for the plugin.
fn is_interactive(mode: Option<&ExecInteractiveMode>, has_terminal: bool) -> Result<bool, &'static str> {
    match mode {
        Some(ExecInteractiveMode::Never) => Ok(false),
        Some(ExecInteractiveMode::IfAvailable) | None => Ok(has_terminal),
        Some(ExecInteractiveMode::Always) if has_terminal => Ok(true),
        Some(ExecInteractiveMode::Always) => {
            Err("the credential plugin needs a terminal (interactiveMode: Always), and stdin is none")
        }
    }
}

/// Runs a plugin as client-go does. What it gives can be sent.
fn run(plugin: &ExecConfig, is_silent: bool, has_terminal: bool) -> Result<ExecCredentialStatus, String> {
    let program = plugin.command.as_ref().ok_or("the credential plugin has no command")?;
    let mode = plugin.interactive_mode.as_ref();
    let is_interactive = is_interactive(mode, has_terminal && !is_silent)?;
    let mut command = Command::new(program);
    command.args(plugin.args.iter().flatten());
    for variable in plugin.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            command.env(name, value);
        }
    }
    let cluster = plugin.cluster.as_ref().filter(|_| plugin.provide_cluster_info);
    let mut spec = json!({"interactive": is_interactive});
    if let Some(cluster) = cluster {
        spec["cluster"] = json!(cluster);
    }
    let info = json!({"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec});
    command.env("KUBERNETES_EXEC_INFO", info.to_string());
    command.stdin(if is_interactive {
        Stdio::inherit()
    } else {
        Stdio::null()
    });
    // It may say where to log in, which takes no stdin.
    if mode != Some(&ExecInteractiveMode::Never) && !is_silent {
        command.stderr(Stdio::inherit());
    }
    let output = command
        .output()
        .map_err(|error| format!("the credential plugin cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("the credential plugin failed ({})", output.status));
    }
    // Some print YAML, which client-go reads as well.
    let credential: ExecCredential = serde_saphyr::from_slice(&output.stdout).map_err(|_| INVALID_OUTPUT)?;
    let status = credential.status.ok_or(INVALID_OUTPUT)?;
    let has_certificate = status.client_certificate_data.is_some() && status.client_key_data.is_some();
    match &status.token {
        Some(token) if HeaderValue::from_str(token).is_err() => Err(INVALID_TOKEN.to_owned()),
        None if !has_certificate => {
            Err("the credential plugin returned neither a token nor a client certificate".to_owned())
        }
        _ => Ok(status),
    }
}

#[cfg(test)]
mod tests {
    use kube::config::ExecInteractiveMode::{Always, IfAvailable, Never};

    use super::is_interactive;

    #[test]
    fn plugin_gets_stdin_only_if_that_is_a_terminal() {
        for (mode, has_terminal, expected) in [
            (None, true, Some(true)),
            (None, false, Some(false)),
            (Some(IfAvailable), true, Some(true)),
            (Some(IfAvailable), false, Some(false)),
            (Some(Always), true, Some(true)),
            (Some(Always), false, None),
            (Some(Never), true, Some(false)),
            (Some(Never), false, Some(false)),
        ] {
            let found = is_interactive(mode.as_ref(), has_terminal);
            assert_eq!(found.ok(), expected, "{mode:?} {has_terminal}");
        }
    }
}
