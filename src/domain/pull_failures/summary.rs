//! What one resource is told of the pods that cannot pull.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::api::{Cause, PullCode, PullFailure, Reason};
use crate::domain::problem::Problem;
use crate::domain::pull_failures::cause::{Fault, about};
use crate::domain::pull_failures::diagnosis::Diagnosis;

/// Most failures that are listed.
const LISTED: usize = 10;

/// One container that cannot get its image.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Name of the pod.
    pub pod: &'a str,
    /// Name of the container.
    pub container: &'a str,
    /// The image.
    pub image: &'a str,
    /// Milliseconds since 1970.
    pub since: i64,
    /// Why.
    pub diagnosis: &'a Diagnosis,
    /// Whether this is the fault of the resource that is told.
    pub fault: bool,
}

/// What is published.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PullSummary {
    /// Pods that fail.
    pub failing_pods: u32,
    /// How they fail; the worst first.
    pub failures: Vec<PullFailure>,
    /// What to say in a condition; `None`: no pod fails.
    pub problem: Option<Problem>,
    /// Whether the resource is at fault.
    pub fault: bool,
}

impl PullSummary {
    /// What was published before, with other numbers than those that are known now.
    pub fn published(failing_pods: u32, failures: &[PullFailure], fault: bool) -> Self {
        Self {
            failing_pods,
            fault,
            problem: failures.first().map(|worst| problem(worst, failures.len() - 1)),
            failures: failures.to_vec(),
        }
    }
}

/// Pods of one failure.
struct Group<'a> {
    first: Case<'a>,
    pods: Vec<&'a str>,
    since: i64,
    fault: bool,
}

/// Sums up. `old` is what the status lists now: a failure keeps its time and its pod as long as it lasts.
pub fn summarise(namespace: &str, cases: &[Case<'_>], old: &[PullFailure]) -> PullSummary {
    let mut groups: BTreeMap<(Cause, PullCode, &str, &str), Group<'_>> = BTreeMap::new();
    for case in cases {
        let key = (case.diagnosis.cause, case.diagnosis.code, case.image, case.container);
        let group = groups.entry(key).or_insert_with(|| Group {
            first: *case,
            pods: Vec::new(),
            since: case.since,
            fault: false,
        });
        group.pods.push(case.pod);
        group.since = group.since.min(case.since);
        group.fault |= case.fault;
    }
    let mut pods: Vec<&str> = cases.iter().map(|case| case.pod).collect();
    pods.sort_unstable();
    pods.dedup();
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    let rank = |group: &Group<'_>| match about(group.first.diagnosis.cause).fault {
        _ if group.fault => 0,
        Fault::Yes => 1,
        Fault::Maybe => 2,
        Fault::No => 3,
    };
    // Stable, so that groups of one rank and size keep the order of their cause.
    groups.sort_by_key(|group| (rank(group), std::cmp::Reverse(group.pods.len())));
    let failures: Vec<PullFailure> = groups
        .iter()
        .take(LISTED)
        .map(|group| failure(namespace, group, old))
        .collect();
    let failing_pods = u32::try_from(pods.len()).unwrap_or(u32::MAX);
    PullSummary {
        failing_pods,
        fault: groups.first().is_some_and(|group| group.fault),
        problem: failures.first().map(|worst| problem(worst, failures.len() - 1)),
        failures,
    }
}

fn failure(namespace: &str, group: &Group<'_>, old: &[PullFailure]) -> PullFailure {
    let Case {
        container,
        image,
        diagnosis,
        ..
    } = group.first;
    let known = old.iter().find(|one| {
        (one.cause, one.code, one.image.as_str(), one.container.as_str())
            == (diagnosis.cause, diagnosis.code, image, container)
    });
    let since = Timestamp::from_second(group.since.div_euclid(1000)).unwrap_or_default();
    let since = known.map_or(since, |known| known.first_seen.0.min(since));
    let still = known.filter(|known| group.pods.contains(&known.pod.as_str()));
    PullFailure {
        code: diagnosis.code,
        cause: diagnosis.cause,
        namespace: namespace.to_owned(),
        pod: still.map_or_else(|| group.first.pod.to_owned(), |known| known.pod.clone()),
        container: container.to_owned(),
        image: image.to_owned(),
        count: u32::try_from(group.pods.len()).unwrap_or(u32::MAX),
        first_seen: Time(since),
        message: diagnosis.message.clone(),
        action: diagnosis.action.clone(),
    }
}

/// The sentence of design.md 4.
pub fn sentence(code: PullCode, cause: Cause, count: u32, pod: &str, image: &str, action: &str) -> String {
    let mut action = action.chars();
    let begins = action.next().map(|first| first.to_uppercase().to_string());
    format!(
        "{} ({}): {}; {count} {}, e.g. {pod} image {image}. {}{}",
        code.as_str(),
        code.title(),
        about(cause).what,
        if count == 1 { "pod" } else { "pods" },
        begins.unwrap_or_default(),
        action.as_str(),
    )
}

fn problem(worst: &PullFailure, others: usize) -> Problem {
    let said = sentence(
        worst.code,
        worst.cause,
        worst.count,
        &worst.pod,
        &worst.image,
        &worst.action,
    );
    let more = match others {
        0 => String::new(),
        others => format!(" ({others} more in status.pullFailures)"),
    };
    Problem::new(Reason::PullFailure(worst.cause), said + &more)
}

/// Whether two summaries differ at most in numbers, names of pods and the order of the list. Another cause, or another
/// thing to do about the same image, is what a person wants to see at once.
pub fn same_cause(one: &[PullFailure], other: &[PullFailure]) -> bool {
    match (one.first(), other.first()) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            one.cause == other.cause && (one.image != other.image || one.action == other.action)
        }
        _ => false,
    }
}
