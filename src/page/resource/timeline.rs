//! What happened to a resource, the latest first.

use std::cmp::Reverse;

use serde_json::Value;
use strum::IntoEnumIterator as _;

use crate::api::{ConditionType, DockerPullSecretStatus, Reason, VerificationResult};
use crate::domain::time::Timestamp;
use crate::explain::pod_event::{self, text};
use crate::page::resource::TimelineEntry;

/// `action` of Events about pulls: their reasons are causes of failed pulls, some of which are also results of verifications.
const PULLING: &str = "Pulling";

/// Transitions of conditions and Events.
pub(super) fn timeline(object: &Value, status: &DockerPullSecretStatus, events: &[Value]) -> Vec<TimelineEntry> {
    let created = text(object, "/metadata/creationTimestamp").parse().ok();
    let created = created.map(|time| entry(time, "Created".to_owned(), "", false));
    let transitions = status.conditions.iter().filter_map(|condition| {
        let time = condition.last_transition_time.0.to_string().parse().ok()?;
        let title = format!("{} became {}: {}", condition.type_, condition.status, condition.reason);
        let is_accepted = condition.type_ == ConditionType::CredentialsAccepted.as_str();
        let is_verification = is_accepted && is_result(&condition.reason);
        Some(entry(time, title, &condition.message, is_verification))
    });
    let happened = events.iter().filter_map(|event| {
        let (time, reason) = (pod_event::time(event)?, text(event, "/reason"));
        let is_verification = text(event, "/action") != PULLING && is_result(reason);
        let title = format!("Event {reason}");
        Some(entry(time, title, &pod_event::message(event), is_verification))
    });
    let mut all: Vec<TimelineEntry> = created.into_iter().chain(transitions).chain(happened).collect();
    all.sort_by_key(|entry| Reverse(entry.time));
    all
}

/// Whether a reason says how a verification ended.
fn is_result(reason: &str) -> bool {
    let results = VerificationResult::iter().map(VerificationResult::reason);
    results
        .chain([Reason::HeldBack])
        .any(|result| result.as_str() == reason)
}

fn entry(time: Timestamp, title: String, message: &str, is_verification: bool) -> TimelineEntry {
    TimelineEntry {
        time,
        title,
        message: message.to_owned(),
        is_verification,
    }
}
