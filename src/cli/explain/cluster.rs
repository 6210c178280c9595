//! Asking a cluster.

use k8s_openapi::api::core::v1::{Event, Secret, ServiceAccount};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use crate::api::DockerPullSecret;
use crate::domain::names::{ObjectKey, is_object_name};
use crate::domain::pull_failures::diagnosis::Resource;
use crate::domain::pull_failures::pod::Pod;
use crate::explain::bundle::Bundle;
use crate::explain::pod_event::PodEvent;

/// A pod and what it names.
pub(crate) async fn pod(name: &str, namespace: Option<&str>) -> Result<Bundle, String> {
    let (client, namespace) = connect(namespace).await?;
    let pods = Api::<Pod>::namespaced(client.clone(), &namespace);
    let pod = pods
        .get_opt(name)
        .await
        .map_err(|error| failed("reading the pod", &error))?;
    let pod = pod.ok_or_else(|| format!("there is no pod {name:?} in namespace {namespace:?}"))?;
    let names: Vec<String> = pod.pull_secrets().map(str::to_owned).collect();
    let mut bundle = of_namespace(&client, &namespace, &names).await?;
    if names.is_empty() {
        // Only a hint: the pod does not use what is listed there by now.
        let account = pod.account().to_owned();
        let listed = listed(&client, &namespace, &account).await.ok().flatten();
        bundle
            .accounts
            .extend(listed.map(|names| (ObjectKey::new(&*namespace, account), names)));
    }
    let uid = pod.uid().unwrap_or_default();
    let fields = format!("involvedObject.name={name},involvedObject.uid={uid}");
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

/// A ServiceAccount and what it names, and the namespace.
pub(crate) async fn account(name: &str, namespace: Option<&str>) -> Result<(Bundle, String), String> {
    let (client, namespace) = connect(namespace).await?;
    let names = listed(&client, &namespace, name)
        .await
        .map_err(|error| failed("reading the ServiceAccount", &error))?
        .ok_or_else(|| format!("there is no ServiceAccount {name:?} in namespace {namespace:?}"))?;
    let mut bundle = of_namespace(&client, &namespace, &names).await?;
    bundle.accounts.insert(ObjectKey::new(&*namespace, name), names);
    Ok((bundle, namespace))
}

/// The pull secrets of a ServiceAccount. None: there is no such account.
async fn listed(client: &Client, namespace: &str, name: &str) -> kube::Result<Option<Vec<String>>> {
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    let names = accounts.get_opt(name).await?.map(|account| {
        let names = account.image_pull_secrets.into_iter().flatten().map(|one| one.name);
        names.filter(|name| !name.is_empty()).collect()
    });
    Ok(names)
}

async fn of_namespace(client: &Client, namespace: &str, names: &[String]) -> Result<Bundle, String> {
    let mut bundle = Bundle::default();
    bundle.known.insert(namespace.to_owned());
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    // What no Secret can be called does not exist, and must not get into a request.
    for name in names.iter().filter(|name| is_object_name(name)) {
        let key = ObjectKey::new(namespace, name.as_str());
        match secrets.get_opt(name).await {
            Ok(secret) => bundle.secrets.extend(secret.map(|secret| (key, secret))),
            // Who may not read Secrets can still be told most.
            Err(error) if is_forbidden(&error) => {
                let warning = failed(&format!("reading Secret {name:?}"), &error);
                bundle.warnings.push(warning);
                bundle.unseen.insert(key);
            }
            Err(error) => return Err(failed(&format!("reading Secret {name:?}"), &error)),
        }
    }
    let resources = Api::<DockerPullSecret>::namespaced(client.clone(), namespace);
    let resources = match resources.list(&ListParams::default()).await {
        Ok(list) => list.items,
        // The operator is not installed: pods have pull secrets all the same.
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(error) if is_forbidden(&error) => {
            bundle.warnings.push(failed("listing DockerPullSecrets", &error));
            Vec::new()
        }
        Err(error) => return Err(failed("listing DockerPullSecrets", &error)),
    };
    let resources = resources.iter().filter_map(Resource::of);
    bundle.resources = resources.map(|found| (namespace.to_owned(), found)).collect();
    Ok(bundle)
}

async fn connect(namespace: Option<&str>) -> Result<(Client, String), String> {
    let client = Client::try_default()
        .await
        .map_err(|error| format!("cannot reach a cluster: {error}"))?;
    let namespace = namespace.unwrap_or(client.default_namespace()).to_owned();
    Ok((client, namespace))
}

fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

fn failed(what: &str, error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{what}: {}", status.message),
        // Anything else could quote a Secret.
        _ => format!("{what} failed: the API server gave no readable answer"),
    }
}
