//! HTTP requests to clouds, for [`crate::domain::minting`]: the same rules as for registries about addresses, proxies, redirects and
//! time.

use std::time::Duration;

use k8s_openapi::jiff::fmt::rfc2822;
use reqwest::Response;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use secrecy::ExposeSecret as _;

use crate::api::Reason;
use crate::domain::minting::exchange::{CloudRequest, CloudResponse};
use crate::domain::minting::failure::MintFailure;
use crate::domain::verification::answer::RequestFailure;
use crate::domain::verification::requester::Requester;
use crate::registry_client::http::{RegistryClients, SendFailure};
use crate::registry_client::response::seconds;

/// Largest body, in bytes.
const BODY: usize = 64 * 1024;

impl RegistryClients {
    /// Sends a request to a cloud. `who` is asked.
    pub(crate) async fn exchange(
        &self,
        request: &CloudRequest,
        who: &str,
        requester: Requester,
    ) -> Result<CloudResponse, MintFailure> {
        let headers = headers(request)?;
        let build = |client: &reqwest::Client| {
            let builder = match &request.body {
                Some(body) => client.post(request.url.clone()).body(body.expose_secret().to_owned()),
                None => client.get(request.url.clone()),
            };
            builder.headers(headers.clone())
        };
        let sent = self.send_with(&request.url, requester, build, read).await;
        sent.map_err(|failure| unreachable(request, who, requester, failure))
    }
}

fn headers(request: &CloudRequest) -> Result<HeaderMap, MintFailure> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let mut value = HeaderValue::from_str(value.expose_secret())
            .map_err(|_| MintFailure::new(Reason::Malformed, "the key or token has characters that cannot be sent"))?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

async fn read(mut response: Response) -> reqwest::Result<Result<CloudResponse, RequestFailure>> {
    let headers = response.headers();
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let mut read = CloudResponse {
        status: response.status().as_u16(),
        date: text(DATE).and_then(|date| Some(rfc2822::parse(date).ok()?.timestamp())),
        retry_after: text(RETRY_AFTER).and_then(seconds).map(Duration::from_secs),
        body: Vec::new(),
    };
    while let Some(chunk) = response.chunk().await? {
        if read.body.len() + chunk.len() > BODY {
            let why = format!("the response is larger than {} KiB", BODY / 1024);
            return Ok(Err(RequestFailure::Malformed(why)));
        }
        read.body.extend_from_slice(&chunk);
    }
    Ok(Ok(read))
}

fn unreachable(request: &CloudRequest, who: &str, requester: Requester, failure: SendFailure) -> MintFailure {
    let sender = requester.name();
    let request = request.describe();
    let (reason, why) = match failure {
        SendFailure::Local(why) => (Reason::ExchangeUnreachable, why.to_string()),
        SendFailure::Remote(failure) => match failure {
            RequestFailure::Unreachable(why) | RequestFailure::Unanswered(why) => (
                Reason::ExchangeUnreachable,
                format!("{why}; {sender} has to reach {who}, perhaps through a proxy (HTTPS_PROXY)"),
            ),
            RequestFailure::Tls(why) | RequestFailure::Handshake(why) => (
                Reason::ExchangeUnreachable,
                format!(
                    "{why}; nothing was sent; if a proxy opens the connection, {sender} has to trust its certificate"
                ),
            ),
            RequestFailure::Forbidden(why) => (Reason::RegistryMismatch, format!("{why}; nothing was sent")),
            RequestFailure::Malformed(why) => (Reason::ExchangeMalformed, why),
            RequestFailure::Withheld { .. } => (
                Reason::ExchangeUnreachable,
                "nothing answered at this private address; the reason is withheld for security".to_owned(),
            ),
        },
    };
    MintFailure::new(reason, format!("{request} failed: {why}"))
}
