//! Reads what `dps explain` needs from a cluster.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::{Event, Namespace, Secret, ServiceAccount};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, ClusterDockerPullSecret, DockerPullSecret};
use crate::cli::cluster::{connect_to, failed};
use crate::domain::names::{ObjectKey, is_object_name};
use crate::domain::pull_failures::pod::Pod;
use crate::domain::secret::ownership::controlling_resource;
use crate::domain::spec::declaration::Declaration;
use crate::explain::bundle::Bundle;
use crate::explain::pod_event::PodEvent;

/// A pod and what it refers to.
pub(crate) async fn read_pod(name: &str, namespace: Option<&str>) -> Result<Bundle, String> {
    let (client, namespace) = connect_to(namespace).await?;
    let pods = Api::<Pod>::namespaced(client.clone(), &namespace);
    let pod = pods
        .get_opt(name)
        .await
        .map_err(|error| failed("reading the pod", &error))?
        .ok_or_else(|| format!("pod {name:?} does not exist in namespace {namespace:?}"))?;
    let names: Vec<String> = pod.pull_secrets().map(str::to_owned).collect();
    let mut bundle = read_namespace(&client, &namespace, &names).await?;
    if names.is_empty() {
        // Only for a note: the pod does not use what the ServiceAccount lists now.
        let account = ObjectKey::new(namespace.as_str(), pod.service_account());
        let listed = pull_secrets_of(&client, &account).await.ok().flatten();
        bundle.service_accounts.extend(listed.map(|names| (account, names)));
    }
    let fields = match pod.uid() {
        Some(uid) => format!("involvedObject.name={name},involvedObject.uid={uid}"),
        None => format!("involvedObject.name={name}"),
    };
    let events = Api::<Event>::namespaced(client, &namespace);
    match events.list(&ListParams::default().fields(&fields)).await {
        Ok(events) => {
            let objects = events.items.iter().filter_map(|event| serde_json::to_value(event).ok());
            bundle.add_events(objects.filter_map(|object| PodEvent::of(&object)));
        }
        Err(error) => bundle.warnings.push(failed("listing Events", &error)),
    }
    bundle.pods.push(pod);
    Ok(bundle)
}

/// A ServiceAccount and what it refers to.
pub(crate) async fn read_account(name: &str, namespace: Option<&str>) -> Result<(Bundle, ObjectKey), String> {
    let (client, namespace) = connect_to(namespace).await?;
    let account = ObjectKey::new(namespace.as_str(), name);
    let names = pull_secrets_of(&client, &account)
        .await
        .map_err(|error| failed("reading the ServiceAccount", &error))?
        .ok_or_else(|| format!("ServiceAccount {name:?} does not exist in namespace {namespace:?}"))?;
    let mut bundle = read_namespace(&client, &namespace, &names).await?;
    bundle.service_accounts.insert(account.clone(), names);
    Ok((bundle, account))
}

/// The pull secrets of a ServiceAccount; `None` if it does not exist.
async fn pull_secrets_of(client: &Client, account: &ObjectKey) -> kube::Result<Option<Vec<String>>> {
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), &account.namespace);
    let names = accounts.get_opt(&account.name).await?.map(|account| {
        let secrets = account.image_pull_secrets.into_iter().flatten();
        secrets
            .map(|secret| secret.name)
            .filter(|name| !name.is_empty())
            .collect()
    });
    Ok(names)
}

/// These Secrets, and the resources of the namespace.
async fn read_namespace(client: &Client, namespace: &str, names: &[String]) -> Result<Bundle, String> {
    let mut bundle = Bundle::default();
    bundle.complete_namespaces.insert(namespace.to_owned());
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    // No Secret can have another name, and the client does not escape it in the path of the request.
    for name in names.iter().filter(|name| is_object_name(name)) {
        let key = ObjectKey::new(namespace, name);
        match secrets.get_opt(name).await {
            Ok(secret) => bundle.secrets.extend(secret.map(|secret| (key, secret))),
            // Without permission to read Secrets, most of the explanation is still possible.
            Err(error) if is_forbidden(&error) => {
                let warning = failed(&format!("reading Secret {name:?}"), &error);
                bundle.warnings.push(warning);
                bundle.unreadable_secrets.insert(key);
            }
            Err(error) => return Err(failed(&format!("reading Secret {name:?}"), &error)),
        }
    }
    let resources = Api::<DockerPullSecret>::namespaced(client.clone(), namespace);
    for resource in list(&resources, "DockerPullSecrets", &mut bundle.warnings).await? {
        // What is invalid is of no use to the pod.
        let _ = bundle.add_resource(&Declaration::from(&resource), resource.status.as_ref());
    }
    read_shared(client, namespace, &mut bundle).await?;
    for login in bundle.logins(namespace, names) {
        // Only to find out whether a password can be typed.
        let found = if is_object_name(&login.name) {
            secrets.get_opt(&login.name).await.ok().flatten()
        } else {
            None
        };
        bundle.secrets.extend(found.map(|secret| (login, secret)));
    }
    Ok(bundle)
}

/// Resources for many namespaces. Most users may not list them, which is worth a warning only if one has a part in this.
async fn read_shared(client: &Client, namespace: &str, bundle: &mut Bundle) -> Result<(), String> {
    let mut refused = Vec::new();
    let resources = Api::<ClusterDockerPullSecret>::all(client.clone());
    for resource in list(&resources, "ClusterDockerPullSecrets", &mut refused).await? {
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
    match Api::<Namespace>::all(client.clone()).get_opt(namespace).await {
        Ok(found) => found.iter().for_each(|found| bundle.add_namespace(&found.metadata)),
        Err(error) if is_forbidden(&error) => {
            bundle
                .warnings
                .push(failed(&format!("reading Namespace {namespace:?}"), &error));
        }
        Err(error) => return Err(failed(&format!("reading Namespace {namespace:?}"), &error)),
    }
    Ok(())
}

/// All objects of a kind; none, with a warning, if the user may not list them.
async fn list<K>(api: &Api<K>, kind: &str, warnings: &mut Vec<String>) -> Result<Vec<K>, String>
where
    K: Clone + DeserializeOwned + Debug,
{
    match api.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items),
        // The operator is not installed.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) if is_forbidden(&error) => {
            warnings.push(failed(&format!("listing {kind}"), &error));
            Ok(Vec::new())
        }
        Err(error) => Err(failed(&format!("listing {kind}"), &error)),
    }
}

fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}
