//! The Deployments of operators: where they work, as whom, and whether two of them work in the same namespace.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::api::FIELD_MANAGER;
use crate::domain::doctor::report::{Category, Check, Page};
use crate::domain::doctor::seen::Seen;
use crate::domain::names::ObjectKey;

/// The label by which Deployments of the chart are found, with [`FIELD_MANAGER`] as its value.
pub const NAME_LABEL: &str = "app.kubernetes.io/name";

/// One operator, as its Deployment describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Installation {
    /// The Deployment.
    pub deployment: ObjectKey,
    /// Its `ServiceAccount`, in the same namespace.
    pub service_account: String,
    /// Namespaces to work in; none means all.
    pub namespaces: Vec<String>,
    /// The Lease of its replicas.
    pub lease: Option<ObjectKey>,
    /// How many replicas are wanted.
    pub replicas: i32,
    /// Whether it counts on the policy that attaches Secrets to pods.
    pub attaches_to_pods: bool,
    /// Whether it changes ServiceAccounts.
    pub attaches_to_accounts: bool,
    /// Whether it reconciles ClusterDockerPullSecrets.
    pub has_cluster_resources: bool,
    /// Whether it evicts pods.
    pub evicts_pods: bool,
}

impl Installation {
    /// The operator of a Deployment.
    pub fn of(deployment: &Deployment) -> Self {
        let spec = deployment.spec.as_ref();
        let pod = spec.and_then(|spec| spec.template.spec.as_ref());
        let container = pod.and_then(controller);
        let values = |flag: &str, variable: &str| container.map_or_else(Vec::new, |it| values_of(it, flag, variable));
        let mut namespaces = values("--namespace", "DPS_NAMESPACES");
        namespaces.sort();
        namespaces.dedup();
        let lease = values("--lease", "DPS_LEASE").pop();
        let account = pod.and_then(|pod| pod.service_account_name.clone());
        Self {
            deployment: ObjectKey::of(&deployment.metadata),
            service_account: account
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "default".to_owned()),
            namespaces,
            lease: lease.and_then(|lease| lease.parse().ok()),
            replicas: spec.and_then(|spec| spec.replicas).unwrap_or(1),
            attaches_to_pods: container.is_some_and(|it| is_set(it, "--attach-pods", "DPS_ATTACH_PODS")),
            attaches_to_accounts: container
                .is_some_and(|it| is_set(it, "--attach-service-accounts", "DPS_ATTACH_SERVICE_ACCOUNTS")),
            has_cluster_resources: container
                .is_some_and(|it| is_set(it, "--cluster-resources", "DPS_CLUSTER_RESOURCES")),
            evicts_pods: container.is_some_and(|it| is_set(it, "--evict-pods", "DPS_EVICT_PODS")),
        }
    }

    /// The name by which the API server knows its `ServiceAccount`.
    pub fn user(&self) -> String {
        format!(
            "system:serviceaccount:{}:{}",
            self.deployment.namespace, self.service_account
        )
    }

    /// Whether it works in one of these namespaces; none means all.
    pub fn works_in(&self, namespaces: &[String]) -> bool {
        !common(&self.namespaces, namespaces).is_some_and(|common| common.is_empty())
    }

    /// Whether any replica is to run.
    pub(crate) fn is_active(&self) -> bool {
        self.replicas > 0
    }

    /// Whether it is to run, and reconciles ClusterDockerPullSecrets.
    pub(crate) fn reconciles_cluster_resources(&self) -> bool {
        self.is_active() && self.has_cluster_resources
    }

    fn shares_lease_with(&self, other: &Self) -> bool {
        self.lease.is_some() && self.lease == other.lease
    }
}

/// The container that runs `dps controller`.
fn controller(pod: &PodSpec) -> Option<&Container> {
    let runs_it = |container: &&Container| {
        let mut words = container.command.iter().chain(&container.args).flatten();
        words.any(|word| word == "controller")
    };
    pod.containers.iter().find(runs_it).or(pod.containers.first())
}

/// Whether a flag without a value is there, or its environment variable says so.
fn is_set(container: &Container, flag: &str, variable: &str) -> bool {
    let mut words = container.command.iter().chain(&container.args).flatten();
    let mut environment = container.env.iter().flatten().filter(|one| one.name == variable);
    words.any(|word| word == flag) || environment.any(|one| one.value.as_deref() == Some("true"))
}

/// What a flag is set to, or else the environment variable.
fn values_of(container: &Container, flag: &str, variable: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut words = container.command.iter().chain(&container.args).flatten();
    while let Some(word) = words.next() {
        match word.strip_prefix(flag) {
            Some("") => values.extend(words.next().map(String::as_str)),
            Some(rest) => values.extend(rest.strip_prefix('=')),
            None => {}
        }
    }
    let of_environment = container.env.iter().flatten().filter(|one| one.name == variable);
    let of_environment: Vec<&str> = of_environment.filter_map(|one| one.value.as_deref()).collect();
    let values = if values.is_empty() { of_environment } else { values };
    let values = values.iter().flat_map(|value| value.split(','));
    values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

/// The namespaces in both lists; `None`: all.
fn common(some: &[String], others: &[String]) -> Option<Vec<String>> {
    match (some, others) {
        ([], []) => None,
        ([], some) | (some, []) => Some(some.to_vec()),
        (some, others) => Some(some.iter().filter(|name| others.contains(name)).cloned().collect()),
    }
}

/// Namespaces as messages name them.
pub(crate) fn place(namespaces: &[String]) -> String {
    match namespaces {
        [] => "all namespaces".to_owned(),
        [one] => format!("namespace {one}"),
        several => format!("namespaces {}", several.join(", ")),
    }
}

/// `knows_leases`: whether somebody named a Lease, so that an operator is known without its Deployment.
pub(crate) fn check(installations: &Seen<Vec<Installation>>, knows_leases: bool) -> Vec<Check> {
    let Seen::Read(installations) = installations else {
        let what = if knows_leases {
            "two operators for the same namespace"
        } else {
            "whether an operator runs; name its Lease with --lease"
        };
        return Check::unread(Category::Operator, Page::Namespaces, what, installations)
            .into_iter()
            .collect();
    };
    let active: Vec<&Installation> = installations.iter().filter(|one| one.is_active()).collect();
    if active.is_empty() {
        return if knows_leases {
            Vec::new()
        } else {
            vec![none(installations)]
        };
    }
    let mut checks: Vec<Check> = active.iter().filter_map(|one| without_lease(one)).collect();
    let overlaps = overlaps(&active);
    if overlaps.is_empty() {
        let names: Vec<String> = active
            .iter()
            .map(|one| format!("Deployment {} in {}", one.deployment, place(&one.namespaces)))
            .collect();
        checks.push(Check::ok(
            Category::Operator,
            Page::Namespaces,
            format!("one operator for each namespace: {}", names.join("; ")),
        ));
    }
    checks.extend(overlaps);
    checks
}

fn none(stopped: &[Installation]) -> Check {
    let found = match stopped.first() {
        Some(stopped) => format!("Deployment {} has no replicas", stopped.deployment),
        None => format!("no Deployment has the label {NAME_LABEL}={FIELD_MANAGER}"),
    };
    Check::fail(Category::Operator, Page::Install, format!("no operator runs: {found}"))
        .hint("install the chart or deploy/; name the Lease of an operator that runs otherwise with --lease")
}

/// Replicas that do not know of each other.
fn without_lease(installation: &Installation) -> Option<Check> {
    let is_alone = installation.replicas == 1 || installation.lease.is_some();
    let message = format!(
        "Deployment {} has {} replicas and no Lease, so all of them log in and write",
        installation.deployment, installation.replicas
    );
    (!is_alone).then(|| Check::warn(Category::Operator, Page::Replicas, message).hint("set --lease, or one replica"))
}

/// For each operator the first one that is in its way: there may be many.
fn overlaps(active: &[&Installation]) -> Vec<Check> {
    let overlap = |first: &Installation, second: &Installation| {
        let common = common(&first.namespaces, &second.namespaces);
        let is_apart = first.shares_lease_with(second) || common.as_ref().is_some_and(Vec::is_empty);
        let message = format!(
            "two operators work in {}: Deployment {} and Deployment {}; both log in with rejected credentials, and write the same statuses",
            place(&common.unwrap_or_default()),
            first.deployment,
            second.deployment
        );
        (!is_apart).then(|| {
            Check::warn(Category::Operator, Page::Namespaces, message)
                .hint("uninstall one of them, or give them different namespaces (watchNamespaces)")
        })
    };
    let active = active.iter().enumerate();
    let first_overlap = active.clone().map(|(index, second)| {
        let mut earlier = active.clone().take(index);
        earlier.find_map(|(_, first)| overlap(first, second))
    });
    first_overlap.flatten().collect()
}
