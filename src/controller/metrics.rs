//! Counters and gauges, as Prometheus text.

mod each_resource;
mod process;
mod requests;
mod scrape;

pub(crate) use each_resource::{EachResource, MeasuredResource};
pub(crate) use scrape::Now;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::controller::metrics::process::Process;
use crate::controller::metrics::requests::{ApiRequests, RegistryRequests};
use crate::domain::names::ObjectKey;
use crate::domain::status::figures::Figures;
use crate::kubernetes::observer::RequestObserver;
use crate::kubernetes::operation::ApiOperation;
use crate::registry_client::http::RequestEnd;

/// Upper bounds of the time that a resource waits for its reconcile, in seconds.
const WAITS: [f64; 8] = [0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0];

/// Upper bounds of the durations of reconciles, in seconds.
const DURATIONS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Label {
    result: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct MintLabel {
    provider: &'static str,
    result: String,
}

/// All metrics.
pub(crate) struct Metrics {
    registry: Registry,
    reconciliations: Family<Label, Counter>,
    writes: Family<Kind, Counter>,
    login_attempts: Family<Label, Counter>,
    mints: Family<MintLabel, Counter>,
    mint_duration: Histogram,
    watch_errors: Family<Kind, Counter>,
    reconcile_duration: Histogram,
    queue_wait: Histogram,
    api_requests: ApiRequests,
    registry_requests: RegistryRequests,
    process: Process,
    /// Of the text of the last scrape, and a little more.
    last_length: AtomicUsize,
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
        let mints = Family::default();
        registry.register(
            "mints",
            "Attempts to mint credentials, by cloud and result: Resolved, or the reason why there are none",
            mints.clone(),
        );
        let mint_duration = Histogram::new(WAITS);
        registry.register_with_unit(
            "mint_duration",
            "How long attempts to mint credentials take, with their wait for the cloud",
            Unit::Seconds,
            mint_duration.clone(),
        );
        registry.register(
            "watch_errors",
            "Failures of a watch, by kind of object",
            watch_errors.clone(),
        );
        let reconcile_duration = Histogram::new(DURATIONS);
        registry.register_with_unit(
            "reconcile_duration",
            "How long reconciles take",
            Unit::Seconds,
            reconcile_duration.clone(),
        );
        let queue_wait = Histogram::new(WAITS);
        registry.register_with_unit(
            "queue_wait",
            "How long resources wait for a reconcile after something has changed or is due",
            Unit::Seconds,
            queue_wait.clone(),
        );
        Self {
            api_requests: ApiRequests::register(&mut registry),
            registry_requests: RegistryRequests::register(&mut registry),
            registry,
            reconciliations,
            writes,
            login_attempts,
            mints,
            mint_duration,
            watch_errors,
            reconcile_duration,
            queue_wait,
            process: Process::starts(),
            last_length: AtomicUsize::new(0),
        }
    }
}

impl Metrics {
    /// A resource waited for its reconcile.
    pub(crate) fn waited(&self, time: Duration) {
        self.queue_wait.observe(time.as_secs_f64());
    }

    /// A reconcile ended; `result` is a reason or `Error`.
    pub(crate) fn reconciled(&self, result: &str, took: Duration) {
        self.reconcile_duration.observe(took.as_secs_f64());
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

    /// An attempt to mint credentials ended; `result` is a reason.
    pub(crate) fn minted(&self, provider: &'static str, result: &str, took: Duration) {
        self.mint_duration.observe(took.as_secs_f64());
        let result = result.to_owned();
        self.mints.get_or_create(&MintLabel { provider, result }).inc();
    }

    /// A watch failed.
    pub(crate) fn watch_error(&self, kind: &'static str) {
        self.watch_errors.get_or_create(&Kind { kind }).inc();
    }

    /// A request to a registry or token server ended.
    pub(crate) fn registry_request(&self, end: RequestEnd, took: Duration) {
        self.registry_requests.ended(end, took);
    }

    /// Counts what a client of the API server does.
    pub(crate) fn observer(self: &Arc<Self>) -> RequestObserver {
        let metrics = Arc::clone(self);
        Arc::new(move |operation, code, took| metrics.api_requests.ended(operation, code, took))
    }

    /// `OpenMetrics` text.
    pub(crate) fn text(&self, now: Now) -> String {
        // As long as the last one: a growing text is in memory twice.
        let mut text = String::with_capacity(self.last_length.load(Ordering::Relaxed));
        // Writing to a String cannot fail.
        let _ = encode_registry(&mut text, &self.registry);
        let _ = encode_registry(&mut text, &scrape::registry(now, &self.process));
        let _ = encode_eof(&mut text);
        self.last_length.store(text.len() + text.len() / 8, Ordering::Relaxed);
        text
    }
}

/// A resource of the sample.
#[derive(Debug)]
struct Sample(ObjectKey, Figures);

impl MeasuredResource for Sample {
    fn name(&self) -> (&str, &str) {
        (&self.0.namespace, &self.0.name)
    }

    fn figures(&self) -> &Figures {
        &self.1
    }
}

/// One sample of every metric, for its reference page.
pub fn sample() -> String {
    let metrics = Metrics::default();
    metrics.reconciled("Ready", Duration::ZERO);
    metrics.write("Secret");
    metrics.login_attempted("Accepted");
    metrics.minted("aws", "Resolved", Duration::ZERO);
    metrics.watch_error("Pod");
    let operation = ApiOperation {
        verb: "get",
        resource: "secrets".to_owned(),
    };
    metrics.api_requests.ended(&operation, Some(200), Duration::ZERO);
    metrics.registry_request(RequestEnd::Answered(200), Duration::ZERO);
    let mut figures = Figures::of(None);
    figures.failing_pods = [("CredentialsRejected", 1)].into();
    (figures.accepted_at, figures.next_verification) = (Some(0), Some(0));
    figures.namespaces = Some([("selected", 1), ("ready", 1), ("failing", 0)]);
    metrics.text(Now {
        leads: true,
        watches: vec![("pods in all namespaces".to_owned(), true)],
        queued: 0,
        conditions: Figures::count([&figures].into_iter()),
        resources: Some(Box::new(EachResource(vec![Sample(
            ObjectKey::new("team", "app"),
            figures,
        )]))),
    })
}
