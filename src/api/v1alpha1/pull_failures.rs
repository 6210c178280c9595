//! What the status says about pods that cannot pull their image.

// The derive repeats the types in a private module.
#![allow(unreachable_pub)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoStaticStr};

/// Why an image cannot be pulled. [`crate::domain::pull_failures::cause`] says what to do about each.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    EnumIter,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
)]
pub enum Cause {
    /// The registry rejected the credentials.
    CredentialsRejected,
    /// The registry rejected the credentials because they have expired.
    CredentialsExpired,
    /// The registry locked the user out, for some time or until its administrator helps.
    LoginLockedOut,
    /// The registry requires credentials, and the node sent none for this image.
    CredentialsNotSent,
    /// The pod names a pull secret that does not exist.
    PullSecretMissing,
    /// A pull secret of the pod cannot be parsed, so the kubelet uses none of them.
    PullSecretMalformed,
    /// The registry denied access to this image, although credentials were sent.
    AccessDenied,
    /// The registry's pull rate limit is exceeded.
    RateLimited,
    /// The registry's rate limit for pulls without credentials is exceeded.
    RateLimitedAnonymous,
    /// The image does not exist, or the registry hides it.
    ImageNotFound,
    /// The image is not built for the node's architecture or operating system.
    PlatformMismatch,
    /// The image name cannot be parsed, or what it refers to is not an image that the node can use.
    InvalidImage,
    /// The pull policy is Never, and the node does not have the image for this pod.
    NeverPull,
    /// The node cannot establish a TLS connection that it trusts.
    #[serde(rename = "TLSVerification")]
    #[strum(serialize = "TLSVerification")]
    TlsVerification,
    /// The registry uses plain HTTP, but the node expects HTTPS.
    #[serde(rename = "PlainHTTPRegistry")]
    #[strum(serialize = "PlainHTTPRegistry")]
    PlainHttpRegistry,
    /// The node cannot resolve the host name of the registry, or of a host that it needs for the pull.
    #[serde(rename = "DNSFailure")]
    #[strum(serialize = "DNSFailure")]
    DnsFailure,
    /// The registry, a mirror, its storage or the node's proxy cannot be reached or does not serve the image.
    RegistryUnreachable,
    /// A mirror that the node uses for the registry refuses the pull. Pull secrets are for the registry, not for it.
    MirrorRefused,
    /// The node's proxy refuses the connection to the registry.
    ProxyRefused,
    /// The registry allowed the pull, but the storage behind it refuses the node.
    StorageRefused,
    /// The registry or a gateway in front of it blocks the pull by a rule, whatever the credentials.
    BlockedByPolicy,
    /// A policy for signatures or vulnerabilities rejected the image.
    SignaturePolicy,
    /// The node has a problem of its own: disk, container runtime or limits.
    NodeProblem,
    /// The cause is unknown, or one of a newer version.
    #[serde(other)]
    Unknown,
}

impl Cause {
    /// The cause as it appears in a status.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The error code of a failed pull, as rapyuta.io defines it.
#[derive(
    Serialize, Deserialize, JsonSchema, IntoStaticStr, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
)]
#[allow(clippy::upper_case_acronyms, reason = "the platform writes them so")]
#[allow(non_camel_case_types, reason = "the platform writes them so")]
pub enum PullCode {
    /// The image could not be pulled.
    DEP_E153,
    /// The registry is not available.
    DEP_E350,
    /// The image name cannot be parsed.
    DEP_E351,
    /// The node cannot inspect the image.
    DEP_E352,
    /// The image is not on the node, and the pull policy is Never.
    DEP_E353,
}

impl PullCode {
    /// The code as users see it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The code for a container's waiting reason.
    pub fn of(reason: &str) -> Self {
        match reason {
            "RegistryUnavailable" => Self::DEP_E350,
            "InvalidImageName" => Self::DEP_E351,
            "ImageInspectError" => Self::DEP_E352,
            "ErrImageNeverPull" => Self::DEP_E353,
            _ => Self::DEP_E153,
        }
    }

    /// What the code means, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::DEP_E153 => "the image could not be pulled",
            Self::DEP_E350 => "the registry is not available",
            Self::DEP_E351 => "the image name cannot be parsed",
            Self::DEP_E352 => "the node cannot inspect the image",
            Self::DEP_E353 => "the image is not on the node, and the pull policy is Never",
        }
    }
}

/// Pods that cannot pull one image for the same cause.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PullFailure {
    /// The error code, as rapyuta.io defines it.
    pub code: PullCode,
    /// Why the image cannot be pulled.
    pub cause: Cause,
    /// Namespace of the pods.
    pub namespace: String,
    /// One of the pods.
    pub pod: String,
    /// The container in it.
    pub container: String,
    /// The image as the pod names it.
    pub image: String,
    /// How many pods fail in this way.
    #[schemars(with = "i32", range(min = 1))]
    pub count: u32,
    /// The namespaces in which most of them fail, at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub namespaces: Vec<FailingNamespace>,
    /// When the first of them was seen.
    pub first_seen: Time,
    /// What the node reports, shortened and without secrets.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// What to do.
    #[schemars(length(max = 1024))]
    pub action: String,
    /// A command that mends the cause for this pod, to be run as it is; absent if no command can, or if it is not certain to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 400))]
    pub fix: Option<String>,
}

/// A namespace in which pods fail.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FailingNamespace {
    /// Its name.
    pub name: String,
    /// How many pods fail there in this way.
    #[schemars(with = "i32", range(min = 1))]
    pub count: u32,
}
