//! Parses and validates a registry URL: a key that no image name can have is refused.
//!
//! Errors complete the sentence "spec.registryUrl ..." and never repeat user info, which may hold a password.

use std::net::Ipv6Addr;

use crate::domain::registry::dialect::is_docker_hub_host;
use crate::domain::registry::image::{PATH_LENGTH, is_path_component};

/// Path prefixes of the registry API. The kubelet drops one right after the host.
const API_VERSIONS: [&str; 2] = ["v1", "v2"];

/// A registry URL taken apart. The path has neither a slash at an end nor an API version.
pub(crate) struct UrlParts {
    pub(crate) host: String,
    port: Option<String>,
    pub(crate) path: String,
}

impl UrlParts {
    /// Takes a URL apart, in any spelling that users, Docker or the kubelet write.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        check_characters(url)?;
        let rest = strip_scheme(url);
        if let Some((scheme, rest)) = rest.split_once("://") {
            return Err(format!(
                "must not have the scheme {scheme}://: write {}",
                rest.trim_end_matches('/')
            ));
        }
        let (host_port, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_port(host_port)?;
        let host = host.to_ascii_lowercase();
        check_host(&host)?;
        if port.is_none() {
            check_host_without_port(&host)?;
        }
        let path = strip_api_version(path.trim_end_matches('/'))?;
        check_path(path)?;
        Ok(Self {
            host,
            port: port.map(str::to_owned),
            path: path.to_owned(),
        })
    }

    /// Whether people mean Docker Hub by it.
    pub(crate) fn is_docker_hub(&self) -> bool {
        is_docker_hub_host(&self.host)
    }

    /// `host[:port][/path]`.
    pub(crate) fn join(self) -> String {
        let mut key = self.host;
        if let Some(port) = self.port {
            key.push(':');
            key.push_str(&port);
        }
        if !self.path.is_empty() {
            key.push('/');
            key.push_str(&self.path);
        }
        key
    }
}

fn check_characters(url: &str) -> Result<(), String> {
    let problem = if url.is_empty() {
        "is empty: write the registry as images name it, such as registry.example.com:5000"
    } else if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        "must not contain whitespace or control characters"
    } else if url.contains('@') {
        "must not contain '@': credentials belong in the Secret that credentialsRef names, and a key has no digest"
    } else if url.contains(['?', '#']) {
        "must not contain a query or fragment ('?' or '#'): write host[:port][/path]"
    } else {
        return Ok(());
    };
    Err(problem.to_owned())
}

fn strip_scheme(url: &str) -> &str {
    for scheme in ["https://", "http://"] {
        if url
            .get(..scheme.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(scheme))
        {
            return &url[scheme.len()..];
        }
    }
    url
}

fn split_port(host_port: &str) -> Result<(&str, Option<&str>), String> {
    let host_length = match host_port.strip_prefix('[') {
        Some(rest) => {
            let end = rest
                .find(']')
                .ok_or("has an IPv6 address without its closing bracket: write [2001:db8::1]:5000")?;
            end + 2
        }
        None => host_port.find(':').unwrap_or(host_port.len()),
    };
    let (host, tail) = host_port.split_at(host_length);
    let Some(port) = tail.strip_prefix(':') else {
        return if tail.is_empty() {
            Ok((host, None))
        } else {
            Err("has unexpected text after the IPv6 address: write [2001:db8::1]:5000".to_owned())
        };
    };
    if port.contains('*') {
        return Err("must not have '*' in the port: the kubelet compares ports as text".to_owned());
    }
    if port.contains(':') {
        return Err("has more than one port; an IPv6 address needs brackets: [2001:db8::1]:5000".to_owned());
    }
    let number: Option<u16> = port.parse().ok();
    // The kubelet compares the text: 05000 or +5000 would never match.
    if number.is_none_or(|number| number == 0 || number.to_string() != port) {
        return Err(format!(
            "has the invalid port {port:?}: ports are 1 to 65535, without leading zeros"
        ));
    }
    Ok((host, Some(port)))
}

fn check_host(host: &str) -> Result<(), String> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return match address.parse::<Ipv6Addr>() {
            Ok(_) if address.contains('.') => Err(format!(
                "has an IPv6 address with dots, which no image name can have: write [{}]:5000 and the same in image names",
                hexadecimal(address)
            )),
            Ok(_) => Ok(()),
            Err(_) => Err("has no IPv6 address between the brackets: write [2001:db8::1]:5000".to_owned()),
        };
    }
    if host.is_empty() {
        return Err("has no host: write host[:port][/path], such as registry.example.com:5000".to_owned());
    }
    if host == "*" {
        return Err("must not be '*' alone: the kubelet matches label by label, so write *.example.com".to_owned());
    }
    if host.contains('_') {
        return Err(format!(
            "has '_' in the host name {host:?}, which no image name can have: use a host name of letters, digits, '-' and '.'"
        ));
    }
    let is_label = |label: &str| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '*');
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(is_allowed)
    };
    if host.len() <= 253 && host.split('.').all(is_label) {
        return Ok(());
    }
    Err(format!(
        "has the invalid host name {host:?}: write host[:port][/path], such as registry.example.com:5000"
    ))
}

/// An address that ends as IPv4 does, in hexadecimal digits only.
fn hexadecimal(address: &str) -> String {
    let segments = address.parse::<Ipv6Addr>().map(|address| address.segments());
    let segments = segments.unwrap_or_default().map(|segment| format!("{segment:x}"));
    segments.join(":")
}

/// Image names tell a host from a namespace of Docker Hub by a dot or a port (`github.com/distribution/reference`).
fn check_host_without_port(host: &str) -> Result<(), String> {
    if host.starts_with('[') {
        // The kubelet takes the brackets for a character class then.
        return Err(format!(
            "is an IPv6 address without a port, which the kubelet never matches: write {host}:443 and the same in image names"
        ));
    }
    if host.contains('.') || host == "localhost" {
        return Ok(());
    }
    Err(format!(
        "has the host {host:?} without a dot or port, which in an image name is a namespace of Docker Hub: write it with its port, such as {host}:80 or {host}:443, or with its full name, such as {host}.example.com, and write image names the same way"
    ))
}

/// Cuts `/v1` or `/v2` right after the host, which is part of an API URL and not of image names.
fn strip_api_version(path: &str) -> Result<&str, String> {
    let without_version = |path| match path_segments(path) {
        (first, rest) if API_VERSIONS.contains(&first) => Some(rest),
        _ => None,
    };
    let Some(rest) = without_version(path) else {
        return Ok(path);
    };
    match without_version(rest) {
        None => Ok(rest),
        Some(_) => Err(
            "has a repository called v1 or v2 right after the host, for which there is no key: the kubelet takes it for the version of the API; write the host alone"
                .to_owned(),
        ),
    }
}

/// The first segment and the rest.
fn path_segments(path: &str) -> (&str, &str) {
    path.split_once('/').unwrap_or((path, ""))
}

fn check_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Ok(());
    }
    if path.contains('*') {
        return Err("must not have '*' in the path: the kubelet compares it as plain text".to_owned());
    }
    if let Some((repository, _)) = path.split_once(':') {
        return Err(format!(
            "must not end in a tag: a key names repositories, write .../{repository}"
        ));
    }
    if path.split('/').any(str::is_empty) {
        return Err("has an empty path segment ('//')".to_owned());
    }
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!(
            "has upper-case letters in the path, but repository names are lower-case: write .../{}",
            path.to_ascii_lowercase()
        ));
    }
    if path.len() > PATH_LENGTH {
        return Err(format!(
            "has a path of more than {PATH_LENGTH} characters, which no repository name can have"
        ));
    }
    let (folders, last) = path.rsplit_once('/').unwrap_or(("", path));
    // The kubelet matches the beginning of a name, so the last segment may go on.
    let continued = format!("{last}x");
    let mut segments = folders.split('/').filter(|segment| !segment.is_empty());
    match segments.find(|segment| !is_path_component(segment)) {
        Some(segment) => Err(impossible_segment(segment)),
        None if is_path_component(&continued) => Ok(()),
        None => Err(impossible_segment(last)),
    }
}

fn impossible_segment(segment: &str) -> String {
    format!(
        "has the path segment {segment:?}, which no repository name can have: write a-z and 0-9, with a single '.', '_', '__' or any number of '-' between them"
    )
}
