//! What a resource publishes about the pods that cannot pull.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{Cause, FailingNamespace, PullCode, PullFailure, Reason};
use crate::domain::problem::Problem;
use crate::domain::pull_failures::cause::{Fault, about};
use crate::domain::pull_failures::diagnosis::Diagnosis;
use crate::domain::pull_failures::fix::PodToFix;
use crate::domain::pull_failures::relevance::Involvement;
use crate::domain::pull_failures::template::PodTemplate;
use crate::domain::time::{Timestamp, whole_second};

/// Most failures that a status lists.
const LISTED: usize = 10;

/// A container that cannot get its image, and why.
#[derive(Clone, Debug)]
pub struct DiagnosedContainer<'a> {
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// Name of the pod.
    pub pod: &'a str,
    /// What the pod is made from, if that is certain.
    pub template: Option<&'a PodTemplate>,
    /// Name of its ServiceAccount.
    pub account: &'a str,
    /// Name of the container.
    pub container: &'a str,
    /// The image.
    pub image: &'a str,
    /// When the failure was first seen.
    pub since: Timestamp,
    /// Why it failed.
    pub diagnosis: Arc<Diagnosis>,
    /// How the resource that reports is involved.
    pub involvement: Involvement,
}

/// What is published.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PullSummary {
    /// Number of pods that fail.
    pub failing_pods: u32,
    /// How they fail. What the resource is at fault for comes first, then its own pods, then the worst.
    pub failures: Vec<PullFailure>,
    /// What the condition says; `None`: no pod fails.
    pub problem: Option<Problem>,
    /// Whether the resource is at fault.
    pub fault: bool,
}

impl PullSummary {
    /// From what a status lists.
    pub fn published(failing_pods: u32, failures: &[PullFailure], fault: bool) -> Self {
        Self {
            failing_pods,
            failures: failures.to_vec(),
            problem: failures.first().map(|first| problem(first, failures.len() - 1)),
            fault,
        }
    }
}

/// Containers that fail alike.
type Group<'c, 'a> = Vec<&'c DiagnosedContainer<'a>>;

/// Most namespaces of a failure that a status lists.
const LISTED_NAMESPACES: usize = 5;

/// Groups containers that fail alike. `places`: whether the pods may be in many namespaces, so that these are told. `previous` is what the status lists now: a failure keeps its time and its example as long as it lasts.
pub fn summarize(places: bool, containers: &[DiagnosedContainer<'_>], previous: &[PullFailure]) -> PullSummary {
    let mut groups: BTreeMap<(Cause, PullCode, &str, &str), Group<'_, '_>> = BTreeMap::new();
    for container in containers {
        let diagnosis = &container.diagnosis;
        let key = (diagnosis.cause, diagnosis.code, container.image, container.container);
        groups.entry(key).or_default().push(container);
    }
    let mut groups: Vec<Group<'_, '_>> = groups.into_values().collect();
    // Stable: groups of the same rank and size keep the order of their causes.
    groups.sort_by_key(|group| rank(group));
    let failures: Vec<PullFailure> = groups
        .iter()
        .take(LISTED)
        .filter_map(|group| failure(places, group, previous))
        .collect();
    let pods: HashSet<(&str, &str)> = containers.iter().map(|one| (one.namespace, one.pod)).collect();
    let fault = groups.first().and_then(closest) == Some(Involvement::Fault);
    PullSummary::published(count(pods.len()), &failures, fault)
}

fn rank(group: &Group<'_, '_>) -> (Option<Involvement>, u8, Reverse<usize>) {
    let severity = group
        .first()
        .map_or(0, |first| match about(first.diagnosis.cause).fault {
            Fault::Yes => 0,
            Fault::Maybe => 1,
            Fault::No => 2,
        });
    (closest(group), severity, Reverse(group.len()))
}

/// How closely the resource is involved in a group.
fn closest(group: &Group<'_, '_>) -> Option<Involvement> {
    group.iter().map(|container| container.involvement).min()
}

/// What a status says of a group.
fn failure(places: bool, group: &Group<'_, '_>, previous: &[PullFailure]) -> Option<PullFailure> {
    let first = group.first()?;
    let known = previous.iter().find(|failure| {
        (failure.cause, failure.code) == (first.diagnosis.cause, first.diagnosis.code)
            && (failure.image.as_str(), failure.container.as_str()) == (first.image, first.container)
    });
    let involvement = closest(group);
    let examples = group
        .iter()
        .filter(|container| Some(container.involvement) == involvement);
    let still = known.and_then(|known| {
        examples
            .clone()
            .find(|one| (one.pod, one.namespace) == (&*known.pod, &*known.namespace))
    });
    let example = still.or_else(|| examples.clone().next())?;
    let since = group.iter().map(|container| container.since).min()?;
    let since = known.map_or(since, |known| known.first_seen.0.min(since));
    Some(PullFailure {
        code: example.diagnosis.code,
        cause: example.diagnosis.cause,
        namespace: example.namespace.to_owned(),
        pod: example.pod.to_owned(),
        container: example.container.to_owned(),
        image: example.image.to_owned(),
        count: count(group.len()),
        namespaces: if places { worst(group) } else { Vec::new() },
        first_seen: Time(whole_second(since)),
        message: example.diagnosis.message.clone(),
        action: example.diagnosis.action.clone(),
        fix: example.diagnosis.fix(PodToFix {
            namespace: example.namespace,
            name: Some(example.pod),
            template: example.template,
            account: example.account,
            account_lists: &[],
        }),
    })
}

/// The namespaces in which most fail.
fn worst(group: &Group<'_, '_>) -> Vec<FailingNamespace> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for container in group {
        *counts.entry(container.namespace).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    let worst = counts.into_iter().take(LISTED_NAMESPACES);
    let worst = worst.map(|(name, number)| FailingNamespace {
        name: name.to_owned(),
        count: count(number),
    });
    worst.collect()
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The condition about the first of several failures.
fn problem(first: &PullFailure, others: usize) -> Problem {
    let PullFailure {
        code,
        cause,
        count,
        pod,
        image,
        action,
        namespaces,
        namespace,
        ..
    } = first;
    let place = if namespaces.is_empty() {
        String::new()
    } else {
        format!(" in namespace {namespace}")
    };
    let pods = match count {
        1 => format!("pod {pod}{place} cannot pull {image}"),
        count => format!("{count} pods cannot pull {image}, for example {pod}{place}"),
    };
    let more = match others {
        0 => String::new(),
        others => format!(" ({others} more in status.pullFailures)"),
    };
    let message = format!(
        "{} ({}): {}; {pods}. {}{more}",
        code.as_str(),
        code.title(),
        about(*cause).what,
        as_sentence(action),
    );
    Problem::new(Reason::PullFailure(*cause), message)
}

/// A clause with a capital letter.
fn as_sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// Whether two lists of failures differ at most in numbers, names of pods and order. Another cause, or something else to do
/// about the same image, is worth reporting at once.
pub fn have_same_cause(first: &[PullFailure], second: &[PullFailure]) -> bool {
    match (first.first(), second.first()) {
        (None, None) => true,
        (Some(first), Some(second)) => {
            first.cause == second.cause && (first.image != second.image || first.action == second.action)
        }
        _ => false,
    }
}
