//! Runs credential helpers. Nothing that one says is repeated, except by the terminal that it shares.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::cli::output::reports_to_terminal;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::docker_config::credential_helper::is_name;
use crate::domain::registry::key::RegistryKey;
use crate::form::helper::{LONGEST_ANSWER, listed, login, servers};

/// Longest time for one answer: somebody may have to unlock a store.
const PATIENCE: Duration = Duration::from_mins(1);

/// The login that a helper has for a registry. `written`: how the document spells it.
pub(super) async fn get(name: &str, written: &str, registry: &RegistryKey) -> Result<RegistryCredentials, String> {
    let program = format!("docker-credential-{name}");
    for server in servers(written, registry) {
        let (status, stdout) = run(name, "get", &server).await?;
        match login(status.success(), &stdout) {
            Ok(Some(credentials)) => return Ok(credentials),
            Ok(None) => {}
            Err(problem) => return Err(format!("{program} {problem}")),
        }
    }
    Err(format!(
        "{program} has no login for {}: log in first, with docker login",
        registry.display_name()
    ))
}

/// What a store has logins for. A store that does not say has none beyond the document.
pub(super) async fn list(name: &str) -> Vec<String> {
    match run(name, "list", "").await {
        Ok((status, stdout)) => listed(status.success(), &stdout),
        Err(_) => Vec::new(),
    }
}

/// Runs it without a shell, and ends it when it takes too long or says too much.
async fn run(name: &str, action: &str, stdin: &str) -> Result<(ExitStatus, Vec<u8>), String> {
    let program = format!("docker-credential-{name}");
    if !is_name(name) {
        return Err("the credential helper has a name that no program has".to_owned());
    }
    let stderr = if reports_to_terminal() {
        Stdio::inherit()
    } else {
        Stdio::null()
    };
    // On Windows, a helper may be a script, which is not found by its bare name.
    let found =
        which::which(&program).map_err(|_| format!("{program} is not on PATH: install it, or use dps create"))?;
    let child = Command::new(found)
        .arg(action)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn();
    let mut child = child.map_err(|error| format!("{program} cannot be started: {error}"))?;
    let (mut input, output) = (child.stdin.take(), child.stdout.take());
    let conversation = async {
        if let Some(input) = &mut input {
            // It may need none, and end before it has read it.
            let _ = input.write_all(stdin.as_bytes()).await;
        }
        drop(input);
        let mut stdout = Vec::new();
        if let Some(output) = output {
            output.take(LONGEST_ANSWER + 1).read_to_end(&mut stdout).await?;
        }
        if stdout.len() as u64 > LONGEST_ANSWER {
            return Ok(None);
        }
        Ok::<_, std::io::Error>(Some((child.wait().await?, stdout)))
    };
    match tokio::time::timeout(PATIENCE, conversation).await {
        Ok(Ok(Some(answer))) => Ok(answer),
        Ok(Ok(None)) => Err(format!(
            "{program} answered with more than 64 KiB: it is no credential helper"
        )),
        Ok(Err(error)) => Err(format!("{program}: {error}")),
        Err(_) => Err(format!("{program} did not answer within {} s", PATIENCE.as_secs())),
    }
}
