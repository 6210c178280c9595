//! Credentials, their lack, and rate limits.

use crate::api::Cause;
use crate::domain::pull_failures::error_class::{CauseRule, ErrorClass, Progress, Refusal};
use crate::domain::pull_failures::patterns::{Pattern, Writer, patterns};

impl ErrorClass {
    /// The registry has locked the user out.
    pub const LOCKED: Self = Self {
        name: "Locked",
        cause: CauseRule::Always(Cause::LoginLockedOut),
        progress: Progress::Judged,
        refuses: Refusal::Credentials,
        remedy: None,
    };

    /// The credentials have expired.
    pub const EXPIRED: Self = Self {
        name: "Expired",
        cause: CauseRule::Always(Cause::CredentialsExpired),
        progress: Progress::Judged,
        refuses: Refusal::Credentials,
        remedy: None,
    };

    /// The password is meant to be a JSON key and is none.
    pub const KEY_UNREADABLE: Self = Self {
        name: "KeyUnreadable",
        cause: CauseRule::Always(Cause::CredentialsRejected),
        progress: Progress::Certain,
        refuses: Refusal::Credentials,
        remedy: None,
    };

    /// Credentials were sent and rejected.
    pub const REFUSED: Self = Self {
        name: "Refused",
        cause: CauseRule::Always(Cause::CredentialsRejected),
        progress: Progress::Judged,
        refuses: Refusal::Credentials,
        remedy: None,
    };

    /// A token server returned 403: the user lacks a permission, or the credentials are wrong.
    pub const TOKEN_FORBIDDEN: Self = Self {
        name: "TokenForbidden",
        cause: CauseRule::Always(Cause::CredentialsRejected),
        progress: Progress::Judged,
        refuses: Refusal::Credentials,
        remedy: None,
    };

    /// The registry requires credentials, and none were sent.
    pub const NOT_SENT: Self = Self {
        name: "NotSent",
        cause: CauseRule::NotSent,
        progress: Progress::Asked,
        refuses: Refusal::Credentials,
        remedy: None,
    };

    /// A rate limit for clients without credentials.
    pub const RATE_LIMITED_ANONYMOUS: Self = Self {
        name: "RateLimitedAnonymous",
        cause: CauseRule::Always(Cause::RateLimitedAnonymous),
        progress: Progress::Limited,
        refuses: Refusal::Client,
        remedy: None,
    };

    /// A rate limit.
    pub const RATE_LIMITED: Self = Self {
        name: "RateLimited",
        cause: CauseRule::RateLimited,
        progress: Progress::Limited,
        refuses: Refusal::Client,
        remedy: None,
    };

    /// The registry names the identity that lacks a permission.
    pub const IDENTITY_DENIED: Self = Self {
        name: "IdentityDenied",
        cause: CauseRule::Always(Cause::AccessDenied),
        progress: Progress::Denied,
        refuses: Refusal::Credentials,
        remedy: Some(
            "The message names the identity that may not pull. Grant it permission to pull this repository, in its own policy and in the repository's policy",
        ),
    };
}

pub(super) const PATTERNS: &[Pattern] = patterns! {
    KEY_UNREADABLE: "unable to parse json key", Registry, "kubernetes/kubernetes#62393";
    LOCKED: "too many failed login", Registry, "docker/hub-feedback#2217";
    LOCKED: "failed login attempts", Registry, "docker/hub-feedback#2217";
    LOCKED: "oauth token + 429", Containerd, "nektos/act#2078";
    LOCKED: "account + locked", Registry, "jfrog.com: User Lock and Login Suspension";
    LOCKED: "user + locked out", Registry, "jfrog.com: User Lock and Login Suspension";
    LOCKED: "login + suspended", Registry, "jfrog.com: User Lock and Login Suspension";
    LOCKED: "account + suspended", Registry, "generic";
    EXPIRED: "authorization token has expired", Registry, "containers/image:docker/errors.go";
    EXPIRED: "token has expired", Registry, "containers/image:docker/errors.go";
    EXPIRED: "token is expired", Registry, "generic";
    EXPIRED: "token expired", Registry, "generic";
    EXPIRED: "expiredtoken", Registry, "generic";
    EXPIRED: "credentials have expired", Registry, "generic";
    RATE_LIMITED_ANONYMOUS: "unauthenticated pull rate limit", Registry, "containers/image:docker/docker_client.go";
    RATE_LIMITED_ANONYMOUS: "anonymous + rate limit", Registry, "docs.docker.com: Docker Hub usage";
    NOT_SENT: "anonymous token + 401", Containerd, "Azure/AKS#4459";
    NOT_SENT: "anonymous token + 403", Containerd, "docker/login-action#606";
    NOT_SENT: "anonymous token + unauthorized", Containerd, "Azure/AKS#4459";
    NOT_SENT: "anonymous token + denied", Containerd, "containerd/containerd:core/remotes/docker/authorizer.go";
    NOT_SENT: "no basic auth credentials", Any, "kubernetes/kubernetes#83348";
    NOT_SENT: "missing username or secret", Containerd, "containerd/containerd:core/remotes/docker/authorizer.go";
    NOT_SENT: "authentication token not provided", Registry, "generic";
    NOT_SENT: "no credentials provided", Registry, "generic";
    NOT_SENT: "unauthenticated requests do not have permission", Registry, "google/fuzzbench#1981";
    NOT_SENT: "anonymous users are only allowed", Registry, "docs.oracle.com: Container Registry";
    IDENTITY_DENIED: "user: arn: + is not authorized to perform", Registry, "aws/copilot-cli#3518";
    // Before the words that these contain.
    DENIED: "you don't have the needed permissions", Registry, "kubernetes/minikube#19538";
    DENIED: "access token has insufficient scopes", Registry, "line/kubectl-kustomize#12";
    REFUSED: "oauth token + 401", Containerd, "labring/sealos#1708";
    REFUSED: "incorrect username or password", Registry, "containerd/cri#668";
    REFUSED: "incorrect user name or password", Registry, "generic";
    REFUSED: "wrong username or password", Registry, "generic";
    REFUSED: "invalid user name or password", Registry, "generic";
    REFUSED: "invalid username or password", Registry, "generic";
    REFUSED: "http basic: access denied", Registry, "basecamp/kamal#1498";
    REFUSED: "denied: denied", Registry, "akuity/kargo#778";
    REFUSED: "denied: invalid token", Registry, "argoproj-labs/argocd-image-updater#303";
    REFUSED: "unauthorized: invalid token", Registry, "argoproj-labs/argocd-image-updater#303";
    REFUSED: "invalid credentials", Registry, "kubernetes/minikube#19538";
    REFUSED: "bad credentials", Registry, "generic";
    REFUSED: "authentication failed", Registry, "generic";
    REFUSED: "authentication failure", Registry, "generic";
    REFUSED: "personal access token is expired or", Registry, "docs.docker.com: Access tokens";
    REFUSED: "could not find robot", Registry, "quay/quay:auth/credentials.py";
    REFUSED: "invalid robot", Registry, "quay/quay:auth/credentials.py";
    TOKEN_FORBIDDEN: "oauth token + 403", Containerd, "rossoctl/rossoctl#116";
    TOKEN_FORBIDDEN: "oauth token + denied", Containerd, "containerd/containerd:core/remotes/docker/authorizer.go";
    REFUSED: "oauth token + unauthorized", Containerd, "yandex-cloud/k8s-csi-s3#81";
    RATE_LIMITED: "toomanyrequests", Registry, "cri-o/cri-o#5282";
    RATE_LIMITED: "too many requests", Registry, "containers/image:docker/errors.go";
    RATE_LIMITED: "429", Registry, "ublue-os/main#747";
    RATE_LIMITED: "pull rate limit", Registry, "cri-o/cri-o#5282";
    RATE_LIMITED: "rate limit exceeded", Registry, "docs.docker.com: Docker Hub usage";
    RATE_LIMITED: "exceeded + rate limit", Registry, "docs.docker.com: Docker Hub usage";
};
