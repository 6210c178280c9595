//! A resource that generates a pull secret, as far as a diagnosis needs it.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::{ConditionType, DockerPullSecretStatus, Reason, VerificationResult};
use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::matching::serves;
use crate::domain::spec::declaration::Declaration;
use crate::domain::time::Timestamp;

/// What a diagnosis needs to know of a resource that generates a Secret in the namespace of the pod. For a resource that
/// generates Secrets in several namespaces, there is a value for each namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its kind, such as `DockerPullSecret`.
    pub kind: &'static str,
    /// Its namespace; empty for a cluster-scoped resource.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The Secret that it generates.
    pub secret: String,
    /// Whether that Secret is its own, as far as is known: somebody else may have created a Secret of this name.
    pub owns: bool,
    /// The Secret that holds its credentials; `None` if they come from elsewhere.
    pub source: Option<String>,
    /// The namespace of that Secret, if it is not the one of the pod.
    pub source_namespace: Option<String>,
    /// Its registry key.
    pub registry: RegistryKey,
    /// Whether new pods get the Secret for the images that it is for.
    pub attaches_to_pods: bool,
    /// Whether its login is known to be a user name and a password that a person may replace.
    pub takes_password: bool,
    /// What the registry said about the credentials in the generated Secret.
    pub verified: Option<VerificationResult>,
    /// Until when its credentials are valid, if they were minted.
    pub expires_at: Option<Timestamp>,
}

impl Resource {
    /// From what a resource declares, and its status; `None` if its registry is invalid.
    pub fn of(declaration: &Declaration, status: Option<&DockerPullSecretStatus>) -> Option<Self> {
        Some(Self {
            kind: declaration.kind,
            namespace: declaration.key.namespace.clone(),
            name: declaration.key.name.clone(),
            secret: declaration.target.clone(),
            owns: status.is_none_or(owns_secret),
            source: declaration.source.clone(),
            source_namespace: declaration
                .cluster
                .as_ref()
                .map(|cluster| cluster.source_namespace.clone()),
            registry: declaration.registry.clone()?,
            attaches_to_pods: status.is_some_and(|status| status.image_pattern.is_some()),
            takes_password: false,
            verified: status.and_then(verdict_on_secret),
            expires_at: status.and_then(end_of_minted),
        })
    }

    /// Whether the registry rejects its credentials.
    pub(crate) fn is_refused(&self) -> bool {
        self.verified.is_some_and(VerificationResult::is_refusal)
    }

    /// Whether a kubelet uses its credentials for this repository.
    pub fn serves(&self, repository: &str) -> bool {
        serves(self.registry.as_str(), repository)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {:?}", self.kind, self.name)
    }
}

/// Reasons of `SecretSynced` that mean: the Secret of the wanted name belongs to somebody else.
const NOT_OWNED: [Reason; 3] = [Reason::NameConflict, Reason::OwnedByOther, Reason::WrongSecretType];

/// Whether the generated Secret is the resource's own, as its status says.
fn owns_secret(status: &DockerPullSecretStatus) -> bool {
    let synced = secret_synced(status);
    !synced.is_some_and(|synced| NOT_OWNED.iter().any(|reason| synced.reason == reason.as_str()))
}

/// What the registry said about the credentials in the generated Secret, as the status says.
fn verdict_on_secret(status: &DockerPullSecretStatus) -> Option<VerificationResult> {
    let verification = status.verification.as_ref()?;
    if verification.secret_verified {
        return Some(VerificationResult::Accepted);
    }
    let holds_current = secret_synced(status).is_some_and(|synced| synced.status == "True");
    holds_current.then(|| verification.of_credentials()).flatten()
}

/// Until when minted credentials are valid, as the status says.
fn end_of_minted(status: &DockerPullSecretStatus) -> Option<Timestamp> {
    Some(status.minted.as_ref()?.expires_at.as_ref()?.0)
}

fn secret_synced(status: &DockerPullSecretStatus) -> Option<&Condition> {
    let mut conditions = status.conditions.iter();
    conditions.find(|condition| condition.type_ == ConditionType::SecretSynced.as_str())
}
