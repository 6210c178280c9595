//! Requests to the API server.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::kubernetes::operation::ApiOperation;

/// Upper bounds of durations, in seconds. Few, since there are as many series for each verb.
const API_DURATIONS: [f64; 6] = [0.01, 0.05, 0.25, 1.0, 5.0, 10.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ApiRequestLabels {
    verb: &'static str,
    resource: String,
    code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerbLabels {
    verb: &'static str,
}

/// Requests to the API server.
pub(super) struct ApiRequests {
    requests: Family<ApiRequestLabels, Counter>,
    durations: Family<VerbLabels, Histogram, fn() -> Histogram>,
}

impl ApiRequests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        let durations = Family::new_with_constructor((|| Histogram::new(API_DURATIONS)) as fn() -> Histogram);
        registry.register(
            "api_requests",
            "Requests to the API server, by verb, resource (empty for /version) and status code (error without an answer)",
            requests.clone(),
        );
        registry.register_with_unit(
            "api_request_duration",
            "How long answers of the API server take to begin",
            Unit::Seconds,
            durations.clone(),
        );
        Self { requests, durations }
    }

    pub(super) fn ended(&self, operation: &ApiOperation, code: Option<u16>, took: Duration) {
        let verb = operation.verb;
        let labels = ApiRequestLabels {
            verb,
            resource: operation.resource.clone(),
            code: code.map_or_else(|| "error".to_owned(), |code| code.to_string()),
        };
        self.requests.get_or_create(&labels).inc();
        self.durations
            .get_or_create(&VerbLabels { verb })
            .observe(took.as_secs_f64());
    }
}
