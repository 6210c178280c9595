//! Reads objects of a cluster.

use kube::Client;

use crate::kubernetes::connect;
use crate::kubernetes::request::describe;

/// A client, and the namespace: by default that of the kubeconfig's context.
pub(crate) async fn connect_to(namespace: Option<&str>) -> Result<(Client, String), String> {
    let client = connect::client().await.map_err(|error| error.to_string())?;
    let namespace = namespace.unwrap_or(client.default_namespace()).to_owned();
    Ok((client, namespace))
}

/// What failed and why.
pub(crate) fn failed(operation: &str, error: &kube::Error) -> String {
    format!("{operation}: {}", describe(error))
}
