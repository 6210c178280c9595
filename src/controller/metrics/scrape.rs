//! Gauges that are computed when they are asked for: nothing is left of a resource that is gone.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::controller::metrics::process::Process;
use crate::domain::names::ObjectKey;
use crate::domain::status::figures::Figures;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ConditionLabels {
    condition: &'static str,
    status: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResourceConditionLabels {
    namespace: String,
    name: String,
    condition: &'static str,
    status: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResourceCauseLabels {
    namespace: String,
    name: String,
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResourceLabels {
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WatchLabels {
    watch: String,
}

/// What is true at the time of a scrape.
pub(crate) struct Now {
    /// Whether this process works.
    pub(crate) leads: bool,
    /// Each watch, and whether it works.
    pub(crate) watches: Vec<(String, bool)>,
    /// Resources that wait for a reconcile.
    pub(crate) queued: usize,
    /// All resources, if this process works.
    pub(crate) resources: Vec<(ObjectKey, Figures)>,
    /// Whether each resource has series of its own.
    pub(crate) per_resource: bool,
}

/// A registry of one scrape.
pub(super) fn registry(now: Now, process: &Process) -> Registry {
    let mut registry = Registry::default();
    process.register(&mut registry);
    let own = registry.sub_registry_with_prefix("dps");
    let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    own.register("build", "The version that runs", version);
    let leader = gauge(i64::from(now.leads));
    let help = "1 if this replica is the leader, 0 if it is on standby or its Lease may have expired";
    own.register("leader", help, leader);
    let queued = gauge(i64::try_from(now.queued).unwrap_or(i64::MAX));
    own.register("queue_depth", "Resources that wait for a reconcile", queued);
    let watches = Family::<WatchLabels, Gauge>::default();
    for (watch, is_up) in now.watches {
        watches.get_or_create(&WatchLabels { watch }).set(i64::from(is_up));
    }
    own.register("watch_up", "1 while a watch works, 0 while it fails", watches);
    resources(own, &now.resources);
    if now.per_resource {
        each_resource(own, now.resources);
    }
    registry
}

fn gauge(value: i64) -> Gauge {
    let gauge: Gauge = Gauge::default();
    gauge.set(value);
    gauge
}

fn resources(registry: &mut Registry, resources: &[(ObjectKey, Figures)]) {
    let counts = Family::<ConditionLabels, Gauge>::default();
    for (condition, status, reason) in resources.iter().flat_map(|(_, figures)| figures.conditions()) {
        let state = ConditionLabels {
            condition,
            status,
            reason,
        };
        counts.get_or_create(&state).inc();
    }
    let help = "Number of DockerPullSecrets by condition, its status and its reason";
    registry.register("resources", help, counts);
}

fn each_resource(registry: &mut Registry, resources: Vec<(ObjectKey, Figures)>) {
    let (states, pods) = (
        Family::<ResourceConditionLabels, Gauge>::default(),
        Family::<ResourceCauseLabels, Gauge>::default(),
    );
    let accepted = Family::<ResourceLabels, Gauge<f64, AtomicU64>>::default();
    let next = Family::<ResourceLabels, Gauge<f64, AtomicU64>>::default();
    for (key, figures) in resources {
        let ObjectKey { namespace, name } = key;
        for (condition, status, reason) in figures.conditions() {
            let (namespace, name) = (namespace.clone(), name.clone());
            let state = ResourceConditionLabels {
                namespace,
                name,
                condition,
                status,
                reason,
            };
            states.get_or_create(&state).set(1);
        }
        for (cause, count) in figures.failing_pods {
            let (namespace, name) = (namespace.clone(), name.clone());
            let cause = ResourceCauseLabels { namespace, name, cause };
            pods.get_or_create(&cause).set(i64::from(count));
        }
        let key = ResourceLabels { namespace, name };
        for (family, time) in [(&accepted, figures.accepted_at), (&next, figures.next_verification)] {
            if let Some(time) = time {
                #[allow(clippy::cast_precision_loss, reason = "exact until the year 285 million")]
                family.get_or_create(&key).set(time as f64);
            }
        }
    }
    let help = "1 for the present status and reason of a condition of a DockerPullSecret";
    registry.register("resource_condition", help, states);
    let help = "Pods that cannot pull and concern a DockerPullSecret, by cause; those of the failures in its status";
    registry.register("resource_failing_pods", help, pods);
    let help = "When the registry last accepted the credentials, if that is the last verdict";
    registry.register_with_unit("credentials_accepted_timestamp", help, Unit::Seconds, accepted);
    let help = "When the next verification of the credentials is due";
    registry.register_with_unit("next_verification_timestamp", help, Unit::Seconds, next);
}
