//! What there is to know, from files or from a cluster.

use std::collections::{HashMap, HashSet};

use k8s_openapi::api::core::v1::{Event, Secret, ServiceAccount};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;

use crate::api::DockerPullSecret;
use crate::cli::manifests::Manifests;
use crate::domain::claims::Key;
use crate::domain::pulls::diagnosis::{Around, Resource};
use crate::domain::pulls::pod::Pod;
use crate::domain::pulls::secret::{Content, PullSecret};
use crate::domain::pulls::text::{failed_to_pull, missing_pull_secrets};

/// See the module.
#[derive(Default)]
pub(super) struct Bundle {
    pub(super) pods: Vec<Pod>,
    secrets: HashMap<Key, Secret>,
    /// Namespaces whose Secrets are all known.
    known: HashSet<String>,
    resources: Vec<(String, Resource)>,
    accounts: HashMap<Key, Vec<String>>,
    /// Oldest first.
    events: Vec<Said>,
}

/// An Event about a pod.
struct Said {
    pod: Key,
    message: String,
    /// RFC 3339 in UTC, so that text order is time order.
    time: String,
}

/// What a pod has to do with.
pub(super) struct Surroundings {
    namespace: String,
    secrets: Vec<PullSecret>,
    resources: Vec<Resource>,
}

impl Surroundings {
    pub(super) fn around(&self) -> Around<'_> {
        Around {
            namespace: &self.namespace,
            secrets: &self.secrets,
            resources: &self.resources,
        }
    }
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

impl Bundle {
    /// From files.
    pub(super) fn of_input(manifests: &Manifests) -> Result<Self, String> {
        let mut bundle = Self::default();
        for (key, resource) in &manifests.resources {
            if let Ok(resource) = resource {
                let found = Resource::of(resource);
                bundle.resources.extend(found.map(|found| (key.0.clone(), found)));
            }
        }
        for (place, object) in &manifests.others {
            let namespace = match text(object, "/metadata/namespace") {
                "" => "default",
                namespace => namespace,
            };
            match text(object, "/kind") {
                "Pod" => {
                    let pod = serde_json::from_value(object.clone());
                    bundle.pods.push(pod.map_err(|_| {
                        let name = text(object, "/metadata/name");
                        format!("{place}: Pod {name:?} does not have the shape of a pod")
                    })?);
                }
                "ServiceAccount" => {
                    let key = (namespace.to_owned(), text(object, "/metadata/name").to_owned());
                    let names = object["imagePullSecrets"].as_array().into_iter().flatten();
                    let names = names.map(|one| text(one, "/name").to_owned());
                    bundle.accounts.insert(key, names.collect());
                }
                _ => bundle.events.extend(said(object)),
            }
        }
        bundle.events.sort_by(|one, other| one.time.cmp(&other.time));
        bundle.take_secrets(manifests)?;
        Ok(bundle)
    }

    /// Only the Secrets that somebody names are read: the input may have others that are none of our business.
    fn take_secrets(&mut self, manifests: &Manifests) -> Result<(), String> {
        let of_pods = self.pods.iter().flat_map(|pod| {
            let (namespace, _) = super::at(pod);
            pod.pull_secrets()
                .map(move |name| (namespace.clone(), name.to_owned()))
                .collect::<Vec<_>>()
        });
        let of_accounts = self
            .accounts
            .iter()
            .flat_map(|((namespace, _), names)| names.iter().map(|name| (namespace.clone(), name.clone())));
        let names: HashSet<Key> = of_pods.chain(of_accounts).collect();
        for key in names {
            if manifests.knows_secrets_of(&key.0) {
                self.known.insert(key.0.clone());
            }
            if let Some(secret) = manifests.secret(&key).map_err(|problem| problem.message)? {
                self.secrets.insert(key, secret);
            }
        }
        Ok(())
    }

    /// A pod of the cluster and what it names.
    pub(super) async fn of_pod(name: &str, namespace: Option<&str>) -> Result<Self, String> {
        let (client, namespace) = connect(namespace).await?;
        let pods = Api::<Pod>::namespaced(client.clone(), &namespace);
        let pod = pods
            .get_opt(name)
            .await
            .map_err(|error| failed("reading the pod", &error))?;
        let pod = pod.ok_or_else(|| format!("there is no pod {name:?} in namespace {namespace:?}"))?;
        let names: Vec<String> = pod.pull_secrets().map(str::to_owned).collect();
        let mut bundle = Self::of_namespace(&client, &namespace, &names).await?;
        let fields = format!(
            "involvedObject.name={name},involvedObject.uid={}",
            pod.uid().unwrap_or_default()
        );
        let events = Api::<Event>::namespaced(client, &namespace);
        // Without the right to read Events they are not known, no more.
        let events = events.list(&ListParams::default().fields(&fields)).await;
        let events = events.map(|list| list.items).unwrap_or_default();
        let objects = events.iter().filter_map(|event| serde_json::to_value(event).ok());
        bundle.events = objects.filter_map(|object| said(&object)).collect();
        bundle.events.sort_by(|one, other| one.time.cmp(&other.time));
        bundle.pods.push(pod);
        Ok(bundle)
    }

    /// A ServiceAccount of the cluster and what it names, and the namespace.
    pub(super) async fn of_account(name: &str, namespace: Option<&str>) -> Result<(Self, String), String> {
        let (client, namespace) = connect(namespace).await?;
        let accounts = Api::<ServiceAccount>::namespaced(client.clone(), &namespace);
        let account = accounts
            .get_opt(name)
            .await
            .map_err(|error| failed("reading the ServiceAccount", &error))?
            .ok_or_else(|| format!("there is no ServiceAccount {name:?} in namespace {namespace:?}"))?;
        let names = account.image_pull_secrets.unwrap_or_default();
        let names: Vec<String> = names.into_iter().map(|one| one.name).collect();
        let mut bundle = Self::of_namespace(&client, &namespace, &names).await?;
        bundle.accounts.insert((namespace.clone(), name.to_owned()), names);
        Ok((bundle, namespace))
    }

    async fn of_namespace(client: &Client, namespace: &str, names: &[String]) -> Result<Self, String> {
        let mut bundle = Self::default();
        bundle.known.insert(namespace.to_owned());
        let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
        for name in names {
            let secret = secrets.get_opt(name).await;
            let secret = secret.map_err(|error| failed(&format!("reading Secret {name:?}"), &error))?;
            let key = (namespace.to_owned(), name.clone());
            bundle.secrets.extend(secret.map(|secret| (key, secret)));
        }
        let resources = Api::<DockerPullSecret>::namespaced(client.clone(), namespace);
        let resources = match resources.list(&ListParams::default()).await {
            Ok(list) => list.items,
            // The operator is not installed: pods have pull secrets all the same.
            Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
            Err(error) => return Err(failed("listing DockerPullSecrets", &error)),
        };
        let resources = resources.iter().filter_map(Resource::of);
        bundle.resources = resources.map(|found| (namespace.to_owned(), found)).collect();
        Ok(bundle)
    }

    /// The pull secrets of a ServiceAccount. One that the input does not have has none.
    pub(super) fn account(&self, namespace: &str, name: &str) -> Result<Vec<String>, String> {
        let names = self.accounts.get(&(namespace.to_owned(), name.to_owned()));
        let names = names.cloned().or_else(|| (name == "default").then(Vec::new));
        let names =
            names.ok_or_else(|| format!("the input has no ServiceAccount {name:?} in namespace {namespace:?}"))?;
        Ok(names.into_iter().filter(|name| !name.is_empty()).collect())
    }

    pub(super) fn surroundings(&self, namespace: &str, names: &[&str], pod: Option<&str>) -> Surroundings {
        let resources = self.resources.iter().filter(|(at, _)| at == namespace);
        Surroundings {
            namespace: namespace.to_owned(),
            secrets: names
                .iter()
                .map(|name| self.pull_secret(namespace, name, pod))
                .collect(),
            resources: resources.map(|(_, resource)| resource.clone()).collect(),
        }
    }

    /// An Event that names a Secret proves nothing when that exists (testbed.md 5: false alarm).
    fn pull_secret(&self, namespace: &str, name: &str, pod: Option<&str>) -> PullSecret {
        let secret = self.secrets.get(&(namespace.to_owned(), name.to_owned()));
        let named = |said: &Said| {
            let of_pod = said.pod.0 == namespace && pod == Some(said.pod.1.as_str());
            of_pod && missing_pull_secrets(&said.message).any(|missing| missing == name)
        };
        if secret.is_none() && !self.known.contains(namespace) && !self.events.iter().any(named) {
            return PullSecret {
                name: name.to_owned(),
                content: Content::Unseen,
            };
        }
        PullSecret::new(name, secret)
    }

    /// What the last Event says of a pull.
    pub(super) fn reported(&self, namespace: &str, pod: &str, image: &str) -> Option<&str> {
        let of_pod = |said: &&Said| said.pod.0 == namespace && said.pod.1 == pod;
        let reports = self.events.iter().filter(of_pod).rev();
        let mut reports = reports.filter_map(|said| failed_to_pull(&said.message));
        reports.find(|(of, _)| *of == image).map(|(_, report)| report)
    }
}

/// An Event about a pod, of either API.
fn said(object: &Value) -> Option<Said> {
    let about = ["/involvedObject", "/regarding"]
        .into_iter()
        .find_map(|path| object.pointer(path))?;
    if text(about, "/kind") != "Pod" {
        return None;
    }
    let namespace = match text(about, "/namespace") {
        "" => "default",
        namespace => namespace,
    };
    let first = |fields: &[&str]| {
        let found = fields
            .iter()
            .map(|field| text(object, field))
            .find(|text| !text.is_empty());
        found.unwrap_or_default().to_owned()
    };
    Some(Said {
        pod: (namespace.to_owned(), text(about, "/name").to_owned()),
        message: first(&["/message", "/note"]),
        time: first(&[
            "/series/lastObservedTime",
            "/lastTimestamp",
            "/deprecatedLastTimestamp",
            "/eventTime",
            "/metadata/creationTimestamp",
        ]),
    })
}

async fn connect(namespace: Option<&str>) -> Result<(Client, String), String> {
    let client = Client::try_default()
        .await
        .map_err(|error| format!("cannot reach a cluster: {error}"))?;
    let namespace = namespace.unwrap_or(client.default_namespace()).to_owned();
    Ok((client, namespace))
}

fn failed(what: &str, error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{what}: {}", status.message),
        // Anything else could quote a Secret.
        _ => format!("{what} failed: the API server gave no readable answer"),
    }
}
