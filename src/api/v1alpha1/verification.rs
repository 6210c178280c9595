//! How credentials are verified with their registry, and the result.

// The derive repeats the types in a private module.
#![allow(unreachable_pub)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoStaticStr};

use crate::api::Reason;

/// When and how the credentials are verified with the registry.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// `OnChange`: once for all new credentials. `Periodic`: also every `interval` after that. `Disabled`: never.
    #[serde(default)]
    pub mode: VerificationMode,

    /// Time between two verifications of accepted credentials, such as `12h`. Only with mode `Periodic`; at least `1h`,
    /// default `12h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub interval: Option<String>,

    /// Image of this registry that the credentials must be able to read, such as `team/app:1.0`: the strongest evidence.
    /// Only its manifest is requested, with HEAD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// What happens to new credentials that the registry rejects while the generated Secret holds accepted ones.
    /// `KeepLastAccepted`: the Secret stays as it is. `WriteAnyway`: the new credentials are written.
    #[serde(default)]
    pub on_rejected: OnRejected,

    /// How the registry's certificate is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,

    /// Use plain HTTP; credentials are sent unencrypted.
    #[serde(default)]
    pub plain_http: bool,
}

/// How the registry's certificate is verified.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Certificates (PEM) to trust in addition to the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<CaBundleRef>,
}

/// Where certificates are.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CaBundleRef {
    /// `ConfigMap` or `Secret`, in the namespace of the credentials.
    pub kind: CaBundleKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::api::validation_rules::OBJECT_NAME))]
    pub name: String,
    /// The key in it; default `ca.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
}

/// Kind of object that holds certificates.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaBundleKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

/// When credentials are verified.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerificationMode {
    /// Once for all new credentials.
    #[default]
    OnChange,
    /// Once for all new credentials, and every `interval` after that.
    Periodic,
    /// Never.
    Disabled,
}

/// What to do with rejected credentials.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRejected {
    /// Keep the Secret with the credentials that were accepted.
    #[default]
    KeepLastAccepted,
    /// Write them.
    WriteAnyway,
}

/// Result of a verification.
#[derive(Serialize, Deserialize, JsonSchema, EnumIter, IntoStaticStr, Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerificationResult {
    /// The registry accepts the credentials.
    Accepted,
    /// The registry rejects the credentials.
    Rejected,
    /// The registry has locked out this user, for some time or until an administrator helps.
    LockedOut,
    /// The registry limits requests.
    RateLimited,
    /// No answer, or an error of the registry itself.
    Unreachable,
    /// The registry's certificate is not trusted, or there is none.
    #[serde(rename = "TLSFailure")]
    #[strum(serialize = "TLSFailure")]
    TlsFailure,
    /// What answers is not a registry.
    NotARegistry,
    /// The registry's answers do not depend on the credentials.
    NotVerifiable,
}

impl VerificationResult {
    /// The word as it is shown.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the registry itself refuses these credentials, so that pods cannot pull with them.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Rejected | Self::LockedOut)
    }

    /// Whether this says something about the credentials, good or bad.
    pub fn is_firm(self) -> bool {
        self == Self::Accepted || self.is_refusal()
    }

    /// The result for the credentials as such. A registry that denies an image (`image_denied`) has accepted them.
    #[must_use]
    pub fn of_credentials(self, image_denied: bool) -> Self {
        if image_denied { Self::Accepted } else { self }
    }

    /// Whether the registry could not be reached to verify the credentials.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::Unreachable | Self::TlsFailure | Self::NotARegistry)
    }

    /// The reason of the condition.
    pub fn reason(self) -> Reason {
        match self {
            Self::Accepted => Reason::Accepted,
            Self::Rejected => Reason::Rejected,
            Self::LockedOut => Reason::LockedOut,
            Self::RateLimited => Reason::RateLimited,
            Self::Unreachable => Reason::Unreachable,
            Self::TlsFailure => Reason::TlsFailure,
            Self::NotARegistry => Reason::NotARegistry,
            Self::NotVerifiable => Reason::NotVerifiable,
        }
    }
}

/// The last verification of the credentials.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VerificationStatus {
    /// The result; absent until the credentials are verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<VerificationResult>,

    /// What the registry answered, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,

    /// Whether `result` is about `spec.verification.image` only: the registry accepts the credentials as such.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub image_denied: bool,

    /// Time of the last verification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_verified_time: Option<Time>,

    /// Which credentials were verified and how; opaque, derived from no part of the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_version: Option<String>,

    /// Time of the next verification; absent if none is due until something changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_verification_time: Option<Time>,

    /// How often in a row the registry rejected these credentials.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(with = "i32", range(min = 0))]
    pub consecutive_rejections: u32,

    /// The login attempt that has started and has no answer yet. It is written before the attempt is made, so that the
    /// attempt is not repeated at once if the operator is killed during it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<UnansweredAttempt>,

    /// Value of the annotation `pullsecrets.dev/verify` that was handled last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_request: Option<String>,

    /// Whether the generated Secret holds credentials that the registry accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret_verified: bool,
}

/// A login attempt that has no answer yet.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct UnansweredAttempt {
    /// When it started. If the operator is killed during it, the next one follows 15 minutes later at the earliest.
    pub start_time: Time,
    /// Which credentials it verifies and how; opaque, derived from no part of the credentials.
    pub credentials_version: String,
}

impl VerificationStatus {
    /// The result for the credentials as such.
    pub fn of_credentials(&self) -> Option<VerificationResult> {
        if self.image_denied {
            Some(VerificationResult::Accepted)
        } else {
            self.result
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_zero(number: &u32) -> bool {
    *number == 0
}
