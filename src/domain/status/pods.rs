//! What a status says of pods that cannot pull, and which change of it is worth an Event.

use strum::IntoEnumIterator as _;

use crate::api::{Cause, ConditionType, DockerPullSecretStatus, Reason};
use crate::domain::problem::Problem;
use crate::domain::pull_failures::summary::PullSummary;
use crate::domain::status::build::Conditions;

/// Longest note of an Event, in bytes (domain.md E3).
const NOTE_LENGTH: usize = 1024;

/// What is known of pods that cannot pull.
#[derive(Clone, Debug, PartialEq)]
pub enum Pods {
    /// Nothing yet, or nothing new: what was said before stays.
    Unseen,
    /// This.
    Seen(Box<PullSummary>),
    /// The same failure as before in other numbers, which can wait. Whether this resource is at fault.
    Same {
        /// Whether it is.
        fault: bool,
    },
}

/// Publishes what is known of pods. Returns the problem if this resource is at fault.
pub(crate) fn publish(conditions: &mut Conditions<'_>, pods: &Pods) -> Option<Problem> {
    let kind = ConditionType::PullsHealthy;
    let old = conditions.old.iter().find(|old| old.type_ == kind.as_str());
    match pods {
        Pods::Unseen => conditions.keep(kind, Reason::Pending),
        Pods::Same { fault } => {
            let old = old?.clone();
            let reason = Cause::iter().find(|cause| cause.as_str() == old.reason)?;
            let problem = Problem::new(Reason::PullFailure(reason), old.message);
            conditions.push(kind, &old.status, problem.reason, &problem.message);
            return fault.then_some(problem);
        }
        Pods::Seen(pulls) => match &pulls.problem {
            None => {
                let message = "no pod that has to do with this Secret fails to pull its image";
                conditions.push(kind, "True", Reason::Healthy, message);
            }
            Some(problem) => {
                conditions.push(kind, "False", problem.reason, &problem.message);
                return pulls.fault.then(|| problem.clone());
            }
        },
    }
    None
}

/// What is worth an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Whether pods pull again.
    pub good: bool,
    /// The reason of `PullsHealthy`.
    pub reason: String,
    /// Its message, at most 1 KiB.
    pub note: String,
}

/// What a new status tells about pods that the old one did not: another cause, or none any more.
pub fn news(old: Option<&DockerPullSecretStatus>, new: &DockerPullSecretStatus) -> Option<News> {
    let kind = ConditionType::PullsHealthy.as_str();
    let of = |status: &DockerPullSecretStatus| status.conditions.iter().find(|one| one.type_ == kind).cloned();
    let (old, new) = (old.and_then(of), of(new)?);
    let failed = old.as_ref().is_some_and(|old| old.status == "False");
    let told = old.is_some_and(|old| old.reason == new.reason);
    let worth = (new.status == "False" && !told) || (new.status == "True" && failed);
    worth.then(|| {
        let mut end = new.message.len().min(NOTE_LENGTH);
        while !new.message.is_char_boundary(end) {
            end -= 1;
        }
        News {
            good: new.status == "True",
            reason: new.reason,
            note: new.message[..end].to_owned(),
        }
    })
}
