//! The connection to the API server.

use std::path::Path;
use std::time::Duration;

use axum::http::HeaderValue;
use kube::{Client, Config};
use secrecy::ExposeSecret;

use crate::kubernetes::client_errors::{INVALID_TOKEN, describe_infer};
use crate::kubernetes::request::describe;

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
        .map_err(|error| ConnectError::Config(describe_infer(&error)))?;
    config.connect_timeout = Some(Duration::from_secs(5));
    // A watch is quiet for up to 290 s; a dead connection must not stay for ever.
    config.read_timeout = Some(Duration::from_mins(5));
    let token = config.auth_info.token.as_ref().map(ExposeSecret::expose_secret);
    // The client would panic.
    if token.is_some_and(|token| HeaderValue::from_str(token).is_err()) {
        return Err(ConnectError::Client(INVALID_TOKEN.to_owned()));
    }
    let plugin = plugin(&config);
    Client::try_from(config).map_err(|error| match (&error, plugin) {
        (kube::Error::Auth(_), Some(plugin)) => ConnectError::Client(format!("{plugin:?}: {}", describe(&error))),
        _ => ConnectError::Client(describe(&error)),
    })
}

/// Name of the program that gives the credentials. Its arguments may hold some.
fn plugin(config: &Config) -> Option<String> {
    let command = config.auth_info.exec.as_ref()?.command.as_ref()?;
    Some(Path::new(command).file_name()?.to_string_lossy().into_owned())
}
