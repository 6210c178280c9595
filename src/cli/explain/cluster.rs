//! Reads what `dps explain` needs from a cluster.

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

/// A pod and what it refers to.
pub(crate) async fn read_pod(cluster: &Cluster, name: &str) -> Result<Bundle, String> {
    let namespace = cluster.namespace.as_str();
    let pods = Api::<Pod>::namespaced(cluster.client.clone(), namespace);
    let pod = cluster
        .call(pods.get_opt(name))
        .await
        .map_err(|error| cluster.failed("reading the pod", &error))?
        .ok_or_else(|| format!("pod {name:?} does not exist in namespace {namespace:?}"))?;
    let names: Vec<String> = pod.pull_secrets().map(str::to_owned).collect();
    let mut bundle = read_namespace(cluster, &names).await?;
    if names.is_empty() {
        // Only for a note: the pod does not use what the ServiceAccount lists now.
        let account = ObjectKey::new(namespace, pod.service_account());
        let listed = pull_secrets_of(cluster, &account).await.ok().flatten();
        bundle.service_accounts.extend(listed.map(|names| (account, names)));
    }
    let fields = match pod.uid() {
        Some(uid) => format!("involvedObject.name={name},involvedObject.uid={uid}"),
        None => format!("involvedObject.name={name}"),
    };
    let events = Api::<Event>::namespaced(cluster.client.clone(), namespace);
    match cluster.list(&events, &ListParams::default().fields(&fields)).await {
        Ok(events) => {
            let objects = events.iter().filter_map(|event| serde_json::to_value(event).ok());
            bundle.add_events(objects.filter_map(|object| PodEvent::of(&object)));
        }
        Err(error) => bundle.warnings.push(cluster.failed("listing Events", &error)),
    }
    bundle.pods.push(pod);
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
    let mut bundle = read_namespace(cluster, &names).await?;
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
async fn read_namespace(cluster: &Cluster, names: &[String]) -> Result<Bundle, String> {
    let namespace = cluster.namespace.as_str();
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
    read_shared(cluster, &mut bundle).await?;
    for login in bundle.logins(namespace, names) {
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

/// Resources for many namespaces. Most users may not list them, which is worth a warning only if one has a part in this.
async fn read_shared(cluster: &Cluster, bundle: &mut Bundle) -> Result<(), String> {
    let mut refused = Vec::new();
    let resources = Api::<ClusterDockerPullSecret>::all(cluster.client.clone());
    for resource in list(cluster, &resources, "ClusterDockerPullSecrets", &mut refused).await? {
        let _ = bundle.add_resource(&Declaration::from(&resource), resource.status.as_ref());
    }
    let owners = bundle
        .secrets
        .values()
        .filter_map(|secret| controlling_resource(&secret.metadata));
    if owners.into_iter().any(|owner| owner.kind == CLUSTER_DOCKER_PULL_SECRET) {
        bundle.warnings.append(&mut refused);
    }
    if !bundle.needs_namespaces() {
        return Ok(());
    }
    let namespace = cluster.namespace.as_str();
    let operation = format!("reading Namespace {namespace:?}");
    let namespaces = Api::<Namespace>::all(cluster.client.clone());
    match cluster.call(namespaces.get_opt(namespace)).await {
        Ok(found) => found.iter().for_each(|found| bundle.add_namespace(&found.metadata)),
        Err(error) if error.is_forbidden() => bundle.warnings.push(cluster.failed(&operation, &error)),
        Err(error) => return Err(cluster.failed(&operation, &error)),
    }
    Ok(())
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
