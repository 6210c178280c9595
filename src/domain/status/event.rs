//! Which change of a status is worth an Event.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::api::{ConditionType, DockerPullSecretStatus};
use crate::domain::minting::judgement::EXPIRES_SOON;
use crate::domain::names::ResourceRef;
use crate::domain::status::conditions::condition;

/// Longest note of an Event, in bytes (Kubernetes `pkg/apis/core/validation/events.go`: `NoteLengthLimit`).
const NOTE_LENGTH: usize = 1024;

/// Most of a resource's name in that of its Events, in bytes: an object's name has at most 253.
const NAME_LENGTH: usize = 200;

/// What an Event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEvent {
    /// Whether it is good news.
    pub healthy: bool,
    /// What was being done, as one word.
    pub action: &'static str,
    /// The reason of `PullsHealthy`, or what a warning begins with.
    pub reason: String,
    /// The message, at most 1 KiB.
    pub note: String,
}

impl StatusEvent {
    /// The name of its object: what says the same of the same resource has the same name.
    pub fn name(&self, resource: &ResourceRef) -> String {
        let mut hasher = DefaultHasher::new();
        (resource.uid.as_str(), self.healthy, &self.reason, &self.note).hash(&mut hasher);
        let name = &resource.key.name;
        // Every part between dots begins and ends with a letter or a digit.
        let name = name[..name.len().min(NAME_LENGTH)].trim_end_matches(['.', '-']);
        format!("{name}.{:016x}", hasher.finish())
    }
}

/// How often an Event has happened when it happens once more, by the count of its series. The first has no series.
pub fn counted(series: Option<i32>) -> i32 {
    series.unwrap_or(1).saturating_add(1)
}

/// The Events for a new status.
pub fn events(previous: Option<&DockerPullSecretStatus>, new: &DockerPullSecretStatus) -> Vec<StatusEvent> {
    let expiring = expiring_event(previous, new);
    pull_event(previous, new).into_iter().chain(expiring).collect()
}

/// The Event for minted credentials that will soon be of no use.
fn expiring_event(previous: Option<&DockerPullSecretStatus>, new: &DockerPullSecretStatus) -> Option<StatusEvent> {
    let warning = |status: &DockerPullSecretStatus| {
        let mut warnings = status.warnings.iter();
        warnings.find_map(|warning| Some(warning.strip_prefix(EXPIRES_SOON)?.strip_prefix(": ")?.to_owned()))
    };
    let text = warning(new).filter(|_| previous.and_then(warning).is_none())?;
    Some(StatusEvent {
        healthy: false,
        action: "Renewing",
        reason: EXPIRES_SOON.to_owned(),
        note: note(&text),
    })
}

/// A text, as much of it as an Event takes.
fn note(text: &str) -> String {
    text[..text.floor_char_boundary(NOTE_LENGTH)].to_owned()
}

/// The Event for a new status: pods fail for another cause than before, or fail no more.
fn pull_event(previous: Option<&DockerPullSecretStatus>, new: &DockerPullSecretStatus) -> Option<StatusEvent> {
    let previous = previous.and_then(|status| condition(status, ConditionType::PullsHealthy));
    let new = condition(new, ConditionType::PullsHealthy)?;
    let failed = previous.is_some_and(|previous| previous.status == "False");
    let same_reason = previous.is_some_and(|previous| previous.reason == new.reason);
    let is_news = (new.status == "False" && !same_reason) || (new.status == "True" && failed);
    is_news.then(|| StatusEvent {
        healthy: new.status == "True",
        action: "Pulling",
        reason: new.reason.clone(),
        note: note(&new.message),
    })
}
