//! The objects that an explanation is made from.

use std::collections::{BTreeSet, HashMap, HashSet};

use k8s_openapi::api::core::v1::Secret;

use crate::domain::credential_source::plain::is_plain_login;
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret};
use crate::domain::index::ResourceIndex;
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::context::PullContext;
use crate::domain::pull_failures::elsewhere::Elsewhere;
use crate::domain::pull_failures::pod::Pod;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::spec::validate::ValidatedSpec;
use crate::domain::text::{failed_to_pull, missing_pull_secrets};
use crate::explain::many_namespaces::SharedResource;
use crate::explain::pod_event::PodEvent;

/// Everything that was read.
///
/// No `Debug`: it holds Secrets.
#[derive(Default)]
pub struct Bundle {
    /// The pods.
    pub pods: Vec<Pod>,
    /// The Secrets that pods and ServiceAccounts list, and those with the logins for them, as far as they could be read.
    pub secrets: HashMap<ObjectKey, Secret>,
    /// Secrets that exist and could not be read.
    pub unreadable_secrets: HashSet<ObjectKey>,
    /// Namespaces whose Secrets are all known: any other Secret does not exist there.
    pub complete_namespaces: HashSet<String>,
    /// The resources that generate a Secret in their namespace.
    pub(crate) resources: Vec<Resource>,
    /// What these declare, if it is valid.
    pub(crate) specs: HashMap<ObjectKey, ValidatedSpec>,
    /// Those that do it in many.
    pub(crate) shared: Vec<SharedResource>,
    /// What all of them want, and the Namespaces.
    pub(crate) index: ResourceIndex,
    /// The pull secrets of each ServiceAccount.
    pub service_accounts: HashMap<ObjectKey, Vec<String>>,
    /// What could not be taken into account.
    pub warnings: Vec<String>,
    /// By pod, the oldest first.
    events: HashMap<ObjectKey, Vec<PodEvent>>,
}

/// The Secrets and resources of a pod.
pub(crate) struct ContextObjects {
    namespace: String,
    secrets: Vec<PullSecret>,
    resources: Vec<Resource>,
    elsewhere: Vec<Elsewhere>,
}

impl ContextObjects {
    pub(crate) fn context(&self) -> PullContext<'_> {
        PullContext {
            namespace: &self.namespace,
            secrets: &self.secrets,
            resources: &self.resources,
            elsewhere: &self.elsewhere,
        }
    }
}

impl Bundle {
    /// Adds Events about pods.
    pub fn add_events(&mut self, events: impl IntoIterator<Item = PodEvent>) {
        for event in events {
            self.events.entry(event.pod.clone()).or_default().push(event);
        }
        for about_pod in self.events.values_mut() {
            about_pod.sort_by_key(|event| event.time);
        }
    }

    /// The namespace of all objects, if there is only one.
    pub fn only_namespace(&self) -> Option<&str> {
        let pods = self.pods.iter().filter_map(|pod| pod.metadata.namespace.as_deref());
        let accounts = self.service_accounts.keys().map(|account| account.namespace.as_str());
        let resources = self.resources.iter().map(|resource| resource.namespace.as_str());
        let all: BTreeSet<&str> = pods.chain(accounts).chain(resources).collect();
        all.first().copied().filter(|_| all.len() == 1)
    }

    /// The pull secrets of a ServiceAccount. An unknown one named `default` has none.
    pub(crate) fn pull_secrets_of_account(&self, account: &ObjectKey) -> Result<&[String], String> {
        match self.service_accounts.get(account) {
            Some(names) => Ok(names),
            None if account.name == "default" => Ok(&[]),
            None => Err(format!(
                "the input has no ServiceAccount {:?} in namespace {:?}",
                account.name, account.namespace
            )),
        }
    }

    /// The objects for a pod that lists these Secrets. The Events about `pod` may say which of them do not exist.
    pub(crate) fn context_objects(&self, namespace: &str, names: &[&str], pod: Option<&Pod>) -> ContextObjects {
        let resources = self.resources.iter();
        let secrets = names.iter().map(|name| self.pull_secret(namespace, name, pod));
        ContextObjects {
            namespace: namespace.to_owned(),
            secrets: secrets.collect(),
            resources: resources
                .filter(|resource| resource.namespace == namespace)
                .map(|resource| self.with_login(resource))
                .chain(self.shared_in(namespace))
                .collect(),
            elsewhere: self.shared_elsewhere(namespace).collect(),
        }
    }

    /// The Secrets that hold the logins of pull secrets that pods list.
    pub fn logins(&self, namespace: &str, is_listed: impl Fn(&str) -> bool) -> Vec<ObjectKey> {
        let resources = self.resources.iter();
        let resources = resources.filter(|one| one.namespace == namespace && is_listed(&one.secret));
        resources.filter_map(login_of).collect()
    }

    /// A resource, with what its login shows.
    fn with_login(&self, resource: &Resource) -> Resource {
        let key = ObjectKey::new(&*resource.namespace, &*resource.name);
        let login = login_of(resource).and_then(|login| self.secrets.get(&login));
        let login = self.specs.get(&key).zip(login);
        Resource {
            takes_password: login.is_some_and(|(spec, login)| is_plain_login(spec, login)),
            ..resource.clone()
        }
    }

    /// A Secret of the input exists whatever Events say: it may have been created since.
    fn pull_secret(&self, namespace: &str, name: &str, pod: Option<&Pod>) -> PullSecret {
        let key = ObjectKey::new(namespace, name);
        let secret = self.secrets.get(&key);
        let was_missing = || {
            let mut events = self.events_about(pod);
            events.any(|event| missing_pull_secrets(&event.message).any(|missing| missing == name))
        };
        let is_absent = || self.complete_namespaces.contains(namespace) || was_missing();
        if self.unreadable_secrets.contains(&key) || (secret.is_none() && !is_absent()) {
            return PullSecret {
                name: name.to_owned(),
                content: Content::Unreadable,
            };
        }
        PullSecret::new(name, secret)
    }

    /// What the last Event says about a pull of an image.
    pub(crate) fn last_report<'a>(&'a self, pod: &'a Pod, image: &str) -> Option<&'a str> {
        let reports = self.events_about(Some(pod));
        let reports = reports.filter_map(|event| failed_to_pull(&event.message));
        let reports = reports.filter(|(pulled, _)| *pulled == image);
        reports.last().map(|(_, report)| report)
    }

    /// The Events about a pod, the oldest first.
    fn events_about<'a>(&'a self, pod: Option<&'a Pod>) -> impl Iterator<Item = &'a PodEvent> {
        let events = pod.and_then(|pod| self.events.get(&key_of(pod)));
        let events = events.into_iter().flatten();
        events.filter(move |event| pod.is_some_and(|pod| event.is_about(pod)))
    }
}

fn login_of(resource: &Resource) -> Option<ObjectKey> {
    let source = resource.source.as_deref()?;
    Some(ObjectKey::new(&*resource.namespace, source))
}

/// Namespace and name of a pod. Manifests without a namespace count as those of `default`.
pub(crate) fn key_of(pod: &Pod) -> ObjectKey {
    let mut key = ObjectKey::of(&pod.metadata);
    if key.namespace.is_empty() {
        "default".clone_into(&mut key.namespace);
    }
    key
}
