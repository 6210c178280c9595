//! Words for a POSIX shell.

use crate::domain::text::invisible::is_invisible;

/// A text as one word, whatever is in it.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A text as one word of a command that somebody reads before running it, with quotes only where they are needed. `None`: it has
/// characters that nobody sees.
pub fn word(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+".contains(c);
    if text.contains(is_invisible) {
        None
    } else if !text.is_empty() && text.chars().all(is_plain) {
        Some(text.to_owned())
    } else {
        Some(quoted(text))
    }
}
