//! The causes of failed pulls: what each is, whose fault it can be, and what to do (domain.md D4).

use crate::api::Cause;

/// Whether a pull secret can be at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is.
    Yes,
    /// Its login is good, and may lack a right; or the image's name is wrong, which registries do not tell apart.
    Maybe,
    /// It is not.
    No,
}

/// What is to be said of a cause.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Whether a pull secret can be at fault.
    pub fault: Fault,
    /// What it is, as a clause.
    pub what: &'static str,
    /// What to do, as a clause, when nothing more precise is known.
    pub action: &'static str,
}

/// The table.
pub fn about(cause: Cause) -> About {
    use Fault::{Maybe, No, Yes};
    let (fault, what, action) = match cause {
        Cause::CredentialsRejected => (
            Yes,
            "the registry rejected the login",
            "correct user name and password or access token in the Secret that holds them",
        ),
        Cause::CredentialsExpired => (
            Yes,
            "the login has expired",
            "store a new one; logins of Amazon ECR are valid for 12 hours and have to be refreshed more often than that",
        ),
        Cause::LoginLockedOut => (
            Yes,
            "the registry has locked this user out after too many failed logins",
            "correct the password, find what else logs in with an old one, and wait at least 15 minutes or ask the registry's administrator",
        ),
        Cause::CredentialsNotSent => (
            No,
            "the registry wants a login, and the pod has none for this image",
            "list a Secret with a login for this registry in the pod's imagePullSecrets",
        ),
        Cause::PullSecretMissing => (
            Yes,
            "a Secret in the pod's imagePullSecrets does not exist",
            "create it in the pod's namespace, or correct the name",
        ),
        Cause::PullSecretMalformed => (
            Yes,
            "a Secret in the pod's imagePullSecrets cannot be read, and then kubelets use none of them",
            "write it anew, for instance with a DockerPullSecret, or take it off the list",
        ),
        Cause::AccessDenied => (
            Maybe,
            "the registry does not let this login read the image",
            "give its user the right to pull this repository, or correct the image's name: many registries deny what does not exist",
        ),
        Cause::RateLimited => (
            No,
            "the registry limits the rate of pulls",
            "wait; use a mirror, or an account with a higher limit",
        ),
        Cause::RateLimitedAnonymous => (
            No,
            "the registry limits the rate of pulls without a login",
            "list a Secret with a login for this registry in the pod's imagePullSecrets: accounts have higher limits",
        ),
        Cause::ImageNotFound => (
            No,
            "there is no such image",
            "correct repository, tag or digest; some registries also say so of images that the login may not read",
        ),
        Cause::PlatformMismatch => (
            No,
            "the image is not built for the node's platform",
            "build it for the node's architecture, or schedule the pod to another node",
        ),
        Cause::InvalidImage => (
            No,
            "the image's name is not valid",
            "correct the image's name: host[:port]/repository:tag in lower case",
        ),
        Cause::NeverPull => (
            No,
            "the image is not on the node for this pod, and the pull policy is Never",
            "set imagePullPolicy to IfNotPresent; since Kubernetes 1.35 an image that another pod pulled counts only for pods with the same pull secret",
        ),
        Cause::TlsVerification => (
            No,
            "the node does not trust the registry's certificate",
            "install the certificate's authority in the container runtime of the nodes, or correct the certificate",
        ),
        Cause::PlainHttpRegistry => (
            No,
            "the registry speaks plain HTTP, and the node expects HTTPS",
            "give the registry a certificate, or allow plain HTTP for it in the container runtime of the nodes",
        ),
        Cause::DnsFailure => (
            No,
            "the node cannot resolve the registry's name",
            "correct the image's host, or the name resolution of the nodes",
        ),
        Cause::RegistryUnreachable => (
            No,
            "the node cannot reach the registry, or the registry is in trouble",
            "check the registry, and the network between it and the nodes",
        ),
        Cause::SignaturePolicy => (
            No,
            "a signature policy refuses the image",
            "sign the image, or change the policy of the nodes",
        ),
        Cause::NodeProblem => (
            No,
            "the node has a problem of its own",
            "see the message: disk space, container runtime or pull limits of the node",
        ),
        Cause::Unknown => (No, "the cause is not known", "see the message"),
    };
    About { fault, what, action }
}
