//! What happened to a resource, the latest first.

use std::cmp::Reverse;

use serde_json::Value;

use crate::api::DockerPullSecretStatus;
use crate::domain::text::invisible::escaped;
use crate::domain::time::Timestamp;
use crate::explain::pod_event::{self, text};
use crate::page::resource::TimelineEntry;

/// Transitions of conditions and Events.
pub(super) fn timeline(object: &Value, status: &DockerPullSecretStatus, events: &[Value]) -> Vec<TimelineEntry> {
    let created = text(object, "/metadata/creationTimestamp").parse().ok();
    let created = created.map(|time| entry(time, "Created", ""));
    let transitions = status.conditions.iter().filter_map(|condition| {
        let time = condition.last_transition_time.0.to_string().parse().ok()?;
        let title = format!("{} became {}: {}", condition.type_, condition.status, condition.reason);
        Some(entry(time, &title, &condition.message))
    });
    let happened = events.iter().filter_map(|event| {
        let time = pod_event::time(event)?;
        let title = format!("Event {}", text(event, "/reason"));
        Some(entry(time, &title, &pod_event::message(event)))
    });
    let mut all: Vec<TimelineEntry> = created.into_iter().chain(transitions).chain(happened).collect();
    all.sort_by_key(|entry| Reverse(entry.time));
    all
}

fn entry(time: Timestamp, title: &str, message: &str) -> TimelineEntry {
    TimelineEntry {
        time,
        title: escaped(title),
        message: escaped(message),
    }
}
