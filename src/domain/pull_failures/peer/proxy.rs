//! Reports that speak of the proxy through which the node connects.

use crate::domain::pull_failures::peer::{Peer, Role, host_at};

/// How Go reports that a proxy refused to connect to the registry: the words of the proxy's status line alone
/// (`net/http/transport.go`, `dialConn`).
const STATUS_LINES: [&str; 14] = [
    "unauthorized",
    "forbidden",
    "not found",
    "method not allowed",
    "proxy authentication required",
    "authenticationrequired",
    "too many requests",
    "internal server error",
    "not implemented",
    "bad gateway",
    "service unavailable",
    "gateway timeout",
    "gateway time-out",
    "bad request",
];

/// The proxy, if it failed or refused.
pub(super) fn peer(report: &str) -> Option<Peer> {
    let through = ["proxyconnect tcp:", "socks connect tcp"]
        .iter()
        .find_map(|word| Some(report.split_once(word)?.1.trim_start()));
    let host = match through {
        Some(rest) => rest
            .split_once("lookup ")
            .or_else(|| rest.split_once("dial tcp "))
            .map(|(_, named)| named)
            .or_else(|| rest.contains("->").then_some(rest))
            .and_then(|named| host_at(named.split("->").next().unwrap_or(named))),
        None if refused_by_proxy(report) => None,
        None => return None,
    };
    Some(Peer {
        role: Role::Proxy,
        host,
    })
}

fn refused_by_proxy(report: &str) -> bool {
    let ending = report.trim_end_matches(|c: char| c == ']' || c == '.' || c.is_whitespace());
    let refused_connect = STATUS_LINES.iter().any(|line| {
        let before = ending.strip_suffix(line).and_then(|rest| rest.strip_suffix(": "));
        before
            .and_then(|before| before.split_whitespace().next_back())
            .is_some_and(|word| word.contains("://"))
    });
    refused_connect || report.contains("proxy authentication required")
}
