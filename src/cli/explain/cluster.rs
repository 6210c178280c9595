//! Reads what `dps explain` needs from a cluster.

use std::collections::BTreeSet;
use std::fmt::Debug;

use k8s_openapi::api::core::v1::{Event, Namespace, Secret, ServiceAccount};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, ClusterDockerPullSecret, DockerPullSecret};
use crate::cli::cluster::{Cluster, ClusterError};
use crate::domain::names::{ObjectKey, is_object_name};
use crate::domain::pull_failures::pod::Pod;
use crate::domain::secret::ownership::controlling_resource;
use crate::domain::spec::declaration::Declaration;
use crate::explain::bundle::Bundle;
use crate::explain::pod_event::PodEvent;

/// Resources for many namespaces, read once.
pub(crate) struct SharedResources {
    resources: Vec<ClusterDockerPullSecret>,
    /// Why they could not be read. Most users may not list them, which is worth a warning only if one has a part in this.
    refused: Vec<String>,
}

impl SharedResources {
    pub(crate) async fn read(cluster: &Cluster) -> Result<Self, String> {
        let mut refused = Vec::new();
        let api = Api::<ClusterDockerPullSecret>::all(cluster.client.clone());
        let resources = list(cluster, &api, "ClusterDockerPullSecrets", &mut refused).await?;
        Ok(Self { resources, refused })
    }

    /// Adds them, and the Namespace that they may select.
    async fn add(&self, cluster: &Cluster, namespace: &str, bundle: &mut Bundle) -> Result<(), String> {
        for resource in &self.resources {
            let _ = bundle.add_resource(&Declaration::from(resource), resource.status.as_ref());
        }
        let mut owners = bundle
            .secrets
            .values()
            .filter_map(|secret| controlling_resource(&secret.metadata));
        if owners.any(|owner| owner.kind == CLUSTER_DOCKER_PULL_SECRET) {
            bundle.warnings.extend(self.refused.iter().cloned());
        }
        if !bundle.needs_namespaces() {
            return Ok(());
        }
        let operation = format!("reading Namespace {namespace:?}");
        let namespaces = Api::<Namespace>::all(cluster.client.clone());
        match cluster.call(namespaces.get_opt(namespace)).await {
            Ok(found) => found.iter().for_each(|found| bundle.add_namespace(&found.metadata)),
            Err(error) if error.is_forbidden() => bundle.warnings.push(cluster.failed(&operation, &error)),
            Err(error) => return Err(cluster.failed(&operation, &error)),
        }
        Ok(())
    }
}

/// Pods of a namespace, and what they refer to.
pub(crate) async fn read_pods(
    cluster: &Cluster,
    namespace: &str,
    pods: Vec<Pod>,
    shared: &SharedResources,
) -> Result<Bundle, String> {
    let names: BTreeSet<String> = pods
        .iter()
        .flat_map(|pod| pod.pull_secrets().map(str::to_owned))
        .collect();
    let mut bundle = read_namespace(cluster, namespace, &names, shared).await?;
    // Only for a note: such pods do not use what the ServiceAccount lists now.
    let without = pods.iter().filter(|pod| pod.pull_secrets().next().is_none());
    let accounts: BTreeSet<&str> = without.map(Pod::service_account).collect();
    for account in accounts {
        let account = ObjectKey::new(namespace, account);
        let listed = pull_secrets_of(cluster, &account).await.ok().flatten();
        bundle.service_accounts.extend(listed.map(|names| (account, names)));
    }
    let fields = match pods.as_slice() {
        [one] => {
            let uid = one.uid().map(|uid| format!(",involvedObject.uid={uid}"));
            let name = one.metadata.name.as_deref().unwrap_or_default();
            Some(format!("involvedObject.name={name}{}", uid.unwrap_or_default()))
        }
        all if all.iter().any(|pod| !pod.waiting_containers().is_empty()) => {
            Some("involvedObject.kind=Pod,type=Warning".to_owned())
        }
        _ => None,
    };
    if let Some(fields) = fields {
        let events = Api::<Event>::namespaced(cluster.client.clone(), namespace);
        match cluster.list(&events, &ListParams::default().fields(&fields)).await {
            Ok(events) => {
                let objects = events.iter().filter_map(|event| serde_json::to_value(event).ok());
                bundle.add_events(objects.filter_map(|object| PodEvent::of(&object)));
            }
            Err(error) => bundle.warnings.push(cluster.failed("listing Events", &error)),
        }
    }
    bundle.pods = pods;
    Ok(bundle)
}

/// A ServiceAccount and what it refers to.
pub(crate) async fn read_account(cluster: &Cluster, name: &str) -> Result<(Bundle, ObjectKey), String> {
    let namespace = cluster.namespace.as_str();
    let account = ObjectKey::new(namespace, name);
    let names = pull_secrets_of(cluster, &account)
        .await
        .map_err(|error| cluster.failed("reading the ServiceAccount", &error))?
        .ok_or_else(|| format!("ServiceAccount {name:?} does not exist in namespace {namespace:?}"))?;
    let shared = SharedResources::read(cluster).await?;
    let listed = names.iter().cloned().collect();
    let mut bundle = read_namespace(cluster, namespace, &listed, &shared).await?;
    bundle.service_accounts.insert(account.clone(), names);
    Ok((bundle, account))
}

/// The pull secrets of a ServiceAccount; `None` if it does not exist.
async fn pull_secrets_of(cluster: &Cluster, account: &ObjectKey) -> Result<Option<Vec<String>>, ClusterError> {
    let accounts = Api::<ServiceAccount>::namespaced(cluster.client.clone(), &account.namespace);
    let names = cluster.call(accounts.get_opt(&account.name)).await?.map(|account| {
        let secrets = account.image_pull_secrets.into_iter().flatten();
        secrets
            .map(|secret| secret.name)
            .filter(|name| !name.is_empty())
            .collect()
    });
    Ok(names)
}

/// These Secrets, and the resources of the namespace.
async fn read_namespace(
    cluster: &Cluster,
    namespace: &str,
    names: &BTreeSet<String>,
    shared: &SharedResources,
) -> Result<Bundle, String> {
    let mut bundle = Bundle::default();
    bundle.complete_namespaces.insert(namespace.to_owned());
    let secrets = Api::<Secret>::namespaced(cluster.client.clone(), namespace);
    // No Secret can have another name, and the client does not escape it in the path of the request.
    for name in names.iter().filter(|name| is_object_name(name)) {
        let key = ObjectKey::new(namespace, name);
        let operation = format!("reading Secret {name:?}");
        match cluster.call(secrets.get_opt(name)).await {
            Ok(secret) => bundle.secrets.extend(secret.map(|secret| (key, secret))),
            // Without permission to read Secrets, most of the explanation is still possible.
            Err(error) if error.is_forbidden() => {
                bundle.warnings.push(cluster.failed(&operation, &error));
                bundle.unreadable_secrets.insert(key);
            }
            Err(error) => return Err(cluster.failed(&operation, &error)),
        }
    }
    let resources = Api::<DockerPullSecret>::namespaced(cluster.client.clone(), namespace);
    for resource in list(cluster, &resources, "DockerPullSecrets", &mut bundle.warnings).await? {
        // What is invalid is of no use to the pod.
        let _ = bundle.add_resource(&Declaration::from(&resource), resource.status.as_ref());
    }
    shared.add(cluster, namespace, &mut bundle).await?;
    for login in bundle.logins(namespace, |secret| names.contains(secret)) {
        // Only to find out whether a password can be typed.
        let found = if is_object_name(&login.name) {
            cluster.call(secrets.get_opt(&login.name)).await.ok().flatten()
        } else {
            None
        };
        bundle.secrets.extend(found.map(|secret| (login, secret)));
    }
    Ok(bundle)
}

/// All objects of a kind; none, with a warning, if the user may not list them.
async fn list<K>(cluster: &Cluster, api: &Api<K>, kind: &str, warnings: &mut Vec<String>) -> Result<Vec<K>, String>
where
    K: Clone + DeserializeOwned + Debug,
{
    let operation = format!("listing {kind}");
    match cluster.list(api, &ListParams::default()).await {
        Ok(found) => Ok(found),
        // The operator is not installed.
        Err(error) if error.code() == Some(404) => Ok(Vec::new()),
        Err(error) if error.is_forbidden() => {
            warnings.push(cluster.failed(&operation, &error));
            Ok(Vec::new())
        }
        Err(error) => Err(cluster.failed(&operation, &error)),
    }
}
