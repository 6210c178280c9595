//! Who wants what: the index from Secrets and registry keys back to resources.
//!
//! It answers which resources an event concerns, which of several resources gets a Secret, and which Secrets a resource
//! left behind. It holds a few names for each resource and for each *generated* Secret, and nothing about others.

pub(crate) mod namespace;
mod overlaps;
mod pods;
pub(crate) mod small_sorted_set;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::api::DockerPullSecret;
use crate::domain::index::namespace::Namespace;
use crate::domain::secret::ownership::{controlling_resource, is_labelled};

/// Namespace and name.
pub type Key = (String, String);

/// A name or UID: what says the same is in memory once.
type Name = Arc<str>;

/// A generated Secret as last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// UID, for a precondition.
    pub uid: Arc<str>,
    /// Resource version, for a precondition.
    pub resource_version: Arc<str>,
    /// Name and UID of the resource that controls it.
    owner: (Name, Name),
}

/// The index. All resources that an operation returns have to be looked at again.
#[derive(Debug, Default)]
pub struct ResourceIndex {
    namespaces: BTreeMap<String, Namespace>,
    /// While Secrets are listed anew: those that the list has not shown yet.
    unseen: HashSet<Key>,
}

impl ResourceIndex {
    /// Takes over what a resource wants now. Returns *other* resources that this concerns.
    pub fn insert(&mut self, resource: &DockerPullSecret) -> Vec<Key> {
        let at = resource.metadata.namespace.as_deref().unwrap_or_default();
        keys(at, self.of(at).insert(resource))
    }

    /// Forgets a resource. Returns other resources that this concerns.
    pub fn remove(&mut self, resource: &Key) -> Vec<Key> {
        self.forget(&resource.0, |namespace| namespace.remove(&resource.1))
    }

    /// Resources that are known, for instance to forget those that a new list does not hold.
    pub fn resources(&self) -> impl Iterator<Item = Key> {
        let all = self.namespaces.iter();
        all.flat_map(|(at, namespace)| namespace.resources().map(|name| (at.clone(), name.to_string())))
    }

    /// Names of the resources of a namespace.
    pub fn of_namespace(&self, namespace: &str) -> impl Iterator<Item = &str> {
        self.namespaces
            .get(namespace)
            .into_iter()
            .flat_map(Namespace::resources)
    }

    /// UID of a resource.
    pub fn uid(&self, resource: &Key) -> Option<&str> {
        self.namespaces.get(&resource.0)?.uid(&resource.1)
    }

    /// Resources that read or write this Secret, or control it.
    pub fn concerned_by_secret(&self, secret: &Key) -> Vec<Key> {
        let namespace = self.namespaces.get(&secret.0);
        let names = namespace.map(|namespace| namespace.concerned_by_secret(&secret.1));
        keys(&secret.0, names.unwrap_or_default())
    }

    /// Resources that read this ConfigMap.
    pub fn concerned_by_config_map(&self, config_map: &Key) -> Vec<Key> {
        let namespace = self.namespaces.get(&config_map.0);
        let names = namespace.map(|namespace| namespace.concerned_by_config_map(&config_map.1));
        keys(&config_map.0, names.unwrap_or_default())
    }

    /// Takes note of a Secret, whoever made it. Returns the resources that this concerns. Only one that the operator made
    /// is kept, since what is kept may be deleted.
    pub fn observe_secret(&mut self, meta: &ObjectMeta) -> Vec<Key> {
        let key = key_of(meta);
        self.unseen.remove(&key);
        let Some(owner) = controlling_resource(meta).filter(|_| is_labelled(meta)) else {
            return self.forget_secret(&key);
        };
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        let concerned = self
            .of(&key.0)
            .observe_secret(&key.1, text(&meta.uid), text(&meta.resource_version), owner);
        keys(&key.0, concerned)
    }

    /// Takes note that a Secret is gone. Returns the resources that this concerns.
    pub fn forget_secret(&mut self, secret: &Key) -> Vec<Key> {
        self.forget(&secret.0, |namespace| namespace.forget_secret(&secret.1))
    }

    /// The Secrets are about to be listed anew. What is known stays until the list is complete.
    pub fn begin_secret_list(&mut self) {
        let all = self.namespaces.iter();
        let generated =
            all.flat_map(|(at, namespace)| namespace.generated().map(|name| (at.clone(), name.to_string())));
        self.unseen = generated.collect();
    }

    /// The list is complete: what it did not show is gone.
    pub fn end_secret_list(&mut self) {
        for gone in std::mem::take(&mut self.unseen) {
            self.forget_secret(&gone);
        }
    }

    /// Name of the resource that gets this Secret: the oldest one that wants it.
    pub fn oldest_claimant(&self, target: &Key) -> Option<&str> {
        self.namespaces.get(&target.0)?.oldest_claimant(&target.1)
    }

    /// Whether the resource that an owner reference of the Secret names wants the Secret; `None` if there is no such
    /// resource.
    pub fn wants(&self, owner: &OwnerReference, target: &Key) -> Option<bool> {
        self.namespaces.get(&target.0)?.wants(owner, &target.1)
    }

    /// Generated Secrets in `namespace` that the resource controls and neither wants nor reads.
    pub fn orphans(&self, namespace: &str, uid: &str, target: &str) -> Vec<(String, Generated)> {
        let namespace = self.namespaces.get(namespace);
        namespace.map_or_else(Vec::new, |namespace| namespace.orphans(uid, target))
    }

    /// Name of a Secret in `namespace` that still holds the login of a resource; the wanted one if that exists.
    pub fn retained_secret(&self, namespace: &str, uid: &str, target: &str) -> Option<String> {
        let kept = self.namespaces.get(namespace)?.retained_secret(uid, target);
        kept.map(str::to_owned)
    }

    fn of(&mut self, namespace: &str) -> &mut Namespace {
        self.namespaces.entry(namespace.to_owned()).or_default()
    }

    /// Takes something out of a namespace. One without resources and generated Secrets takes no memory.
    fn forget(&mut self, at: &str, what: impl FnOnce(&mut Namespace) -> Vec<Name>) -> Vec<Key> {
        let Some(namespace) = self.namespaces.get_mut(at) else {
            return Vec::new();
        };
        let concerned = keys(at, what(namespace));
        if namespace.is_empty() {
            self.namespaces.remove(at);
        }
        concerned
    }
}

fn key_of(meta: &ObjectMeta) -> Key {
    (
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
    )
}

fn keys(namespace: &str, names: Vec<Name>) -> Vec<Key> {
    let names = names.into_iter();
    names.map(|name| (namespace.to_owned(), name.to_string())).collect()
}
