//! Which keys of docker config documents the kubelet uses for an image, and in which order.
//!
//! This behaves as `pkg/credentialprovider/keyring.go` in Kubernetes 1.37; the cluster tests compare it with that code
//! itself. Which keys are sensible is up to [`crate::domain::registry::key`].

use crate::domain::glob;

/// Whether the kubelet uses credentials with this key for `image`, see [`lookup`].
pub fn serves(key: &str, image: &str) -> bool {
    !lookup(&[key], image).is_empty()
}

/// Indexes of `keys` whose credentials the kubelet sends for `image`, first tried first.
///
/// `image` is a normalized repository name without tag and digest, such as `docker.io/library/nginx`.
pub fn lookup<S: AsRef<str>>(keys: &[S], image: &str) -> Vec<usize> {
    let mut index: Vec<(String, usize)> = keys
        .iter()
        .enumerate()
        .filter_map(|(position, key)| Some((normalize(key.as_ref())?, position)))
        .collect();
    // More specific paths first; entries of one key in the order given.
    index.sort_by(|(a, i), (b, j)| b.cmp(a).then(i.cmp(j)));

    let Some(target) = Url::parse(image) else {
        return Vec::new();
    };
    let matching: Vec<usize> = index
        .iter()
        .filter(|(key, _)| Url::parse(key).is_some_and(|glob| glob.matches(&target)))
        .map(|(_, position)| *position)
        .collect();
    if !matching.is_empty() || !is_docker_hub(image) {
        return matching;
    }
    // The fallback applies only when nothing else matched.
    index
        .iter()
        .filter(|(key, _)| key == "index.docker.io")
        .map(|(_, position)| *position)
        .collect()
}

/// The host of one key against that of another, both `host[:port]`.
pub(crate) fn host_matches(glob: &str, host: &str) -> bool {
    match (Url::parse(glob), Url::parse(host)) {
        (Some(glob), Some(host)) => glob.matches(&host),
        _ => false,
    }
}

/// Host, port (empty if none) and path of a key as the kubelet compares them; `None` if the kubelet drops the key.
pub fn parts(key: &str) -> Option<(String, String, String)> {
    let url = Url::parse(&normalize(key)?)?;
    let (host, port) = split_host_port(&url.host);
    Some((host.to_owned(), port.to_owned(), url.path))
}

/// A key as the kubelet stores it: host and path, without scheme and API version. `None` if the kubelet drops it.
pub(crate) fn normalize(key: &str) -> Option<String> {
    let rest = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let url = Url::parse(rest)?;
    let path = if url.path.starts_with("/v2/") || url.path.starts_with("/v1/") {
        &url.path[3..]
    } else {
        &url.path
    };
    Some(if path == "/" { url.host } else { url.host + path })
}

fn is_docker_hub(image: &str) -> bool {
    match image.split_once('/') {
        None => !image.is_empty(),
        Some(("", _)) => false,
        Some((first, _)) => matches!(first, "docker.io" | "index.docker.io") || !first.contains(['.', ':']),
    }
}

/// What is left of Go's `url.Parse("https://" + text)` that matters here.
#[derive(Debug)]
struct Url {
    host: String,
    path: String,
}

impl Url {
    fn parse(text: &str) -> Option<Self> {
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        unescape(fragment)?;
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return None;
        }
        let text = text.split_once('?').map_or(text, |(before, _)| before);
        let slash = text.find('/').unwrap_or(text.len());
        let (authority, path) = text.split_at(slash);
        let host = match authority.rsplit_once('@') {
            Some((user, host)) => {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
                if !user.bytes().all(allowed) {
                    return None;
                }
                unescape(user)?;
                host
            }
            None => authority,
        };
        Some(Self {
            host: parse_host(host)?,
            path: unescape(path)?,
        })
    }

    fn matches(&self, target: &Self) -> bool {
        let (glob_host, glob_port) = split_host_port(&self.host);
        let (host, port) = split_host_port(&target.host);
        glob_port == port
            && target.path.starts_with(&self.path)
            && glob_host.split('.').count() == host.split('.').count()
            && glob_host
                .split('.')
                .zip(host.split('.'))
                .all(|(glob, label)| label_matches(glob, label))
    }
}

fn parse_host(host: &str) -> Option<String> {
    if host.rfind('[').is_some_and(|index| index > 0) {
        return None;
    }
    if let Some(bracketed) = host.strip_prefix('[') {
        let (address, tail) = bracketed.rsplit_once(']')?;
        valid_optional_port(tail).then_some(())?;
        let (address, zone) = address
            .split_once("%25")
            .map_or((address, None), |(address, zone)| (address, Some(zone)));
        address.parse::<std::net::Ipv6Addr>().ok()?;
        return Some(match zone {
            Some(zone) => format!("[{address}%{}]{tail}", unescape(zone)?),
            None => host.to_owned(),
        });
    }
    if let Some(colon) = host.find(':') {
        // Go 1.26 refuses a second colon outside brackets.
        valid_optional_port(&host[colon..]).then_some(())?;
    }
    let decoded = unescape(host)?;
    let allowed = |byte: u8| byte >= 0x80 || byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"%".contains(&byte);
    // An escaped byte must not be ASCII, so every ASCII byte stands there as itself.
    let escapes_ascii = host
        .match_indices('%')
        .any(|(index, _)| host.as_bytes().get(index + 1).is_some_and(|digit| *digit < b'8'));
    (host.bytes().all(allowed) && !escapes_ascii).then_some(decoded)
}

fn valid_optional_port(port: &str) -> bool {
    port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Percent-decoding; `None` for a broken escape, and for bytes that are no UTF-8: no image name has such.
fn unescape(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        };
        decoded.push(byte);
    }
    String::from_utf8(decoded).ok()
}

/// Go's `net.SplitHostPort`, and the whole text as host where that fails.
fn split_host_port(host: &str) -> (&str, &str) {
    let Some((before, port)) = host.rsplit_once(':') else {
        return (host, "");
    };
    if let Some(inner) = before.strip_prefix('[') {
        return inner.strip_suffix(']').map_or((host, ""), |address| (address, port));
    }
    if before.contains(['[', ']', ':']) || port.contains(['[', ']']) {
        (host, "")
    } else {
        (before, port)
    }
}

/// Go's `filepath.Match` for one host label. Of its special characters only `*` can stand in a parsed host, and `[` at
/// the beginning of an IPv6 address without a port, where it begins a character class that matches no such address.
fn label_matches(glob: &str, label: &str) -> bool {
    !glob.contains('[') && glob::matches(glob, label)
}
