//! Passwords that nobody types: from stdin or a file. Never from an argument, which every user of the machine can see.

use std::path::Path;

use crate::cli::input::limited;
use crate::domain::credentials::encoding::{self, trim_mark};

/// Longest password, in bytes: a Secret holds no more.
const LONGEST: u64 = 1024 * 1024;

/// Reads stdin to its end.
pub(crate) fn from_stdin() -> Result<String, String> {
    read("stdin", std::io::stdin())
}

/// Reads a file.
pub(crate) fn from_file(path: &Path) -> Result<String, String> {
    let place = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|error| format!("{place}: {error}"))?;
    read(&place, file)
}

fn read(place: &str, source: impl std::io::Read) -> Result<String, String> {
    let text = limited(place, source, LONGEST, "longer than 1 MiB, so it is no password")?;
    let text = encoding::text(&text).map_err(|what| format!("{place}: the password {what}"))?;
    // PowerShell and editors of Windows put one in front.
    Ok(trim_mark(text, &mut Vec::new()).to_owned())
}
