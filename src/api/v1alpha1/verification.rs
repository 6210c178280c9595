//! How a login is checked against its registry, and what came of it.

// The derive repeats the types in a private module.
#![allow(unreachable_pub)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::api::Reason;

/// When and how the login is checked against the registry.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// `OnChange`: once for each new login. `Periodic`: also every `interval` after that. `Disabled`: never.
    #[serde(default)]
    pub mode: VerificationMode,

    /// Time between two checks of an accepted login, such as `12h`; only with mode `Periodic`, at least `1h`, default `12h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub interval: Option<String>,

    /// Image of this registry that the login has to be able to read, such as `team/app:1.0`: the strongest evidence.
    /// Only its manifest is asked for, by HEAD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// What happens to a new login that the registry rejects while the generated Secret holds one that it accepted.
    /// `KeepLastAccepted`: the Secret stays as it is. `WriteAnyway`: the new login is written.
    #[serde(default)]
    pub on_rejected: OnRejected,

    /// How the registry's certificate is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,

    /// Talk http instead of https to the registry: the password can be read on the way.
    #[serde(default)]
    pub plain_http: bool,
}

/// How the registry's certificate is checked.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Certificates (PEM) to trust beside the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<CaBundleRef>,
}

/// Where certificates are.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CaBundleRef {
    /// `ConfigMap` or `Secret`, in the same namespace.
    pub kind: CaBundleKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::api::validation_rules::OBJECT_NAME))]
    pub name: String,
    /// The key in it; default `ca.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
}

/// What certificates are in.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaBundleKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

/// When a login is checked.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerificationMode {
    /// Once for each new login.
    #[default]
    OnChange,
    /// Once for each new login and every `interval` after that.
    Periodic,
    /// Never.
    Disabled,
}

/// What to do with a rejected login.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRejected {
    /// Keep the Secret with the login that was accepted.
    #[default]
    KeepLastAccepted,
    /// Write it.
    WriteAnyway,
}

/// What a check of a login found.
#[derive(Serialize, Deserialize, JsonSchema, IntoStaticStr, Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerificationResult {
    /// The registry accepts the login.
    Accepted,
    /// The registry refuses the login.
    Rejected,
    /// The registry refuses any login of this user for now, or until an administrator helps.
    LockedOut,
    /// The registry wants fewer requests.
    RateLimited,
    /// No answer, or one that says that the registry is in trouble.
    Unreachable,
    /// The certificate is not trusted, or there is none.
    #[serde(rename = "TLSFailure")]
    #[strum(serialize = "TLSFailure")]
    TlsFailure,
    /// Something answers, and it is no registry.
    NotARegistry,
    /// The registry's answers do not depend on the login.
    NotVerifiable,
}

impl VerificationResult {
    /// The word as it is shown.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether pods cannot pull with this login: the registry itself said no.
    pub fn refuses(self) -> bool {
        matches!(self, Self::Rejected | Self::LockedOut)
    }

    /// Whether this says something of the login, for good or bad.
    pub fn is_firm(self) -> bool {
        self == Self::Accepted || self.refuses()
    }

    /// Whether the registry could not be asked for what it makes of the login.
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

/// The last check of the login.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VerificationStatus {
    /// What it found; absent while the login was not checked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<VerificationResult>,

    /// What the registry answered, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,

    /// Whether `result` is about `spec.verification.image`, and not about the login as such.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub image_denied: bool,

    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_verified_time: Option<Time>,

    /// Which login that was and how it was checked; opaque, made of no part of the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_version: Option<String>,

    /// When the next check is due; absent when none is before something changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_verification_time: Option<Time>,

    /// How often in a row the registry rejected this login.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(with = "i32", range(min = 0))]
    pub consecutive_rejections: u32,

    /// Value of the annotation `pullsecrets.dev/verify` for which a check was made last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_request: Option<String>,

    /// Whether the generated Secret holds a login that the registry accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret_verified: bool,
}

impl VerificationStatus {
    /// What was found of the login as such.
    pub fn of_login(&self) -> Option<VerificationResult> {
        if self.image_denied {
            Some(VerificationResult::Accepted)
        } else {
            self.result
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
