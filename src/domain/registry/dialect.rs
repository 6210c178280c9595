//! What is special about a registry: the hosts that belong to it, how long its credentials are valid, where its token server
//! is, how a node gets access without a pull secret, and how it says that a user is locked out.

use std::time::Duration;

/// The one key under which the kubelet, Docker and CRI-O all look for Docker Hub credentials.
///
/// Kubernetes `pkg/credentialprovider/keyring.go` falls back to `index.docker.io`; `docker login` writes exactly this.
pub const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The host of Docker Hub in image names.
pub const DOCKER_HUB: &str = "docker.io";

/// The host that serves the registry API of Docker Hub.
pub const DOCKER_HUB_API: &str = "registry-1.docker.io";

/// Hosts that people write for Docker Hub. As a key, most of them match no image.
pub const DOCKER_HUB_HOSTS: [&str; 5] = [
    DOCKER_HUB,
    "index.docker.io",
    DOCKER_HUB_API,
    "hub.docker.com",
    "registry.hub.docker.com",
];

/// Whether people mean Docker Hub by this host.
pub fn is_docker_hub_host(host: &str) -> bool {
    DOCKER_HUB_HOSTS.iter().any(|known| known.eq_ignore_ascii_case(host))
}

/// What registries say when they stop accepting any password of a user, in lower case: Docker Hub, Artifactory
/// ("User Lock and Login Suspension" in the manual), GitLab ("Git and container registry failed authentication ban").
pub const LOCK_OUT_WORDS: [&str; 7] = [
    "too many failed",
    "failed login attempts",
    "locked out",
    "is locked",
    "suspended",
    "banned",
    "temporarily blocked",
];

/// Pause after rejected credentials before other credentials of the same user are tried: Harbor rejects every password
/// of a user for 1.5 seconds then (goharbor/harbor `src/core/auth/authenticator.go`).
pub const REJECTION_COOLDOWN: Duration = Duration::from_secs(2);

/// A registry that is known by its host. One that somebody runs at a host of their own (Harbor, Artifactory, GitLab) is
/// [`Dialect::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter)]
pub enum Dialect {
    /// Docker Hub.
    DockerHub,
    /// Amazon ECR, private.
    Ecr,
    /// Amazon ECR Public.
    EcrPublic,
    /// Google Artifact Registry and Container Registry.
    Google,
    /// Azure Container Registry.
    Azure,
    /// GitHub Container Registry.
    GitHub,
    /// `GitLab` at gitlab.com.
    GitLab,
    /// Quay.io.
    Quay,
    /// Any other registry.
    Other,
}

impl Dialect {
    /// The registry at `host`, with or without port.
    pub fn of(host: &str) -> Self {
        let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let is_below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        let aws = ["amazonaws.com", "amazonaws.com.cn"];
        match host.as_str() {
            host if is_docker_hub_host(host) => Self::DockerHub,
            host if host.contains(".dkr.ecr") && aws.iter().any(|domain| is_below(domain)) => Self::Ecr,
            "public.ecr.aws" => Self::EcrPublic,
            "gcr.io" => Self::Google,
            _ if is_below("gcr.io") || is_below("pkg.dev") => Self::Google,
            _ if is_below("azurecr.io") || is_below("azurecr.cn") || is_below("azurecr.us") => Self::Azure,
            "ghcr.io" => Self::GitHub,
            "registry.gitlab.com" => Self::GitLab,
            "quay.io" => Self::Quay,
            _ => Self::Other,
        }
    }

    /// What to know about credentials that expire: one sentence without a final stop.
    pub fn lifetime_advice(self) -> Option<&'static str> {
        matches!(self, Self::Ecr | Self::EcrPublic).then_some(
            "Amazon ECR credentials expire after 12 hours; have the operator mint them (spec.credentialsFrom), refresh them before that, or use the ECR credential provider of the kubelet",
        )
    }

    /// What to grant so that nodes can pull without a pull secret: completes "grant ...".
    pub fn node_grant(self) -> Option<&'static str> {
        match self {
            Self::Ecr => Some("the node's IAM role permission to pull from Amazon ECR"),
            Self::Google => Some("the role Artifact Registry Reader to the service account of the nodes"),
            Self::Azure => Some("the role AcrPull to the identity of the kubelet"),
            Self::DockerHub | Self::EcrPublic | Self::GitHub | Self::GitLab | Self::Quay | Self::Other => None,
        }
    }

    /// The provider of the nodes that [`Self::node_grant`] is about: the scheme of `spec.providerID`.
    pub fn node_provider(self) -> Option<&'static str> {
        match self {
            Self::Ecr => Some("aws"),
            Self::Google => Some("gce"),
            Self::Azure => Some("azure"),
            Self::DockerHub | Self::EcrPublic | Self::GitHub | Self::GitLab | Self::Quay | Self::Other => None,
        }
    }

    /// What is missing in a user name, as a clause about it: Harbor's robots are named `robot$name` or
    /// `robot$project+name`, and a shell replaces `$name` between double quotes by nothing.
    pub fn username_doubt(self, username: &str) -> Option<&'static str> {
        let is_cut = username == "robot" || username.starts_with("robot+");
        (self == Self::Other && is_cut).then_some(
            "has no $: if it is a robot of Harbor, its name begins with robot$, and a shell may have replaced the rest. Write it between single quotes",
        )
    }

    /// Host of the token server of the registry at `host`, if it is known.
    pub fn token_server(self, host: &str) -> Option<&str> {
        match self {
            Self::DockerHub => Some("auth.docker.io"),
            Self::GitLab => Some("gitlab.com"),
            Self::Google | Self::Azure | Self::GitHub | Self::Quay => Some(host),
            Self::Ecr | Self::EcrPublic | Self::Other => None,
        }
    }
}
