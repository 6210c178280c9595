//! Conditions: how they are written, and how long they have been so.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::{ConditionType, DockerPullSecretStatus, Reason};
use crate::domain::problem::Problem;
use crate::domain::text::cut;
use crate::domain::time::{Timestamp, whole_second};

/// Longest message of a condition or warning, in characters.
pub(crate) const MESSAGE_LENGTH: usize = 1024;

/// Status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
pub(crate) enum ConditionState {
    True,
    False,
    Unknown,
}

/// The condition of a type.
pub fn condition(status: &DockerPullSecretStatus, kind: ConditionType) -> Option<&Condition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind.as_str())
}

/// The conditions of a new status, made one after the other.
pub(crate) struct Conditions<'a> {
    previous: &'a DockerPullSecretStatus,
    generation: Option<i64>,
    now: Time,
    all: Vec<Condition>,
}

impl<'a> Conditions<'a> {
    /// None yet. Conditions carry whole seconds.
    pub(crate) fn new(previous: &'a DockerPullSecretStatus, generation: Option<i64>, now: Timestamp) -> Self {
        Self {
            previous,
            generation,
            now: Time(whole_second(now)),
            all: Vec::new(),
        }
    }

    /// All that were made.
    pub(crate) fn into_vec(self) -> Vec<Condition> {
        self.all
    }

    /// Adds a condition. Its time moves only when its state changes.
    pub(crate) fn push(&mut self, kind: ConditionType, state: ConditionState, reason: Reason, message: &str) {
        self.all.push(Condition {
            type_: kind.as_str().to_owned(),
            status: <&str>::from(state).to_owned(),
            reason: reason.as_str().to_owned(),
            message: cut(message, MESSAGE_LENGTH),
            observed_generation: self.generation,
            last_transition_time: self.since(kind, state).clone(),
        });
    }

    /// Leaves a condition as it was; Unknown if it was never decided.
    pub(crate) fn keep(&mut self, kind: ConditionType, reason: Reason) {
        match condition(self.previous, kind) {
            Some(previous) => self.all.push(previous.clone()),
            None => self.push(kind, ConditionState::Unknown, reason, "not evaluated yet"),
        }
    }

    /// [`Self::keep`] for each of these.
    pub(crate) fn keep_all(&mut self, kinds: &[ConditionType], reason: Reason) {
        for kind in kinds {
            self.keep(*kind, reason);
        }
    }

    /// Puts in front of a problem since when credentials have been held back. That is the time of the condition, which
    /// no retry moves.
    pub(crate) fn dated(&self, problem: &Problem) -> Problem {
        if problem.reason != Reason::HeldBack {
            return problem.clone();
        }
        let since = self.since(ConditionType::SecretSynced, ConditionState::False).0;
        Problem::new(problem.reason, format!("since {since}: {}", problem.message))
    }

    fn since(&self, kind: ConditionType, state: ConditionState) -> &Time {
        let previous = condition(self.previous, kind).filter(|previous| previous.status == <&str>::from(state));
        previous.map_or(&self.now, |previous| &previous.last_transition_time)
    }
}
