//! What one resource reports of the pods that fail in its namespace. The pods of a Deployment are alike: each failure is
//! diagnosed once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::api::{Cause, PullCode, PullFailure};
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret};
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::classify::Classification;
use crate::domain::pull_failures::context::PullContext;
use crate::domain::pull_failures::diagnosis::{Diagnosis, PullError, diagnose};
use crate::domain::pull_failures::elsewhere::Elsewhere;
use crate::domain::pull_failures::failing_pods::{FailingContainer, FailingPod};
use crate::domain::pull_failures::relevance::{Involvement, affects};
use crate::domain::pull_failures::resource::Resource;
use crate::domain::pull_failures::summary::{DiagnosedContainer, PullSummary, summarize};
use crate::domain::time::{Timestamp, since};

/// What the failures that concern a resource are found from.
pub struct SurveyInput<'a> {
    /// The namespace of the pods.
    pub namespace: &'a str,
    /// The resource that reports.
    pub own: &'a Resource,
    /// The other resources that generate Secrets in the namespace.
    pub others: &'a [Resource],
    /// Resources for many namespaces that generate none in this one.
    pub elsewhere: &'a [Elsewhere],
    /// The failing pods that may involve the resource, with their names. See
    /// [`crate::domain::pull_failures::relevance::concerning`].
    pub failing: &'a [(String, Arc<FailingPod>)],
    /// The Secrets that the pods list. What is missing here could not be read.
    pub pull_secrets: &'a HashMap<String, PullSecret>,
    /// What the ServiceAccounts of the pods list, as far as that is known.
    pub accounts: &'a HashMap<String, Vec<String>>,
    /// When the credentials in the resource's Secret were last replaced by others.
    pub credentials_changed_at: Option<Timestamp>,
}

impl SurveyInput<'_> {
    /// Whether a successor of a pod gets the Secret from its ServiceAccount, whose list only pods without one of their own get.
    fn account_lists_secret(&self, pod: &FailingPod) -> bool {
        let listed = self.accounts.get(&pod.account);
        listed.is_some_and(|listed| {
            listed.contains(&self.own.secret) && pod.pull_secrets.iter().all(|name| listed.contains(name))
        })
    }
}

/// What a resource reports.
pub struct SurveyResult {
    /// The pods that a successor would help.
    pub outdated: Vec<OutdatedPod>,
    /// The failures that count now.
    pub summary: PullSummary,
    /// When the next failure begins to count, if one is waiting to.
    pub next: Option<Duration>,
    /// When a registry last refused what a pod sent from the resource's Secret.
    pub refused_at: Option<Timestamp>,
}

/// A pod that was created, or has tried, before the credentials that it needs were there.
#[derive(Clone, Debug)]
pub struct OutdatedPod {
    /// Its namespace and name.
    pub key: ObjectKey,
    /// The pod.
    pub pod: Arc<FailingPod>,
    /// Whether it lists the Secret of the resource, which had other credentials then.
    pub lists_secret: bool,
    /// Whether its ServiceAccount gives a successor the Secret.
    pub account_lists_secret: bool,
}

/// Diagnoses every failing container, and sums up those failures that affect the resource and have lasted long enough.
///
/// `places`: what is found in each namespace; `is_for_many`: whether there may be several. `previous`: the failures that the status
/// lists now.
pub fn survey(places: &[SurveyInput<'_>], is_for_many: bool, previous: &[PullFailure], now: Timestamp) -> SurveyResult {
    let mut counting = Vec::new();
    let mut outdated = Vec::new();
    let (mut next, mut refused_at): (Option<Timestamp>, Option<Timestamp>) = (None, None);
    for input in places {
        let (waiting, refused) = survey_place(input, &mut counting, &mut outdated, now);
        next = next.into_iter().chain(waiting).min();
        refused_at = refused_at.max(refused);
    }
    SurveyResult {
        outdated,
        summary: summarize(is_for_many, &counting, previous),
        next: next.map(|next| since(now, next)),
        refused_at,
    }
}

/// Returns when the next failure begins to count, and when a registry last refused what the resource's Secret holds.
fn survey_place<'a>(
    input: &SurveyInput<'a>,
    counting: &mut Vec<DiagnosedContainer<'a>>,
    outdated: &mut Vec<OutdatedPod>,
    now: Timestamp,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let mut cache = DiagnosisCache::new(input);
    let (mut next, mut refused_at): (Option<Timestamp>, Option<Timestamp>) = (None, None);
    for (pod, failing) in input.failing {
        let mut helps = false;
        let lists_secret = failing.pull_secrets.contains(&input.own.secret);
        for container in &failing.containers {
            let (diagnosis, Some(involvement)) = cache.diagnosis_of(container, &failing.pull_secrets) else {
                continue;
            };
            let counts_from = container.counts_from(diagnosis.cause, diagnosis.may_succeed_next());
            if counts_from > now {
                next = Some(next.map_or(counts_from, |next| next.min(counts_from)));
                continue;
            }
            let is_earlier = input
                .credentials_changed_at
                .is_some_and(|changed| changed > container.attempted);
            if lists_secret && !is_earlier && is_refusal(diagnosis.cause) {
                refused_at = refused_at.max(Some(container.attempted));
            }
            helps |= (involvement == Involvement::NotAttached && !lists_secret) || (lists_secret && is_earlier);
            counting.push(DiagnosedContainer {
                namespace: input.namespace,
                pod,
                template: failing.template.as_ref(),
                account: &failing.account,
                container: &container.container,
                image: &container.image,
                since: container.since,
                diagnosis,
                involvement,
            });
        }
        // Where the Secret is not there, or is somebody else's, a successor would fail as well.
        if helps && input.own.owns {
            outdated.push(OutdatedPod {
                key: ObjectKey::new(input.namespace, pod.as_str()),
                pod: Arc::clone(failing),
                lists_secret,
                account_lists_secret: input.account_lists_secret(failing),
            });
        }
    }
    (next, refused_at)
}

/// Whether a registry that has seen the credentials refuses them, as far as its answer tells.
fn is_refusal(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::CredentialsRejected | Cause::CredentialsExpired | Cause::AccessDenied
    )
}

/// What makes failures alike. The last field: whether the attempt was made with earlier credentials.
type FailureKey<'a> = (
    &'a [String],
    &'a str,
    PullCode,
    Option<&'a Classification>,
    &'a str,
    bool,
);

/// The diagnosis, and how the resource is involved; `None`: it is not.
type Diagnosed = (Arc<Diagnosis>, Option<Involvement>);

/// Each different failure is diagnosed once.
struct DiagnosisCache<'i, 'a> {
    input: &'i SurveyInput<'a>,
    /// All resources of the namespace.
    resources: Vec<Resource>,
    /// The same, as if the credentials of the reporting resource were not verified.
    unverified: Vec<Resource>,
    pull_secrets: HashMap<&'a [String], Vec<PullSecret>>,
    known: HashMap<FailureKey<'a>, Diagnosed>,
}

impl<'i, 'a> DiagnosisCache<'i, 'a> {
    fn new(input: &'i SurveyInput<'a>) -> Self {
        let with_others = |own: Resource| std::iter::once(own).chain(input.others.iter().cloned()).collect();
        let unverified = Resource {
            verified: None,
            ..input.own.clone()
        };
        Self {
            input,
            resources: with_others(input.own.clone()),
            unverified: with_others(unverified),
            pull_secrets: HashMap::new(),
            known: HashMap::new(),
        }
    }

    fn diagnosis_of(&mut self, container: &'a FailingContainer, pull_secrets: &'a [String]) -> Diagnosed {
        let changed_at = self.input.credentials_changed_at;
        let is_outdated = changed_at.is_some_and(|changed_at| changed_at > container.attempted);
        let key = (
            pull_secrets,
            container.image.as_str(),
            container.code,
            container.classification.as_ref(),
            container.report.as_str(),
            is_outdated,
        );
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let diagnosed = self.diagnose(container, pull_secrets, is_outdated);
        self.known.insert(key, diagnosed.clone());
        diagnosed
    }

    fn diagnose(&mut self, container: &FailingContainer, names: &'a [String], is_outdated: bool) -> Diagnosed {
        let input = self.input;
        let secrets = self.pull_secrets.entry(names).or_insert_with(|| {
            let unreadable = |name: &String| PullSecret {
                name: name.clone(),
                content: Content::Unreadable,
            };
            let secrets = names.iter().map(|name| {
                let known = input.pull_secrets.get(name);
                known.cloned().unwrap_or_else(|| unreadable(name))
            });
            secrets.collect()
        });
        let error = PullError {
            image: &container.image,
            code: container.code,
            classification: container.classification.as_ref(),
            report: &container.report,
        };
        // An attempt with earlier credentials and the verdict on the current ones say nothing about each other.
        let resources = if is_outdated { &self.unverified } else { &self.resources };
        let context = PullContext {
            namespace: input.namespace,
            secrets,
            resources,
            elsewhere: input.elsewhere,
        };
        let diagnosis = diagnose(error, context);
        let involvement = affects(input.own, &container.image, secrets, &diagnosis);
        if !is_outdated {
            return (Arc::new(diagnosis), involvement);
        }
        let involvement = involvement.map(|involvement| match involvement {
            Involvement::Fault => Involvement::Attached,
            other => other,
        });
        (Arc::new(diagnosis.outdated(input.own)), involvement)
    }
}
