//! What there is to know, from files or from a cluster.

use std::collections::{BTreeSet, HashMap, HashSet};

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use crate::cli::explain::at;
use crate::cli::manifests::Manifests;
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret, is_redacted};
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::diagnosis::{PullContext, Resource};
use crate::domain::pull_failures::pod::Pod;
use crate::domain::text::{failed_to_pull, missing_pull_secrets};
use crate::explain::pod_event::PodEvent;

/// See the module.
#[derive(Default)]
pub(crate) struct Bundle {
    pub(crate) pods: Vec<Pod>,
    pub(crate) secrets: HashMap<ObjectKey, Secret>,
    /// Secrets that are there and cannot be looked at.
    pub(crate) unseen: HashSet<ObjectKey>,
    /// Namespaces whose Secrets are all known.
    pub(crate) known: HashSet<String>,
    pub(crate) resources: Vec<(String, Resource)>,
    pub(crate) accounts: HashMap<ObjectKey, Vec<String>>,
    /// By the pod that they are about, oldest first.
    events: HashMap<ObjectKey, Vec<PodEvent>>,
    /// What could not be taken into account.
    pub(crate) warnings: Vec<String>,
}

/// What a pod has to do with.
pub(crate) struct Surroundings {
    namespace: String,
    secrets: Vec<PullSecret>,
    resources: Vec<Resource>,
}

impl Surroundings {
    pub(crate) fn around(&self) -> PullContext<'_> {
        PullContext {
            namespace: &self.namespace,
            secrets: &self.secrets,
            resources: &self.resources,
        }
    }
}

/// A text somewhere in an object; empty if there is none.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

impl Bundle {
    /// From files.
    pub(crate) fn of_input(manifests: &Manifests) -> Result<Self, String> {
        let mut bundle = Self {
            warnings: manifests.skipped.clone(),
            ..Self::default()
        };
        for (ObjectKey { namespace, name }, resource) in &manifests.resources {
            let found = resource.as_ref().map(Resource::of);
            match found {
                Ok(Some(found)) => bundle.resources.push((namespace.clone(), found)),
                Ok(None) => bundle.skips_resource(namespace, name, "its registry is not valid"),
                Err(problem) => bundle.skips_resource(namespace, name, &problem.message),
            }
        }
        for (place, object) in &manifests.others {
            bundle.add(place, object)?;
        }
        // Of several objects with one name the last counts.
        let mut seen = HashSet::new();
        bundle.pods.reverse();
        bundle.pods.retain(|pod| seen.insert(at(pod)));
        bundle.pods.reverse();
        bundle.add_events(manifests.others.iter().filter_map(|(_, object)| PodEvent::of(object)));
        bundle.take_secrets(manifests);
        Ok(bundle)
    }

    fn skips_resource(&mut self, namespace: &str, name: &str, why: &str) {
        let warning = format!("DockerPullSecret {namespace}/{name} is not taken into account: {why}");
        self.warnings.push(warning);
    }

    fn add(&mut self, place: &str, object: &Value) -> Result<(), String> {
        let name = text(object, "/metadata/name");
        match text(object, "/kind") {
            "Pod" => {
                let pod: Pod = serde_json::from_value(without_nulls(object))
                    .map_err(|_| format!("{place}: Pod {name:?} does not have the shape of a pod"))?;
                self.pods.push(pod);
            }
            "ServiceAccount" => {
                let names = object["imagePullSecrets"].as_array().into_iter().flatten();
                let names = names.map(|one| text(one, "/name").to_owned());
                let names = names.filter(|name| !name.is_empty()).collect();
                self.accounts.insert(ObjectKey::new(namespace(object), name), names);
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn add_events(&mut self, events: impl Iterator<Item = PodEvent>) {
        for said in events {
            self.events.entry(said.pod.clone()).or_default().push(said);
        }
        for about_pod in self.events.values_mut() {
            about_pod.sort_by_key(|said| said.time);
        }
    }

    /// Only the Secrets that somebody names are read: the input may have others that are none of our business.
    fn take_secrets(&mut self, manifests: &Manifests) {
        let mut names = BTreeSet::new();
        for pod in &self.pods {
            let namespace = at(pod).namespace;
            names.extend(pod.pull_secrets().map(|name| ObjectKey::new(&*namespace, name)));
        }
        for (account, listed) in &self.accounts {
            names.extend(listed.iter().map(|name| ObjectKey::new(&*account.namespace, &**name)));
        }
        for key in names {
            if manifests.knows_secrets_of(&key.namespace) {
                self.known.insert(key.namespace.clone());
            }
            match manifests.secret(&key) {
                Ok(None) => {}
                // Bundles are often made with the content of Secrets taken out.
                Ok(Some(secret)) if is_redacted(&secret) => {
                    let what = format!("the content of Secret {key} is not in the input");
                    self.warnings.push(what);
                    self.unseen.insert(key);
                }
                Ok(Some(secret)) => _ = self.secrets.insert(key, secret),
                Err(problem) => {
                    self.warnings.push(problem.message);
                    self.unseen.insert(key);
                }
            }
        }
    }

    /// The only namespace of an input that has no other.
    pub(crate) fn only_namespace(&self) -> Option<&str> {
        let pods = self.pods.iter().filter_map(|pod| pod.metadata.namespace.as_deref());
        let accounts = self.accounts.keys().map(|account| account.namespace.as_str());
        let resources = self.resources.iter().map(|(namespace, _)| namespace.as_str());
        let all: BTreeSet<&str> = pods.chain(accounts).chain(resources).collect();
        all.first().copied().filter(|_| all.len() == 1)
    }

    /// The pull secrets of a ServiceAccount. One that the input does not have has none.
    pub(crate) fn account(&self, namespace: &str, name: &str) -> Result<Vec<String>, String> {
        let names = self.accounts.get(&ObjectKey::new(namespace, name));
        let names = names.cloned().or_else(|| (name == "default").then(Vec::new));
        names.ok_or_else(|| format!("the input has no ServiceAccount {name:?} in namespace {namespace:?}"))
    }

    /// `pod`: whose Events may tell of its Secrets.
    pub(crate) fn surroundings(&self, namespace: &str, names: &[&str], pod: Option<&Pod>) -> Surroundings {
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
    fn pull_secret(&self, namespace: &str, name: &str, pod: Option<&Pod>) -> PullSecret {
        let key = ObjectKey::new(namespace, name);
        let secret = self.secrets.get(&key);
        let missed = || {
            let mut events = self.about(pod);
            events.any(|said| missing_pull_secrets(&said.message).any(|missing| missing == name))
        };
        let unknown = || !self.known.contains(namespace) && !missed();
        if self.unseen.contains(&key) || (secret.is_none() && unknown()) {
            return PullSecret {
                name: name.to_owned(),
                content: Content::Unreadable,
            };
        }
        PullSecret::new(name, secret)
    }

    /// What the last Event says of a pull.
    pub(crate) fn reported(&self, pod: &Pod, image: &str) -> Option<&str> {
        let reports = self.about(Some(pod)).filter_map(|said| failed_to_pull(&said.message));
        reports.filter(|(of, _)| *of == image).last().map(|(_, report)| report)
    }

    /// Events about a pod, oldest first.
    fn about(&self, pod: Option<&Pod>) -> impl Iterator<Item = &PodEvent> {
        let events = pod.and_then(|pod| self.events.get(&at(pod)));
        let events = events.into_iter().flatten();
        events.filter(move |said| pod.is_some_and(|pod| said.is_about(pod)))
    }
}

/// Namespace of an object.
pub(crate) fn namespace(object: &Value) -> String {
    match text(object, "/metadata/namespace") {
        "" => "default".to_owned(),
        namespace => namespace.to_owned(),
    }
}

/// A field that is not set may be written as null.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            members
                .map(|(name, value)| (name.clone(), without_nulls(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}
