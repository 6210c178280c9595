//! Counters and gauges, as Prometheus text.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Label {
    result: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// All metrics.
pub(crate) struct Metrics {
    registry: Registry,
    reconciliations: Family<Label, Counter>,
    writes: Family<Kind, Counter>,
    login_attempts: Family<Label, Counter>,
    watch_errors: Family<Kind, Counter>,
    leader: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("dps");
        let (reconciliations, login_attempts) = (Family::default(), Family::default());
        let (writes, watch_errors) = (Family::default(), Family::default());
        registry.register(
            "reconciliations",
            "Reconciles of a resource, by result: the reason of its Ready condition, or Error",
            reconciliations.clone(),
        );
        registry.register(
            "writes",
            "Writes that the API server accepted, by kind of object",
            writes.clone(),
        );
        registry.register(
            "login_attempts",
            "Login attempts at a registry, by result: as in status.verification",
            login_attempts.clone(),
        );
        registry.register(
            "watch_errors",
            "Failures of a watch, by kind of object",
            watch_errors.clone(),
        );
        let leader = Gauge::default();
        registry.register(
            "leader",
            "1 while this process works; 0 while another replica does, or may have taken over",
            leader.clone(),
        );
        Self {
            registry,
            reconciliations,
            writes,
            login_attempts,
            watch_errors,
            leader,
        }
    }
}

impl Metrics {
    /// A reconcile ended; `result` is a reason or `Error`.
    pub(crate) fn reconciled(&self, result: &str) {
        let result = result.to_owned();
        self.reconciliations.get_or_create(&Label { result }).inc();
    }

    /// An object was written.
    pub(crate) fn write(&self, kind: &'static str) {
        self.writes.get_or_create(&Kind { kind }).inc();
    }

    /// A login attempt ended.
    pub(crate) fn login_attempted(&self, result: &str) {
        let result = result.to_owned();
        self.login_attempts.get_or_create(&Label { result }).inc();
    }

    /// A watch failed.
    pub(crate) fn watch_error(&self, kind: &'static str) {
        self.watch_errors.get_or_create(&Kind { kind }).inc();
    }

    /// `OpenMetrics` text.
    pub(crate) fn text(&self, leads: bool) -> String {
        self.leader.set(i64::from(leads));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// One sample of every metric, for its reference page.
pub fn sample() -> String {
    let metrics = Metrics::default();
    metrics.reconciled("Ready");
    metrics.write("Secret");
    metrics.login_attempted("Accepted");
    metrics.watch_error("Pod");
    metrics.text(true)
}
