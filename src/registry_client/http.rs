//! HTTP requests to registries, for [`crate::domain::verification`].

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::fmt::rfc2822;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Certificate, Client, Method, Response, redirect};
use tokio::time::Instant;
use url::Url;

use crate::domain::verification::address::{Policy, target};
use crate::domain::verification::answer::{Authorization, RegistryRequest, RegistryResponse, RequestFailure};
use crate::domain::verification::attempt::LoginAttempt;
use crate::domain::verification::conversation::{Conversation, Step};
use crate::domain::verification::requester::Requester;
use crate::domain::verification::verdict::Verdict;
use crate::registry_client::resolver::{Refused, Resolver};

/// Longest time for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest time for one request with its response: what `docker login` waits.
pub(crate) const REQUEST: Duration = Duration::from_secs(15);

/// Longest time for all requests of a login attempt.
const ATTEMPT: Duration = Duration::from_mins(1);

/// Most of a body that is read, in bytes: a token may be long, and the words of an error are cut anyway.
const BODY: usize = 16 * 1024;

/// Most of the headers that are looked at, in bytes.
const HEADERS: usize = 16 * 1024;

/// Manifests that a registry may have (OCI and Docker, single and for several platforms); without it some answer 404.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*;q=0.1";

/// Clients for one set of trusted certificates.
#[derive(Clone)]
pub(crate) struct RegistryClients {
    /// Resolves names only to addresses that the policy allows.
    strict: Client,
    /// For targets that the policy exempts.
    open: Client,
    resolver: Resolver,
}

/// Why there are no clients.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The CA bundle is unusable.
    #[error("the CA bundle contains an invalid PEM certificate, or none")]
    CaBundle,
    /// The system's certificates or the proxy variables cannot be read.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

impl RegistryClients {
    /// Clients that trust the system's certificates and those of `ca_bundle` (PEM).
    pub(crate) fn new(policy: Arc<Policy>, ca_bundle: Option<&[u8]>) -> Result<Self, ClientError> {
        // A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificates = match ca_bundle {
            None => Vec::new(),
            Some(pem) => Certificate::from_pem_bundle(pem).map_err(|_| ClientError::CaBundle)?,
        };
        if ca_bundle.is_some() && certificates.is_empty() {
            return Err(ClientError::CaBundle);
        }
        let build = |resolver: Option<&Resolver>| {
            let mut builder = Client::builder()
                .user_agent(concat!("docker-pull-secret-operator/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .http1_only()
                .connect_timeout(CONNECT)
                .timeout(REQUEST)
                // An attempt is a few requests; the next attempt opens its own connections.
                .pool_idle_timeout(CONNECT);
            if !certificates.is_empty() {
                builder = builder.tls_certs_merge(certificates.clone());
            }
            if let Some(resolver) = resolver {
                builder = builder.dns_resolver(resolver.clone());
            }
            builder
                .build()
                .map_err(|error| ClientError::Tls(error.without_url().to_string()))
        };
        let resolver = Resolver::new(policy);
        Ok(Self {
            strict: build(Some(&resolver))?,
            open: build(None)?,
            resolver,
        })
    }

    /// Makes the whole attempt. `admit` is asked, with the `host:port` of the receiver, before a password is sent; if it
    /// refuses, the attempt ends without a verdict.
    pub(crate) async fn verify(
        &self,
        attempt: LoginAttempt,
        requester: Requester,
        admit: impl Fn(&str) -> bool,
    ) -> Option<Verdict> {
        let end = Instant::now() + ATTEMPT;
        let token_servers = Arc::clone(&self.resolver.policy.token_servers);
        let mut conversation = Conversation::new(attempt, requester).allowing(token_servers);
        loop {
            let request = conversation.request();
            if request.authorization == Authorization::Basic && !admit(&target(&request.url)) {
                return None;
            }
            let response = self.send(conversation.request(), conversation.authorization());
            let response = tokio::time::timeout_at(end, response).await;
            let late = || RequestFailure::Unanswered(format!("no verdict within {} seconds", ATTEMPT.as_secs()));
            if let Step::Done(verdict) = conversation.next(response.unwrap_or_else(|_| Err(late()))) {
                return Some(verdict);
            }
        }
    }

    async fn send(
        &self,
        request: &RegistryRequest,
        authorization: Option<String>,
    ) -> Result<RegistryResponse, RequestFailure> {
        if let Some(why) = self.resolver.policy.refuses_literal(&request.url) {
            return Err(RequestFailure::Forbidden(why));
        }
        let client = if self.resolver.policy.exempts(&request.url) {
            &self.open
        } else {
            if let Some(why) = self.resolver.refuses_beside_proxy(&request.url).await {
                return Err(RequestFailure::Forbidden(why));
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
                .map_err(|_| RequestFailure::Malformed("the credentials cannot be sent in a header".to_owned()))?;
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

/// One attempt with clients of its own. The error: the CA bundle or the system's certificates cannot be used.
pub async fn verify(
    policy: Arc<Policy>,
    ca_bundle: Option<&[u8]>,
    attempt: LoginAttempt,
    requester: Requester,
) -> Result<Verdict, String> {
    let clients = RegistryClients::new(policy, ca_bundle).map_err(|error| error.to_string())?;
    let verdict = clients.verify(attempt, requester, |_| true).await;
    verdict.ok_or_else(|| "the attempt ended without a verdict".to_owned())
}

async fn read(mut response: Response, requested: &Url) -> Result<RegistryResponse, RequestFailure> {
    let headers = response.headers();
    if headers.values().map(HeaderValue::len).sum::<usize>() > HEADERS {
        return Err(RequestFailure::Malformed(format!(
            "the response headers are larger than {} KiB",
            HEADERS / 1024
        )));
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut read = RegistryResponse {
        status: response.status().as_u16(),
        challenges: headers.get_all(WWW_AUTHENTICATE).iter().map(text).collect(),
        retry_after: headers.get(RETRY_AFTER).and_then(|value| seconds(text(value).trim())),
        redirect: headers.get(LOCATION).and_then(|value| {
            let target = requested.join(&text(value)).ok()?;
            target.host_str().map(str::to_owned)
        }),
        body: Vec::new(),
    };
    while read.body.len() < BODY {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            // The status says enough; a body that does not end must not hide it.
            Err(error) if error.is_timeout() && read.status != 200 => break,
            Err(error) => return Err(failure(&error)),
        };
        let room = BODY - read.body.len();
        read.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(read)
}

/// What a `Retry-After` requests: seconds, or a date (RFC 9110 10.2.3).
fn seconds(value: &str) -> Option<u64> {
    let date = || {
        let date = rfc2822::parse(value).ok()?.timestamp().as_second();
        u64::try_from(date - Timestamp::now().as_second()).ok()
    };
    value.parse().ok().or_else(date)
}

/// What kind of failure this is. The text never has the URL: its query names the user.
fn failure(error: &reqwest::Error) -> RequestFailure {
    let mut innermost = None;
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(Refused(why)) = error.downcast_ref() {
            return RequestFailure::Forbidden(why.clone());
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return RequestFailure::Tls(match error {
                rustls::Error::InvalidMessage(_) => "the server does not speak TLS".to_owned(),
                rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
                    "the certificate is signed by an authority that is not trusted".to_owned()
                }
                other => other.to_string(),
            });
        }
        innermost = Some(error);
        // `io::Error::source` returns the source of the inner error, and so skips the inner error itself.
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
        RequestFailure::Unreachable(why)
    } else if error.is_timeout() {
        RequestFailure::Unanswered("no response in time".to_owned())
    } else {
        RequestFailure::Malformed(format!("the response is not valid HTTP: {why}"))
    }
}
