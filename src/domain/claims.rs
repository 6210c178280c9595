//! Who wants what: the index from Secrets and registry keys back to resources.
//!
//! It answers which resources an event concerns, which of several resources gets a Secret, and which Secrets a resource
//! left behind. It holds a few names for each resource and for each *generated* Secret, and nothing about others.

mod few;
mod pods;
mod shadow;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use self::few::Few;
use crate::api::{CaBundleKind, CaBundleRef, DockerPullSecret};
use crate::domain::keyring::host_matches;
use crate::domain::ownership::controlling_resource;
use crate::domain::registry::{DOCKER_HUB_KEY, RegistryKey};
use crate::domain::spec::target_of;

/// Namespace and name.
pub type Key = (String, String);

/// Age first: of two resources that want the same, the older one wins; equal age is decided by name.
type Rank = (i64, String);

/// What one resource wants.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    uid: String,
    rank: Rank,
    source: String,
    target: String,
    ca: Option<CaBundleRef>,
    registry: Option<RegistryKey>,
}

impl Claim {
    /// Names of the Secrets that it reads or writes.
    fn secrets(&self) -> impl Iterator<Item = &String> {
        [&self.source, &self.target]
            .into_iter()
            .chain(self.ca(CaBundleKind::Secret))
    }

    /// Name of the object with certificates, if it is of this kind.
    fn ca(&self, kind: CaBundleKind) -> Option<&String> {
        self.ca.as_ref().filter(|ca| ca.kind == kind).map(|ca| &ca.name)
    }
}

/// A generated Secret as last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// UID, for a precondition.
    pub uid: String,
    /// Resource version, for a precondition.
    pub resource_version: String,
    owner: String,
}

/// The index. All resources that an operation returns have to be looked at again.
#[derive(Debug, Default)]
pub struct Claims {
    by_name: BTreeMap<Key, Claim>,
    by_uid: HashMap<String, Key>,
    /// Resources by the Secrets they read or write.
    by_secret: HashMap<Key, Few<String>>,
    /// Resources by the ConfigMaps that they read.
    by_config_map: HashMap<Key, Few<String>>,
    by_target: HashMap<Key, Few<Rank>>,
    by_registry: HashMap<Key, Few<Rank>>,
    generated: HashMap<Key, Generated>,
    by_owner: HashMap<String, Few<String>>,
    /// While Secrets are listed anew: those that the list has not shown yet.
    unseen: HashSet<Key>,
}

impl Claims {
    /// Takes over what a resource wants now. Returns *other* resources that this concerns.
    pub fn insert(&mut self, resource: &DockerPullSecret) -> Vec<Key> {
        let key = key_of(&resource.metadata);
        let created = resource
            .metadata
            .creation_timestamp
            .as_ref()
            .map_or(i64::MAX, |time| time.0.as_second());
        let claim = Claim {
            uid: resource.metadata.uid.clone().unwrap_or_default(),
            rank: (created, key.1.clone()),
            source: resource.spec.credentials_ref.name.clone(),
            target: target_of(resource),
            ca: resource
                .spec
                .verification
                .as_ref()
                .and_then(|verification| verification.tls.as_ref()?.ca_bundle_ref.clone()),
            registry: RegistryKey::new(resource.spec.registry_type, resource.spec.registry_url.as_deref()).ok(),
        };
        if self.by_name.get(&key) == Some(&claim) {
            return Vec::new();
        }
        let mut concerned = self.remove(&key);
        let namespace = key.0.clone();
        let index = |map: &mut HashMap<Key, Few<String>>, object: &String| {
            map.entry((namespace.clone(), object.clone()))
                .or_default()
                .insert(key.1.clone());
        };
        claim.secrets().for_each(|secret| index(&mut self.by_secret, secret));
        claim
            .ca(CaBundleKind::ConfigMap)
            .into_iter()
            .for_each(|map| index(&mut self.by_config_map, map));
        self.by_uid.insert(claim.uid.clone(), key.clone());
        let target = (namespace.clone(), claim.target.clone());
        concerned.extend(change(&mut self.by_target, &target, |ranks| {
            ranks.insert(claim.rank.clone())
        }));
        for group in groups(claim.registry.as_ref()) {
            let group = (namespace.clone(), group.to_owned());
            concerned.extend(change(&mut self.by_registry, &group, |ranks| {
                ranks.insert(claim.rank.clone())
            }));
        }
        self.by_name.insert(key.clone(), claim);
        concerned.retain(|other| *other != key);
        concerned
    }

    /// Forgets a resource. Returns other resources that this concerns.
    pub fn remove(&mut self, key: &Key) -> Vec<Key> {
        let Some(claim) = self.by_name.remove(key) else {
            return Vec::new();
        };
        self.by_uid.remove(&claim.uid);
        let drop_from = |map: &mut HashMap<Key, Few<String>>, object: &String| {
            let object = (key.0.clone(), object.clone());
            if let Some(resources) = map.get_mut(&object) {
                resources.remove(&key.1);
                if resources.is_empty() {
                    map.remove(&object);
                }
            }
        };
        claim
            .secrets()
            .for_each(|secret| drop_from(&mut self.by_secret, secret));
        claim
            .ca(CaBundleKind::ConfigMap)
            .into_iter()
            .for_each(|map| drop_from(&mut self.by_config_map, map));
        let target = (key.0.clone(), claim.target.clone());
        let mut concerned = change(&mut self.by_target, &target, |ranks| ranks.remove(&claim.rank));
        for group in groups(claim.registry.as_ref()) {
            let group = (key.0.clone(), group.to_owned());
            concerned.extend(change(&mut self.by_registry, &group, |ranks| ranks.remove(&claim.rank)));
        }
        concerned
    }

    /// Resources that are known, for instance to forget those that a new list does not hold.
    pub fn resources(&self) -> impl Iterator<Item = &Key> {
        self.by_name.keys()
    }

    /// UID of a resource.
    pub fn uid(&self, resource: &Key) -> Option<&str> {
        Some(&self.by_name.get(resource)?.uid)
    }

    /// Resources that read or write this Secret, or control it.
    pub fn concerned_by_secret(&self, secret: &Key) -> Vec<Key> {
        let by_name = self
            .by_secret
            .get(secret)
            .into_iter()
            .flatten()
            .map(|name| (secret.0.clone(), name.clone()));
        let owner = self
            .generated
            .get(secret)
            .and_then(|generated| self.by_uid.get(&generated.owner));
        by_name
            .chain(owner.cloned())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Resources that read this ConfigMap.
    pub fn concerned_by_config_map(&self, config_map: &Key) -> Vec<Key> {
        let names = self.by_config_map.get(config_map).into_iter().flatten();
        names.map(|name| (config_map.0.clone(), name.clone())).collect()
    }

    /// Takes note of a Secret, whoever made it. Returns the resources that this concerns.
    pub fn observe_secret(&mut self, meta: &ObjectMeta) -> Vec<Key> {
        let key = key_of(meta);
        let mut concerned = self.concerned_by_secret(&key);
        self.unseen.remove(&key);
        self.forget_generated(&key);
        if let Some(owner) = controlling_resource(meta) {
            let generated = Generated {
                uid: meta.uid.clone().unwrap_or_default(),
                resource_version: meta.resource_version.clone().unwrap_or_default(),
                owner: owner.uid.clone(),
            };
            self.by_owner
                .entry(owner.uid.clone())
                .or_default()
                .insert(key.1.clone());
            self.generated.insert(key.clone(), generated);
            concerned.extend(self.by_uid.get(&owner.uid).cloned());
            concerned.sort();
            concerned.dedup();
        }
        concerned
    }

    /// Takes note that a Secret is gone. Returns the resources that this concerns.
    pub fn forget_secret(&mut self, secret: &Key) -> Vec<Key> {
        let concerned = self.concerned_by_secret(secret);
        self.forget_generated(secret);
        concerned
    }

    /// The Secrets are about to be listed anew. What is known stays until the list is complete.
    pub fn begin_secret_list(&mut self) {
        self.unseen = self.generated.keys().cloned().collect();
    }

    /// The list is complete: what it did not show is gone.
    pub fn end_secret_list(&mut self) {
        for gone in std::mem::take(&mut self.unseen) {
            self.forget_generated(&gone);
        }
    }

    fn forget_generated(&mut self, secret: &Key) {
        let Some(generated) = self.generated.remove(secret) else {
            return;
        };
        if let Some(names) = self.by_owner.get_mut(&generated.owner) {
            names.remove(&secret.1);
            if names.is_empty() {
                self.by_owner.remove(&generated.owner);
            }
        }
    }

    /// Name of the resource that gets this Secret: the oldest one that wants it.
    pub fn winner(&self, target: &Key) -> Option<&str> {
        Some(self.by_target.get(target)?.first()?.1.as_str())
    }

    /// Whether the resource with this UID wants the Secret; `None` if there is no such resource.
    pub fn wants(&self, uid: &str, target: &Key) -> Option<bool> {
        let key = self.by_uid.get(uid)?;
        Some(key.0 == target.0 && self.by_name.get(key)?.target == target.1)
    }

    /// Secrets in `namespace` that the resource controls beside the wanted one.
    pub fn strays(&self, namespace: &str, uid: &str, target: &str) -> Vec<(String, Generated)> {
        let names = self
            .by_owner
            .get(uid)
            .into_iter()
            .flatten()
            .filter(|name| *name != target);
        names
            .filter_map(|name| {
                Some((
                    name.clone(),
                    self.generated.get(&(namespace.to_owned(), name.clone()))?.clone(),
                ))
            })
            .collect()
    }

    /// Name of a Secret that still holds the login of a resource; the wanted one if that exists.
    pub fn kept(&self, uid: &str, target: &str) -> Option<&str> {
        let names = self.by_owner.get(uid)?;
        let wanted = names.iter().find(|name| *name == target);
        wanted.or_else(|| names.first()).map(String::as_str)
    }
}

fn key_of(meta: &ObjectMeta) -> Key {
    (
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
    )
}

/// Registry keys under which a resource is found: its own, and Docker Hub's for a wildcard that covers `docker.io`.
fn groups(registry: Option<&RegistryKey>) -> Vec<&str> {
    let Some(registry) = registry else { return Vec::new() };
    let host = registry.as_str().split('/').next().unwrap_or_default();
    let covers_docker_hub = !registry.is_docker_hub() && host_matches(host, "docker.io");
    std::iter::once(registry.as_str())
        .chain(covers_docker_hub.then_some(DOCKER_HUB_KEY))
        .collect()
}

/// Changes a group and returns its members if that changed what they are told: only the oldest counts, and for Docker
/// Hub every member.
fn change(groups: &mut HashMap<Key, Few<Rank>>, group: &Key, with: impl FnOnce(&mut Few<Rank>) -> bool) -> Vec<Key> {
    let ranks = groups.entry(group.clone()).or_default();
    let before = ranks.first().cloned();
    let count = ranks.len();
    with(ranks);
    let changed = ranks.first() != before.as_ref() || (group.1 == DOCKER_HUB_KEY && ranks.len() != count);
    let concerned = if changed {
        ranks.iter().map(|(_, name)| (group.0.clone(), name.clone())).collect()
    } else {
        Vec::new()
    };
    if ranks.is_empty() {
        groups.remove(group);
    }
    concerned
}
