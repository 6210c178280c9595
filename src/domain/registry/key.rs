//! From what a user writes as `registryUrl` to the key that the kubelet matches.

use crate::api::{Reason, RegistryType};
use crate::domain::problem::Problem;
use crate::domain::registry::dialect::{DOCKER_HUB, DOCKER_HUB_KEY};
use crate::domain::registry::matching;
use crate::domain::registry::url::UrlParts;

/// A key of a docker config document that the kubelet matches, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryKey(String);

impl RegistryKey {
    /// The key for a type and the URL as the user wrote it.
    pub fn new(registry_type: RegistryType, url: Option<&str>) -> Result<Self, Problem> {
        match (registry_type, url) {
            (RegistryType::DockerHub, None) => Ok(Self::docker_hub()),
            (RegistryType::DockerHub, Some(_)) => Err(Problem::new(
                Reason::InvalidSpec,
                "spec.registryUrl must be left out for type DockerHub: the operator writes the one key that the kubelet matches for Docker Hub",
            )),
            (RegistryType::PrivateRegistry, None) => Err(Problem::new(
                Reason::InvalidSpec,
                "spec.registryUrl is required for type PrivateRegistry: write the registry as images name it, such as registry.example.com:5000",
            )),
            (RegistryType::PrivateRegistry, Some(url)) => Self::private(url),
        }
    }

    /// The key of Docker Hub.
    pub fn docker_hub() -> Self {
        Self(DOCKER_HUB_KEY.to_owned())
    }

    /// The key of any other registry.
    fn private(url: &str) -> Result<Self, Problem> {
        let invalid = |what: String| Problem::new(Reason::InvalidRegistry, format!("spec.registryUrl {what}"));
        let parts = UrlParts::parse(url).map_err(invalid)?;
        if parts.is_docker_hub() {
            return Err(invalid(docker_hub_refusal(&parts.host)));
        }
        Ok(Self(parts.join()))
    }

    /// Reads a key of somebody else's docker config, in any spelling that Docker or the kubelet understands.
    pub fn of_config_entry(key: &str) -> Option<Self> {
        let parts = UrlParts::parse(key).ok()?;
        if !parts.is_docker_hub() {
            return Some(Self(parts.join()));
        }
        // `docker.io/acme` is for a part of Docker Hub only; `index.docker.io/v1/` has lost its path by now.
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

    /// The registry as messages name it.
    pub fn display_name(&self) -> &str {
        if self.is_docker_hub() { "Docker Hub" } else { &self.0 }
    }

    /// A name for a resource with credentials for it: its words, with `-` between them.
    pub(crate) fn resource_name(&self) -> String {
        if self.is_docker_hub() {
            return "docker-hub".to_owned();
        }
        let words = self.0.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        words.join("-").to_ascii_lowercase()
    }

    /// `host[:port]` of a private registry: everything before the first `/`.
    pub fn host_port(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// The path of a private registry, without a leading `/`; empty if there is none.
    fn path(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, path)| path)
    }

    /// What works, but probably not as expected.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.is_docker_hub() {
            return warnings;
        }
        let (host_port, path) = (self.host_port(), self.path());
        for port in [":443", ":80"] {
            if let Some(host) = host_port.strip_suffix(port) {
                warnings.push(format!(
                    "the port {port} is part of the key: only images written {host_port}/... use these credentials, not {host}/..."
                ));
            }
        }
        if !path.is_empty() {
            warnings.push(format!(
                "the kubelet compares the path as plain text: the key also matches every repository whose path only begins with {path:?}, such as {}-other",
                self.0
            ));
        }
        warnings
    }
}

/// Completes "spec.registryUrl ...".
fn docker_hub_refusal(host: &str) -> String {
    let images = if matches!(host, DOCKER_HUB | "index.docker.io") {
        String::new()
    } else {
        format!(
            "; write images as {DOCKER_HUB}/..., because Docker Hub credentials never match an image written {host}/..."
        )
    };
    format!("is Docker Hub ({host}): use type DockerHub and leave registryUrl out{images}")
}

/// Whether credentials under `entry` are meant for everything that `wanted` names: equal host and port (or a matching
/// wildcard), and a path that `wanted`'s path continues at a `/`.
pub fn serves(entry: &RegistryKey, wanted: &RegistryKey) -> bool {
    if entry == wanted {
        return true;
    }
    if entry.is_docker_hub() || wanted.is_docker_hub() {
        return false;
    }
    let is_below = match wanted.path().strip_prefix(entry.path()) {
        Some(rest) => entry.path().is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    };
    is_below && matching::host_matches(entry.host_port(), wanted.host_port())
}
