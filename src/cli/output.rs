//! Formats of the output, and how it is written. Nothing else writes to a terminal.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use crate::domain::text::invisible::{is_invisible, printable, visible_json, visible_yaml};

/// For people or for programs.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Indented JSON with a final line break. What a terminal would obey is escaped.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string_pretty(value)
        .map(|text| visible_json(&text) + "\n")
        .map_err(|error| error.to_string())
}

/// YAML with base64 in one piece instead of a folded block. Where a terminal would obey it, it is JSON with escapes, which is
/// YAML too.
pub(crate) fn to_yaml(value: &Value) -> Result<String, String> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let text = serde_saphyr::to_string_with_options(value, options).map_err(|error| error.to_string())?;
    if !text.contains(|c| c != '\n' && is_invisible(c)) {
        return Ok(text);
    }
    let json = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    Ok(visible_yaml(&json) + "\n")
}

/// Writes a document for programs to stdout.
pub(crate) fn write(text: &str) -> Result<(), String> {
    write_live(text).map(|_| ())
}

/// Writes to stdout, and says whether somebody still reads it.
pub(crate) fn write_live(text: &str) -> Result<bool, String> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        // The reader closed the pipe, as `head` does.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

/// Writes lines for people to stdout. Names and messages in them may hold what a terminal would obey.
pub(crate) fn write_lines<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<(), String> {
    write_lines_live(lines).map(|_| ())
}

/// The same, and whether somebody still reads them.
pub(crate) fn write_lines_live<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<bool, String> {
    let lines = lines.into_iter().map(|line| printable(line.as_ref()) + "\n");
    write_live(&lines.collect::<String>())
}

/// Refuses to write passwords where whoever stands behind a person can read them.
pub(crate) fn refuse_terminal() -> Result<(), String> {
    if std::io::stdout().is_terminal() {
        return Err("--export prints passwords: send stdout to a file or to a tool such as kubeseal".to_owned());
    }
    Ok(())
}

/// Writes objects as YAML documents to stdout.
pub(crate) fn write_objects<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Result<(), String> {
    let documents = objects
        .into_iter()
        .map(|object| to_yaml(object).map(|yaml| format!("---\n{yaml}")));
    write(&documents.collect::<Result<String, String>>()?)
}

/// Whether a person reads stderr.
pub(crate) fn reports_to_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Writes a question for people to stderr, without a line break.
pub(crate) fn prompt(question: &str) -> Result<(), String> {
    let mut stderr = std::io::stderr();
    let written = stderr
        .write_all(printable(question).as_bytes())
        .and_then(|()| stderr.flush());
    written.map_err(|error| error.to_string())
}
/// How far long work is, for whoever watches a terminal.
pub(crate) struct ProgressLine {
    begun: Instant,
    is_terminal: bool,
    /// When something was shown last.
    shown: Option<Instant>,
    /// How wide it is.
    width: usize,
}

impl ProgressLine {
    /// Short work shows none.
    const PATIENCE: Duration = Duration::from_secs(1);
    const PAUSE: Duration = Duration::from_millis(200);

    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            is_terminal: std::io::stderr().is_terminal(),
            shown: None,
            width: 0,
        }
    }

    /// Replaces what was shown.
    pub(crate) fn say(&mut self, text: &str) {
        let is_recent = self.shown.is_some_and(|shown| shown.elapsed() < Self::PAUSE);
        if self.is_terminal && !is_recent && self.begun.elapsed() >= Self::PATIENCE {
            let text = printable(text);
            self.clear();
            self.shown = Some(Instant::now());
            self.width = text.chars().count();
            let _ = write!(std::io::stderr(), "{text}");
        }
    }

    /// Back to the beginning of the line, and nothing in it. Not every console of Windows has a sequence for that.
    fn clear(&self) {
        let _ = write!(std::io::stderr(), "\r{:1$}\r", "", self.width);
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.shown.is_some() {
            self.clear();
        }
    }
}

/// Writes a line for people to stderr.
pub(crate) fn report(line: &str) {
    let line = printable(line) + "\n";
    // Nobody is left to tell that stderr is closed.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Makes a panic tell its place and not its message, which may hold a secret.
pub(crate) fn hide_panic_messages() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(|place| format!(" at {}:{}", place.file(), place.line()));
        report(&format!("dps: internal error{}", place.unwrap_or_default()));
    }));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]
mod tests {
    use std::process::Command;

    use serde_json::{Value, json};

    use super::{hide_panic_messages, to_json, to_yaml};
    use crate::domain::text::invisible::is_invisible;

    /// Set in a process that has to panic.
    const PANIC: &str = "DPS_TEST_PANIC";

    #[test]
    fn documents_escape_what_a_terminal_would_obey_and_mean_the_same() {
        for text in [
            "plain",
            "it's \"quoted\": a\\b",
            "bidi \u{202e}txet",
            "csi \u{9b}31m \u{1b}[31m \u{7f}",
            "tag \u{e0041}, soft\u{ad}hyphen, zero\u{200b}width",
            "two\nlines\tand \u{202e}",
            "\u{feff}",
        ] {
            let value = json!({text: [text, {"a": text}]});
            let (json, yaml) = (to_json(&value).unwrap(), to_yaml(&value).unwrap());
            for document in [&json, &yaml] {
                assert!(!document.contains(|c| c != '\n' && is_invisible(c)), "{document:?}");
            }
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value, "{json}");
            assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), value, "{yaml}");
        }
    }

    #[test]
    fn a_panic_tells_its_place_and_not_its_message() {
        if std::env::var_os(PANIC).is_some() {
            hide_panic_messages();
            panic!("CANARY");
        }
        let own = [
            "--exact",
            "--nocapture",
            "cli::output::tests::a_panic_tells_its_place_and_not_its_message",
        ];
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args(own).env(PANIC, "1").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && !stderr.contains("CANARY"), "{stderr}");
        assert!(stderr.contains("dps: internal error at src/cli/output.rs:"), "{stderr}");
    }
}
