//! Reading responses of registries.

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::fmt::rfc2822;
use reqwest::Response;
use reqwest::header::{HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use url::Url;

use crate::domain::verification::answer::{RegistryResponse, RequestFailure};

/// Most of a body that is read, in bytes: a token may be long, and the words of an error are cut anyway.
const BODY: usize = 16 * 1024;

/// Most of the headers that are looked at, in bytes.
const HEADERS: usize = 16 * 1024;

/// Reads a response, as far as it matters. The outer error: the connection broke off.
pub(super) async fn read(
    mut response: Response,
    requested: &Url,
) -> reqwest::Result<Result<RegistryResponse, RequestFailure>> {
    let headers = response.headers();
    if headers.values().map(HeaderValue::len).sum::<usize>() > HEADERS {
        return Ok(Err(RequestFailure::Malformed(format!(
            "the response headers are larger than {} KiB",
            HEADERS / 1024
        ))));
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
            Err(error) => return Err(error),
        };
        let room = BODY - read.body.len();
        read.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(Ok(read))
}

/// What a `Retry-After` requests: seconds, or a date (RFC 9110 10.2.3).
pub(super) fn seconds(value: &str) -> Option<u64> {
    let date = || {
        let date = rfc2822::parse(value).ok()?.timestamp().as_second();
        u64::try_from(date - Timestamp::now().as_second()).ok()
    };
    value.parse().ok().or_else(date)
}
