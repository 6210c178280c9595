//! `/livez`, `/readyz` and `/metrics`.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::controller::context::Shared;

/// Serves until the process ends. Fails if the address cannot be had.
pub(crate) async fn serve(address: SocketAddr, shared: Arc<Shared>) -> std::io::Result<()> {
    let ready = Arc::clone(&shared);
    let readyz = move || {
        let mut missing = ready.readiness.missing();
        missing.extend(ready.leader.problem());
        async move {
            if missing.is_empty() {
                (StatusCode::OK, "ok\n".to_owned())
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n")
            }
        }
    };
    let metrics = move || {
        let text = shared.metrics.text(shared.now());
        async move {
            (
                [(
                    CONTENT_TYPE,
                    "application/openmetrics-text; version=1.0.0; charset=utf-8",
                )],
                text,
            )
        }
    };
    // Answered by the task that also runs the controller: an answer shows that it is not stuck.
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics));
    let listener = listen(address).await?;
    // With port 0 the system chooses one.
    tracing::info!(address = %listener.local_addr()?, "serving /livez, /readyz and /metrics");
    axum::serve(listener, router).await
}

/// On Linux `[::]` takes connections over IPv4 too. Where the kernel has no IPv6, `0.0.0.0` is as good.
async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error)
            if address.ip() == Ipv6Addr::UNSPECIFIED
                && !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) =>
        {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        result => result,
    }
}
