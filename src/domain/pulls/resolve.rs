//! From what a report says and what the pod would have sent to the cause.

use super::signal::Signal;
use crate::api::{Cause, VerificationResult};

/// What a kubelet sends for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A login from a pull secret. With what the registry said of it when it was asked, if that speaks of this login.
    Login(Option<VerificationResult>),
    /// None.
    Nothing {
        /// Whether a Secret that the pod names does not exist.
        missing: bool,
    },
    /// Not known: a Secret of the pod could not be looked at.
    Unknown,
}

/// The cause. `docker_hub`: the image comes from there.
pub fn cause(signal: Signal, sent: Sent, docker_hub: bool) -> Cause {
    match signal {
        Signal::Malformed => Cause::PullSecretMalformed,
        Signal::Locked => Cause::LoginLockedOut,
        Signal::Expired => Cause::CredentialsExpired,
        Signal::Refused => Cause::CredentialsRejected,
        Signal::NotSent => not_sent(sent),
        Signal::Denied => denied(sent),
        Signal::Unauthorized | Signal::Unclear => unauthorized(sent),
        Signal::RateLimitedAnonymous => Cause::RateLimitedAnonymous,
        // Newer runtimes lose the words with which Docker Hub tells the two apart.
        Signal::RateLimited if docker_hub && matches!(sent, Sent::Nothing { .. }) => Cause::RateLimitedAnonymous,
        Signal::RateLimited => Cause::RateLimited,
        Signal::Platform => Cause::PlatformMismatch,
        Signal::NotFound => Cause::ImageNotFound,
        Signal::Tls => Cause::TlsVerification,
        Signal::PlainHttp => Cause::PlainHttpRegistry,
        Signal::Dns => Cause::DnsFailure,
        Signal::Unreachable => Cause::RegistryUnreachable,
        Signal::Signature => Cause::SignaturePolicy,
        Signal::InvalidName => Cause::InvalidImage,
        Signal::NeverPull => Cause::NeverPull,
        Signal::Node => Cause::NodeProblem,
        Signal::Unknown => Cause::Unknown,
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
        Sent::Login(Some(VerificationResult::Rejected)) => Cause::CredentialsRejected,
        Sent::Login(Some(VerificationResult::LockedOut)) => Cause::LoginLockedOut,
        Sent::Login(_) | Sent::Unknown => Cause::AccessDenied,
    }
}

/// A registry that takes the login and still says 401 means the image.
fn unauthorized(sent: Sent) -> Cause {
    match sent {
        Sent::Nothing { .. } => not_sent(sent),
        Sent::Login(Some(VerificationResult::Accepted)) | Sent::Unknown => Cause::AccessDenied,
        Sent::Login(Some(VerificationResult::LockedOut)) => Cause::LoginLockedOut,
        Sent::Login(_) => Cause::CredentialsRejected,
    }
}

/// Whether the next attempt may well succeed without anybody doing anything. A kubelet may not see a Secret at its first
/// attempt (testbed.md 5: false alarm), and these words could come from an attempt without the login.
pub fn may_pass(signal: Option<Signal>, sent: Sent) -> bool {
    let Sent::Login(verified) = sent else { return false };
    match signal {
        Some(Signal::NotSent) => true,
        Some(Signal::Denied | Signal::Unclear) => !verified.is_some_and(VerificationResult::refuses),
        _ => false,
    }
}
