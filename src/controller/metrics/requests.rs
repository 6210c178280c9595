//! Requests to the API server and to registries.

use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::kubernetes::operation::ApiOperation;
use crate::registry_client::http::RequestEnd;

/// Upper bounds of durations, in seconds. Few, since there are as many series for each verb.
const API_DURATIONS: [f64; 6] = [0.01, 0.05, 0.25, 1.0, 5.0, 10.0];

/// The same for registries, which are given 15 s.
const REGISTRY_DURATIONS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

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

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RegistryRequestLabels {
    code: String,
}

/// Requests to registries and token servers.
pub(super) struct RegistryRequests {
    requests: Family<RegistryRequestLabels, Counter>,
    durations: Histogram,
}

impl RegistryRequests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        let durations = Histogram::new(REGISTRY_DURATIONS);
        registry.register(
            "registry_requests",
            "Requests to registries and token servers, by status code, or a word for why there was no answer",
            requests.clone(),
        );
        registry.register_with_unit(
            "registry_request_duration",
            "How long answers of registries and token servers take",
            Unit::Seconds,
            durations.clone(),
        );
        Self { requests, durations }
    }

    pub(super) fn ended(&self, end: RequestEnd, took: Duration) {
        let code = match end {
            RequestEnd::Answered(code) => {
                // Without an answer, the time could tell which ports of an internal network are open.
                self.durations.observe(took.as_secs_f64());
                bounded(code)
            }
            RequestEnd::Failed(why) => why.to_owned(),
        };
        self.requests.get_or_create(&RegistryRequestLabels { code }).inc();
    }
}

/// The code, or only its class: a registry may answer with any number, and each would be a series.
fn bounded(code: u16) -> String {
    let is_known = StatusCode::from_u16(code).is_ok_and(|code| code.canonical_reason().is_some());
    if is_known {
        code.to_string()
    } else {
        format!("{}xx", code / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn codes_that_nobody_knows_are_one_series_for_each_class() {
        for (code, shown) in [
            (200, "200"),
            (401, "401"),
            (429, "429"),
            (503, "503"),
            (299, "2xx"),
            (777, "7xx"),
        ] {
            assert_eq!(bounded(code), shown);
        }
    }
}
