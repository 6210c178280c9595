//! `dps decode`: what an authorization token holds.

use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal as _, Read, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::exit::exit_code;
use crate::cli::output::{write, write_lines};
use crate::cli::runtime::block_on;
use crate::cli::terminal::{Stop, Terminal, in_thread, interruptible};
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
    /// Takes what somebody gives as arguments: the parser's own message would repeat them.
    #[arg(hide = true)]
    words: Vec<OsString>,
}

pub(crate) fn run(arguments: &Decode) -> ExitCode {
    let terminal = Terminal::open_for_hidden();
    let terminal = terminal.as_ref();
    let result = block_on(interruptible(terminal, decode_and_print(arguments, terminal)));
    exit_code("decode", result)
}

async fn decode_and_print(arguments: &Decode, terminal: Option<&Terminal>) -> Result<ExitCode, Stop> {
    if !arguments.words.is_empty() {
        return Err(Stop::Error(format!(
            "{} too many: give the token on stdin or in a file, since everybody on this machine can read arguments, and shells keep them",
            match arguments.words.len() {
                1 => "1 argument".to_owned(),
                count => format!("{count} arguments"),
            }
        )));
    }
    if arguments.show_password && !stdout().is_terminal() {
        let why = "--show-password needs a terminal as stdout: a password does not belong into a file or a log";
        return Err(Stop::Error(why.to_owned()));
    }
    let token = match decode(&read(arguments, terminal).await?) {
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

async fn read(arguments: &Decode, terminal: Option<&Terminal>) -> Result<Vec<u8>, Stop> {
    let file = arguments.filename.clone().filter(|path| path.as_os_str() != "-");
    match (file, terminal) {
        (None, Some(terminal)) => terminal.read_hidden("Token: ").await.map(String::into_bytes),
        (file, _) => Ok(in_thread(move || from_input(file.as_deref())).await??),
    }
}

/// From a file, or from stdin.
fn from_input(file: Option<&Path>) -> Result<Vec<u8>, String> {
    let Some(path) = file else {
        return limited(stdin()).map_err(|error| format!("stdin: {error}"));
    };
    File::open(path)
        .and_then(limited)
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn limited(input: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
