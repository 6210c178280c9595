//! Tells somebody of each request to the API server.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::http::{Request, Response};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube::client::Body;
use tower::Service;

use crate::kubernetes::operation::ApiOperation;

/// Told what was asked for, the status code if there was an answer, and how long it took to begin.
pub(crate) type RequestObserver = Arc<dyn Fn(&ApiOperation, Option<u16>, Duration) + Send + Sync>;

/// A service whose requests are observed.
pub(crate) struct ObservedService<S> {
    pub(crate) inner: S,
    pub(crate) observer: RequestObserver,
}

impl<S, B: 'static> Service<Request<Body>> for ObservedService<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let pending = PendingRequest {
            operation: ApiOperation::of(request.method(), request.uri()),
            begun: Instant::now(),
            code: None,
            observer: Arc::clone(&self.observer),
        };
        pending.answered_by(self.inner.call(request)).boxed()
    }
}

/// A request without an answer yet. It is told of when it is dropped: whoever waits in vain drops it.
struct PendingRequest {
    operation: ApiOperation,
    begun: Instant,
    code: Option<u16>,
    observer: RequestObserver,
}

impl PendingRequest {
    async fn answered_by<B, E>(
        mut self,
        answer: impl Future<Output = Result<Response<B>, E>>,
    ) -> Result<Response<B>, E> {
        let answer = answer.await;
        self.code = answer.as_ref().ok().map(|response| response.status().as_u16());
        answer
    }
}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        (self.observer)(&self.operation, self.code, self.begun.elapsed());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails that way")]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::http::{Request, Response, StatusCode};
    use futures::FutureExt as _;
    use kube::client::Body;
    use tower::{Service as _, service_fn};

    use super::{ObservedService, RequestObserver};

    #[tokio::test]
    async fn every_request_is_told_of_once_also_one_that_nobody_answers() {
        let answers = service_fn(|request: Request<Body>| async move {
            match request.uri().path() {
                "/api/v1/pods" => {
                    let mut response = Response::new(Body::empty());
                    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                    Ok(response)
                }
                "/version" => Err("no connection"),
                _ => std::future::pending().await,
            }
        });
        let told = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&told);
        let observer: RequestObserver = Arc::new(move |operation, code, _| {
            let line = format!("{} {} {code:?}", operation.verb, operation.resource);
            own.lock().unwrap().push(line);
        });
        let mut service = ObservedService {
            inner: answers,
            observer,
        };
        let mut call = |path: &str| service.call(Request::get(path).body(Body::empty()).unwrap());
        let status = call("/api/v1/pods").await.unwrap().status();
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert!(call("/version").await.is_err());
        let mut unanswered = call("/api/v1/namespaces/team/secrets/app");
        assert!((&mut unanswered).now_or_never().is_none());
        assert_eq!(told.lock().unwrap().len(), 2, "it may still be answered");
        drop(unanswered);
        assert_eq!(
            *told.lock().unwrap(),
            ["list pods Some(429)", "get  None", "get secrets None"]
        );
    }
}
