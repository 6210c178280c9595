//! HTTP requests to registries, for [`crate::domain::verification`].

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, redirect};
use tokio::time::Instant;
use url::Url;

use crate::domain::verification::address::{Policy, is_internal, literal, target};
use crate::domain::verification::answer::{Authorization, RegistryRequest, RegistryResponse, RequestFailure};
use crate::domain::verification::attempt::LoginAttempt;
use crate::domain::verification::conversation::{Conversation, Step};
use crate::domain::verification::local_failure::LocalFailure;
use crate::domain::verification::requester::Requester;
use crate::domain::verification::verdict::Verdict;
use crate::registry_client::dns::LOOKUP;
use crate::registry_client::failure::failure;
use crate::registry_client::resolver::{Resolver, with_addresses};
use crate::registry_client::response::read;

/// Longest time for a connection, after the lookup of the name.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest time for one request with its response: what `docker login` waits.
const REQUEST: Duration = Duration::from_secs(15);

/// Longest time from the question whether a password may be sent until it is not on its way any more: a name that is also
/// that of a proxy is looked up before the request.
pub(crate) const SEND: Duration = LOOKUP.saturating_add(REQUEST);

/// Longest time for all requests of a login attempt.
const ATTEMPT: Duration = Duration::from_mins(1);

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

/// Why there are no clients, or no verdict of theirs.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The CA bundle is unusable.
    #[error("the CA bundle contains an invalid PEM certificate, or none")]
    CaBundle,
    /// The system's certificates or the proxy variables cannot be read.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    /// This process is short of something.
    #[error("nothing was verified: {0}")]
    Local(LocalFailure),
    /// The password may not be sent now.
    #[error("nothing was verified: the password may not be sent now")]
    NotAdmitted,
}

/// Why there is no response.
pub(super) enum SendFailure {
    /// It says something about the registry.
    Remote(RequestFailure),
    /// It says nothing about it.
    Local(LocalFailure),
}

impl From<RequestFailure> for SendFailure {
    fn from(failure: RequestFailure) -> Self {
        Self::Remote(failure)
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestEnd {
    /// With this status code.
    Answered(u16),
    /// Without one: a word that says why, and no more than a status may say.
    Failed(&'static str),
}

impl RequestEnd {
    fn of(sent: &Result<RegistryResponse, SendFailure>) -> Self {
        match sent {
            Ok(response) => Self::Answered(response.status),
            Err(SendFailure::Remote(failure)) => Self::Failed(failure.into()),
            Err(SendFailure::Local(_)) => Self::Failed("local"),
        }
    }
}

impl RegistryClients {
    /// Clients that trust the system's certificates and those of `ca_bundle` (PEM).
    pub(crate) fn new(resolver: &Resolver, ca_bundle: Option<&[u8]>) -> Result<Self, ClientError> {
        // A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificates = match ca_bundle {
            None => Vec::new(),
            Some(pem) => Certificate::from_pem_bundle(pem).map_err(|_| ClientError::CaBundle)?,
        };
        if ca_bundle.is_some() && certificates.is_empty() {
            return Err(ClientError::CaBundle);
        }
        let build = |resolver: Resolver| {
            let mut builder = Client::builder()
                .user_agent(concat!("docker-pull-secret-operator/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .http1_only()
                .dns_resolver(resolver)
                .connect_timeout(LOOKUP + CONNECT)
                .timeout(REQUEST)
                // An attempt is a few requests; the next attempt opens its own connections.
                .pool_idle_timeout(CONNECT);
            if !certificates.is_empty() {
                builder = builder.tls_certs_merge(certificates.clone());
            }
            builder.build().map_err(|error| match LocalFailure::find(&error, &[]) {
                Some(failure) => ClientError::Local(failure),
                None => ClientError::Tls(error.without_url().to_string()),
            })
        };
        Ok(Self {
            strict: build(resolver.clone())?,
            open: build(resolver.open())?,
            resolver: resolver.clone(),
        })
    }

    /// Makes the whole attempt. `admit` is asked, with the `host:port` of the receiver, before a password is sent; if it
    /// refuses, the attempt ends without a verdict. `ended` is told of each request.
    pub(crate) async fn verify(
        &self,
        attempt: LoginAttempt,
        requester: Requester,
        admit: impl Fn(&str) -> bool,
        ended: impl Fn(RequestEnd, Duration),
    ) -> Result<Verdict, ClientError> {
        let end = Instant::now() + ATTEMPT;
        let token_servers = Arc::clone(&self.resolver.policy.token_servers);
        let mut conversation = Conversation::new(attempt, requester).allowing(token_servers);
        loop {
            let request = conversation.request();
            if request.authorization == Authorization::Basic && !admit(&target(&request.url)) {
                return Err(ClientError::NotAdmitted);
            }
            let begun = Instant::now();
            let response = self.send(request, conversation.authorization(), requester);
            let response = tokio::time::timeout_at(end, response).await.unwrap_or_else(|_| {
                let why = format!("no verdict within {} seconds", ATTEMPT.as_secs());
                Err(RequestFailure::Unanswered(why).into())
            });
            ended(RequestEnd::of(&response), begun.elapsed());
            let response = match response {
                Ok(response) => Ok(response),
                Err(SendFailure::Remote(failure)) => Err(failure),
                Err(SendFailure::Local(failure)) => return Err(ClientError::Local(failure)),
            };
            if let Step::Done(verdict) = conversation.next(response) {
                return Ok(verdict);
            }
        }
    }

    /// `GET /v2/` at a registry's base URL, without credentials.
    pub(crate) async fn ping(
        &self,
        base: &Url,
        requester: Requester,
    ) -> Result<Result<RegistryResponse, RequestFailure>, LocalFailure> {
        let request = RegistryRequest::get(base.clone(), Authorization::None);
        match self.send(&request, None, requester).await {
            Ok(response) => Ok(Ok(response)),
            Err(SendFailure::Remote(failure)) => Ok(Err(failure)),
            Err(SendFailure::Local(failure)) => Err(failure),
        }
    }

    async fn send(
        &self,
        request: &RegistryRequest,
        authorization: Option<String>,
        requester: Requester,
    ) -> Result<RegistryResponse, SendFailure> {
        let headers = headers(request, authorization)?;
        let method = if request.head { Method::HEAD } else { Method::GET };
        let build = |client: &Client| client.request(method, request.url.clone()).headers(headers);
        self.send_with(&request.url, requester, build, async |response| {
            read(response, &request.url).await
        })
        .await
    }

    /// Sends what `build` makes to a URL that the policy allows, and has `read` read the response.
    pub(super) async fn send_with<T>(
        &self,
        url: &Url,
        requester: Requester,
        build: impl FnOnce(&Client) -> RequestBuilder,
        read: impl AsyncFnOnce(Response) -> reqwest::Result<Result<T, RequestFailure>>,
    ) -> Result<T, SendFailure> {
        let policy = &self.resolver.policy;
        if let Some(why) = policy.refuses_literal(url) {
            return Err(RequestFailure::Forbidden(why).into());
        }
        let is_exempt = policy.exempts(url);
        let client = if is_exempt {
            &self.open
        } else {
            if let Some(why) = self.resolver.refuses_beside_proxy(url).await {
                return Err(RequestFailure::Forbidden(why).into());
            }
            &self.strict
        };
        let exchange = async { read(build(client).send().await?).await };
        let (exchanged, mut addresses) = with_addresses(exchange).await;
        addresses.extend(literal(url));
        let failure = match exchanged {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(failure)) => failure,
            Err(error) => match LocalFailure::find(&error, &addresses).filter(|_| error.is_connect()) {
                Some(local) => return Err(SendFailure::Local(local)),
                None => failure(&error),
            },
        };
        // Whoever allowed the target knows what is there.
        let is_internal = !is_exempt && addresses.into_iter().any(is_internal);
        Err(failure.told_to(requester, is_internal).into())
    }
}

fn headers(request: &RegistryRequest, authorization: Option<String>) -> Result<HeaderMap, RequestFailure> {
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
    Ok(headers)
}

/// One attempt with clients of its own.
pub async fn verify(
    policy: Arc<Policy>,
    ca_bundle: Option<&[u8]>,
    attempt: LoginAttempt,
    requester: Requester,
) -> Result<Verdict, ClientError> {
    let clients = RegistryClients::new(&Resolver::new(policy), ca_bundle)?;
    clients.verify(attempt, requester, |_| true, |_, _| ()).await
}
