//! The resource that an argument names, as it is in the cluster.

use kube::Api;

use crate::api::{
    CLUSTER_DOCKER_PULL_SECRET, ClusterDockerPullSecret, DOCKER_PULL_SECRET, DockerPullSecret, DockerPullSecretStatus,
};
use crate::cli::cluster::Cluster;
use crate::domain::spec::declaration::Declaration;

/// The kind that somebody means, as `kubectl` takes it.
fn kind_of(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "dockerpullsecret" | "dockerpullsecrets" | "dps" => Some(DOCKER_PULL_SECRET),
        "clusterdockerpullsecret" | "clusterdockerpullsecrets" | "cdps" => Some(CLUSTER_DOCKER_PULL_SECRET),
        _ => None,
    }
}

/// What a name says, which may have the kind before it.
pub(crate) fn kind_and_name(name: &str) -> Result<(&'static str, &str), String> {
    let Some((word, name)) = name.split_once('/') else {
        return Ok((DOCKER_PULL_SECRET, name));
    };
    let unknown =
        || format!("{word:?} is no kind of this operator: write dockerpullsecret/NAME or clusterdockerpullsecret/NAME");
    Ok((kind_of(word).ok_or_else(unknown)?, name))
}

/// What messages call the resource, the resource, and its status.
pub(crate) async fn declared(
    kind: &str,
    name: &str,
    cluster: &Cluster,
) -> Result<(String, Declaration, Option<DockerPullSecretStatus>), String> {
    let client = cluster.client.clone();
    if kind == CLUSTER_DOCKER_PULL_SECRET {
        let place = format!("{kind} {name}");
        let resource = cluster
            .call(Api::<ClusterDockerPullSecret>::all(client).get(name))
            .await;
        let resource = resource.map_err(|error| cluster.failed(&format!("reading {place}"), &error))?;
        return Ok((place, Declaration::from(&resource), resource.status));
    }
    let place = format!("{kind} {}/{name}", cluster.namespace);
    let resources = Api::<DockerPullSecret>::namespaced(client, &cluster.namespace);
    let resource = cluster.call(resources.get(name)).await;
    let resource = resource.map_err(|error| cluster.failed(&format!("reading {place}"), &error))?;
    Ok((place, Declaration::from(&resource), resource.status))
}
