//! Completion on the command line: scripts for shells and for kubectl, and what these ask for.

pub(crate) mod names;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::complete;
use clap_complete::env::{Bash, EnvCompleter, Fish, Powershell, Zsh};

use crate::cli::exit::exit_code;
use crate::cli::output::write;

/// With it in the environment, a script asks what comes next.
const VARIABLE: &str = "DPS_COMPLETE";

/// The command that kubectl's script runs, as in other programs.
pub(crate) const KUBECTL_COMMAND: &str = "__complete";

/// kubectl runs a program of the plugin's name to complete its arguments, and the plugin has that name too.
const KUBECTL_SCRIPT: &str = r#"#!/bin/sh
# Completion for kubectl, for the plugin whose name this file has: kubectl_complete-pull_secret, kubectl_complete-dps.
plugin=$(basename "$0" | sed 's/^kubectl_complete-//; s/_/-/g')
exec kubectl "$plugin" __complete "$@"
"#;

#[derive(Args)]
pub(crate) struct Completion {
    /// The shell, or kubectl for a script that completes `kubectl pull-secret`.
    #[arg(value_enum)]
    shell: Completing,
}

/// Whoever completes.
#[derive(Clone, Copy, ValueEnum)]
enum Completing {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Kubectl,
}

/// What kubectl has so far.
#[derive(Args)]
pub(crate) struct CompleteForKubectl {
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    words: Vec<OsString>,
}

pub(crate) fn run(arguments: &Completion) -> ExitCode {
    exit_code(
        "completion",
        script(arguments.shell)
            .and_then(|script| write(&script))
            .map(|()| ExitCode::SUCCESS),
    )
}

fn script(shell: Completing) -> Result<String, String> {
    let shell: &dyn EnvCompleter = match shell {
        Completing::Bash => &Bash,
        Completing::Zsh => &Zsh,
        Completing::Fish => &Fish,
        Completing::PowerShell => &Powershell,
        Completing::Kubectl => return Ok(KUBECTL_SCRIPT.to_owned()),
    };
    let mut script = Vec::new();
    let written = shell.write_registration(VARIABLE, "dps", "dps", &program(), &mut script);
    written.map_err(|error| error.to_string())?;
    String::from_utf8(script).map_err(|error| error.to_string())
}

/// This program, as the script has to call it: by its name, if that is how it was called.
fn program() -> String {
    let called = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    let is_name = matches!(
        called.components().collect::<Vec<_>>().as_slice(),
        [Component::Normal(_)]
    );
    let program = match std::env::current_dir() {
        // Shells of Windows give the whole path, whatever was typed.
        _ if cfg!(windows) && is_on_path(&called) => called.file_stem().unwrap_or_default().into(),
        Ok(folder) if !is_name => folder.join(called),
        _ => called,
    };
    program.to_string_lossy().into_owned()
}

/// Whether the name of a program is enough to call it.
fn is_on_path(program: &Path) -> bool {
    let named = program.file_name().and_then(|name| which::which(name).ok());
    let [named, program] = [named.as_deref(), Some(program)].map(|path| path.and_then(|path| path.canonicalize().ok()));
    program.is_some() && named == program
}

/// Answers a script, if one asks, and ends the process then.
pub(crate) fn answer_shell(command: fn() -> Command) {
    let shells = CompleteEnv::with_factory(command).var(VARIABLE).bin("dps");
    shells.complete();
}

/// Answers kubectl's script: candidates, each with its description behind a tab, and that it need not look for files.
pub(crate) fn answer_kubectl(mut command: Command, asked: CompleteForKubectl) -> ExitCode {
    let words: Vec<OsString> = std::iter::once(OsString::from("dps")).chain(asked.words).collect();
    let last = words.len() - 1;
    // As in other commands of kubectl, flags are offered to whoever begins one.
    let asks_for_flag = words[last].as_encoded_bytes().starts_with(b"-");
    let candidates = complete(&mut command, words, last, None).unwrap_or_default();
    let candidates = candidates.iter().filter(|candidate| {
        let is_flag = candidate.get_value().as_encoded_bytes().starts_with(b"-");
        !candidate.is_hide_set() && (is_flag == asks_for_flag)
    });
    let mut text = String::new();
    for candidate in candidates {
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        let _ = writeln!(text, "{}\t{help}", candidate.get_value().to_string_lossy());
    }
    text.push_str(":4\n");
    exit_code(KUBECTL_COMMAND, write(&text).map(|()| ExitCode::SUCCESS))
}
