//! Counters, as Prometheus text.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Label {
    result: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// All counters.
pub(crate) struct Metrics {
    registry: Registry,
    passes: Family<Label, Counter>,
    writes: Family<Kind, Counter>,
    checks: Family<Label, Counter>,
    watch_errors: Family<Kind, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("dps");
        let (passes, checks) = (Family::default(), Family::default());
        let (writes, watch_errors) = (Family::default(), Family::default());
        registry.register(
            "passes",
            "Passes over a resource, by result: the reason of its Ready condition, or Error",
            passes.clone(),
        );
        registry.register(
            "writes",
            "Writes that the API server accepted, by kind of object",
            writes.clone(),
        );
        registry.register(
            "checks",
            "Checks of a login at its registry, by result: as in status.verification",
            checks.clone(),
        );
        registry.register(
            "watch_errors",
            "Failures of a watch, by kind of object",
            watch_errors.clone(),
        );
        Self {
            registry,
            passes,
            writes,
            checks,
            watch_errors,
        }
    }
}

impl Metrics {
    /// A pass ended; `result` is a reason or `Error`.
    pub(crate) fn pass(&self, result: &str) {
        let result = result.to_owned();
        self.passes.get_or_create(&Label { result }).inc();
    }

    /// An object was written.
    pub(crate) fn write(&self, kind: &'static str) {
        self.writes.get_or_create(&Kind { kind }).inc();
    }

    /// A login was checked.
    pub(crate) fn check(&self, result: &str) {
        let result = result.to_owned();
        self.checks.get_or_create(&Label { result }).inc();
    }

    /// A watch failed.
    pub(crate) fn watch_error(&self, kind: &'static str) {
        self.watch_errors.get_or_create(&Kind { kind }).inc();
    }

    /// `OpenMetrics` text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// One sample of every metric, for its reference page.
pub fn sample() -> String {
    let metrics = Metrics::default();
    metrics.pass("Ready");
    metrics.write("Secret");
    metrics.check("Accepted");
    metrics.watch_error("Pod");
    metrics.text()
}
