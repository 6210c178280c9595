//! What a kubelet's report says by itself, whatever runtime wrote it (domain.md D1, D3, D4; testbed.md 5).
//!
//! The same words can have several causes: [`super::resolve`] adds what the pod would have sent.

use super::text::{attempts, unwrap, without_names};

/// What the words mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
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
    /// 401: a wrong login, or none: the words do not tell.
    Unauthorized,
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

/// Fragments that all have to be in the text, in lower case. `401` and the like mean that status, not these digits.
type Pattern = &'static [&'static str];

/// First match wins: what is specific stands before what it contains.
const TABLE: &[(Signal, &[Pattern])] = &[
    (
        Signal::Malformed,
        &[
            &["illegal base64 data"],
            &["unable to parse auth field"],
            &["cannot unmarshal", "dockerconfig"],
        ],
    ),
    (Signal::NeverPull, &[&["is not present with pull policy of never"]]),
    (
        Signal::InvalidName,
        &[
            &["invalid reference format"],
            &["couldn't parse image name"],
            &["invalid image name"],
            &["invalidimagename"],
            &["invalid repository name"],
            &["could not parse reference"],
            &["did not resolve to an alias"],
            &["no registries configured"],
            &["short-name resolution enforced"],
            &["short name mode is enforcing"],
        ],
    ),
    (
        Signal::Signature,
        &[
            &["blocked pull"],
            &["source image rejected"],
            &["signature validation failed"],
            &["signaturevalidationfailed"],
            &["signature was required"],
            &["invalid signature"],
            &["rejected by policy"],
        ],
    ),
    (
        Signal::Locked,
        &[
            &["too many failed login"],
            &["failed login attempts"],
            &["oauth token", "429"],
            &["account", "locked"],
            &["user", "locked out"],
            &["login", "suspended"],
            &["account", "suspended"],
        ],
    ),
    (
        Signal::Expired,
        &[
            &["authorization token has expired"],
            &["token has expired"],
            &["token is expired"],
            &["token expired"],
            &["expiredtoken"],
            &["credentials have expired"],
        ],
    ),
    (
        Signal::RateLimitedAnonymous,
        &[&["unauthenticated pull rate limit"], &["anonymous", "rate limit"]],
    ),
    (
        Signal::NotSent,
        &[
            &["anonymous token", "401"],
            &["anonymous token", "403"],
            &["anonymous token", "unauthorized"],
            &["anonymous token", "denied"],
            &["no basic auth credentials"],
            &["missing username or secret"],
            &["authentication token not provided"],
            &["no credentials provided"],
        ],
    ),
    (
        Signal::Refused,
        &[
            &["oauth token", "401"],
            &["oauth token", "403"],
            &["oauth token", "unauthorized"],
            &["oauth token", "denied"],
            &["incorrect username or password"],
            &["incorrect user name or password"],
            &["wrong username or password"],
            &["invalid user name or password"],
            &["invalid username or password"],
            &["http basic: access denied"],
            &["denied: denied"],
            &["denied: invalid token"],
            &["unauthorized: invalid token"],
            &["invalid credentials"],
            &["bad credentials"],
            &["authentication failed"],
            &["authentication failure"],
            &["personal access token is expired or"],
            &["could not find robot"],
            &["invalid robot"],
        ],
    ),
    (
        Signal::RateLimited,
        &[
            &["toomanyrequests"],
            &["too many requests"],
            &["429"],
            &["pull rate limit"],
            &["rate limit exceeded"],
            &["exceeded", "rate limit"],
        ],
    ),
    (
        Signal::Platform,
        &[
            &["no match for platform"],
            &["no match for current platform"],
            &["no supported platform found"],
            &["no matching manifest"],
            &["no image found in image index"],
            &["no image found in manifest list"],
            &["no image found in", "architecture"],
            &["does not match the specified platform"],
            &["cannot be used on this platform"],
        ],
    ),
    // A machine's own trouble often ends in the words of another cause.
    (
        Signal::Node,
        &[
            &["pull qps exceeded"],
            &["no space left on device"],
            &["imageref of image"],
            &["failed to extract layer"],
            &["failed to unpack image"],
            &["failed to register layer"],
            &["failed to prepare extraction snapshot"],
            &["unable to prepare extraction snapshot"],
            &["read-only file system"],
            &["disk quota exceeded"],
            &["input/output error"],
            &["cannot allocate memory"],
            &["executable file not found"],
            &["containerd.sock"],
            &["crio.sock"],
            &["docker.sock"],
            &["cri-dockerd.sock"],
            &["cannot connect to the docker daemon"],
            &["dial unix"],
            &["too many open files"],
            &["permission denied", "/var/lib/"],
            &["snapshotter"],
            &["committing the finished image"],
            &["content digest", "not found"],
            &["adding layer"],
            &["applying layer"],
            &["filesystem layer verification failed"],
            &["layer verification failed"],
            &["unexpected commit digest"],
            &["unexpected commit size"],
            &["layers from manifest don't match image configuration"],
            &["error creating overlay mount"],
            &["max depth exceeded"],
            &["failed commit on ref"],
            &["operation not permitted"],
            &["digest did not match"],
        ],
    ),
    (
        Signal::PlainHttp,
        &[
            &["server gave http response to https client"],
            &["first record does not look like a tls handshake"],
            &["wrong version number"],
        ],
    ),
    (
        Signal::Dns,
        &[
            &["no such host"],
            &["name resolution"],
            &["server misbehaving"],
            &["name or service not known"],
            &["could not resolve host"],
            &["no address associated with hostname"],
            &["dial tcp: lookup", ":53"],
            &["dial tcp: lookup", "try again"],
        ],
    ),
    // Without a number in front it is a proxy that refuses the connection.
    (Signal::Unreachable, &[&["tls handshake timeout"], &["\": forbidden"]]),
    (
        Signal::Tls,
        &[
            &["x509:"],
            &["certificate"],
            &["tls: "],
            &["tls handshake"],
            &["remote error: tls"],
        ],
    ),
    // containers/image says so of any refusal of a token, also without a login.
    (
        Signal::Unauthorized,
        &[&["invalid username/password"], &["requesting bearer token", "403"]],
    ),
    (
        Signal::Denied,
        &[
            &["insufficient_scope"],
            &["pull access denied"],
            &["no pull access"],
            &["unauthorized to access repository"],
            &["does not have permission"],
            &["access to the resource is denied"],
            &["access to the requested resource is not authorized"],
            &["access forbidden"],
            &["downloadartifacts"],
            &["403"],
            &["forbidden"],
            &["denied"],
            &["not authorized to perform"],
            &["invalid_token"],
        ],
    ),
    (
        Signal::NotFound,
        &[
            &["manifest unknown"],
            &["manifest_unknown"],
            &["name unknown"],
            &["name_unknown"],
            &["name invalid"],
            &["blob unknown"],
            &["blob_unknown"],
            &["repository name not known"],
            &["repository", "not found"],
            &["manifest", "not found"],
            &["artifact", "not found"],
            &["no such manifest"],
            &["404"],
            &["code = notfound"],
            &[": not found"],
            &["not_found"],
            &["failed to find image"],
            &["was deleted or has expired"],
        ],
    ),
    (
        Signal::Unauthorized,
        &[&["401"], &["unauthorized"], &["authentication required"]],
    ),
    (
        Signal::Unreachable,
        &[
            &["connection refused"],
            &["connection reset"],
            &["connection timed out"],
            &["broken pipe"],
            &["i/o timeout"],
            &["deadline exceeded"],
            &["client.timeout"],
            &["timed out"],
            &["timeout"],
            &["no route to host"],
            &["host is unreachable"],
            &["network is unreachable"],
            &["use of closed network connection"],
            &["server closed idle connection"],
            &["eof"],
            &["proxyconnect"],
            &["500"],
            &["502"],
            &["503"],
            &["504"],
            &["520"],
            &["522"],
            &["524"],
            &["internal server error"],
            &["bad gateway"],
            &["service unavailable"],
            &["gateway time"],
            &["registry is unavailable"],
            &["registryunavailable"],
            &["http2:"],
            &["stream error"],
            &["context canceled"],
            &["request canceled"],
            &["protocol_error"],
            &["invalid character '<'"],
        ],
    ),
];

/// What a waiting reason and its message say of `image`. None: they say nothing but that the kubelet waits.
pub fn read(reason: &str, message: &str, image: &str) -> Option<Signal> {
    let (inner, text) = unwrap(message);
    let reason = inner.unwrap_or(reason);
    match reason {
        "InvalidImageName" => return Some(Signal::InvalidName),
        "ErrImageNeverPull" => return Some(Signal::NeverPull),
        "SignatureValidationFailed" => return Some(Signal::Signature),
        _ => {}
    }
    let found = strongest(text, image);
    match (reason, found) {
        ("RegistryUnavailable", None | Some(Signal::Unknown | Signal::NotFound)) => Some(Signal::Unreachable),
        ("ImageInspectError", None | Some(Signal::Unknown)) => Some(Signal::Node),
        // Since 1.33 an error before the pull stands in the reason itself.
        (reason, None | Some(Signal::Unknown)) if is_free_text(reason) => Some(of(reason, image)),
        (_, found) => found,
    }
}

/// Whether a waiting reason is none of a kubelet's words, but an error's text.
pub fn is_free_text(reason: &str) -> bool {
    reason.contains([' ', ':'])
}

fn strongest(text: &str, image: &str) -> Option<Signal> {
    if text.is_empty() {
        return None;
    }
    let signals = attempts(text).into_iter().map(|text| of(text, image));
    signals.max_by_key(|signal| weight(*signal))
}

/// Of several logins that were tried, the one that came furthest tells what is in the way.
fn weight(signal: Signal) -> u8 {
    match signal {
        Signal::NotFound | Signal::Platform | Signal::Signature | Signal::InvalidName | Signal::NeverPull => 6,
        Signal::Denied | Signal::Node => 5,
        Signal::RateLimited | Signal::RateLimitedAnonymous | Signal::Malformed => 4,
        Signal::Locked | Signal::Expired | Signal::Refused => 3,
        Signal::Unauthorized | Signal::NotSent => 2,
        Signal::Tls | Signal::PlainHttp | Signal::Dns | Signal::Unreachable => 1,
        Signal::Unknown => 0,
    }
}

fn of(text: &str, image: &str) -> Signal {
    let text = without_names(text, image).to_lowercase();
    let holds = |pattern: &Pattern| pattern.iter().all(|fragment| has(&text, fragment));
    TABLE
        .iter()
        .find(|(_, patterns)| patterns.iter().any(holds))
        .map_or(Signal::Unknown, |(signal, _)| *signal)
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
