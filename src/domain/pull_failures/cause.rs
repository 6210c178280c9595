//! Everything that is known about a cause of failed pulls, in one table: a new cause has to fill in every column.

use crate::api::Cause;

/// Whether a pull secret is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is at fault.
    Yes,
    /// Its credentials are valid but may lack a permission, or the image name is wrong: many registries answer the same
    /// to both.
    Maybe,
    /// It is not at fault.
    No,
}

/// Which pull secret of the pod the cause points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlamedSecret {
    /// No Secret.
    None,
    /// The first Secret sent whose credentials the registry is not known to accept.
    SentAndDoubtful,
    /// The Secret sent whose credentials got furthest: accepted before unverified before rejected.
    SentAndBest,
    /// If no credentials were sent: the Secret whose entry for this registry has no user name or password.
    WithoutCredentials,
    /// The Secret that does not exist.
    Missing,
    /// The Secret that cannot be parsed.
    Malformed,
}

/// Which advice is more precise than the general action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// No other advice: the general action.
    General,
    /// Replace the credentials in the blamed Secret.
    CorrectCredentials,
    /// Renew the credentials in the blamed Secret.
    RenewCredentials,
    /// Stop using the wrong credentials in the blamed Secret.
    UnlockUser,
    /// Make the pod send credentials.
    SendCredentials,
    /// Use the pull secret of a resource that serves the image, if there is one.
    AttachSecret,
    /// Create or rename the missing Secret.
    CreateSecret,
    /// Repair the malformed Secret.
    RepairSecret,
    /// Grant a permission to the blamed credentials.
    GrantPermission,
    /// Correct the image name.
    CorrectImageName,
}

/// What is known about a cause.
#[derive(Clone, Copy, Debug)]
pub struct CauseProperties {
    /// Whether a pull secret is at fault.
    pub fault: Fault,
    /// What happened, as a clause: it stands inside a sentence.
    pub what: &'static str,
    /// What to do when nothing more precise is known: one or more sentences without the last period.
    pub action: &'static str,
    /// Whether it may go away without anybody doing anything, so that one failed attempt proves little.
    pub is_transient: bool,
    /// Whether credentials that the pod does not send would help.
    pub lacks_credentials: bool,
    /// Which pull secret it points to.
    pub blames: BlamedSecret,
    /// Which advice is more precise than `action`.
    pub advice: Advice,
}

/// What is known about a cause.
pub fn about(cause: Cause) -> &'static CauseProperties {
    match cause {
        Cause::CredentialsRejected => &CREDENTIALS_REJECTED,
        Cause::CredentialsExpired => &CREDENTIALS_EXPIRED,
        Cause::LoginLockedOut => &LOGIN_LOCKED_OUT,
        Cause::CredentialsNotSent => &CREDENTIALS_NOT_SENT,
        Cause::PullSecretMissing => &PULL_SECRET_MISSING,
        Cause::PullSecretMalformed => &PULL_SECRET_MALFORMED,
        Cause::AccessDenied => &ACCESS_DENIED,
        Cause::RateLimited => &RATE_LIMITED,
        Cause::RateLimitedAnonymous => &RATE_LIMITED_ANONYMOUS,
        Cause::ImageNotFound => &IMAGE_NOT_FOUND,
        Cause::PlatformMismatch => &PLATFORM_MISMATCH,
        Cause::InvalidImage => &INVALID_IMAGE,
        Cause::NeverPull => &NEVER_PULL,
        Cause::TlsVerification => &TLS_VERIFICATION,
        Cause::PlainHttpRegistry => &PLAIN_HTTP_REGISTRY,
        Cause::DnsFailure => &DNS_FAILURE,
        Cause::RegistryUnreachable => &REGISTRY_UNREACHABLE,
        Cause::MirrorRefused => &MIRROR_REFUSED,
        Cause::ProxyRefused => &PROXY_REFUSED,
        Cause::StorageRefused => &STORAGE_REFUSED,
        Cause::BlockedByPolicy => &BLOCKED_BY_POLICY,
        Cause::SignaturePolicy => &SIGNATURE_POLICY,
        Cause::NodeProblem => &NODE_PROBLEM,
        Cause::Unknown => &UNKNOWN,
    }
}

const CREDENTIALS_REJECTED: CauseProperties = CauseProperties {
    fault: Fault::Yes,
    what: "the registry rejected the credentials",
    action: "Correct the user name and the password or access token in the pull secret",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::SentAndDoubtful,
    advice: Advice::CorrectCredentials,
};
const CREDENTIALS_EXPIRED: CauseProperties = CauseProperties {
    fault: Fault::Yes,
    what: "the credentials have expired",
    action: "Store new credentials in the pull secret",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::SentAndDoubtful,
    advice: Advice::RenewCredentials,
};
const LOGIN_LOCKED_OUT: CauseProperties = CauseProperties {
    fault: Fault::Yes,
    what: "the registry locked the user out after too many failed login attempts",
    action: "Correct the password. Find whatever else still uses the old one. Then wait at least 15 minutes or ask the registry's administrator to unlock the user",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::SentAndDoubtful,
    advice: Advice::UnlockUser,
};
const CREDENTIALS_NOT_SENT: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the registry requires credentials, and the node sent none for this image",
    action: "Add a Secret with credentials for this registry to the pod's imagePullSecrets",
    is_transient: false,
    lacks_credentials: true,
    blames: BlamedSecret::WithoutCredentials,
    advice: Advice::SendCredentials,
};
const PULL_SECRET_MISSING: CauseProperties = CauseProperties {
    fault: Fault::Yes,
    what: "a Secret in the pod's imagePullSecrets does not exist",
    action: "Create the Secret in the pod's namespace, or correct its name in imagePullSecrets",
    is_transient: false,
    lacks_credentials: true,
    blames: BlamedSecret::Missing,
    advice: Advice::CreateSecret,
};
const PULL_SECRET_MALFORMED: CauseProperties = CauseProperties {
    fault: Fault::Yes,
    what: "a Secret in the pod's imagePullSecrets cannot be parsed, so the kubelet uses none of them",
    action: "Recreate the Secret, for example with a DockerPullSecret, or remove it from imagePullSecrets",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::Malformed,
    advice: Advice::RepairSecret,
};
const ACCESS_DENIED: CauseProperties = CauseProperties {
    fault: Fault::Maybe,
    what: "the registry denied access to the image",
    action: "Grant the user permission to pull this repository, or correct the image name: many registries deny access to images that do not exist",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::SentAndBest,
    advice: Advice::GrantPermission,
};
const RATE_LIMITED: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the registry's pull rate limit is exceeded",
    action: "Wait, pull through a mirror, or use an account with a higher limit",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const RATE_LIMITED_ANONYMOUS: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the registry's rate limit for pulls without credentials is exceeded",
    action: "Add a Secret with credentials for this registry to the pod's imagePullSecrets: accounts have higher limits",
    is_transient: false,
    lacks_credentials: true,
    blames: BlamedSecret::None,
    advice: Advice::AttachSecret,
};
const IMAGE_NOT_FOUND: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the image does not exist",
    action: "Correct the repository, tag or digest. If it is right, check the permissions of the credentials: some registries hide images that they may not read",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const PLATFORM_MISMATCH: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the image is not built for the node's platform",
    action: "Build the image for the node's operating system and architecture, or schedule the pod to another node",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const INVALID_IMAGE: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the image name or the image format is invalid",
    action: "Correct the image name: [host[:port]/]repository[:tag][@digest], with the repository in lower case",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::CorrectImageName,
};
const NEVER_PULL: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the pull policy is Never, and the node does not have the image for this pod",
    action: "Set imagePullPolicy to IfNotPresent. Since Kubernetes 1.35, an image that another pod pulled is available only to pods with the same pull secret",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const TLS_VERIFICATION: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the TLS connection to the registry failed",
    action: "Install the registry's CA certificate in the container runtime of the nodes, or correct the registry's certificate",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const PLAIN_HTTP_REGISTRY: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the registry uses plain HTTP, but the node expects HTTPS",
    action: "Give the registry a certificate, or allow plain HTTP for it in the container runtime of the nodes",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const DNS_FAILURE: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the node cannot resolve the registry's host name",
    action: "Correct the image's host name, or fix DNS on the node",
    is_transient: true,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const REGISTRY_UNREACHABLE: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the registry cannot be reached or does not serve the image",
    action: "Check the registry, and the network between the node and the registry",
    is_transient: true,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const MIRROR_REFUSED: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "a mirror that the node uses for the registry refuses the pull",
    action: "Give the node credentials for the mirror, allow the image on the mirror, or remove the mirror from the container runtime configuration of the node",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const PROXY_REFUSED: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the HTTP proxy of the node refuses the connection to the registry",
    action: "Correct the proxy's credentials in the container runtime configuration of the node, or allow connections to the registry on the proxy",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const STORAGE_REFUSED: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the registry allowed the pull, but the storage behind it refuses the node",
    action: "Check firewalls, proxies and endpoint policies between the node and the storage, and the node's clock",
    is_transient: true,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const BLOCKED_BY_POLICY: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the registry or a gateway in front of it blocks the pull by a rule, whatever the credentials",
    action: "Ask the registry's administrator or the owner of the image to lift the rule, or use a copy of the image",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const SIGNATURE_POLICY: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "a policy for image signatures or vulnerabilities rejected the image",
    action: "Sign the image, or change the policy on the nodes",
    is_transient: false,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const NODE_PROBLEM: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the node has a problem of its own",
    action: "Read the message, and check the node's disk, container runtime and pull limits",
    is_transient: true,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
const UNKNOWN: CauseProperties = CauseProperties {
    fault: Fault::No,
    what: "the cause is unknown",
    action: "Read the message",
    is_transient: true,
    lacks_credentials: false,
    blames: BlamedSecret::None,
    advice: Advice::General,
};
