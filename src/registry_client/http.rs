//! Asking a registry: HTTP for [`crate::domain::verification`].

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::fmt::rfc2822;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Certificate, Client, Method, Response, redirect};
use tokio::time::Instant;
use url::Url;

use crate::domain::verification::address::Policy;
use crate::domain::verification::answer::{Answer, Failure, Request};
use crate::domain::verification::conversation::{Check, Step};
use crate::domain::verification::question::Question;
use crate::domain::verification::verdict::Verdict;
use crate::registry_client::resolver::{Refused, Resolver};

const CONNECT: Duration = Duration::from_secs(5);

/// Longest time for one request with its answer: what `docker login` waits.
const TOTAL: Duration = Duration::from_secs(15);

/// Longest time for all requests of a check.
const CHECK: Duration = Duration::from_mins(1);

/// Most of a body that is read, and most of the headers that are looked at, in bytes.
const BODY: usize = 64 * 1024;
const HEADERS: usize = 16 * 1024;

/// Manifests that a registry may have (OCI and Docker, single and for several platforms); without it some answer 404.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*;q=0.1";

/// Clients for one set of trusted certificates.
#[derive(Clone)]
pub(crate) struct Registries {
    /// Resolves names only to addresses that the policy lets through.
    strict: Client,
    /// For targets that the policy exempts.
    open: Client,
    resolver: Resolver,
}

/// Why there are no clients.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// The CA bundle.
    #[error("the CA bundle is not one or more certificates in PEM form")]
    CaBundle,
    /// The system's certificates cannot be read, or the proxy variables.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

impl Registries {
    /// Clients that trust the system's certificates and those of `ca_bundle` (PEM).
    pub(crate) fn new(policy: Arc<Policy>, ca_bundle: Option<&[u8]>) -> Result<Self, Unusable> {
        // A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificates = match ca_bundle {
            None => Vec::new(),
            Some(pem) => Certificate::from_pem_bundle(pem).map_err(|_| Unusable::CaBundle)?,
        };
        if ca_bundle.is_some() && certificates.is_empty() {
            return Err(Unusable::CaBundle);
        }
        let build = |resolver: Option<&Resolver>| {
            let mut builder = Client::builder()
                .user_agent(concat!("docker-pull-secret-operator/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .http1_only()
                .connect_timeout(CONNECT)
                .timeout(TOTAL)
                // A check is a few requests; nothing is to be kept for the next one.
                .pool_idle_timeout(CONNECT);
            if !certificates.is_empty() {
                builder = builder.tls_certs_merge(certificates.clone());
            }
            if let Some(resolver) = resolver {
                builder = builder.dns_resolver(resolver.clone());
            }
            builder
                .build()
                .map_err(|error| Unusable::Tls(error.without_url().to_string()))
        };
        let resolver = Resolver::new(policy);
        Ok(Self {
            strict: build(Some(&resolver))?,
            open: build(None)?,
            resolver,
        })
    }

    /// Holds the whole conversation.
    pub(crate) async fn verify(&self, question: Question) -> Verdict {
        let end = Instant::now() + CHECK;
        let mut check = Check::new(question);
        loop {
            let answer = self.ask(check.request(), check.authorization());
            let answer = tokio::time::timeout_at(end, answer).await;
            let late = || Failure::Unanswered(format!("no verdict within {} seconds", CHECK.as_secs()));
            if let Step::Done(verdict) = check.next(answer.unwrap_or_else(|_| Err(late()))) {
                return verdict;
            }
        }
    }

    async fn ask(&self, request: &Request, authorization: Option<String>) -> Result<Answer, Failure> {
        if let Some(why) = self.resolver.policy.refuses_literal(&request.url) {
            return Err(Failure::Forbidden(why));
        }
        let client = if self.resolver.policy.exempts(&request.url) {
            &self.open
        } else {
            if let Some(why) = self.resolver.refuses_beside_proxy(&request.url).await {
                return Err(Failure::Forbidden(why));
            }
            &self.strict
        };
        let method = if request.head { Method::HEAD } else { Method::GET };
        let mut headers = HeaderMap::new();
        if request.head {
            headers.insert(ACCEPT, HeaderValue::from_static(MANIFESTS));
        }
        if let Some(authorization) = authorization {
            let mut value = HeaderValue::from_str(&authorization)
                .map_err(|_| Failure::Malformed("the login cannot stand in a header".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let response = client
            .request(method, request.url.clone())
            .headers(headers)
            .send()
            .await
            .map_err(|error| failure(&error))?;
        read(response, &request.url).await
    }
}

/// One check with clients of its own. Err: the CA bundle or the system's certificates cannot be used.
pub async fn verify(policy: Arc<Policy>, ca_bundle: Option<&[u8]>, question: Question) -> Result<Verdict, String> {
    let registries = Registries::new(policy, ca_bundle).map_err(|error| error.to_string())?;
    Ok(registries.verify(question).await)
}

async fn read(mut response: Response, asked: &Url) -> Result<Answer, Failure> {
    let headers = response.headers();
    if headers.values().map(HeaderValue::len).sum::<usize>() > HEADERS {
        return Err(Failure::Malformed(format!(
            "the headers of the answer are larger than {} KiB",
            HEADERS / 1024
        )));
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut answer = Answer {
        status: response.status().as_u16(),
        challenges: headers.get_all(WWW_AUTHENTICATE).iter().map(text).collect(),
        retry_after: headers.get(RETRY_AFTER).and_then(|value| seconds(text(value).trim())),
        redirect: headers.get(LOCATION).and_then(|value| {
            let target = asked.join(&text(value)).ok()?;
            target.host_str().map(str::to_owned)
        }),
        body: Vec::new(),
    };
    while answer.body.len() < BODY {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            // The status tells enough; a body that does not end must not hide it.
            Err(error) if error.is_timeout() && answer.status != 200 => break,
            Err(error) => return Err(failure(&error)),
        };
        let room = BODY - answer.body.len();
        answer.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(answer)
}

/// What a `Retry-After` asks for: seconds, or a date (RFC 9110 10.2.3).
fn seconds(value: &str) -> Option<u64> {
    let date = || {
        let date = rfc2822::parse(value).ok()?.timestamp().as_second();
        u64::try_from(date - Timestamp::now().as_second()).ok()
    };
    value.parse().ok().or_else(date)
}

/// What kind of failure this is. The text never has the URL: its query names the user.
fn failure(error: &reqwest::Error) -> Failure {
    let mut innermost = None;
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(Refused(why)) = error.downcast_ref() {
            return Failure::Forbidden(why.clone());
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Failure::Tls(match error {
                rustls::Error::InvalidMessage(_) => "what answers does not speak TLS".to_owned(),
                rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
                    "the certificate is signed by an authority that is not trusted here".to_owned()
                }
                other => other.to_string(),
            });
        }
        innermost = Some(error);
        // The source of an `io::Error` is that of the error inside: it skips one.
        cause = match error.downcast_ref::<std::io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    let why = innermost.map_or_else(|| "the request failed".to_owned(), ToString::to_string);
    if error.is_connect() {
        let why = if error.is_timeout() {
            "no connection in time".to_owned()
        } else {
            why
        };
        Failure::Unreachable(why)
    } else if error.is_timeout() {
        Failure::Unanswered("no answer in time".to_owned())
    } else {
        Failure::Malformed(format!("the answer cannot be read as HTTP: {why}"))
    }
}
