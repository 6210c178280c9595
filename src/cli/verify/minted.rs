//! Minted credentials for `dps verify`: they are nowhere but in the Secrets that the operator generates.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;

use crate::api::{DockerPullSecretStatus, Reason};
use crate::cli::cluster::Cluster;
use crate::domain::credential_source::from_secret::resolve_document;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::minting::minted::minted_for;
use crate::domain::problem::Problem;
use crate::domain::secret::desired::document_of;
use crate::domain::secret::ownership::controlling_resource;
use crate::domain::spec::declaration::Declaration;
use crate::domain::spec::validate::ValidatedSpec;

/// The credentials in the Secret that the operator generates. The outer error is the cluster's.
pub(super) async fn in_generated(
    declaration: &Declaration,
    spec: &ValidatedSpec,
    status: Option<&DockerPullSecretStatus>,
    cluster: &Cluster,
) -> Result<Result<RegistryCredentials, Problem>, String> {
    let name = &spec.targets.secret_name;
    let namespace = match declaration.key.namespace() {
        Some(namespace) => Some(namespace.to_owned()),
        None => holder(declaration, name, status, cluster).await?,
    };
    let secret = match namespace {
        Some(namespace) => cluster.secret(&namespace, name).await?,
        None => None,
    };
    Ok(match secret.as_ref().and_then(document_of) {
        Some(document) => resolve_document(&format!("Secret {name:?}"), document, &spec.registry),
        None => Err(Problem::new(
            Reason::Pending,
            format!("Secret {name:?} does not exist yet: the operator generates it once it has minted credentials"),
        )),
    })
}

/// A namespace whose Secret has what the status tells of.
async fn holder(
    declaration: &Declaration,
    name: &str,
    status: Option<&DockerPullSecretStatus>,
    cluster: &Cluster,
) -> Result<Option<String>, String> {
    let Some(digest) = status.and_then(|status| status.minted.as_ref()?.digest.as_deref()) else {
        return Ok(None);
    };
    let params = ListParams::default().fields(&format!("metadata.name={name}"));
    let secrets = Api::<PartialObjectMeta<Secret>>::all(cluster.client.clone());
    let found = cluster.list(&secrets, &params).await;
    let found = found.map_err(|error| cluster.failed("listing Secrets in all namespaces", &error))?;
    let is_own = |secret: &PartialObjectMeta<Secret>| {
        let owner = controlling_resource(&secret.metadata);
        owner.is_some_and(|owner| declaration.uid.as_ref().is_some_and(|uid| uid.as_str() == owner.uid))
            && minted_for(secret.metadata.annotations.as_ref()) == Some(digest)
    };
    let holder = found.into_iter().find(is_own);
    Ok(holder.and_then(|secret| secret.metadata.namespace))
}
