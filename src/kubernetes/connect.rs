//! The connection to the API server.

use std::time::Duration;

use kube::{Client, Config};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No cluster to connect to.
    #[error("no cluster to connect to, neither from inside a pod nor from a kubeconfig: {0}")]
    Config(String),
    /// The client cannot be built.
    #[error("cannot create a client for the cluster: {0}")]
    Client(String),
}

/// A client for the cluster of the pod or of the kubeconfig.
pub(crate) async fn client() -> Result<Client, ConnectError> {
    let mut config = Config::infer()
        .await
        .map_err(|error| ConnectError::Config(error.to_string()))?;
    config.connect_timeout = Some(Duration::from_secs(5));
    // A watch is quiet for up to 290 s; a dead connection must not stay for ever.
    config.read_timeout = Some(Duration::from_mins(5));
    Client::try_from(config).map_err(|error| ConnectError::Client(error.to_string()))
}
