//! Events about pods.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::pod::Pod;
use crate::explain::bundle::text;

/// An Event about a pod.
pub(crate) struct PodEvent {
    /// Namespace and name of the pod.
    pub(crate) pod: ObjectKey,
    /// Empty if the Event does not say.
    uid: String,
    /// What it says.
    pub(crate) message: String,
    /// When it said so last.
    pub(crate) time: Option<Timestamp>,
}

impl PodEvent {
    /// Of either API: `v1` or `events.k8s.io/v1`.
    pub(crate) fn of(object: &Value) -> Option<Self> {
        let mut paths = ["/involvedObject", "/regarding"].into_iter();
        let about = paths.find_map(|path| object.pointer(path))?;
        if text(about, "/kind") != "Pod" {
            return None;
        }
        let namespace = match text(about, "/namespace") {
            "" => "default",
            namespace => namespace,
        };
        let message = ["/message", "/note"].map(|path| text(object, path));
        let times = [
            "/series/lastObservedTime",
            "/lastTimestamp",
            "/deprecatedLastTimestamp",
            "/eventTime",
            "/metadata/creationTimestamp",
        ];
        Some(Self {
            pod: ObjectKey::new(namespace, text(about, "/name")),
            uid: text(about, "/uid").to_owned(),
            message: message.concat(),
            time: times.iter().find_map(|path| text(object, path).parse().ok()),
        })
    }

    /// Whether it is about this one of the pods of that name: there may have been another before, with another UID.
    pub(crate) fn is_about(&self, pod: &Pod) -> bool {
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        uid.is_empty() || self.uid.is_empty() || uid == self.uid
    }
}
