//! From what a report says and what the pod would have sent to the cause.

use crate::api::{Cause, VerificationResult};
use crate::domain::pull_failures::classify::{Classification, ErrorClass};
use crate::domain::pull_failures::peer::Role;

/// What a kubelet sends for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Credentials from a pull secret, with what the registry said of exactly these when they were verified.
    Credentials(Option<VerificationResult>),
    /// None.
    Nothing {
        /// Whether a Secret that the pod names does not exist.
        missing: bool,
    },
    /// Not known: a Secret of the pod could not be read.
    Unknown,
}

/// The cause. `docker_hub`: the image comes from there.
pub fn infer_cause(report: &Classification, sent: Sent, docker_hub: bool) -> Cause {
    let is_mirror = matches!(report.role(), Some(Role::Mirror | Role::ShortNameRegistry));
    match report.class {
        ErrorClass::Malformed => Cause::PullSecretMalformed,
        // The pod's credentials are for the registry: a mirror with another name gets none from CRI-O
        // (containers/image, `docker_image_src.go`), and from containerd those for the registry.
        ErrorClass::Locked
        | ErrorClass::Expired
        | ErrorClass::KeyUnreadable
        | ErrorClass::Refused
        | ErrorClass::TokenForbidden
        | ErrorClass::NotSent
        | ErrorClass::Unauthorized
        | ErrorClass::Unclear
            if is_mirror =>
        {
            Cause::CredentialsNotSent
        }
        ErrorClass::Denied if is_mirror => Cause::AccessDenied,
        ErrorClass::Locked => Cause::LoginLockedOut,
        ErrorClass::Expired => Cause::CredentialsExpired,
        ErrorClass::Refused | ErrorClass::TokenForbidden | ErrorClass::KeyUnreadable => Cause::CredentialsRejected,
        ErrorClass::NotSent => not_sent(sent),
        ErrorClass::Denied => denied(sent),
        ErrorClass::IdentityDenied => Cause::AccessDenied,
        ErrorClass::Unauthorized | ErrorClass::Unclear => unauthorized(sent),
        ErrorClass::RateLimitedAnonymous => Cause::RateLimitedAnonymous,
        // Newer runtimes drop the words with which Docker Hub tells the two apart.
        ErrorClass::RateLimited if docker_hub && !is_mirror && matches!(sent, Sent::Nothing { .. }) => {
            Cause::RateLimitedAnonymous
        }
        ErrorClass::RateLimited => Cause::RateLimited,
        ErrorClass::Platform | ErrorClass::WindowsVersion => Cause::PlatformMismatch,
        ErrorClass::NotFound | ErrorClass::LayerMissing => Cause::ImageNotFound,
        ErrorClass::Tls | ErrorClass::TlsClock | ErrorClass::TlsClientCertificate => Cause::TlsVerification,
        ErrorClass::PlainHttp => Cause::PlainHttpRegistry,
        ErrorClass::Dns => Cause::DnsFailure,
        ErrorClass::Proxy
        | ErrorClass::WebPage
        | ErrorClass::AddressRefused
        | ErrorClass::OwnerRefused
        | ErrorClass::UpstreamRefused
        | ErrorClass::StorageRefused
        | ErrorClass::Unreachable => Cause::RegistryUnreachable,
        ErrorClass::Signature | ErrorClass::RegistryPolicy | ErrorClass::VerifierFailed => Cause::SignaturePolicy,
        ErrorClass::InvalidName | ErrorClass::InvalidFormat => Cause::InvalidImage,
        ErrorClass::NeverPull => Cause::NeverPull,
        ErrorClass::Node | ErrorClass::NodeFile => Cause::NodeProblem,
        ErrorClass::Unknown => Cause::Unknown,
    }
}

fn not_sent(sent: Sent) -> Cause {
    match sent {
        Sent::Nothing { missing: true } => Cause::PullSecretMissing,
        Sent::Nothing { missing: false } | Sent::Credentials(_) | Sent::Unknown => Cause::CredentialsNotSent,
    }
}

/// A permission is missing; or the registry denies everything to clients without credentials, as Docker Hub does.
fn denied(sent: Sent) -> Cause {
    match sent {
        Sent::Nothing { .. } => not_sent(sent),
        Sent::Credentials(Some(VerificationResult::Rejected)) => Cause::CredentialsRejected,
        Sent::Credentials(Some(VerificationResult::LockedOut)) => Cause::LoginLockedOut,
        Sent::Credentials(_) | Sent::Unknown => Cause::AccessDenied,
    }
}

/// A registry that accepts the credentials and still answers 401 denies access to the image.
fn unauthorized(sent: Sent) -> Cause {
    match sent {
        Sent::Nothing { .. } => not_sent(sent),
        Sent::Credentials(Some(VerificationResult::Accepted)) | Sent::Unknown => Cause::AccessDenied,
        Sent::Credentials(Some(VerificationResult::LockedOut)) => Cause::LoginLockedOut,
        Sent::Credentials(_) => Cause::CredentialsRejected,
    }
}

/// Whether the next attempt may succeed without anybody doing anything. A kubelet may not see a Secret yet at its first
/// attempt, and then these words come from an attempt without credentials.
pub fn may_succeed_next(report: Option<&Classification>, sent: Sent) -> bool {
    let Sent::Credentials(verified) = sent else {
        return false;
    };
    let refuses = verified.is_some_and(VerificationResult::is_refusal);
    report.is_some_and(|report| match report.class {
        ErrorClass::NotSent => true,
        ErrorClass::Denied | ErrorClass::Unclear => !refuses,
        ErrorClass::Malformed
        | ErrorClass::Locked
        | ErrorClass::Expired
        | ErrorClass::KeyUnreadable
        | ErrorClass::Refused
        | ErrorClass::TokenForbidden
        | ErrorClass::IdentityDenied
        | ErrorClass::Unauthorized
        | ErrorClass::RateLimitedAnonymous
        | ErrorClass::RateLimited
        | ErrorClass::Platform
        | ErrorClass::WindowsVersion
        | ErrorClass::NotFound
        | ErrorClass::LayerMissing
        | ErrorClass::Tls
        | ErrorClass::TlsClock
        | ErrorClass::TlsClientCertificate
        | ErrorClass::PlainHttp
        | ErrorClass::Dns
        | ErrorClass::Proxy
        | ErrorClass::WebPage
        | ErrorClass::AddressRefused
        | ErrorClass::OwnerRefused
        | ErrorClass::UpstreamRefused
        | ErrorClass::StorageRefused
        | ErrorClass::Unreachable
        | ErrorClass::Signature
        | ErrorClass::RegistryPolicy
        | ErrorClass::VerifierFailed
        | ErrorClass::InvalidName
        | ErrorClass::InvalidFormat
        | ErrorClass::NeverPull
        | ErrorClass::Node
        | ErrorClass::NodeFile
        | ErrorClass::Unknown => false,
    })
}
