//! Text of others that may repeat credentials: it is shown without them, or not at all.

use std::collections::HashSet;

use serde_json::Value;

use crate::domain::credentials::spelling::{folded, letters, plain, readings};
use crate::domain::credentials::{RegistryCredentials, hide, shapes};

/// What stands for a text that repeats credentials.
pub const LEFT_OUT: &str = "the text is left out: it repeats the credentials";

/// Letters of a password in a row that are not shown.
const PASSWORD_RUN: usize = 6;

/// Letters of a token in a row that are not shown: tokens are long, and begin alike.
const TOKEN_RUN: usize = 12;

/// What must not be repeated: passwords, tokens, and user names that may be tokens. `Debug` shows nothing of it.
#[derive(Default)]
pub struct Unrepeatable {
    /// Spellings that are replaced where they stand.
    shapes: Vec<String>,
    /// Runs of letters, by length: a text that has one of them in any spelling is left out.
    runs: Vec<(usize, HashSet<String>)>,
    /// Texts that everybody knows, such as the name of the registry.
    known: Vec<String>,
}

impl std::fmt::Debug for Unrepeatable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Unrepeatable([REDACTED])")
    }
}

impl Unrepeatable {
    /// These credentials.
    pub fn new(credentials: &RegistryCredentials) -> Self {
        let mut found = Self::default();
        found.add(credentials.username(), credentials.password());
        found
    }

    /// Adds a token that the token server gave.
    pub fn add_token(&mut self, token: &str) {
        self.shapes.push(token.to_owned());
        // A token of a few letters is none that opens anything.
        if token.len() >= PASSWORD_RUN {
            self.add_runs(token, TOKEN_RUN);
        }
    }

    /// Adds a user name and a password.
    pub(crate) fn add(&mut self, username: &str, password: &str) {
        self.shapes.extend(shapes(username, password));
        for secret in secret_parts(password) {
            self.add_runs(&secret, PASSWORD_RUN);
        }
    }

    /// Text that is no secret even if a password has a part of it, such as the name of a registry.
    #[must_use]
    pub fn knowing(mut self, known: &str) -> Self {
        let known = folded(known);
        let spellings = [letters(&known), known];
        self.known
            .extend(spellings.into_iter().filter(|known| known.len() >= PASSWORD_RUN));
        self
    }

    /// Adds text that is hidden as it stands.
    pub(crate) fn add_shape(&mut self, shape: &str) {
        self.shapes.push(shape.to_owned());
    }

    fn add_runs(&mut self, secret: &str, length: usize) {
        let mut spellings = vec![secret.to_lowercase(), folded(secret), plain(secret)];
        // Of a password of signs, the letters are too few to mean anything.
        let bare = [letters(&folded(secret)), letters(&plain(secret))];
        spellings.extend(bare.into_iter().filter(|letters| letters.chars().count() >= length));
        for spelling in spellings {
            let reversed: String = spelling.chars().rev().collect();
            let length = length.min(spelling.chars().count());
            if length > 0 {
                let runs = windows(&spelling, length).chain(windows(&reversed, length));
                self.runs.push((length, runs.map(str::to_owned).collect()));
            }
        }
    }

    /// A text of somebody else as it may be repeated: not at all if it has a part of a secret in any spelling.
    pub fn repeat(&self, text: &str) -> String {
        if self.is_in(text, 1) {
            LEFT_OUT.to_owned()
        } else {
            self.hide(text)
        }
    }

    /// A message of ours with words of others in it: addresses and quoted words that repeat a secret are hidden.
    pub fn hide_in_message(&self, message: &str) -> String {
        let hidden = self.hide(message);
        let words = hidden.split(' ').map(|word| {
            let is_quoted = word.contains("://") || word.contains('"');
            if is_quoted && self.is_in(word, PASSWORD_RUN) {
                "[redacted]"
            } else {
                word
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn hide(&self, text: &str) -> String {
        hide(text, self.shapes.iter().map(String::as_str))
    }

    /// Whether a text has a part of a secret in any spelling, of at least this length.
    fn is_in(&self, text: &str, shortest: usize) -> bool {
        let runs: Vec<_> = self.runs.iter().filter(|(length, _)| *length >= shortest).collect();
        if runs.is_empty() {
            return false;
        }
        readings(text).iter().any(|reading| {
            let known = self.known.iter();
            let reading = known.fold(reading.clone(), |reading, known| reading.replace(known, " "));
            runs.iter()
                .any(|(length, runs)| windows(&reading, *length).any(|window| runs.contains(window)))
        })
    }
}

/// What of a password is secret: a key file is JSON text, which has words of everybody besides its keys.
fn secret_parts(password: &str) -> Vec<String> {
    let is_secret = |name: &str| {
        ["key", "secret", "token", "password"]
            .iter()
            .any(|part| name.contains(part))
    };
    let document = serde_json::from_str::<Value>(password).ok();
    let fields = document.as_ref().and_then(Value::as_object).into_iter().flatten();
    let secret = fields.filter(|(name, _)| is_secret(&name.to_ascii_lowercase()));
    let parts: Vec<String> = secret
        .filter_map(|(_, value)| value.as_str())
        .map(|value| value.lines().filter(|line| !line.starts_with("-----")).collect())
        .filter(|part: &String| !part.is_empty())
        .collect();
    if parts.is_empty() {
        vec![password.to_owned()]
    } else {
        parts
    }
}

/// All parts of a text that have this many letters.
fn windows(text: &str, length: usize) -> impl Iterator<Item = &str> {
    let begins: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let count = begins.len().saturating_sub(length);
    (0..count).map(move |index| &text[begins[index]..begins[index + length]])
}
