//! Whether the API server answers at all. A watch cannot tell: on a connection that is open but silent, it waits for minutes.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;

use crate::controller::context::Shared;

/// Time between two requests, and the longest time for one.
const INTERVAL: Duration = Duration::from_secs(5);

/// Asks for the version until the process ends: every client may, and it costs the API server next to nothing.
pub(crate) async fn heartbeat(client: Client, shared: Arc<Shared>) {
    loop {
        let asked = tokio::time::timeout(INTERVAL, client.apiserver_version()).await;
        // A refusal is an answer as well.
        if matches!(asked, Ok(Ok(_) | Err(kube::Error::Api(_)))) {
            shared.readiness.answered();
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
