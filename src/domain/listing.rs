//! The rows of `dps list`: resources of both kinds, the worst first.

pub mod changes;
pub mod table;

use serde_json::Value;

use crate::api::ConditionType;
use crate::domain::names::ObjectKey;
use crate::domain::time::Timestamp;

/// What a resource is called, and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedResource {
    /// Its kind.
    pub kind: &'static str,
    /// Its namespace, empty for a resource for many namespaces, and its name.
    pub key: ObjectKey,
    /// Its registry key; empty as long as nobody knows.
    pub registry: String,
    /// The status of `Ready`: `True`, `False` or `Unknown`.
    pub ready: String,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// The reason of `CredentialsAccepted`: what became of the login.
    pub login: String,
    /// Number of pods that fail to pull.
    pub failing_pods: u64,
    /// The generated Secret.
    pub secret: String,
    /// Since when `Ready` has its status; without one, since it was created.
    pub since: Option<Timestamp>,
    /// Until when its credentials are valid, if they were minted.
    pub expires_at: Option<Timestamp>,
    /// Whether somebody paused it.
    pub is_suspended: bool,
}

impl ListedResource {
    /// Of an object of a kind as the API server has it: one that another version wrote hides no other.
    pub fn of(kind: &'static str, object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let conditions = object["status"]["conditions"].as_array();
        let condition = |kind: ConditionType, field: &str| {
            let mut conditions = conditions.into_iter().flatten();
            let found = conditions.find(|condition| condition["type"] == kind.as_str());
            found.and_then(|condition| condition[field].as_str())
        };
        let ready = |field: &str| condition(ConditionType::Ready, field);
        let login = condition(ConditionType::CredentialsAccepted, "reason");
        let registry = match text("/status/registryKey") {
            "" => text("/spec/registryUrl"),
            known => known,
        };
        let failing = object["status"]["failingPods"].as_u64().unwrap_or_default();
        let since = ready("lastTransitionTime").unwrap_or_else(|| text("/metadata/creationTimestamp"));
        Self {
            kind,
            key: ObjectKey::new(text("/metadata/namespace"), text("/metadata/name")),
            registry: registry.to_owned(),
            ready: ready("status").unwrap_or("Unknown").to_owned(),
            reason: ready("reason").unwrap_or_default().to_owned(),
            message: ready("message")
                .unwrap_or("no operator has looked at it yet")
                .to_owned(),
            login: login.unwrap_or_default().to_owned(),
            failing_pods: failing,
            secret: text("/status/secretName").to_owned(),
            since: since.parse().ok(),
            expires_at: text("/status/minted/expiresAt").parse().ok(),
            is_suspended: object["spec"]["suspend"] == true,
        }
    }

    /// Whether it needs nobody's attention. What is suspended is so because somebody wants it.
    pub fn is_well(&self) -> bool {
        self.state() >= ResourceState::Suspended
    }

    /// How it is, in one word.
    pub fn state(&self) -> ResourceState {
        if self.is_suspended {
            ResourceState::Suspended
        } else if self.ready != "True" {
            ResourceState::NotReady
        } else if self.failing_pods > 0 {
            ResourceState::Failing
        } else {
            ResourceState::Ready
        }
    }
}

/// How a resource is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter)]
pub enum ResourceState {
    /// There is no Secret, or it is not right.
    NotReady,
    /// The Secret is there, and pods fail to pull.
    Failing,
    /// Somebody paused it.
    Suspended,
    /// All is well.
    Ready,
}

/// Sorts items by their resources: the worst first, then by namespace and name.
pub fn sort_worst_first<T>(items: &mut [T], resource: impl Fn(&T) -> &ListedResource) {
    items.sort_by(|one, other| {
        let (one, other) = (resource(one), resource(other));
        (one.state(), &one.key, one.kind).cmp(&(other.state(), &other.key, other.kind))
    });
}
