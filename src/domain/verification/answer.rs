//! One request to a registry, its answer, and what an answer means by itself (domain.md C2 step 5, C3).

use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::domain::credentials::{RegistryCredentials, redact};
use crate::domain::verification::verdict::{Verdict, VerificationResult as R};

/// Longest text of a registry that is repeated, in characters.
const TEXT_LENGTH: usize = 200;

/// Longest pause that a registry may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// Words of registries that stop accepting any password of a user (domain.md C3, C4: Docker Hub, Artifactory, GitLab).
const LOCKED: [&str; 7] = [
    "too many failed",
    "failed login attempts",
    "locked out",
    "is locked",
    "suspended",
    "banned",
    "temporarily blocked",
];

/// What to send with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    None,
    /// User name and password.
    Basic,
    /// The token that the token server gave last.
    Token,
}

/// A request. Redirects must not be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// HEAD instead of GET.
    pub head: bool,
    /// Where to.
    pub url: Url,
    /// What to send.
    pub credentials: Credentials,
}

impl Request {
    /// A GET.
    pub fn get(url: Url, credentials: Credentials) -> Self {
        Self {
            head: false,
            url,
            credentials,
        }
    }

    /// The request as it is told to people: without the query, which names the user.
    pub fn describe(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        let method = if self.head { "HEAD" } else { "GET" };
        let with = match self.credentials {
            Credentials::None => "without login",
            Credentials::Basic => "with the login",
            Credentials::Token => "with the token that the login gave",
        };
        format!("{method} {url} {with}")
    }
}

/// An answer, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Values of `WWW-Authenticate`.
    pub challenges: Vec<String>,
    /// What `Retry-After` asks for, in seconds.
    pub retry_after: Option<u64>,
    /// Host in `Location`.
    pub redirect: Option<String>,
    /// The body, cut at a limit.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No name, no connection. The text comes from the client.
    Unreachable(String),
    /// The request was sent, and no answer came in time.
    Unanswered(String),
    /// TLS could not be set up.
    Tls(String),
    /// The target's address is one that must not be asked.
    Forbidden(String),
    /// Too large, or no HTTP.
    Malformed(String),
}

/// The verdict of a request without an answer.
pub fn failed(request: &Request, failure: &Failure) -> Verdict {
    let asked = request.describe();
    match failure {
        Failure::Unreachable(why) | Failure::Unanswered(why) => Verdict::new(
            R::Unreachable,
            format!("{asked}: {why}; checked from the operator's network, the nodes' may differ"),
        ),
        Failure::Tls(why) => Verdict::new(
            R::TlsFailure,
            format!(
                "{asked}: {why}; if the certificate is of a private authority, give its certificate as CA bundle (nodes need it too); for a registry without TLS allow plain HTTP"
            ),
        ),
        Failure::Forbidden(why) => Verdict::new(
            R::NotARegistry,
            format!("{asked} was not sent: {why}; who runs the operator can allow this target with --allow-registry"),
        ),
        Failure::Malformed(why) => Verdict::new(R::NotARegistry, format!("{asked}: {why}")),
    }
}

/// The verdict of an answer that ends a check whoever gave it and whatever was asked: none for 2xx, 401, 403 and 404.
pub fn trouble(request: &Request, answer: &Answer, login: &RegistryCredentials) -> Option<Verdict> {
    let told = told(request, answer, login);
    let result = match answer.status {
        200..=299 | 401 | 403 | 404 => return None,
        429 if speaks_of_lock(answer) => {
            return Some(Verdict::new(
                R::LockedOut,
                format!(
                    "{told}; the registry refuses this user for some time: find what logs in with an old password, and wait"
                ),
            ));
        }
        429 => return Some(Verdict::new(R::RateLimited, format!("{told}; asked again later"))),
        300..=399 => {
            let target = answer.redirect.as_deref().unwrap_or("somewhere else");
            return Some(Verdict::new(
                R::NotARegistry,
                format!("{told}, a redirect to {target}; a login is never sent along: name the registry itself"),
            ));
        }
        500..=599 | 408 => R::Unreachable,
        _ => R::NotARegistry,
    };
    let remedy = match result {
        R::Unreachable => "the registry is in trouble; asked again later",
        _ => "a registry does not answer so: check the address",
    };
    Some(Verdict::new(result, format!("{told}; {remedy}")))
}

/// The verdict of a 401 or 403 to a request that carried the login.
pub fn refused(request: &Request, answer: &Answer, login: &RegistryCredentials) -> Verdict {
    let told = told(request, answer, login);
    if speaks_of_lock(answer) {
        return Verdict::new(
            R::LockedOut,
            format!(
                "{told}; the registry has locked this user out: find what logs in with an old password, then wait or ask the registry's administrator"
            ),
        );
    }
    Verdict::new(
        R::Rejected,
        format!(
            "{told}; the registry does not accept the login: check user name and password or access token, and that it may read images"
        ),
    )
}

/// What was asked and what came back.
pub fn told(request: &Request, answer: &Answer, login: &RegistryCredentials) -> String {
    let text = text(&answer.body).map(|text| cut(&redact(&text, login)));
    let text = text
        .filter(|text| !text.is_empty())
        .map(|text| format!(" ({text})"))
        .unwrap_or_default();
    format!("{} was answered {}{text}", request.describe(), answer.status)
}

/// What the registry asks for.
pub fn pause(answer: &Answer) -> Option<Duration> {
    Some(Duration::from_secs(answer.retry_after?).min(LONGEST_PAUSE))
}

/// Whether the registry says that it accepts no password of this user any more.
pub fn speaks_of_lock(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
    LOCKED.iter().any(|word| text.contains(word))
}

/// The registry's own words: `errors[0]` of the distribution specification, `details` of Docker Hub's token server, what
/// other servers use, or plain text. An HTML page says nothing that helps.
fn text(body: &[u8]) -> Option<String> {
    let body = std::str::from_utf8(body).ok()?.trim();
    if let Ok(document) = serde_json::from_str::<Value>(body) {
        let error = &document["errors"][0];
        if let Some(message) = error["message"].as_str() {
            let code = error["code"]
                .as_str()
                .map(|code| format!("{code}: "))
                .unwrap_or_default();
            return Some(format!("{code}{message}"));
        }
        return ["details", "message", "error_description", "error"]
            .iter()
            .find_map(|field| document[field].as_str())
            .map(str::to_owned);
    }
    (!body.starts_with(['<', '{', '['])).then(|| body.to_owned())
}

fn cut(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(TEXT_LENGTH) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}
