//! Image names as the kubelet reads them.
//!
//! The grammar of `github.com/distribution/reference` 0.6, which the kubelet and containerd use; the cluster tests compare
//! this with that code itself.

use crate::domain::registry::dialect::{DOCKER_HUB, is_docker_hub_host};

/// Longest path of a repository, in bytes.
pub(crate) const PATH_LENGTH: usize = 255;

/// An image name that the kubelet accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Host and path without tag and digest, such as `docker.io/library/nginx`: what registry keys are compared with.
    pub repository: String,
}

impl Image {
    /// Reads an image as a pod names it. The error completes "the image …".
    pub fn parse(image: &str) -> Result<Self, &'static str> {
        if image.len() == 64 && image.bytes().all(is_lower_hex) {
            return Err("is 64 hexadecimal digits, which is not a name: write repository:tag or repository@sha256:…");
        }
        if image.is_empty() {
            return Err("is empty");
        }
        if image.contains("://") {
            return Err("must not begin with a scheme such as https://");
        }
        if image.chars().any(char::is_whitespace) {
            return Err("must not contain whitespace");
        }
        let (host, rest) = split_host(image);
        if rest
            .split(':')
            .next()
            .unwrap_or_default()
            .chars()
            .any(char::is_uppercase)
        {
            return Err("must have its repository in lower case");
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err("has a digest that is not sha256: and 64 hexadecimal digits");
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(
                "has an invalid tag: write at most 128 letters, digits, '_', '.' and '-', and neither '.' nor '-' first",
            );
        }
        let path = if host == DOCKER_HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        let repository = format!("{host}/{path}");
        // An invalid host, such as one with '_', can still be the beginning of a path.
        let path = if is_host(host) { &path } else { &repository };
        if path.len() > PATH_LENGTH || !path.split('/').all(is_path_component) {
            return Err(if is_host(host) {
                "has an invalid repository: write lower-case letters and digits with single '/', '.', '_' or '-' between them"
            } else {
                "has an invalid host"
            });
        }
        Ok(Self { repository })
    }

    /// What an invalid name was probably meant to be: lower case, without scheme, whitespace, tag and digest.
    pub fn meant(image: &str) -> Self {
        let text: String = image.split_whitespace().collect::<String>().to_lowercase();
        let text = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
        let (host, path) = split_host(text);
        let end = path.find([':', '@']).unwrap_or(path.len());
        Self {
            repository: format!("{host}/{}", &path[..end]),
        }
    }

    /// `host[:port]` that the image is pulled from.
    pub fn host(&self) -> &str {
        self.repository.split('/').next().unwrap_or_default()
    }

    /// Whether it comes from Docker Hub.
    pub fn is_docker_hub(&self) -> bool {
        self.host() == DOCKER_HUB
    }

    /// The repository under the one host with which Docker Hub credentials match, if it is written with another of Docker
    /// Hub's hosts.
    pub fn on_docker_hub(&self) -> Option<Self> {
        let (host, path) = self.repository.split_once('/')?;
        let name = host.split(':').next().unwrap_or_default();
        (!self.is_docker_hub() && is_docker_hub_host(name)).then(|| Self {
            repository: format!("{DOCKER_HUB}/{path}"),
        })
    }
}

fn split_host(image: &str) -> (&str, &str) {
    let Some((first, rest)) = image.split_once('/') else {
        return (DOCKER_HUB, image);
    };
    match first {
        "index.docker.io" => (DOCKER_HUB, rest),
        "localhost" => (first, rest),
        _ if first.contains(['.', ':']) || first.chars().any(char::is_uppercase) => (first, rest),
        _ => (DOCKER_HUB, image),
    }
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(bracketed) => {
            let Some((address, tail)) = bracketed.split_once(']') else {
                return false;
            };
            if address.is_empty() || !address.chars().all(|c| c.is_ascii_hexdigit() || c == ':') {
                return false;
            }
            ("localhost", tail)
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port_fits = match port.strip_prefix(':') {
        Some(digits) => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    let label = |label: &str| {
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(inside) && !label.starts_with('-') && !label.ends_with('-')
    };
    port_fits && name.split('.').all(label)
}

/// Runs of letters and digits with `.`, `_`, `__` or any number of `-` between them.
pub(crate) fn is_path_component(component: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator =
        |text: &str| matches!(text, "." | "_" | "__") || (!text.is_empty() && text.chars().all(|c| c == '-'));
    let mut rest = component.trim_start_matches(alphanumeric);
    if rest.len() == component.len() {
        return false;
    }
    while !rest.is_empty() {
        let end = rest.find(alphanumeric).unwrap_or(rest.len());
        if end == rest.len() || !separator(&rest[..end]) {
            return false;
        }
        rest = rest[end..].trim_start_matches(alphanumeric);
    }
    true
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

fn is_digest(digest: &str) -> bool {
    let length = match digest.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha384", _)) => 96,
        Some(("sha512", _)) => 128,
        _ => return false,
    };
    digest.len() == length + 7 && digest.bytes().skip(7).all(is_lower_hex)
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}
