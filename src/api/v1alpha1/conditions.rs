//! Condition types and the words that may stand in `reason`.

use strum::{EnumIter, IntoStaticStr};

use crate::api::v1alpha1::pull_failures::Cause;

/// The conditions of a `DockerPullSecret`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumIter)]
pub enum ConditionType {
    /// True: the reference gives exactly one usable login.
    CredentialsResolved,
    /// True: the generated Secret holds that login.
    SecretSynced,
    /// True: the registry accepts that login.
    CredentialsAccepted,
    /// True: no pod that uses the generated Secret fails to pull, nor one that should use it.
    PullsHealthy,
    /// True: all of the above, as far as this resource is at fault; otherwise it has the reason of the first condition that is not True.
    Ready,
    /// Present only while true: somebody has to change something before this resource can become ready.
    Stalled,
    /// Present only while true: the operator is waiting or retrying and will go on by itself.
    Reconciling,
}

/// Why a condition has its status: one `CamelCase` word, part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumIter)]
pub enum Reason {
    /// The login was found and is usable.
    Resolved,
    /// The generated Secret is as it should be.
    Synced,
    /// Everything is as it should be.
    Ready,
    /// `spec.suspend` is true: nothing is read or written.
    Suspended,

    /// The spec breaks a rule.
    InvalidSpec,
    /// `spec.registryUrl` is no registry that a kubelet could match.
    InvalidRegistry,
    /// The Secret named by `spec.credentialsRef` does not exist.
    SecretNotFound,
    /// The referenced Secret lacks a key.
    KeyMissing,
    /// The referenced Secret holds several logins that disagree.
    Ambiguous,
    /// A value in the referenced Secret cannot be read, or cannot be used as a login.
    Malformed,
    /// The docker config only points at a credential store or helper on somebody's machine.
    CredentialStoreOnly,
    /// The docker config holds an identity token, which kubelets cannot use.
    IdentityTokenOnly,
    /// The docker config has no entry that serves the registry.
    NoEntryForRegistry,
    /// The referenced Secret is of a type that must not be used as a registry login.
    ForbiddenSecretType,

    /// There is no login to write, and none was written before.
    CredentialsNotResolved,
    /// There is no login to write; the Secret still holds the last good one.
    Stale,
    /// A Secret of that name exists and nobody controls it.
    NameConflict,
    /// A Secret of that name exists with another, unchangeable type.
    WrongSecretType,
    /// A Secret of that name is immutable and holds something else.
    SecretImmutable,
    /// A Secret of that name is controlled by another object.
    OwnedByOther,
    /// The Secret of that name is being deleted.
    SecretBeingDeleted,
    /// The API server refuses to store the Secret (quota, admission policy, permission).
    WriteRefused,

    /// The registry rejects the login, and the Secret still holds the last one that it accepted.
    HeldBack,

    /// The registry accepts the login.
    Accepted,
    /// The registry refuses the login.
    Rejected,
    /// The registry refuses this user for some time, or until its administrator helps.
    LockedOut,
    /// The registry wants fewer requests; nothing is known of the login.
    RateLimited,
    /// The operator cannot reach the registry; nodes may.
    Unreachable,
    /// The registry's certificate is not trusted, or there is none.
    #[strum(serialize = "TLSFailure")]
    TlsFailure,
    /// What answers at the address is no registry.
    NotARegistry,
    /// The registry's answers do not depend on the login.
    NotVerifiable,
    /// `spec.verification.mode` is `Disabled`.
    Disabled,
    /// The check has not been made yet.
    Pending,

    /// No pod that has to do with the Secret fails to pull.
    Healthy,
    /// Pods fail to pull: the word is that of the cause.
    #[strum(disabled)]
    PullFailure(Cause),

    /// The API server could not be asked; the operator tries again.
    RetryingAfterError,
}

impl Reason {
    /// The word as it stands in a condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PullFailure(cause) => cause.as_str(),
            word => word.into(),
        }
    }

    /// True when the obstacle usually goes away without anybody editing this resource or its credentials, such as a
    /// Secret that the same `kubectl apply` creates a moment later. Shown as `Reconciling`, which kstatus reads as
    /// in progress; the others are `Stalled`, which it reads as failed.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::SecretNotFound | Self::SecretBeingDeleted | Self::RetryingAfterError | Self::WriteRefused
        )
    }
}

impl ConditionType {
    /// The word as it stands in a condition.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
