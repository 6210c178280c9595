//! Gauges that are computed when they are asked for: nothing is left of a resource that is gone.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;

use crate::controller::metrics::process::Process;
use crate::domain::status::figures::ShownCondition;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ConditionLabels {
    condition: &'static str,
    status: &'static str,
    reason: &'static str,
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
    /// How many resources have a condition in a state, if this process works.
    pub(crate) conditions: BTreeMap<ShownCondition, i64>,
    /// Series of each resource, if they are asked for.
    pub(crate) resources: Option<Box<dyn Collector>>,
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
    resources(own, now.conditions);
    if let Some(series) = now.resources {
        own.register_collector(series);
    }
    registry
}

fn gauge(value: i64) -> Gauge {
    let gauge: Gauge = Gauge::default();
    gauge.set(value);
    gauge
}

fn resources(registry: &mut Registry, conditions: BTreeMap<ShownCondition, i64>) {
    let counts = Family::<ConditionLabels, Gauge>::default();
    for ((condition, status, reason), count) in conditions {
        let state = ConditionLabels {
            condition,
            status,
            reason,
        };
        counts.get_or_create(&state).set(count);
    }
    let help = "Number of DockerPullSecrets by condition, its status and its reason";
    registry.register("resources", help, counts);
}
