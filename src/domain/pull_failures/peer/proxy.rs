//! Reports that speak of the proxy through which the node connects.

use crate::domain::pull_failures::peer::{Peer, Role, host_at};
use crate::domain::pull_failures::words::has_status;

/// How Go reports that a proxy refused to connect to the registry: the words of the proxy's status line alone
/// (`net/http/transport.go`, `dialConn`).
const REFUSALS: [&str; 5] = [
    "unauthorized",
    "forbidden",
    "proxy authentication required",
    "authenticationrequired",
    "too many requests",
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

/// How a proxy refuses in other words: HTTP, and SOCKS 5 (`golang.org/x/net/internal/socks`).
const REFUSED: [&str; 4] = [
    "proxy authentication required",
    "connection not allowed by ruleset",
    "no acceptable authentication methods",
    "username/password authentication failed",
];

/// Words in front of what a proxy, or the connection to it, says.
const THROUGH: [&str; 2] = ["proxyconnect tcp:", "socks connect tcp"];

/// The proxy, if it failed or refused.
pub(super) fn peer(report: &str) -> Option<Peer> {
    let through = THROUGH
        .iter()
        .find_map(|word| Some(report.split_once(word)?.1.trim_start()));
    let host = match through {
        Some(rest) => rest
            .split_once("lookup ")
            .or_else(|| rest.split_once("dial tcp "))
            .map(|(_, named)| named)
            .or_else(|| rest.contains("->").then_some(rest))
            .and_then(|named| host_at(named.split("->").next().unwrap_or(named))),
        None if ends_with_status_line(report, &REFUSALS) || ends_with_status_line(report, &FAILURES) => None,
        None if report.contains(REFUSED[0]) => None,
        None => return None,
    };
    Some(Peer {
        role: Role::Proxy,
        host,
    })
}

/// Whether the proxy was reached and refuses the node or the registry. `report`: one that speaks of a proxy.
pub(crate) fn refuses(report: &str) -> bool {
    let through = THROUGH.iter().find_map(|word| Some(report.split_once(word)?.1));
    let answered = |rest: &str| {
        let code = |code: &str| matches!(code, "401" | "403" | "407" | "429");
        has_status(rest, code) || REFUSALS.iter().any(|words| ending(rest).ends_with(words))
    };
    ends_with_status_line(report, &REFUSALS)
        || REFUSED.iter().any(|words| report.contains(words))
        || through.is_some_and(answered)
}

fn ending(report: &str) -> &str {
    report.trim_end_matches(|c: char| c == ']' || c == '.' || c.is_whitespace())
}

/// Whether nothing but a status line follows the URL of the request.
fn ends_with_status_line(report: &str, lines: &[&str]) -> bool {
    lines.iter().any(|line| {
        let before = ending(report)
            .strip_suffix(line)
            .and_then(|rest| rest.strip_suffix(": "));
        before
            .and_then(|before| before.split_whitespace().next_back())
            .is_some_and(|word| word.contains("://"))
    })
}
