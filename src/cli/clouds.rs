//! What the administrator of an operator says of clouds: arguments of what mints credentials, or judges what would be minted.

use clap::Args;

use crate::domain::minting::settings::{GkeCluster, MintSettings, RegistrySuffix};

/// What no resource can know.
#[derive(Args)]
pub(crate) struct CloudArguments {
    /// GKE cluster that the operator runs in, as projects/PROJECT/locations/LOCATION/clusters/CLUSTER. Credentials of Google are minted
    /// with its identity, where a resource names no workloadIdentityProvider.
    #[arg(long, value_name = "CLUSTER", env = "DPS_GKE_CLUSTER")]
    gke_cluster: Option<GkeCluster>,
    /// Domain of registries of a private cloud, as azure=DOMAIN or google=DOMAIN: tokens of ServiceAccounts are sent to hosts below
    /// it as to those of that cloud. Can be repeated.
    #[arg(
        long = "allow-registry-suffix",
        value_name = "CLOUD=DOMAIN",
        env = "DPS_ALLOW_REGISTRY_SUFFIXES",
        value_delimiter = ','
    )]
    registry_suffixes: Vec<RegistrySuffix>,
}

impl CloudArguments {
    pub(crate) fn settings(&self) -> MintSettings {
        MintSettings {
            gke_cluster: self.gke_cluster.clone(),
            suffixes: self.registry_suffixes.clone(),
        }
    }
}
