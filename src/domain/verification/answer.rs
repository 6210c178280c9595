//! One request to a registry, its response, and what a response means by itself.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::domain::credentials::repetition::Unrepeatable;
use crate::domain::registry::dialect::{Dialect, LOCK_OUT_WORDS};
use crate::domain::text::cut;
use crate::domain::text::invisible::is_invisible;
use crate::domain::time::LONGEST_RETRY_AFTER;
use crate::domain::verification::requester::Requester;
use crate::domain::verification::verdict::{Verdict, VerificationResult as R};

/// Longest text of a registry that is repeated, in characters.
const TEXT_LENGTH: usize = 200;

/// What to send with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// Nothing.
    None,
    /// User name and password.
    Basic,
    /// The token that the token server gave last.
    Token,
}

/// A request. Redirects must not be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryRequest {
    /// HEAD instead of GET.
    pub head: bool,
    /// Where to.
    pub url: Url,
    /// What to send.
    pub authorization: Authorization,
}

impl RegistryRequest {
    /// A GET.
    pub fn get(url: Url, authorization: Authorization) -> Self {
        Self {
            head: false,
            url,
            authorization,
        }
    }

    /// The request as it is shown to people: without the query, which names the user.
    pub fn describe(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        let method = if self.head { "HEAD" } else { "GET" };
        let with = match self.authorization {
            Authorization::None => "without credentials",
            Authorization::Basic => "with the credentials",
            Authorization::Token => "with the token",
        };
        format!("{method} {url} {with}")
    }
}

/// A response, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryResponse {
    /// HTTP status code.
    pub status: u16,
    /// Values of `WWW-Authenticate`.
    pub challenges: Vec<String>,
    /// What `Retry-After` requests, in seconds.
    pub retry_after: Option<u64>,
    /// Host in `Location`.
    pub redirect: Option<String>,
    /// The body, cut at a limit.
    pub body: Vec<u8>,
}

/// Why there is no response. As a word, for metrics: `tls`, for example.
#[derive(Clone, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum RequestFailure {
    /// No name, no connection. The text comes from the client.
    Unreachable(String),
    /// The request was sent, and no response came in time.
    Unanswered(String),
    /// The certificate is not accepted.
    Tls(String),
    /// TLS could not be set up for another reason.
    Handshake(String),
    /// The policy refuses the target's address.
    Forbidden(String),
    /// Too large, or not HTTP.
    Malformed(String),
    /// One of these, with a target in an internal network: the status must not say which ports are open there.
    Withheld {
        /// Whether the request may have arrived.
        sent: bool,
    },
}

impl RequestFailure {
    /// What may be told of it, if `is_internal` says that the target is in an internal network. Whoever may create a
    /// resource names the target; a person on their own machine may know everything.
    #[must_use]
    pub fn told_to(self, requester: Requester, is_internal: bool) -> Self {
        match self {
            _ if !is_internal || requester == Requester::Person => self,
            Self::Unreachable(_) | Self::Handshake(_) => Self::Withheld { sent: false },
            Self::Unanswered(_) | Self::Malformed(_) => Self::Withheld { sent: true },
            // A certificate comes from a server that means to be found, and Forbidden from here.
            Self::Tls(_) | Self::Forbidden(_) | Self::Withheld { .. } => self,
        }
    }

    /// Whether the request may have arrived.
    pub(crate) fn may_have_arrived(&self) -> bool {
        match self {
            Self::Unanswered(_) | Self::Malformed(_) => true,
            Self::Withheld { sent } => *sent,
            Self::Unreachable(_) | Self::Tls(_) | Self::Handshake(_) | Self::Forbidden(_) => false,
        }
    }
}

/// The verdict for a request without a response.
pub fn failed(request: &RegistryRequest, failure: &RequestFailure, requester: Requester) -> Verdict {
    let request = request.describe();
    match failure {
        RequestFailure::Unreachable(why) | RequestFailure::Unanswered(why) => Verdict::new(
            R::Unreachable,
            format!("{request} failed: {why}; {}", requester.other_network()),
        ),
        RequestFailure::Withheld { .. } => Verdict::new(
            R::Unreachable,
            format!(
                "{request} failed: no registry answered at this private address; the reason is withheld for security: to see it, run dps verify in that network; {}",
                requester.other_network()
            ),
        ),
        RequestFailure::Tls(why) | RequestFailure::Handshake(why) => {
            Verdict::new(R::TlsFailure, format!("{request} failed: {why}; {}", requester.trust()))
        }
        RequestFailure::Forbidden(why) => Verdict::new(
            R::NotARegistry,
            format!("{request} was not sent: {why}; {}", requester.allow()),
        ),
        RequestFailure::Malformed(why) => Verdict::new(R::NotARegistry, format!("{request} failed: {why}")),
    }
}

/// The verdict for a response that ends an attempt whatever was requested: none for 2xx, 401, 403 and 404.
pub fn trouble(
    request: &RegistryRequest,
    response: &RegistryResponse,
    secrets: &Unrepeatable,
    requester: Requester,
) -> Option<Verdict> {
    let (result, remedy) = match response.status {
        200..=299 | 401 | 403 | 404 => return None,
        429 if speaks_of_lockout(response) => (R::LockedOut, LOCKED_OUT_FOR_NOW.to_owned()),
        429 => (
            R::RateLimited,
            format!("the registry limits requests; {}", requester.retry()),
        ),
        300..=399 => {
            let target = response.redirect.as_deref().unwrap_or("another address");
            let remedy = format!(
                "it redirects to {target}, where credentials are never sent; use the address of the registry itself"
            );
            (R::NotARegistry, remedy)
        }
        500..=599 | 408 => (
            R::Unreachable,
            format!("the server has a problem; {}", requester.retry()),
        ),
        _ => (
            R::NotARegistry,
            "a registry does not answer like this; check the address".to_owned(),
        ),
    };
    let summary = summary(request, response, secrets);
    Some(Verdict::new(result, format!("{summary}; {remedy}")))
}

const LOCKED_OUT_FOR_NOW: &str =
    "the registry blocks this user for some time; find out what still logs in with old credentials, then wait";

/// The verdict for a 401 or 403 to a request that carried the credentials for `registry`.
pub fn refused(
    request: &RegistryRequest,
    response: &RegistryResponse,
    secrets: &Unrepeatable,
    registry: &Url,
) -> Verdict {
    let summary = summary(request, response, secrets);
    let (result, remedy) = if speaks_of_lockout(response) {
        (
            R::LockedOut,
            "the registry has locked this user out; find out what still logs in with old credentials, then wait or ask the registry's administrator",
        )
    } else {
        (
            R::Rejected,
            "the registry does not accept the credentials; check the user name, the password or access token, and its permission to read images",
        )
    };
    let lifetime = Dialect::of(registry.host_str().unwrap_or_default()).lifetime_advice();
    let lifetime = lifetime
        .filter(|_| result == R::Rejected)
        .map(|advice| format!("; {advice}"));
    Verdict::new(result, format!("{summary}; {remedy}{}", lifetime.unwrap_or_default()))
}

/// The request and its response.
pub fn summary(request: &RegistryRequest, response: &RegistryResponse, secrets: &Unrepeatable) -> String {
    let text = text(response).map(|text| secrets.repeat(&cut_line(&text)));
    let text = text
        .filter(|text| !text.is_empty())
        .map(|text| format!(" ({text})"))
        .unwrap_or_default();
    format!("{} returned {}{text}", request.describe(), response.status)
}

/// The pause that the registry requests.
pub fn pause(response: &RegistryResponse) -> Option<Duration> {
    Some(Duration::from_secs(response.retry_after?).min(LONGEST_RETRY_AFTER))
}

/// Whether the registry says that it accepts no password of this user any more.
pub fn speaks_of_lockout(response: &RegistryResponse) -> bool {
    let text = String::from_utf8_lossy(&response.body).to_lowercase();
    LOCK_OUT_WORDS.iter().any(|word| text.contains(word))
}

/// The registry's own words in an error: `errors[0]` of the distribution specification, or `details` of Docker Hub's token
/// server. Anything else may be a page of an internal server that a tenant reads through the status.
fn text(response: &RegistryResponse) -> Option<String> {
    if !matches!(response.status, 400..=599) {
        return None;
    }
    let document: Value = serde_json::from_slice(&response.body).ok()?;
    let error = &document["errors"][0];
    let Some(message) = error["message"].as_str() else {
        return document["details"].as_str().map(str::to_owned);
    };
    let code = error["code"].as_str().map(|code| format!("{code}: "));
    Some(code.unwrap_or_default() + message)
}

fn cut_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if is_invisible(c) { ' ' } else { c }).collect();
    cut(line.trim(), TEXT_LENGTH)
}
