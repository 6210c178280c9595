//! Registry credentials: what makes them usable, and how they are written.

pub mod encoding;
pub mod repetition;
mod spelling;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::credentials::encoding::{Trimmed, decode_base64, has_byte_order_mark, text, trim, trim_mark};

pub use crate::domain::credentials::encoding::trim_line_break;

/// User name and password for one registry. `Debug` shows neither.
#[derive(Clone)]
pub struct RegistryCredentials {
    username: String,
    password: SecretString,
}

impl std::fmt::Debug for RegistryCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RegistryCredentials([REDACTED])")
    }
}

impl PartialEq for RegistryCredentials {
    fn eq(&self, other: &Self) -> bool {
        self.username == other.username && self.password() == other.password()
    }
}

/// Why text from a Secret cannot be used as credentials. Never holds any of that text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidCredentials {
    /// Completes "the credential in key ...".
    Malformed(&'static str),
    /// The user name says that the password is an OAuth refresh token.
    IdentityToken,
}

/// User name with which Docker marks an OAuth refresh token (docker/cli `cli/config/credentials/native_store.go`).
const IDENTITY_TOKEN_USER: &str = "<token>";

/// User name for Google's key files: the password is JSON text of many lines.
const JSON_KEY_USER: &str = "_json_key";

/// What is shown instead of a password.
pub(crate) const MASK: &str = "********";

impl RegistryCredentials {
    /// Checks what RFC 7617 and the clients of registries require.
    pub fn new(username: &str, password: &str) -> Result<Self, InvalidCredentials> {
        let problem = if username.is_empty() {
            "has an empty user name: pulls would silently be anonymous"
        } else if password.is_empty() {
            "has an empty password: pulls would silently be anonymous"
        } else if username == IDENTITY_TOKEN_USER {
            return Err(InvalidCredentials::IdentityToken);
        } else if username.contains(':') {
            "has a ':' in the user name, which HTTP basic authentication does not allow"
        } else if username.contains(['\r', '\n', '\0']) || password.contains('\0') {
            "has a line break or NUL byte inside"
        } else if has_byte_order_mark(username) || has_byte_order_mark(password) {
            "has a byte order mark (U+FEFF) inside, which is invisible: remove it"
        } else if password.contains(['\r', '\n']) && username != JSON_KEY_USER {
            "has a line break inside the password"
        } else {
            return Ok(Self {
                username: username.to_owned(),
                password: password.into(),
            });
        };
        Err(InvalidCredentials::Malformed(problem))
    }

    /// Reads an authorization token, base64 of `username:password` in any alphabet and padding, as Docker reads it.
    /// Adds to `trimmed` what was left out of the token and its parts.
    pub fn from_auth(token: &str, trimmed: &mut Vec<Trimmed>) -> Result<Self, InvalidCredentials> {
        let malformed = InvalidCredentials::Malformed;
        let token = trim_mark(token.trim(), trimmed);
        let decoded = decode_base64(token).ok_or(malformed(if token.contains(':') {
            "is not base64 but looks like plain username:password: encode it as base64, or use the keys username and password"
        } else {
            "is not base64 of username:password"
        }))?;
        let decoded = text(&decoded).map_err(|_| {
            malformed("is base64, but not of UTF-8 text: encode username:password as UTF-8 first, then as base64")
        })?;
        // Docker pads with NUL and trims it again; the kubelet would send it.
        let decoded = trim_mark(decoded.trim_end_matches('\0'), trimmed);
        let (username, password) = decoded.split_once(':').ok_or(malformed(
            "is base64, but there is no ':' in the decoded text: it must be base64 of username:password, encoded once",
        ))?;
        Self::new(username, trim(password, trimmed))
    }

    /// The user name.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The password in clear text: only for the generated document and for login attempts.
    pub fn password(&self) -> &str {
        self.password.expose_secret()
    }

    /// The same user with a password that is none.
    pub(crate) fn masked(&self) -> Self {
        Self {
            username: self.username.clone(),
            password: MASK.into(),
        }
    }

    /// In the place of some that nobody knows yet.
    pub(crate) fn unknown() -> Self {
        Self {
            username: MASK.to_owned(),
            password: MASK.into(),
        }
    }

    /// Padded standard base64 of `username:password`.
    pub fn auth(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.username, self.password()))
    }
}

/// What must not be shown of credentials, in all the shapes in which somebody may repeat them.
fn shapes(username: &str, password: &str) -> Vec<String> {
    let mut shapes = Vec::new();
    if !password.is_empty() {
        let auth = STANDARD.encode(format!("{username}:{password}"));
        shapes.push(auth.trim_end_matches('=').to_owned());
        shapes.push(auth);
        shapes.push(password.to_owned());
        shapes.push(url::form_urlencoded::byte_serialize(password.as_bytes()).collect());
    }
    // Some registries take an access token as user name; hiding a short name would make the text unreadable.
    if username.len() >= 16 {
        shapes.push(username.to_owned());
    }
    shapes
}

/// A text without these secrets. A secret of a few letters is hidden only where it is a word: hiding it everywhere would
/// make the text unreadable, and the gaps would reveal it.
pub fn hide<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let is_word = |from: usize, to: usize| {
        let around = [text[..from].chars().next_back(), text[to..].chars().next()];
        !around.into_iter().flatten().any(char::is_alphanumeric)
    };
    let mut found: Vec<(usize, usize)> = Vec::new();
    for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
        let begins = text.char_indices().map(|(begin, _)| begin);
        let begins = begins.filter(|begin| text[*begin..].starts_with(secret));
        let places = begins.map(|begin| (begin, begin + secret.len()));
        found.extend(places.filter(|(from, to)| secret.len() > 3 || is_word(*from, *to)));
    }
    // All are searched in the original text: one may be a part of another, or of its replacement.
    found.sort_unstable();
    let (mut shown, mut end) = (String::new(), 0);
    for (from, to) in found {
        if from >= end {
            shown = shown + &text[end..from] + "[redacted]";
        }
        end = end.max(to);
    }
    shown + &text[end..]
}
