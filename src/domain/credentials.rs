//! A registry login: what makes one usable, and how it is written down.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};

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

/// Why text from a Secret is no login. Never holds any of that text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidCredentials {
    /// The sentence fragment completes "key … of Secret …".
    Malformed(&'static str),
    /// The user name says that the password is an OAuth refresh token.
    IdentityToken,
}

/// User name with which Docker marks an OAuth refresh token (domain.md A2).
const IDENTITY_TOKEN_USER: &str = "<token>";

/// User name of Google's key files: JSON text of many lines is the password (domain.md A2).
const JSON_KEY_USER: &str = "_json_key";

impl RegistryCredentials {
    /// Checks what RFC 7617 and the registries' clients demand (domain.md A2).
    pub fn new(username: &str, password: &str) -> Result<Self, InvalidCredentials> {
        if username.is_empty() {
            return Err(InvalidCredentials::Malformed(
                "has an empty user name: pulls would silently be anonymous",
            ));
        }
        if password.is_empty() {
            return Err(InvalidCredentials::Malformed(
                "has an empty password: pulls would silently be anonymous",
            ));
        }
        if username == IDENTITY_TOKEN_USER {
            return Err(InvalidCredentials::IdentityToken);
        }
        if username.contains(':') {
            return Err(InvalidCredentials::Malformed(
                "has a ':' in the user name, which HTTP basic authentication cannot carry",
            ));
        }
        if username.contains(['\r', '\n', '\0']) || password.contains('\0') {
            return Err(InvalidCredentials::Malformed("has a line break or NUL byte inside"));
        }
        if password.contains(['\r', '\n']) && username != JSON_KEY_USER {
            return Err(InvalidCredentials::Malformed("has a line break inside the password"));
        }
        Ok(Self {
            username: username.to_owned(),
            password: password.into(),
        })
    }

    /// Reads an authorisation token, base64 of `username:password` in any alphabet and padding, as Docker shows it.
    pub fn from_auth(token: &str) -> Result<Self, InvalidCredentials> {
        let token: String = token.trim().chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        let unpadded = token.trim_end_matches('=');
        let url_safe = unpadded.contains(['-', '_']);
        let decoded = if url_safe {
            URL_SAFE_NO_PAD.decode(unpadded)
        } else {
            STANDARD_NO_PAD.decode(unpadded)
        };
        let decoded = decoded.map_err(|_| {
            InvalidCredentials::Malformed(if token.contains(':') {
                "is not base64 but looks like plain username:password: encode it as base64, or use the keys username and password"
            } else {
                "is not base64 of username:password"
            })
        })?;
        let text =
            String::from_utf8(decoded).map_err(|_| InvalidCredentials::Malformed("is base64, but not of text"))?;
        // Docker pads with NUL and trims it again; kubelets would send it.
        let text = text.trim_end_matches('\0');
        let (username, password) = text.split_once(':').ok_or(InvalidCredentials::Malformed(
            "is base64, but there is no ':' in the decoded text: it must be base64 of username:password, encoded once",
        ))?;
        Self::new(username, trim_line_break(password))
    }

    /// The user name.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The password in clear: only for the generated document.
    pub fn password(&self) -> &str {
        self.password.expose_secret()
    }

    /// Padded standard base64 of `username:password`.
    pub fn auth(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.username, self.password()))
    }
}

/// Without the one line break that `echo` and editors leave at the end of a file; no password ends in one.
pub fn trim_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// What an API server, a webhook or a registry says, without the login that it may have seen.
pub fn redact(text: &str, login: &RegistryCredentials) -> String {
    let shapes = shapes(login.username(), login.password());
    hide(text, shapes.iter().map(String::as_str))
}

/// What must not be shown of a login, in all the shapes in which somebody may repeat it.
pub(crate) fn shapes(username: &str, password: &str) -> Vec<String> {
    let mut shapes = Vec::new();
    if !password.is_empty() {
        let auth = STANDARD.encode(format!("{username}:{password}"));
        shapes.push(auth.trim_end_matches('=').to_owned());
        shapes.push(auth);
        shapes.push(password.to_owned());
        shapes.push(url::form_urlencoded::byte_serialize(password.as_bytes()).collect());
    }
    // Some registries take an access token as user name; a short name would tear holes into the text.
    if username.len() >= 16 {
        shapes.push(username.to_owned());
    }
    shapes
}

/// A text without these secrets. One of a few letters is hidden only where it is a word: everywhere, it would tear the
/// text apart, and the holes would tell it.
pub fn hide<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let is_word = |from: usize, to: usize| {
        let around = [text[..from].chars().next_back(), text[to..].chars().next()];
        !around.into_iter().flatten().any(char::is_alphanumeric)
    };
    let mut found: Vec<(usize, usize)> = Vec::new();
    for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
        let begins = text.char_indices().map(|(at, _)| at);
        let begins = begins.filter(|at| text[*at..].starts_with(secret));
        let places = begins.map(|at| (at, at + secret.len()));
        found.extend(places.filter(|(from, to)| secret.len() > 3 || is_word(*from, *to)));
    }
    // All are looked for in the text itself: one may be a part of another, or of what stands for another.
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
