//! What a kubelet's report says by itself, whatever runtime wrote it (domain.md D1, D3, D4; testbed.md 5).
//!
//! The same words can have several causes: [`crate::domain::pull_failures::infer`] adds what the pod would have sent.

use crate::domain::pull_failures::patterns::PATTERNS;
use crate::domain::text::{attempts, unwrap, without_names};

/// What the words mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// A pull secret cannot be decoded.
    Malformed,
    /// The registry has locked the user out.
    Locked,
    /// The login has expired.
    Expired,
    /// A login was sent and refused.
    Refused,
    /// The registry wants a login and none was sent.
    NotSent,
    /// A limit for those without a login.
    RateLimitedAnonymous,
    /// A limit.
    RateLimited,
    /// No right, or no login: the words do not tell.
    Denied,
    /// 401, from a runtime that says so when it has no login: most likely a wrong one.
    Unauthorized,
    /// 401: a wrong login, or none: the words do not tell.
    Unclear,
    /// No image for this platform.
    Platform,
    /// No such image.
    NotFound,
    /// The certificate is not trusted.
    Tls,
    /// HTTP where HTTPS was expected.
    PlainHttp,
    /// The name does not resolve.
    Dns,
    /// No connection, or the registry is in trouble.
    Unreachable,
    /// A signature policy.
    Signature,
    /// The name of the image is not valid.
    InvalidName,
    /// Never to be pulled, and not there.
    NeverPull,
    /// The node is in trouble.
    Node,
    /// Something else.
    Unknown,
}

/// What a waiting reason and its message say of `image`. None: they say nothing but that the kubelet waits.
pub fn read(reason: &str, message: &str, image: &str) -> Option<ErrorClass> {
    let (inner, text) = unwrap(message);
    let reason = inner.unwrap_or(reason);
    match reason {
        "InvalidImageName" => return Some(ErrorClass::InvalidName),
        "ErrImageNeverPull" => return Some(ErrorClass::NeverPull),
        "SignatureValidationFailed" => return Some(ErrorClass::Signature),
        _ => {}
    }
    let found = strongest(text, image);
    match (reason, found) {
        ("RegistryUnavailable", None | Some(ErrorClass::Unknown | ErrorClass::NotFound)) => {
            Some(ErrorClass::Unreachable)
        }
        ("ImageInspectError", None | Some(ErrorClass::Unknown)) => Some(ErrorClass::Node),
        // Since 1.33 an error before the pull stands in the reason itself.
        (reason, None | Some(ErrorClass::Unknown)) if is_free_text(reason) => Some(of(reason, image)),
        (_, found) => found,
    }
}

/// Whether a waiting reason is none of a kubelet's words, but an error's text.
pub fn is_free_text(reason: &str) -> bool {
    reason.contains([' ', ':'])
}

fn strongest(text: &str, image: &str) -> Option<ErrorClass> {
    if text.is_empty() {
        return None;
    }
    let signals = attempts(text).into_iter().map(|text| of(text, image));
    signals.max_by_key(|signal| weight(*signal))
}

/// Of several logins that were tried, the one that came furthest tells what is in the way.
fn weight(signal: ErrorClass) -> u8 {
    match signal {
        ErrorClass::NotFound
        | ErrorClass::Platform
        | ErrorClass::Signature
        | ErrorClass::InvalidName
        | ErrorClass::NeverPull => 6,
        ErrorClass::Denied | ErrorClass::Node => 5,
        ErrorClass::RateLimited | ErrorClass::RateLimitedAnonymous | ErrorClass::Malformed => 4,
        ErrorClass::Locked | ErrorClass::Expired | ErrorClass::Refused => 3,
        ErrorClass::Unauthorized | ErrorClass::Unclear | ErrorClass::NotSent => 2,
        ErrorClass::Tls | ErrorClass::PlainHttp | ErrorClass::Dns | ErrorClass::Unreachable => 1,
        ErrorClass::Unknown => 0,
    }
}

fn of(text: &str, image: &str) -> ErrorClass {
    let text = without_names(text, image).to_lowercase();
    let holds = |pattern: &&str| pattern.split(" + ").all(|fragment| has(&text, fragment));
    PATTERNS
        .iter()
        .find(|(_, patterns)| patterns.iter().any(holds))
        .map_or(ErrorClass::Unknown, |(signal, _)| *signal)
}

fn has(text: &str, fragment: &str) -> bool {
    if fragment.len() == 3 && fragment.bytes().all(|byte| byte.is_ascii_digit()) {
        return has_status(text, fragment);
    }
    if fragment == "eof" {
        return text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == fragment);
    }
    text.contains(fragment)
}

/// A status code, not a port, a part of a digest or of a name: what is before or after it says so.
fn has_status(text: &str, code: &str) -> bool {
    const BEFORE: [&str; 6] = ["status", "code", "http", "response", "error", "answered"];
    const AFTER: [&str; 15] = [
        "unauthorized",
        "forbidden",
        "not found",
        "too many requests",
        "internal server error",
        "bad gateway",
        "service unavailable",
        "gateway time",
        "(unauthorized",
        "(forbidden",
        "(not found",
        "(too many",
        "(internal",
        "(bad gateway",
        "(service",
    ];
    text.match_indices(code).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + code.len()..]);
        let apart = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.')
            && !after.starts_with(|c: char| c.is_ascii_alphanumeric());
        let last = before
            .split(|c: char| !c.is_ascii_alphabetic())
            .rfind(|word| !word.is_empty())
            .unwrap_or_default();
        let nearby = before.len() - before.trim_end_matches(|c: char| !c.is_ascii_alphabetic()).len() <= 3;
        let named = BEFORE.contains(&last) && nearby;
        apart && (named || AFTER.iter().any(|word| after.trim_start().starts_with(word)))
    })
}
