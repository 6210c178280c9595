//! The admission policies that come with the chart.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::doctor::installation::Installation;
use crate::domain::doctor::report::{Category, Check, Page};
use crate::domain::doctor::seen::Seen;

/// The admission policies of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// Their names.
    pub names: BTreeSet<String>,
    /// Policies that a binding names, and whether one of these denies what the policy refuses, or changes what it changes.
    pub bound: BTreeMap<String, bool>,
}

/// One policy of the chart.
struct ChartPolicy {
    /// Between the name of the Deployment and its namespace.
    part: &'static str,
    /// What to do about it.
    hint: &'static str,
    /// Whether an operator counts on it.
    applies_to: fn(&Installation) -> bool,
    /// What happens without it.
    without: &'static str,
}

const CHART_POLICIES: [ChartPolicy; 7] = [
    ChartPolicy {
        part: "writes",
        hint: "set admission.operatorWrites to true in the chart, or apply deploy/",
        applies_to: |_| true,
        without: "whoever steals the operator's token can change and delete every Secret where it works",
    },
    ChartPolicy {
        part: "authors",
        hint: "set admission.authors to true in the chart, or apply deploy/",
        applies_to: |_| true,
        without: "whoever may create DockerPullSecrets can send the content of any Secret of that namespace to a registry of their choice",
    },
    ChartPolicy {
        part: "tokens",
        hint: "set admission.operatorTokens to true in the chart, or apply deploy/",
        applies_to: |_| true,
        without: "whoever steals the operator's token can log in to this cluster as every ServiceAccount that credentials are minted with",
    },
    ChartPolicy {
        part: "cluster-authors",
        hint: "set admission.authors to true in the chart, or apply deploy/",
        applies_to: |installation| installation.has_cluster_resources,
        without: "whoever may create ClusterDockerPullSecrets can send any Secret of the namespaces that credentials are taken from to a registry of their choice",
    },
    ChartPolicy {
        part: "account-writes",
        hint: "set admission.operatorWrites to true in the chart",
        applies_to: |installation| installation.attaches_to_accounts,
        without: "whoever steals the operator's token can change every ServiceAccount where it works",
    },
    ChartPolicy {
        part: "attach-pods",
        hint: "set admission.attachPods to true in the chart",
        applies_to: |installation| installation.attaches_to_pods,
        without: "spec.attachTo.pods has no effect",
    },
    ChartPolicy {
        part: "cluster-attach-pods",
        hint: "set admission.attachPods to true in the chart",
        applies_to: |installation| installation.attaches_to_pods && installation.has_cluster_resources,
        without: "spec.attachTo.pods of ClusterDockerPullSecrets has no effect",
    },
];

pub(crate) fn check(installations: &Seen<Vec<Installation>>, policies: &Seen<Policies>) -> Vec<Check> {
    let (category, page) = (Category::Policies, Page::Policies);
    let what = "admission policies";
    let unread =
        Check::unread(category, page, what, policies).or_else(|| Check::unread(category, page, what, installations));
    let (Seen::Read(installations), Seen::Read(policies)) = (installations, policies) else {
        return unread.into_iter().collect();
    };
    let active = installations.iter().filter(|installation| installation.is_active());
    let pairs = active.flat_map(|installation| CHART_POLICIES.iter().map(move |policy| (installation, policy)));
    pairs
        .filter(|(installation, policy)| (policy.applies_to)(installation))
        .map(|(installation, policy)| check_policy(installation, policy, policies))
        .collect()
}

fn check_policy(installation: &Installation, policy: &ChartPolicy, policies: &Policies) -> Check {
    let (category, page) = (Category::Policies, Page::Policies);
    let key = &installation.deployment;
    let name = format!("{}-{}.{}", key.name, policy.part, key.namespace);
    let lacks = match (policies.names.contains(&name), policies.bound.get(&name)) {
        (false, _) => "is not installed",
        (true, None) => "has no binding, so it has no effect",
        (true, Some(false)) => "is bound without the action Deny, so it refuses nothing",
        (true, Some(true)) => return Check::ok(category, page, format!("policy {name} is installed and bound")),
    };
    Check::warn(category, page, format!("policy {name} {lacks}: {}", policy.without)).hint(policy.hint)
}
