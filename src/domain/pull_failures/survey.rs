//! What one resource is told of the failing pods around it. Pods of a Deployment are all alike: that is found out once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::api::PullCode;
use crate::domain::docker_config::kubelet_secret::PullSecret;
use crate::domain::pull_failures::classify::Classification;
use crate::domain::pull_failures::diagnosis::{Diagnosis, PullContext, PullError, Resource, diagnose};
use crate::domain::pull_failures::failing_pods::{FailingContainer, FailingPod};
use crate::domain::pull_failures::relevance::affects;
use crate::domain::pull_failures::summary::Case;

/// A container that cannot pull, and what is found out about it.
pub struct DiagnosedContainer<'a> {
    pod: &'a str,
    stuck: &'a FailingContainer,
    diagnosis: Arc<Diagnosis>,
    /// Whether this is the fault of the resource that is told.
    fault: bool,
}

impl DiagnosedContainer<'_> {
    /// When it counts; milliseconds since 1970.
    pub fn counts_from(&self) -> i64 {
        self.stuck.counts_from(self.diagnosis.cause, self.diagnosis.may_pass())
    }

    /// For the summary.
    pub fn case(&self) -> Case<'_> {
        Case {
            pod: self.pod,
            container: &self.stuck.container,
            image: &self.stuck.image,
            since: self.stuck.since,
            diagnosis: &self.diagnosis,
            fault: self.fault,
        }
    }
}

/// What makes failures alike; the last is whether the login was another then.
type Alike<'a> = (
    &'a [String],
    &'a str,
    PullCode,
    Option<&'a Classification>,
    &'a str,
    bool,
);

/// A diagnosis, and whether it is the fault of the resource; `None`: that is not told of it.
type MemoizedDiagnosis = (Arc<Diagnosis>, Option<bool>);

/// See the module.
pub struct Survey<'a> {
    namespace: &'a str,
    own: &'a Resource,
    resources: Vec<Resource>,
    /// The same before anything was known of the login.
    unverified: Vec<Resource>,
    rotated: Option<i64>,
    known: HashMap<Alike<'a>, MemoizedDiagnosis>,
}

impl<'a> Survey<'a> {
    /// `others`: the other resources of the namespace. `rotated`: when the login in the Secret of the resource was
    /// replaced, in milliseconds since 1970.
    pub fn new(namespace: &'a str, own: &'a Resource, others: &[Resource], rotated: Option<i64>) -> Self {
        // An attempt with an earlier login says nothing of what the registry thinks of this one, and the other way round.
        let unverified = Resource {
            verified: None,
            ..own.clone()
        };
        let with = |own: &Resource| std::iter::once(own).chain(others).cloned().collect();
        Self {
            namespace,
            own,
            unverified: if rotated.is_some() {
                with(&unverified)
            } else {
                Vec::new()
            },
            resources: with(own),
            rotated,
            known: HashMap::new(),
        }
    }

    /// What the resource is told of a pod. `secrets` are those that the pod's list names, in that order.
    pub fn of(&mut self, pod: &'a str, failing: &'a FailingPod, secrets: &[PullSecret]) -> Vec<DiagnosedContainer<'a>> {
        let containers = failing.containers.iter();
        let found = containers.filter_map(|stuck| {
            let (diagnosis, fault) = self.known(stuck, &failing.pull_secrets, secrets);
            Some(DiagnosedContainer {
                pod,
                stuck,
                fault: fault?,
                diagnosis,
            })
        });
        found.collect()
    }

    fn known(
        &mut self,
        stuck: &'a FailingContainer,
        pull_secrets: &'a [String],
        secrets: &[PullSecret],
    ) -> MemoizedDiagnosis {
        let stale = self.rotated.is_some_and(|at| at > stuck.attempted);
        let alike = (
            pull_secrets,
            stuck.image.as_str(),
            stuck.code,
            stuck.classification.as_ref(),
            stuck.report.as_str(),
            stale,
        );
        if let Some((diagnosis, fault)) = self.known.get(&alike) {
            return (Arc::clone(diagnosis), *fault);
        }
        let symptom = PullError {
            image: &stuck.image,
            code: stuck.code,
            classification: stuck.classification.as_ref(),
            report: &stuck.report,
        };
        let around = PullContext {
            namespace: self.namespace,
            secrets,
            resources: if stale { &self.unverified } else { &self.resources },
        };
        let mut diagnosis = diagnose(symptom, around);
        if stale {
            diagnosis = diagnosis.outdated(&self.own.name, &self.own.secret);
        }
        let fault = affects(self.own, &stuck.image, secrets, &diagnosis).map(|fault| fault && !stale);
        let known = (Arc::new(diagnosis), fault);
        self.known.insert(alike, (Arc::clone(&known.0), known.1));
        known
    }
}

/// Interim.
pub struct SurveyInput<'a> {
    pub namespace: &'a str,
    pub own: &'a Resource,
    pub others: &'a [Resource],
    pub failing: &'a [(String, Arc<FailingPod>)],
    pub pull_secrets: &'a HashMap<String, PullSecret>,
    pub credentials_changed_at: Option<crate::domain::time::Timestamp>,
    pub previous: &'a [crate::api::PullFailure],
}
pub struct SurveyResult {
    pub summary: super::summary::PullSummary,
    pub next: Option<std::time::Duration>,
}
pub fn survey(input: &SurveyInput<'_>, now: crate::domain::time::Timestamp) -> SurveyResult {
    let now = now.as_millisecond();
    let mut survey = Survey::new(
        input.namespace,
        input.own,
        input.others,
        input.credentials_changed_at.map(|at| at.as_millisecond()),
    );
    let mut all = Vec::new();
    for (pod, failing) in input.failing {
        let list: Vec<PullSecret> = failing
            .pull_secrets
            .iter()
            .filter_map(|name| input.pull_secrets.get(name).cloned())
            .collect();
        all.extend(survey.of(pod, failing, &list));
    }
    let (counting, waiting): (Vec<DiagnosedContainer<'_>>, Vec<DiagnosedContainer<'_>>) =
        all.into_iter().partition(|one| one.counts_from() <= now);
    let next = waiting.iter().map(DiagnosedContainer::counts_from).min();
    let cases: Vec<Case<'_>> = counting.iter().map(DiagnosedContainer::case).collect();
    SurveyResult {
        summary: super::summary::summarise(input.namespace, &cases, input.previous),
        next: next.map(|at| std::time::Duration::from_millis(u64::try_from(at - now).unwrap_or(1))),
    }
}
