//! From what a user writes as `registryUrl` to the key that kubelets match (design.md 2.3).

use crate::api::{Reason, RegistryType};
use crate::domain::problem::Problem;

/// The one key under which the kubelet, Docker and CRI-O all look for a Docker Hub login (domain.md A3, B1).
pub const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// Hosts that people write for Docker Hub. As keys of a private registry most of them match no image at all.
const DOCKER_HUB_HOSTS: [&str; 5] = [
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "hub.docker.com",
    "registry.hub.docker.com",
];

/// Whether people mean Docker Hub by this host.
pub fn is_docker_hub_host(host: &str) -> bool {
    DOCKER_HUB_HOSTS.iter().any(|known| known.eq_ignore_ascii_case(host))
}

/// A key of a docker config document that a kubelet matches, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryKey(String);

impl RegistryKey {
    /// The key for a type and the URL as the user wrote it.
    pub fn new(registry_type: RegistryType, url: Option<&str>) -> Result<Self, Problem> {
        match (registry_type, url) {
            (RegistryType::DockerHub, None) => Ok(Self::docker_hub()),
            (RegistryType::DockerHub, Some(_)) => Err(Problem::new(
                Reason::InvalidSpec,
                "spec.registryUrl must be left out for type DockerHub: the operator writes the one key that kubelets match for Docker Hub",
            )),
            (RegistryType::PrivateRegistry, None) => Err(Problem::new(
                Reason::InvalidSpec,
                "spec.registryUrl is required for type PrivateRegistry: give the registry as images name it, such as registry.example.com:5000",
            )),
            (RegistryType::PrivateRegistry, Some(url)) => Self::private(url),
        }
    }

    /// The key of Docker Hub.
    pub fn docker_hub() -> Self {
        Self(DOCKER_HUB_KEY.to_owned())
    }

    /// The key of every other registry.
    fn private(url: &str) -> Result<Self, Problem> {
        let parts =
            Parts::of(url).map_err(|what| Problem::new(Reason::InvalidRegistry, format!("spec.registryUrl {what}")))?;
        if parts.is_docker_hub() {
            return Err(Problem::new(
                Reason::InvalidRegistry,
                format!(
                    "spec.registryUrl is Docker Hub ({}): use type DockerHub and leave registryUrl out",
                    parts.host
                ),
            ));
        }
        Ok(Self(parts.join()))
    }

    /// Reads a key of somebody else's docker config, in any spelling that Docker or a kubelet understands.
    pub fn of_config_entry(key: &str) -> Option<Self> {
        let parts = Parts::of(key).ok()?;
        if !parts.is_docker_hub() {
            return Some(Self(parts.join()));
        }
        // `docker.io/acme` serves a part of Docker Hub only; `index.docker.io/v1/` has lost its path by now.
        parts.path.is_empty().then(Self::docker_hub)
    }

    /// The key as it stands in the document.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the key of Docker Hub.
    pub fn is_docker_hub(&self) -> bool {
        self.0 == DOCKER_HUB_KEY
    }

    /// `host[:port]` of a private registry: what is before the first `/`.
    pub fn host_port(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// What works as written but will probably surprise.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.is_docker_hub() {
            return warnings;
        }
        let (host_port, path) = self.0.split_once('/').unwrap_or((&self.0, ""));
        for port in [":443", ":80"] {
            if let Some(host) = host_port.strip_suffix(port) {
                warnings.push(format!(
                    "the port {port} is part of the key: only images written {host_port}/… use this login, not {host}/…"
                ));
            }
        }
        if !path.is_empty() {
            warnings.push(format!(
                "kubelets compare the path as plain text: the key also matches repositories whose names only begin with {:?}, such as {}-other",
                path, self.0
            ));
        }
        if is_ecr(host_port) {
            warnings.push(
                "logins of Amazon ECR are valid for 12 hours: refresh the referenced Secret more often than that, or use the kubelet's ECR credential provider".to_owned(),
            );
        }
        warnings
    }
}

/// `<account>.dkr.ecr.<region>.amazonaws.com` and its Chinese sibling (domain.md C3).
fn is_ecr(host: &str) -> bool {
    host.contains(".dkr.ecr.") && (host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"))
}

/// A registry URL taken apart; the path has neither a slash at an end nor an API version.
struct Parts {
    host: String,
    port: Option<String>,
    path: String,
}

impl Parts {
    /// Errors complete the sentence "spec.registryUrl …" and never repeat a user info, which may hold a password.
    fn of(url: &str) -> Result<Self, String> {
        if url.is_empty() {
            return Err("is empty: give the registry as images name it, such as registry.example.com:5000".to_owned());
        }
        if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("must not contain blanks or control characters".to_owned());
        }
        if url.contains('@') {
            return Err(
                "must not contain '@': a login belongs into the Secret that credentialsRef names, a digest nowhere"
                    .to_owned(),
            );
        }
        if url.contains(['?', '#']) {
            return Err("must not contain a query or fragment ('?' or '#'): write host[:port][/path]".to_owned());
        }
        let rest = strip_scheme(url);
        if let Some((scheme, rest)) = rest.split_once("://") {
            return Err(format!(
                "must not have the scheme {scheme}:// - write {}",
                rest.trim_end_matches('/')
            ));
        }
        let (host_port, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_port(host_port)?;
        let host = host.to_ascii_lowercase();
        check_host(&host)?;
        if host.starts_with('[') && port.is_none() {
            // They take the brackets for a character class then (tests/oracle.rs).
            return Err(format!(
                "is an IPv6 address without a port, which kubelets never match: write {host}:443 and the same in image names"
            ));
        }
        let path = strip_api_version(path);
        check_path(&path)?;
        Ok(Self {
            host,
            port: port.map(str::to_owned),
            path,
        })
    }

    fn is_docker_hub(&self) -> bool {
        is_docker_hub_host(&self.host)
    }

    fn join(self) -> String {
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
    let after_host = match host_port.strip_prefix('[') {
        Some(rest) => {
            let end = rest
                .find(']')
                .ok_or("has an IPv6 address without its closing bracket: write [2001:db8::1]:5000")?;
            end + 2
        }
        None => host_port.find(':').unwrap_or(host_port.len()),
    };
    let (host, tail) = host_port.split_at(after_host);
    let Some(port) = tail.strip_prefix(':') else {
        return if tail.is_empty() {
            Ok((host, None))
        } else {
            Err("has text behind the IPv6 address".to_owned())
        };
    };
    if port.contains('*') {
        return Err("must not have '*' in the port: kubelets compare ports as text".to_owned());
    }
    if port.contains(':') {
        return Err("has more than one port; an IPv6 address needs brackets: [2001:db8::1]:5000".to_owned());
    }
    let number: Option<u16> = port.parse().ok();
    // Kubelets compare the text: 05000 or +5000 would never match.
    if number.is_none_or(|number| number == 0 || number.to_string() != port) {
        return Err(format!(
            "has an impossible port {port:?}: ports are 1 to 65535, without leading zeros"
        ));
    }
    Ok((host, Some(port)))
}

fn check_host(host: &str) -> Result<(), String> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return match address.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err("has no IPv6 address between the brackets: write [2001:db8::1]:5000".to_owned()),
        };
    }
    if host.is_empty() {
        return Err("has no host: write host[:port][/path], such as registry.example.com:5000".to_owned());
    }
    if host == "*" {
        return Err("must not be '*' alone: kubelets match label by label, so write *.example.com".to_owned());
    }
    let label_is_fine = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*'))
    };
    if host.len() <= 253 && host.split('.').all(label_is_fine) {
        return Ok(());
    }
    Err(format!(
        "has an impossible host name {host:?}: write host[:port][/path], such as registry.example.com:5000"
    ))
}

/// Cuts `/v1` and `/v2`, which belong to API URLs: the kubelet cuts them in front of a path, Docker behind it.
fn strip_api_version(path: &str) -> String {
    let mut path = path.trim_end_matches('/');
    loop {
        let shorter = ["v1", "v2"].iter().find_map(|version| {
            let behind = path
                .strip_suffix(version)
                .filter(|rest| rest.is_empty() || rest.ends_with('/'));
            let before = path.strip_prefix(version).filter(|rest| rest.starts_with('/'));
            behind.or(before).map(|rest| rest.trim_matches('/'))
        });
        match shorter {
            Some(shorter) => path = shorter,
            None => return path.to_owned(),
        }
    }
}

fn check_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Ok(());
    }
    if path.contains('*') {
        return Err("must not have '*' in the path: kubelets compare it as plain text".to_owned());
    }
    if let Some((repository, _)) = path.split_once(':') {
        return Err(format!(
            "must not end in a tag: a key names repositories, write …/{repository}"
        ));
    }
    if path.split('/').any(str::is_empty) {
        return Err("has an empty path segment ('//')".to_owned());
    }
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!(
            "has upper-case letters in the path, but repository names are lower-case: write …/{}",
            path.to_ascii_lowercase()
        ));
    }
    if path
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '/'))
    {
        return Ok(());
    }
    Err(
        "has a path that no repository name can begin with: only a-z, 0-9, '.', '_', '-' and '/' are possible"
            .to_owned(),
    )
}

/// Whether a login under `entry` is meant for everything that `wanted` names: equal host and port (or a matching
/// wildcard), and a path that `wanted`'s path continues at a segment.
pub fn serves(entry: &RegistryKey, wanted: &RegistryKey) -> bool {
    if entry == wanted {
        return true;
    }
    if entry.is_docker_hub() || wanted.is_docker_hub() {
        return false;
    }
    let (entry_path, wanted_path) = (path_of(entry), path_of(wanted));
    let below = entry_path.is_empty()
        || wanted_path == entry_path
        || wanted_path
            .strip_prefix(entry_path)
            .is_some_and(|rest| rest.starts_with('/'));
    below && crate::domain::registry::matching::host_matches(entry.host_port(), wanted.host_port())
}

fn path_of(key: &RegistryKey) -> &str {
    key.as_str().split_once('/').map_or("", |(_, path)| path)
}
