//! `dps controller`: runs the operator.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use crate::cli::clouds::CloudArguments;
use crate::cli::network::NetworkArguments;
use crate::cli::runtime::block_on;
use crate::controller::run::{self, Options};
use crate::controller::telemetry::{self, LogFormat};
use crate::domain::names::ObjectKey;

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(crate) struct Controller {
    /// Namespace to work in; all namespaces by default. Can be repeated.
    #[arg(
        long = "namespace",
        value_name = "NAMESPACE",
        env = "DPS_NAMESPACES",
        value_delimiter = ','
    )]
    namespaces: Vec<String>,
    /// Address of /livez, /readyz and /metrics. [::] is every address, including IPv4.
    #[arg(long, default_value = "[::]:8080", env = "DPS_HEALTH_ADDRESS")]
    health_address: SocketAddr,
    /// Format of log lines on stderr. Set the level in RUST_LOG; the default is info.
    #[arg(long, value_enum, default_value = "text", env = "DPS_LOG_FORMAT")]
    log_format: LogFormat,
    /// Maximum number of resources to reconcile at the same time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256), env = "DPS_CONCURRENCY")]
    concurrency: u16,
    /// Expose metrics for each resource, labeled with its namespace and name.
    #[arg(long, action = clap::ArgAction::Set, default_value_t = true, value_name = "BOOL", env = "DPS_RESOURCE_METRICS")]
    resource_metrics: bool,
    /// List Secrets in ServiceAccounts, where spec.attachTo.serviceAccounts asks for it. Needs the right to patch ServiceAccounts.
    #[arg(long, env = "DPS_ATTACH_SERVICE_ACCOUNTS")]
    attach_service_accounts: bool,
    /// The cluster attaches Secrets to pods, by the admission policy of the chart's admission.attachPods. Without it, a resource
    /// with spec.attachTo.pods has a warning.
    #[arg(long, env = "DPS_ATTACH_PODS")]
    attach_pods: bool,
    /// Evict pods, where spec.recovery.evictPods asks for it. Needs the right to create evictions.
    #[arg(long, env = "DPS_EVICT_PODS")]
    evict_pods: bool,
    /// Reconcile ClusterDockerPullSecrets. Needs the right to watch them and namespaces. Cannot be combined with --namespace.
    #[arg(long, conflicts_with = "namespaces", env = "DPS_CLUSTER_RESOURCES")]
    cluster_resources: bool,
    /// Namespace that ClusterDockerPullSecrets may take credentials from; by default the operator's own. Can be repeated.
    #[arg(
        long = "credentials-namespace",
        value_name = "NAMESPACE",
        requires = "cluster_resources",
        env = "DPS_CREDENTIALS_NAMESPACES",
        value_delimiter = ','
    )]
    credentials_namespaces: Vec<String>,
    /// Lease for leader election, as NAMESPACE/NAME. Required with more than one replica. Without it, no other operator may
    /// watch the same namespaces.
    #[arg(long, value_name = "NAMESPACE/NAME", env = "DPS_LEASE")]
    lease: Option<ObjectKey>,
    #[command(flatten)]
    clouds: CloudArguments,
    #[command(flatten)]
    targets: NetworkArguments,
}

pub(crate) fn run(arguments: Controller) -> ExitCode {
    telemetry::init(arguments.log_format);
    let mut namespaces: Vec<String> = arguments
        .namespaces
        .into_iter()
        .filter(|namespace| !namespace.is_empty())
        .collect();
    namespaces.sort();
    namespaces.dedup();
    let options = Options {
        namespaces,
        health_address: arguments.health_address,
        policy: arguments.targets.policy(),
        minting: arguments.clouds.settings(),
        concurrency: arguments.concurrency,
        resource_metrics: arguments.resource_metrics,
        attaches_to_accounts: arguments.attach_service_accounts,
        attaches_to_pods: arguments.attach_pods,
        evicts_pods: arguments.evict_pods,
        clusters: arguments.cluster_resources.then_some(arguments.credentials_namespaces),
        lease: arguments.lease,
    };
    match block_on(async { Box::pin(run::run(options)).await.map_err(|error| error.to_string()) }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
