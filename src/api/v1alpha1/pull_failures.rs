//! What the status says of pods that cannot pull.

// The derive repeats the types in a private module.
#![allow(unreachable_pub)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoStaticStr};

/// Why an image cannot be pulled. What each means and what to do is in [`crate::domain::pull_failures::cause`].
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
    /// The registry refused the login.
    CredentialsRejected,
    /// The registry refused the login because it has expired.
    CredentialsExpired,
    /// The registry refuses this user for some time, or until its administrator helps.
    LoginLockedOut,
    /// The registry wants a login, and the kubelet had none for this image.
    CredentialsNotSent,
    /// The pod names a pull secret that does not exist.
    PullSecretMissing,
    /// A pull secret of the pod cannot be read, so the kubelet uses none of them.
    PullSecretMalformed,
    /// The registry took the login, and does not let it read this image.
    AccessDenied,
    /// The registry wants fewer pulls.
    RateLimited,
    /// The registry wants fewer pulls from those without a login.
    RateLimitedAnonymous,
    /// There is no such image, or the registry does not admit that there is.
    ImageNotFound,
    /// The image does not exist for the node's architecture or operating system.
    PlatformMismatch,
    /// The image's name cannot be parsed.
    InvalidImage,
    /// The pull policy is Never, and the node does not have the image, or not for this pod.
    NeverPull,
    /// The node does not trust the registry's certificate.
    #[serde(rename = "TLSVerification")]
    #[strum(serialize = "TLSVerification")]
    TlsVerification,
    /// The registry speaks plain HTTP, and the node expects HTTPS.
    #[serde(rename = "PlainHTTPRegistry")]
    #[strum(serialize = "PlainHTTPRegistry")]
    PlainHttpRegistry,
    /// The node cannot resolve the registry's name.
    #[serde(rename = "DNSFailure")]
    #[strum(serialize = "DNSFailure")]
    DnsFailure,
    /// The node cannot reach the registry, or the registry is in trouble.
    RegistryUnreachable,
    /// A signature policy of the node refuses the image.
    SignaturePolicy,
    /// The node itself is in trouble: disk, runtime, limits.
    NodeProblem,
    /// None of the known causes.
    Unknown,
}

impl Cause {
    /// The word as it stands in a status.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The platform's code for a failed pull (domain.md F).
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
    /// The image cannot be inspected.
    DEP_E352,
    /// The image is absent and must not be pulled.
    DEP_E353,
}

impl PullCode {
    /// The code as it is shown.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The code of a waiting reason of a container.
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
            Self::DEP_E153 => "could not pull the image",
            Self::DEP_E350 => "the registry is not available",
            Self::DEP_E351 => "the image name cannot be parsed",
            Self::DEP_E352 => "the image cannot be inspected",
            Self::DEP_E353 => "the image is absent and must not be pulled",
        }
    }
}

/// Pods that cannot pull one image for one cause.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PullFailure {
    /// The platform's code.
    pub code: PullCode,
    /// Why.
    pub cause: Cause,
    /// Namespace of the pods.
    pub namespace: String,
    /// One of the pods.
    pub pod: String,
    /// The container in it.
    pub container: String,
    /// The image, as the pod names it.
    pub image: String,
    /// How many pods fail so.
    #[schemars(with = "i32", range(min = 1))]
    pub count: u32,
    /// When the first of them was seen.
    pub first_seen: Time,
    /// What the node reports, cut, without anything secret.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// What to do.
    #[schemars(length(max = 1024))]
    pub action: String,
}
