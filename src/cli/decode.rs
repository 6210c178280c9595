//! `dps decode`: what an authorization token holds.

use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal as _, Read, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::exit::exit_code;
use crate::cli::output::{write, write_lines};
use crate::domain::docker_config::token::decode;
use crate::domain::text::invisible::escaped;

/// Largest input. A token is much shorter.
const LARGEST: u64 = 1 << 20;

#[derive(Args)]
pub(crate) struct Decode {
    /// File with the token; default: stdin, where dps prompts for it on a terminal.
    #[arg(short, long, value_name = "FILE|-")]
    filename: Option<PathBuf>,
    /// Print the password. Only on a terminal.
    #[arg(long)]
    show_password: bool,
    /// Takes what somebody gives as an argument: the parser's own message would repeat it.
    #[arg(hide = true)]
    argument: Option<OsString>,
}

pub(crate) fn run(arguments: &Decode) -> ExitCode {
    exit_code("decode", decode_and_print(arguments))
}

fn decode_and_print(arguments: &Decode) -> Result<ExitCode, String> {
    if arguments.argument.is_some() {
        return Err(
            "give the token on stdin or in a file: everybody on this machine can read arguments, and shells keep them"
                .to_owned(),
        );
    }
    if arguments.show_password && !stdout().is_terminal() {
        return Err(
            "--show-password needs a terminal as stdout: a password does not belong into a file or a log".to_owned(),
        );
    }
    let token = match decode(&read(arguments)?) {
        Ok(token) => token,
        Err(why) => {
            write_lines([why])?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let has_password = if token.has_password() { "yes" } else { "none" };
    let is_shown = arguments.show_password && token.has_password();
    let username = Some(token.username.as_str()).filter(|name| !name.is_empty());
    write_lines([format!("user name  {}", username.unwrap_or("none"))])?;
    if is_shown {
        // Whole, however long it is.
        write(&format!("password   {}\n", escaped(token.password())))?;
    } else {
        write_lines([format!("password   {has_password}")])?;
    }
    write_lines(token.problems.iter().map(|problem| format!("problem    {problem}")))?;
    Ok(if token.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn read(arguments: &Decode) -> Result<Vec<u8>, String> {
    match arguments.filename.as_deref().filter(|path| path.as_os_str() != "-") {
        Some(path) => {
            let failed = |error| format!("{}: {error}", path.display());
            let file = File::open(path).map_err(failed)?;
            limited(file).map_err(failed)
        }
        None if stdin().is_terminal() => {
            let typed = rpassword::prompt_password("Token: ");
            typed
                .map(String::into_bytes)
                .map_err(|error| format!("cannot read the token: {error}"))
        }
        None => limited(stdin()).map_err(|error| format!("stdin: {error}")),
    }
}

fn limited(input: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
