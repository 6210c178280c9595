//! One request to a cloud and its response.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};

use crate::api::Reason;
use crate::domain::minting::failure::MintFailure;
use crate::domain::time::{LONGEST_RETRY_AFTER, Timestamp};

/// A request. Redirects must not be followed. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct CloudRequest {
    /// Where to.
    pub url: Url,
    /// Headers; none of them is to be shown.
    pub headers: Vec<(&'static str, SecretString)>,
    /// The body of a POST; `None` for a GET.
    pub body: Option<SecretString>,
}

/// A response, as far as it matters here. `Debug` shows no body.
#[derive(Clone, Default)]
pub struct CloudResponse {
    /// HTTP status code.
    pub status: u16,
    /// The header `Date`.
    pub date: Option<Timestamp>,
    /// The header `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for CloudResponse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "CloudResponse({})", self.status)
    }
}

impl CloudRequest {
    /// A POST of a form.
    pub(super) fn form(host: &str, path: &str, fields: &[(&str, &str)]) -> Result<Self, MintFailure> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        Ok(Self {
            url: https(host, path)?,
            headers: vec![("content-type", "application/x-www-form-urlencoded".into())],
            body: Some(body.into()),
        })
    }

    /// The host that is asked, and how.
    pub fn describe(&self) -> String {
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let mut url = self.url.clone();
        url.set_query(None);
        format!("{method} {url}")
    }
}

/// A URL of a cloud. A path from a spec was checked, so that this is an error of the program only.
pub(super) fn https(host: &str, path: &str) -> Result<Url, MintFailure> {
    Url::parse(&format!("https://{host}{path}")).map_err(|error| {
        MintFailure::new(
            Reason::RegistryMismatch,
            format!("https://{host} is no address: {error}"),
        )
    })
}

impl CloudResponse {
    /// What says nothing of the identity: too many requests, broken servers, redirects.
    pub(super) fn trouble(&self, who: &str) -> Option<MintFailure> {
        let (reason, message) = match self.status {
            429 => (
                Reason::ExchangeRateLimited,
                format!("{who} limits requests (429); the operator tries again"),
            ),
            300..=399 => (
                Reason::ExchangeMalformed,
                format!(
                    "{who} answered {}, a redirect to another address, where no token is sent; a proxy may be in the way",
                    self.status
                ),
            ),
            500..=599 => (
                Reason::ExchangeUnreachable,
                format!(
                    "{who} answered {}: it is unavailable; the operator tries again",
                    self.status
                ),
            ),
            _ => return None,
        };
        Some(MintFailure {
            retry_after: self.retry_after.map(|pause| pause.min(LONGEST_RETRY_AFTER)),
            ..MintFailure::new(reason, message)
        })
    }

    /// Whether the request was granted.
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of a good response as this document.
    pub(super) fn json<T: DeserializeOwned>(&self, who: &str) -> Result<T, MintFailure> {
        // The parser's words may repeat a value.
        serde_json::from_slice(&self.body).map_err(|_| malformed(who))
    }
}

/// Why a token server refuses (RFC 6749 5.2).
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OAuthRefusal {
    /// A word.
    pub(super) error: String,
    /// The same in a sentence.
    pub(super) error_description: String,
}

impl OAuthRefusal {
    /// That of a response; empty if it has none.
    pub(super) fn of(response: &CloudResponse) -> Self {
        serde_json::from_slice(&response.body).unwrap_or_default()
    }
}

/// A good answer that cannot be read.
pub(super) fn malformed(who: &str) -> MintFailure {
    MintFailure::new(
        Reason::ExchangeMalformed,
        format!("{who} granted the request with an answer that cannot be read; a proxy may be in the way"),
    )
}
