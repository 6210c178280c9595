//! Events about pods.

use serde_json::Value;

use crate::domain::names::{ObjectKey, Uid};
use crate::domain::pull_failures::pod::Pod;
use crate::domain::time::Timestamp;

/// An Event about a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodEvent {
    /// The pod.
    pub pod: ObjectKey,
    /// Its UID, if the Event names it.
    pub uid: Option<Uid>,
    /// What the Event says.
    pub message: String,
    /// When it happened last.
    pub time: Option<Timestamp>,
}

impl PodEvent {
    /// From an Event of either API, `v1` or `events.k8s.io/v1`; `None` if it is not about a pod.
    pub fn of(event: &Value) -> Option<Self> {
        let mut paths = ["/involvedObject", "/regarding"].into_iter();
        let object = paths.find_map(|path| event.pointer(path))?;
        if text(object, "/kind") != "Pod" {
            return None;
        }
        let namespace = match text(object, "/namespace") {
            "" => "default",
            namespace => namespace,
        };
        let uid = Some(text(object, "/uid")).filter(|uid| !uid.is_empty());
        Some(Self {
            pod: ObjectKey::new(namespace, text(object, "/name")),
            uid: uid.map(Uid::new),
            message: message(event),
            time: time(event),
        })
    }

    /// Whether it is about this pod, and not about an earlier one of the same name.
    pub(crate) fn is_about(&self, pod: &Pod) -> bool {
        match (&self.uid, pod.metadata.uid.as_deref()) {
            (Some(uid), Some(pod)) => uid.as_str() == pod,
            _ => true,
        }
    }
}

/// What an Event of either API says.
pub(crate) fn message(event: &Value) -> String {
    ["/message", "/note"].map(|path| text(event, path)).concat()
}

/// When an Event of either API happened last.
pub(crate) fn time(event: &Value) -> Option<Timestamp> {
    let times = [
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/deprecatedLastTimestamp",
        "/eventTime",
        "/metadata/creationTimestamp",
    ];
    times.iter().find_map(|path| text(event, path).parse().ok())
}

/// A text somewhere in an object; empty if there is none.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}
