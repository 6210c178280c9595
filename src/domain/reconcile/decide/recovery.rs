//! Which pods are to be replaced, since a successor would pull.

use crate::api::VerificationResult;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::pull_failures::survey::OutdatedPod;
use crate::domain::reconcile::decide::Subject;
use crate::domain::reconcile::observed::Observed;
use crate::domain::recovery::PodToReplace;
use crate::domain::status::outcome::Outcome;
use crate::domain::text::few::FewNames;

/// Nothing in the cluster does what the spec asks for.
const NOT_ALLOWED: &str = "spec.recovery.evictPods has no effect: the operator may not evict pods. Set recovery.enabled in its chart, or delete the pods yourself";

/// The pods whose successors would pull. Those that nobody would replace are named in a warning.
pub(super) fn candidates(
    subject: &Subject<'_>,
    outcome: &mut Outcome,
    own: &Resource,
    outdated: &[OutdatedPod],
    observed: &Observed,
) -> Vec<PodToReplace> {
    let spec = subject.declaration.spec.as_ref().ok();
    if !spec.is_some_and(|spec| spec.targets.evicts_pods) {
        return Vec::new();
    }
    if !observed.evicts_pods {
        outcome.warnings.push(NOT_ALLOWED.to_owned());
        return Vec::new();
    }
    if own.verified != Some(VerificationResult::Accepted) {
        return Vec::new();
    }
    let gets_it = |one: &&OutdatedPod| one.lists_secret || own.attaches_to_pods || one.account_lists_secret;
    let helped: Vec<&OutdatedPod> = outdated.iter().filter(gets_it).collect();
    let bare = helped.iter().filter(|one| one.pod.owner.is_none());
    let bare: FewNames = bare.map(|one| one.key.to_string()).collect();
    if !bare.is_empty() {
        outcome.warnings.push(format!(
            "spec.recovery.evictPods: nothing would replace pod {bare} (only ReplicaSets, StatefulSets and DaemonSets do): delete and create it again"
        ));
    }
    let candidates = helped.into_iter().filter_map(|one| {
        Some(PodToReplace {
            pod: one.key.clone(),
            uid: one.pod.uid.clone(),
            owner: one.pod.owner.clone()?,
        })
    });
    candidates.collect()
}
