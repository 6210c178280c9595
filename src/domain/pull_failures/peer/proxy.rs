//! Reports that speak of the proxy through which the node connects.

use crate::domain::pull_failures::peer::{Peer, Role, host_at};
use crate::domain::pull_failures::words::has_status;

/// Words in front of what a proxy, or the connection to it, says.
const THROUGH: [&str; 2] = ["proxyconnect tcp:", "socks connect tcp"];

/// Words of a proxy that refuses, in its status line or in other words: HTTP, and SOCKS 5
/// (`golang.org/x/net/internal/socks`).
const REFUSALS: [&str; 10] = [
    "unauthorized",
    "forbidden",
    "denied",
    "authentication",
    "authorizedonly",
    "blocked",
    "prohibited",
    "too many requests",
    "connection not allowed by ruleset",
    "no acceptable authentication methods",
];

/// Status lines of a proxy that cannot connect to the registry, or that is no proxy.
const FAILURES: [&str; 9] = [
    "not found",
    "method not allowed",
    "internal server error",
    "not implemented",
    "bad gateway",
    "service unavailable",
    "gateway timeout",
    "gateway time-out",
    "bad request",
];

/// The proxy, if it failed or refused. `report`: as it was written.
pub(super) fn peer(report: &str) -> Option<Peer> {
    let lower = report.to_lowercase();
    let host = match through(&lower) {
        Some(rest) => rest
            .split_once("lookup ")
            .or_else(|| rest.split_once("dial tcp "))
            .map(|(_, named)| named)
            .or_else(|| rest.contains("->").then_some(rest))
            .and_then(|named| host_at(named.split("->").next().unwrap_or(named))),
        None if refuses(report) => None,
        None if status_text(report).is_some_and(|text| FAILURES.contains(&text.as_str())) => None,
        None => return None,
    };
    Some(Peer {
        role: Role::Proxy,
        host,
    })
}

/// Whether a proxy was reached and refuses the node or the registry. `report`: as it was written.
pub(crate) fn refuses(report: &str) -> bool {
    let lower = report.to_lowercase();
    let refused = |text: &str| REFUSALS.iter().any(|words| text.contains(words));
    let answered = |rest: &str| refused(rest) || has_status(rest, |code| matches!(code, "401" | "403" | "407" | "429"));
    lower.contains("proxy authentication required")
        || has_status(&lower, |code| code == "407")
        || through(&lower).is_some_and(answered)
        || status_text(report).is_some_and(|text| refused(&text))
}

fn through(lower: &str) -> Option<&str> {
    let mut words = THROUGH.iter();
    words.find_map(|word| Some(lower.split_once(word)?.1.trim_start()))
}

/// What follows the URL of the last request, in lower case, if a proxy wrote it: when a proxy does not connect to the
/// registry, Go reports the words of its status line alone (`net/http/transport.go`, `dialConn`). dockerd writes codes of
/// the registry at the same place, but in lower case (`registry/api/errcode`).
fn status_text(report: &str) -> Option<String> {
    let (_, url) = report.rsplit_once("://")?;
    let (url, text) = url.split_once(": ")?;
    let text = text.trim_end_matches(|c: char| c == ']' || c == '.' || c.is_whitespace());
    let is_of_connection = report.contains("failed to do request: ")
        || text.starts_with(|c: char| c.is_ascii_uppercase())
        || text == "authenticationrequired";
    (is_of_connection && !url.contains(char::is_whitespace) && !text.contains(':')).then(|| text.to_lowercase())
}
