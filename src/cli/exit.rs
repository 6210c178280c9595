//! Exit codes, and the line on stderr that says why.

use std::fmt::Display;
use std::process::ExitCode;

use crate::cli::output::report;

/// Usage error or unreadable input.
pub(crate) const USAGE: u8 = 2;

/// No registry accepted or refused the credentials.
pub(crate) const NO_VERDICT: u8 = 3;

/// Ctrl-C, as shells count it.
pub(crate) const INTERRUPTED: u8 = 130;

/// The exit code of a command. An error is printed and counts as a usage error.
pub(crate) fn exit_code(command: &str, result: Result<ExitCode, impl Display>) -> ExitCode {
    result.unwrap_or_else(|error| {
        report(&format!("dps {command}: {error}"));
        ExitCode::from(USAGE)
    })
}
