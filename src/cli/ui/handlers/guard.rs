//! Lets requests through that may be answered, and protects the answers.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::Response;

use crate::cli::ui::handlers::answer::refused;
use crate::cli::ui::state::UiState;
use crate::page::guard::PageRequest;

/// Marks requests that the page makes by itself.
const LIVE: HeaderName = HeaderName::from_static("x-dps-live");

/// What protects every answer.
const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "clipboard-write=(self)"),
];

/// Lets a request of the session through.
pub(super) async fn guard(State(state): State<Arc<UiState>>, request: Request, next: Next) -> Response {
    let facts = facts(request.method().as_str(), request.headers(), request.uri());
    if let Err(refusal) = state.session.guarded.check(&facts) {
        return refused(refusal);
    }
    if !is_live(request.headers()) && request.headers().get(header::ACCEPT) != Some(&EVENTS) {
        state.touch();
    }
    next.run(request).await
}

/// Whether the page makes a request by itself.
pub(super) fn is_live(headers: &HeaderMap) -> bool {
    headers.contains_key(LIVE)
}

/// What an event stream is asked for with.
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// Sets the headers that protect an answer.
pub(super) async fn set_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What counts of a request.
pub(super) fn facts<'a>(method: &'a str, headers: &'a HeaderMap, uri: &'a Uri) -> PageRequest<'a> {
    // What is no text is nothing that is allowed.
    let all = |name: HeaderName| -> Vec<&'a str> {
        let values = headers.get_all(name).into_iter();
        values.map(|value| value.to_str().unwrap_or("\u{fffd}")).collect()
    };
    let one = |name: &'static str| {
        let value = headers.get(name)?;
        Some(value.to_str().unwrap_or("\u{fffd}"))
    };
    let mut hosts = all(header::HOST);
    hosts.extend(uri.authority().map(axum::http::uri::Authority::as_str));
    PageRequest {
        method,
        hosts,
        origins: all(header::ORIGIN),
        fetch_site: one("sec-fetch-site"),
        fetch_mode: one("sec-fetch-mode"),
        cookies: all(header::COOKIE),
    }
}
