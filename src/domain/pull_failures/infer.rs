//! From what a report says and what the pod would have sent to the cause.

use crate::api::{Cause, VerificationResult};
use crate::domain::pull_failures::classify::Classification;
use crate::domain::pull_failures::error_class::{CauseRule, Refusal};
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
    let class = report.class;
    match (report.role(), class.refuses) {
        // The pod's credentials are for the registry: a mirror with another name gets none from CRI-O
        // (containers/image, `docker_image_src.go`), and from containerd those for the registry.
        (Some(Role::Mirror), Refusal::Credentials | Refusal::Client) => Cause::MirrorRefused,
        (Some(Role::ShortNameRegistry), Refusal::Credentials) => Cause::CredentialsNotSent,
        _ => class.cause.cause(sent, docker_hub && !report.is_about_another_host()),
    }
}

impl CauseRule {
    fn cause(self, sent: Sent, docker_hub: bool) -> Cause {
        match self {
            Self::Always(cause) => cause,
            Self::NotSent => not_sent(sent),
            Self::Denied => denied(sent),
            Self::Unauthorized | Self::Unclear => unauthorized(sent),
            // Newer runtimes drop the words with which Docker Hub tells the two apart.
            Self::RateLimited if docker_hub && matches!(sent, Sent::Nothing { .. }) => Cause::RateLimitedAnonymous,
            Self::RateLimited => Cause::RateLimited,
        }
    }
}

fn not_sent(sent: Sent) -> Cause {
    match sent {
        Sent::Nothing { missing: true } => Cause::PullSecretMissing,
        Sent::Nothing { missing: false } | Sent::Credentials(_) | Sent::Unknown => Cause::CredentialsNotSent,
    }
}

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
    report.is_some_and(|report| match report.class.cause {
        CauseRule::NotSent => true,
        CauseRule::Denied | CauseRule::Unclear => !refuses,
        CauseRule::Always(_) | CauseRule::Unauthorized | CauseRule::RateLimited => false,
    })
}
