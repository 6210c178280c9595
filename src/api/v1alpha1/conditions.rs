//! Condition types and the values of `reason`.

use strum::{EnumIter, IntoStaticStr};

use crate::api::v1alpha1::pull_failures::Cause;

/// The conditions of a `DockerPullSecret`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumIter)]
pub enum ConditionType {
    /// True: the reference gives exactly one pair of usable credentials.
    CredentialsResolved,
    /// True: the generated Secret holds these credentials.
    SecretSynced,
    /// True: the registry accepts these credentials.
    CredentialsAccepted,
    /// True: no pod fails to pull that uses the generated Secret or should use it.
    PullsHealthy,
    /// Present only with `spec.attachTo.serviceAccounts`. True: each of these ServiceAccounts lists the generated Secret.
    Attached,
    /// True: all of the above, as far as this resource is at fault. Otherwise it has the reason of the first condition
    /// that is not True.
    Ready,
    /// Present only while true: this resource cannot become ready until somebody changes something.
    Stalled,
    /// Present only while true: the operator is waiting or retrying, and continues by itself.
    Reconciling,
}

/// Why a condition has its status: a `CamelCase` word that is part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumIter)]
pub enum Reason {
    /// The credentials were found and are usable.
    Resolved,
    /// The generated Secret is as it should be.
    Synced,
    /// Everything is as it should be.
    Ready,
    /// `spec.suspend` is true: nothing is read or written.
    Suspended,

    /// The spec breaks a rule.
    InvalidSpec,
    /// `spec.registryUrl` is not a registry that the kubelet can match.
    InvalidRegistry,
    /// The Secret named by `spec.credentialsRef` does not exist.
    SecretNotFound,
    /// The referenced Secret lacks a key.
    KeyMissing,
    /// The referenced Secret holds different credentials.
    Ambiguous,
    /// A value in the referenced Secret cannot be read, or cannot be used as credentials.
    Malformed,
    /// The docker config only refers to a credential store or helper on somebody's machine.
    CredentialStoreOnly,
    /// The docker config holds an identity token, which the kubelet cannot use.
    IdentityTokenOnly,
    /// The docker config has no entry that serves the registry.
    NoEntryForRegistry,
    /// The referenced Secret is of a type that must not be used as registry credentials.
    ForbiddenSecretType,

    /// The operator may not create tokens of the ServiceAccount.
    ServiceAccountNotAllowed,
    /// Neither the spec nor the ServiceAccount says for which identity of the cloud credentials are minted.
    IdentityMissing,
    /// The registry does not belong to the cloud, or the identity does not belong to the registry.
    RegistryMismatch,
    /// The audience of the token is one that the cloud does not expect, or that nobody may have a token for.
    AudienceRefused,
    /// The cloud does not trust the ServiceAccount for this identity.
    TrustRefused,
    /// The cloud cannot fetch the keys of the cluster's issuer.
    IssuerUnreachable,
    /// The identity may not have credentials for this registry.
    PermissionDenied,
    /// The cloud limits requests; the operator tries again.
    ExchangeRateLimited,
    /// The cloud does not answer, or is unavailable; the operator tries again.
    ExchangeUnreachable,
    /// The cloud's answer cannot be read; the operator tries again.
    ExchangeMalformed,
    /// A clock is so wrong that the cloud refuses the request.
    ClockSkew,
    /// The credentials have expired and could not be renewed; the Secret still holds them.
    Expired,

    /// There are no credentials to write, and none were written before.
    CredentialsNotResolved,
    /// There are no credentials to write; the Secret still holds the last good ones.
    Stale,
    /// A Secret of that name exists, and no object controls it.
    NameConflict,
    /// A Secret of that name exists with another type, which cannot be changed.
    WrongSecretType,
    /// A Secret of that name is immutable and holds other data.
    SecretImmutable,
    /// A Secret of that name is controlled by another object.
    OwnedByOther,
    /// The Secret of that name is being deleted.
    SecretBeingDeleted,
    /// The API server refuses to store the Secret (quota, admission policy, permission).
    WriteRefused,

    /// The registry rejects the credentials; the Secret still holds the last ones that it accepted.
    HeldBack,

    /// The registry accepts the credentials.
    Accepted,
    /// The registry rejects the credentials.
    Rejected,
    /// The registry has locked out this user, for some time or until an administrator helps.
    LockedOut,
    /// The registry limits requests; nothing is known about the credentials.
    RateLimited,
    /// The operator cannot reach the registry; nodes may be able to.
    Unreachable,
    /// The registry's certificate is not trusted, or there is none.
    #[strum(serialize = "TLSFailure")]
    TlsFailure,
    /// What answers at the address is not a registry.
    NotARegistry,
    /// The registry's answers do not depend on the credentials.
    NotVerifiable,
    /// `spec.verification.mode` is `Disabled`.
    Disabled,
    /// The credentials are not verified yet.
    Pending,

    /// No pod that is affected by the Secret fails to pull.
    Healthy,
    /// Pods fail to pull: the word is the cause.
    #[strum(disabled)]
    PullFailure(Cause),

    /// All ServiceAccounts that are to list the Secret do.
    Attached,
    /// A ServiceAccount that `spec.attachTo.serviceAccounts` or `spec.credentialsFrom` names does not exist.
    ServiceAccountNotFound,
    /// Somebody keeps taking the Secret out of a ServiceAccount.
    Contested,
    /// The operator may not change ServiceAccounts, or the API server refuses this change.
    NotAllowed,

    /// A request to the API server failed; the operator retries.
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

    /// Whether the obstacle usually goes away without anybody editing this resource or its credentials, such as a
    /// Secret that the same `kubectl apply` creates a moment later. It is shown as `Reconciling`, which kstatus reads as
    /// in progress; any other is `Stalled`, which kstatus reads as failed.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::SecretNotFound
                | Self::SecretBeingDeleted
                | Self::RetryingAfterError
                | Self::WriteRefused
                | Self::ServiceAccountNotFound
                | Self::IssuerUnreachable
                | Self::ExchangeRateLimited
                | Self::ExchangeUnreachable
                | Self::ExchangeMalformed
                | Self::Pending
        )
    }
}

impl ConditionType {
    /// The word as it stands in a condition.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
