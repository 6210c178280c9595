//! The index from Secrets, ConfigMaps and registry keys back to resources.
//!
//! It answers which resources an event affects, which of several resources gets a Secret, and which Secrets a resource
//! left behind. It holds a few names for each resource and each *generated* Secret, and nothing about other objects.

pub mod accounts;
mod groups;
mod many_namespaces;
pub(crate) mod namespace;
mod overlaps;
mod pods;
pub(crate) mod small_sorted_set;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, DOCKER_PULL_SECRET};
use crate::domain::distribution::{Distributions, Name};
use crate::domain::index::namespace::NamespaceIndex;
use crate::domain::names::{ObjectKey, ResourceRef, Uid};
use crate::domain::secret::ownership::generator;
use crate::domain::spec::declaration::Declaration;

/// A generated Secret as last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// UID, for a precondition.
    pub uid: Arc<str>,
    /// Resource version, for a precondition.
    pub resource_version: Arc<str>,
    /// Name and UID of the resource that controls it.
    pub(crate) owner: (Name, Uid),
}

/// What the index says of one resource and the Secret that it wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexView {
    /// Name of the resource that gets the Secret: the oldest one that wants it.
    pub oldest_claimant: Option<String>,
    /// Whether the resource that controls the Secret now wants it too; `None` if there is no such resource.
    pub owner_wants_target: Option<bool>,
    /// Name of a Secret that still holds credentials of this resource; the wanted one if that exists.
    pub retained_secret: Option<String>,
    /// Generated Secrets that the resource controls and neither wants nor reads.
    pub orphans: Vec<(String, Generated)>,
    /// How another resource gets in the way of this one's credentials.
    pub overlap_warning: Option<String>,
}

/// The index. All resources that an operation returns have to be reconciled.
#[derive(Debug, Default)]
pub struct ResourceIndex {
    namespaces: BTreeMap<String, NamespaceIndex>,
    /// Resources for many namespaces, and their copies.
    pub distributions: Distributions,
    /// While Secrets are listed again: those that the list has not shown yet.
    missing_from_relist: HashSet<ObjectKey>,
}

impl ResourceIndex {
    /// Takes over what a resource wants now. Returns *other* resources that this concerns.
    pub fn insert(&mut self, declaration: &Declaration) -> Vec<ObjectKey> {
        let at = &declaration.key.namespace;
        keys(at, self.of(at).insert(declaration))
    }

    /// [`ResourceIndex::insert`], for those who notify nobody.
    pub fn add(&mut self, declaration: &Declaration) {
        self.of(&declaration.key.namespace).add(declaration);
    }

    /// Forgets a resource. Returns other resources that this concerns.
    pub fn remove(&mut self, resource: &ObjectKey) -> Vec<ObjectKey> {
        if resource.namespace().is_none() {
            self.distributions.remove(&resource.name);
            return Vec::new();
        }
        self.forget(&resource.namespace, |namespace| namespace.remove(&resource.name))
    }

    /// Resources that are known, for instance to forget those that a new list does not hold.
    pub fn resources(&self) -> impl Iterator<Item = ObjectKey> {
        let all = self.namespaces.iter();
        all.flat_map(|(at, namespace)| namespace.resources().map(move |name| ObjectKey::new(at, name)))
            .chain(self.distributions.which(|_| true))
    }

    /// Names of the resources of a namespace.
    pub fn of_namespace(&self, namespace: &str) -> impl Iterator<Item = &str> {
        self.namespaces
            .get(namespace)
            .into_iter()
            .flat_map(NamespaceIndex::resources)
    }

    /// UID of a resource.
    pub fn uid(&self, resource: &ObjectKey) -> Option<Uid> {
        if resource.namespace().is_none() {
            return self.distributions.get(&resource.name).map(|one| one.uid.clone());
        }
        self.namespaces.get(&resource.namespace)?.uid(&resource.name).cloned()
    }

    /// Resources that read or write this Secret, or control it.
    pub fn affected_by_secret(&self, secret: &ObjectKey) -> Vec<ObjectKey> {
        let namespace = self.namespaces.get(&secret.namespace);
        let names = namespace.map(|namespace| namespace.affected_by_secret(&secret.name));
        keys(&secret.namespace, names.unwrap_or_default())
    }

    /// Resources that read this ConfigMap.
    pub fn affected_by_config_map(&self, config_map: &ObjectKey) -> Vec<ObjectKey> {
        let namespace = self.namespaces.get(&config_map.namespace);
        let names = namespace.map(|namespace| namespace.affected_by_config_map(&config_map.name));
        keys(&config_map.namespace, names.unwrap_or_default())
    }

    /// Takes note of a Secret, whoever made it. Returns the resources that this concerns. Only one that the operator made
    /// is stored, since what is stored here may be deleted.
    pub fn observe_secret(&mut self, meta: &ObjectMeta) -> Vec<ObjectKey> {
        let key = ObjectKey::of(meta);
        self.missing_from_relist.remove(&key);
        let Some(owner) = generator(meta, DOCKER_PULL_SECRET) else {
            return self.forget_secret(&key);
        };
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        let affected =
            self.of(&key.namespace)
                .observe_secret(&key.name, text(&meta.uid), text(&meta.resource_version), owner);
        keys(&key.namespace, affected)
    }

    /// Takes note that a Secret is gone. Returns the resources that this concerns.
    pub fn forget_secret(&mut self, secret: &ObjectKey) -> Vec<ObjectKey> {
        self.forget(&secret.namespace, |namespace| namespace.forget_secret(&secret.name))
    }

    /// The Secrets are about to be listed again. What is known stays until the list is complete.
    pub fn begin_secret_list(&mut self) {
        let all = self.namespaces.iter();
        let generated = all.flat_map(|(at, namespace)| namespace.generated().map(move |name| ObjectKey::new(at, name)));
        self.missing_from_relist = generated.collect();
    }

    /// The list is complete: what it did not show is gone. Returns that.
    pub fn end_secret_list(&mut self) -> HashSet<ObjectKey> {
        let gone = std::mem::take(&mut self.missing_from_relist);
        for secret in &gone {
            self.forget_secret(secret);
        }
        gone
    }

    /// All of it that concerns one resource, and the Secret `target` with this controller.
    pub fn view(&self, resource: &ResourceRef, target: &str, controller: Option<&OwnerReference>) -> IndexView {
        let (namespace, uid) = (&resource.key.namespace, &resource.uid);
        let wanted = ObjectKey::new(namespace, target);
        IndexView {
            oldest_claimant: self.oldest_claimant(&wanted).map(str::to_owned),
            owner_wants_target: controller.and_then(|owner| self.wants(owner, &wanted)),
            retained_secret: self.retained_secret(namespace, uid, target),
            orphans: self.orphans(namespace, uid, target),
            overlap_warning: self.overlap_warning(&resource.key),
        }
    }

    /// Name of the resource that gets this Secret: the oldest one that wants it.
    pub fn oldest_claimant(&self, target: &ObjectKey) -> Option<&str> {
        self.namespaces.get(&target.namespace)?.oldest_claimant(&target.name)
    }

    /// Whether the resource that an owner reference of the Secret names wants the Secret; `None` if there is no such
    /// resource.
    pub fn wants(&self, owner: &OwnerReference, target: &ObjectKey) -> Option<bool> {
        if owner.kind == CLUSTER_DOCKER_PULL_SECRET {
            return self.distributions.wants(owner, target);
        }
        self.namespaces.get(&target.namespace)?.wants(owner, &target.name)
    }

    /// Generated Secrets in `namespace` that the resource controls and neither wants nor reads.
    pub fn orphans(&self, namespace: &str, uid: &Uid, target: &str) -> Vec<(String, Generated)> {
        let namespace = self.namespaces.get(namespace);
        namespace.map_or_else(Vec::new, |namespace| namespace.orphans(uid, target))
    }

    /// Name of a Secret in `namespace` that still holds credentials of a resource; the wanted one if that exists.
    pub fn retained_secret(&self, namespace: &str, uid: &Uid, target: &str) -> Option<String> {
        let retained = self.namespaces.get(namespace)?.retained_secret(uid, target);
        retained.map(str::to_owned)
    }

    fn of(&mut self, namespace: &str) -> &mut NamespaceIndex {
        self.namespaces.entry(namespace.to_owned()).or_default()
    }

    /// Takes something out of a namespace. One without resources and generated Secrets takes no memory.
    fn forget(&mut self, at: &str, what: impl FnOnce(&mut NamespaceIndex) -> Vec<Name>) -> Vec<ObjectKey> {
        let Some(namespace) = self.namespaces.get_mut(at) else {
            return Vec::new();
        };
        let affected = keys(at, what(namespace));
        if namespace.is_empty() {
            self.namespaces.remove(at);
        }
        affected
    }
}

fn keys(namespace: &str, names: Vec<Name>) -> Vec<ObjectKey> {
    let names = names.into_iter();
    names.map(|name| ObjectKey::new(namespace, &*name)).collect()
}
