//! Arguments of every command that connects to a cluster, as kubectl has them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::cluster::Cluster;
use crate::cli::completion::names;
use crate::cli::duration::timeout;
use crate::kubernetes::connect::connect;
use crate::kubernetes::kubeconfig::{ConnectOptions, Impersonated};

/// The heading above them in the help.
const HEADING: &str = "Connection to the cluster";

/// Which cluster, and as whom.
#[derive(Args)]
pub(crate) struct ConnectionArguments {
    /// Kubeconfig to use, instead of $KUBECONFIG or ~/.kube/config.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig to use, instead of the current one.
    #[arg(long, value_name = "NAME", help_heading = HEADING, add = names::contexts())]
    context: Option<String>,
    /// Cluster of the kubeconfig to use, instead of the context's.
    #[arg(long, value_name = "NAME", help_heading = HEADING, add = names::clusters())]
    cluster: Option<String>,
    /// User of the kubeconfig to use, instead of the context's.
    #[arg(long, value_name = "NAME", help_heading = HEADING, add = names::users())]
    user: Option<String>,
    /// User to act as, such as system:serviceaccount:NAMESPACE:NAME. Needs the right to impersonate.
    #[arg(long = "as", value_name = "USER", value_parser = visible, help_heading = HEADING)]
    as_user: Option<String>,
    /// Group to act as. Can be repeated.
    #[arg(long = "as-group", value_name = "GROUP", value_parser = visible, requires = "as_user", help_heading = HEADING)]
    as_groups: Vec<String>,
    /// UID to act as.
    #[arg(long, value_name = "UID", value_parser = visible, requires = "as_user", help_heading = HEADING)]
    as_uid: Option<String>,
    /// Longest time for one request to the API server, such as 5s or 1m; 0: no limit.
    #[arg(long, value_name = "DURATION", value_parser = timeout, default_value = "10s", help_heading = HEADING)]
    request_timeout: Duration,
}

impl ConnectionArguments {
    /// Connects. The namespace is by default that of the context.
    pub(crate) async fn connect(&self, namespace: Option<&str>) -> Result<Cluster, String> {
        let options = ConnectOptions {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
            impersonated: self.as_user.clone().map(|user| Impersonated {
                user,
                groups: self.as_groups.clone(),
                uid: self.as_uid.clone(),
            }),
            is_silent: false,
        };
        let connection = connect(&options).await.map_err(|error| error.to_string())?;
        let limit = Some(self.request_timeout).filter(|limit| !limit.is_zero());
        Ok(Cluster::new(connection, namespace, limit))
    }

    /// Whether somebody else is meant than the user of the kubeconfig.
    pub(crate) fn is_impersonating(&self) -> bool {
        self.as_user.is_some()
    }
}

/// What can be the value of a header.
fn visible(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        Err("write visible ASCII characters".to_owned())
    } else {
        Ok(text.to_owned())
    }
}
