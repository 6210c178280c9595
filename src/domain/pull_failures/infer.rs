//! From what a report says and what the pod would have sent to the cause.

use crate::api::{Cause, VerificationResult};
use crate::domain::pull_failures::classify::ErrorClass;

/// What a kubelet sends for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A login from a pull secret. With what the registry said of it when it was asked, if that speaks of this login.
    Credentials(Option<VerificationResult>),
    /// None.
    Nothing {
        /// Whether a Secret that the pod names does not exist.
        missing: bool,
    },
    /// Not known: a Secret of the pod could not be looked at.
    Unknown,
}

/// The cause. `docker_hub`: the image comes from there.
pub fn cause(signal: ErrorClass, sent: Sent, docker_hub: bool) -> Cause {
    match signal {
        ErrorClass::Malformed => Cause::PullSecretMalformed,
        ErrorClass::Locked => Cause::LoginLockedOut,
        ErrorClass::Expired => Cause::CredentialsExpired,
        ErrorClass::Refused => Cause::CredentialsRejected,
        ErrorClass::NotSent => not_sent(sent),
        ErrorClass::Denied => denied(sent),
        ErrorClass::Unauthorized | ErrorClass::Unclear => unauthorized(sent),
        ErrorClass::RateLimitedAnonymous => Cause::RateLimitedAnonymous,
        // Newer runtimes lose the words with which Docker Hub tells the two apart.
        ErrorClass::RateLimited if docker_hub && matches!(sent, Sent::Nothing { .. }) => Cause::RateLimitedAnonymous,
        ErrorClass::RateLimited => Cause::RateLimited,
        ErrorClass::Platform => Cause::PlatformMismatch,
        ErrorClass::NotFound => Cause::ImageNotFound,
        ErrorClass::Tls => Cause::TlsVerification,
        ErrorClass::PlainHttp => Cause::PlainHttpRegistry,
        ErrorClass::Dns => Cause::DnsFailure,
        ErrorClass::Unreachable => Cause::RegistryUnreachable,
        ErrorClass::Signature => Cause::SignaturePolicy,
        ErrorClass::InvalidName => Cause::InvalidImage,
        ErrorClass::NeverPull => Cause::NeverPull,
        ErrorClass::Node => Cause::NodeProblem,
        ErrorClass::Unknown => Cause::Unknown,
    }
}

fn not_sent(sent: Sent) -> Cause {
    match sent {
        Sent::Nothing { missing: true } => Cause::PullSecretMissing,
        _ => Cause::CredentialsNotSent,
    }
}

/// A right is missing; or the registry denies everything to those without a login, as Docker Hub does.
fn denied(sent: Sent) -> Cause {
    match sent {
        Sent::Nothing { .. } => not_sent(sent),
        Sent::Credentials(Some(VerificationResult::Rejected)) => Cause::CredentialsRejected,
        Sent::Credentials(Some(VerificationResult::LockedOut)) => Cause::LoginLockedOut,
        Sent::Credentials(_) | Sent::Unknown => Cause::AccessDenied,
    }
}

/// A registry that takes the login and still says 401 means the image.
fn unauthorized(sent: Sent) -> Cause {
    match sent {
        Sent::Nothing { .. } => not_sent(sent),
        Sent::Credentials(Some(VerificationResult::Accepted)) | Sent::Unknown => Cause::AccessDenied,
        Sent::Credentials(Some(VerificationResult::LockedOut)) => Cause::LoginLockedOut,
        Sent::Credentials(_) => Cause::CredentialsRejected,
    }
}

/// Whether the next attempt may well succeed without anybody doing anything. A kubelet may not see a Secret at its first
/// attempt (testbed.md 5: false alarm), and these words could come from an attempt without the login.
pub fn may_pass(signal: Option<ErrorClass>, sent: Sent) -> bool {
    let Sent::Credentials(verified) = sent else {
        return false;
    };
    match signal {
        Some(ErrorClass::NotSent) => true,
        Some(ErrorClass::Denied | ErrorClass::Unclear) => !verified.is_some_and(VerificationResult::refuses),
        _ => false,
    }
}
