//! Requests to the API server with a time limit. Their failures are retried, never blamed on a user.

use std::future::Future;
use std::time::Duration;

use kube::client::AuthError;

use crate::kubernetes::client_errors::{describe_auth, describe_client};

/// Longest time for one request: kube has no timeout for a single request.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A request that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No answer in time.
    #[error("{0}: the API server did not answer within {seconds} seconds", seconds = CALL_TIMEOUT.as_secs())]
    Timeout(String),
    /// Another replica may have taken over.
    #[error("the Lease was not renewed in time, so nothing is written")]
    NotLeading,
    /// An error response, or no connection.
    #[error("{operation}: {}", describe(.source))]
    Api {
        /// What was tried, such as "reading Secret team/app".
        operation: String,
        /// The error. It is not shown as it is, see [`describe`].
        source: Box<kube::Error>,
    },
}

impl Error {
    /// The API server's answer, if there is one.
    pub(crate) fn answer(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Api { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            Self::Timeout(_) | Self::NotLeading => None,
        }
    }
}

/// What went wrong, without any part of a body: a parser's message may quote the Secret that it was reading.
pub(crate) fn describe(error: &kube::Error) -> String {
    if let Some(text) = describe_client(error) {
        return text;
    }
    match error {
        kube::Error::Api(status) => format!(
            "the API server returned {} {}: {}",
            status.code, status.reason, status.message
        ),
        kube::Error::SerdeError(error) => {
            format!(
                "the API server's answer is not valid (line {}, column {})",
                error.line(),
                error.column()
            )
        }
        kube::Error::Service(error) => {
            let first: &(dyn std::error::Error + 'static) = &**error;
            let causes: Vec<_> = std::iter::successors(Some(first), |error| error.source()).collect();
            if let Some(error) = causes.iter().find_map(|cause| cause.downcast_ref::<AuthError>()) {
                return describe_auth(error);
            }
            let causes = causes.iter().map(ToString::to_string);
            let causes = causes.filter(|cause| !cause.starts_with("client error ("));
            causes.collect::<Vec<_>>().join(": ")
        }
        other => other.to_string(),
    }
}

/// Sends a request and waits for a limited time.
pub(crate) async fn call<T>(
    operation: impl FnOnce() -> String,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(CALL_TIMEOUT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) => Err(Error::Api {
            operation: operation(),
            source: Box::new(source),
        }),
        Err(_) => Err(Error::Timeout(operation())),
    }
}
