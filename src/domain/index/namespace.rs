//! The index of one namespace: nothing in it reaches beyond.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::api::CaBundleKind;
use crate::domain::index::groups::{Rank, RankedGroup, change, changes_first, covers_docker_hub};
use crate::domain::index::small_sorted_set::SmallSortedSet;
use crate::domain::index::{Generated, Name};
use crate::domain::names::Uid;
use crate::domain::registry::dialect::DOCKER_HUB_KEY;
use crate::domain::registry::key::RegistryKey;
use crate::domain::spec::declaration::Declaration;

/// What one resource wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) uid: Option<Uid>,
    created: i64,
    source: Option<Name>,
    pub(crate) target: Name,
    /// ServiceAccounts that are to list the target.
    pub(crate) accounts: Box<[Name]>,
    pub(crate) suspended: bool,
    ca: Option<(CaBundleKind, Name)>,
    pub(crate) registry: Option<RegistryKey>,
}

impl Claim {
    /// Names of the Secrets that it reads or writes.
    fn secrets(&self) -> impl Iterator<Item = &Name> {
        let generated = std::iter::once(&self.target);
        let read = self.source.iter().chain(self.ca(CaBundleKind::Secret));
        generated.chain(read)
    }

    /// Name of the object with certificates, if it is of this kind.
    fn ca(&self, kind: CaBundleKind) -> Option<&Name> {
        self.ca.as_ref().filter(|(is, _)| *is == kind).map(|(_, name)| name)
    }
}

/// What is known of one namespace. All resources that an operation returns have to be reconciled.
#[derive(Debug, Default)]
pub(crate) struct NamespaceIndex {
    pub(crate) claims: BTreeMap<Name, Claim>,
    /// Resources by the Secrets they read or write.
    by_secret: HashMap<Name, SmallSortedSet<Name>>,
    /// Resources by the ConfigMaps that they read.
    by_config_map: HashMap<Name, SmallSortedSet<Name>>,
    by_target: HashMap<Name, SmallSortedSet<Rank>>,
    pub(crate) by_registry: HashMap<Name, SmallSortedSet<Rank>>,
    /// Resources with a wildcard that covers `docker.io`.
    pub(crate) covering_docker_hub: SmallSortedSet<Rank>,
    pub(crate) generated: HashMap<Name, Generated>,
    /// Generated Secrets by the UID of the resource that controls them.
    pub(crate) by_owner: HashMap<Uid, SmallSortedSet<Name>>,
}

impl NamespaceIndex {
    pub(crate) fn insert(&mut self, declaration: &Declaration) -> Vec<Name> {
        let changed = self.add(declaration);
        self.members(&changed, &declaration.key.name)
    }

    /// [`NamespaceIndex::insert`], without looking up whom it concerns.
    pub(crate) fn add(&mut self, declaration: &Declaration) -> Vec<RankedGroup> {
        let name = self.name(&declaration.key.name);
        let ca = declaration.ca_bundle.as_ref();
        let claim = Claim {
            uid: declaration.uid.clone(),
            created: declaration.created.unwrap_or(i64::MAX),
            source: declaration.source.as_deref().map(|source| self.name(source)),
            target: if *declaration.target == *name {
                Name::clone(&name)
            } else {
                self.name(&declaration.target)
            },
            accounts: declaration
                .service_accounts
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            suspended: declaration.suspended,
            ca: ca.map(|ca| (ca.kind, self.name(&ca.name))),
            registry: declaration.registry.clone(),
        };
        if self.claims.get(&name) == Some(&claim) {
            return Vec::new();
        }
        let mut changed = self.take(&name);
        let index = |map: &mut HashMap<Name, SmallSortedSet<Name>>, object: &Name| {
            let users = map.entry(Name::clone(object)).or_default();
            users.insert(Name::clone(&name));
        };
        claim.secrets().for_each(|secret| index(&mut self.by_secret, secret));
        let map = claim.ca(CaBundleKind::ConfigMap).into_iter();
        map.for_each(|map| index(&mut self.by_config_map, map));
        let rank = (claim.created, Name::clone(&name));
        changed.extend(self.regroup(&claim, |ranks| ranks.insert(rank.clone())));
        self.claims.insert(name, claim);
        changed
    }

    pub(crate) fn remove(&mut self, name: &str) -> Vec<Name> {
        let changed = self.take(name);
        self.members(&changed, name)
    }

    fn take(&mut self, name: &str) -> Vec<RankedGroup> {
        let Some((name, claim)) = self.claims.remove_entry(name) else {
            return Vec::new();
        };
        for secret in claim.secrets() {
            drop_from(&mut self.by_secret, secret, &name);
        }
        if let Some(map) = claim.ca(CaBundleKind::ConfigMap) {
            drop_from(&mut self.by_config_map, map, &name);
        }
        let rank = (claim.created, name);
        self.regroup(&claim, |ranks| ranks.remove(&rank))
    }

    /// Changes the groups of a claim. Returns those whose status depends on that.
    fn regroup(&mut self, claim: &Claim, with: impl Fn(&mut SmallSortedSet<Rank>) -> bool) -> Vec<RankedGroup> {
        let target = Name::clone(&claim.target);
        let mut changed = Vec::new();
        changed.extend(change(&mut self.by_target, &target, &with).then_some(RankedGroup::Target(target)));
        if let Some(registry) = &claim.registry {
            let key = Name::from(registry.as_str());
            changed.extend(change(&mut self.by_registry, &key, &with).then_some(RankedGroup::Registry(key)));
            if covers_docker_hub(registry) && changes_first(&mut self.covering_docker_hub, &with) {
                changed.push(RankedGroup::Registry(DOCKER_HUB_KEY.into()));
            }
        }
        changed
    }

    /// The members of these groups, without one of them.
    fn members(&self, groups: &[RankedGroup], but: &str) -> Vec<Name> {
        let ranks = groups.iter().filter_map(|group| match group {
            RankedGroup::Target(target) => self.by_target.get(target),
            RankedGroup::Registry(key) => self.by_registry.get(key),
        });
        let names = ranks.flat_map(SmallSortedSet::iter).map(|(_, name)| name);
        names.filter(|name| ***name != *but).cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.claims.is_empty() && self.generated.is_empty()
    }

    pub(crate) fn resources(&self) -> impl Iterator<Item = &str> {
        self.claims.keys().map(|name| &**name)
    }

    pub(crate) fn generated(&self) -> impl Iterator<Item = &str> {
        self.generated.keys().map(|name| &**name)
    }

    pub(crate) fn uid(&self, name: &str) -> Option<&Uid> {
        self.claims.get(name)?.uid.as_ref()
    }

    pub(crate) fn affected_by_secret(&self, secret: &str) -> Vec<Name> {
        let by_name = self.by_secret.get(secret).into_iter().flat_map(SmallSortedSet::iter);
        let owner = self.generated.get(secret).map(|generated| &generated.owner);
        let owner = owner.filter(|(name, uid)| self.uid(name) == Some(uid));
        let all: BTreeSet<&Name> = by_name.chain(owner.map(|(name, _)| name)).collect();
        all.into_iter().cloned().collect()
    }

    pub(crate) fn affected_by_config_map(&self, map: &str) -> Vec<Name> {
        self.by_config_map
            .get(map)
            .into_iter()
            .flat_map(SmallSortedSet::iter)
            .cloned()
            .collect()
    }

    pub(crate) fn observe_secret(
        &mut self,
        secret: &str,
        uid: Name,
        resource_version: Name,
        owner: &OwnerReference,
    ) -> Vec<Name> {
        let before = self.forget_secret(secret);
        let secret = self.name(secret);
        let owner = (self.name(&owner.name), self.uid_of(owner));
        let controlled = self.by_owner.entry(owner.1.clone()).or_default();
        controlled.insert(Name::clone(&secret));
        let generated = Generated {
            uid,
            resource_version,
            owner,
        };
        self.generated.insert(Name::clone(&secret), generated);
        let mut affected = self.affected_by_secret(&secret);
        affected.extend(before);
        affected.sort();
        affected.dedup();
        affected
    }

    pub(crate) fn forget_secret(&mut self, secret: &str) -> Vec<Name> {
        let affected = self.affected_by_secret(secret);
        if let Some(Generated { owner: (_, uid), .. }) = self.generated.remove(secret) {
            drop_from(&mut self.by_owner, &uid, secret);
        }
        affected
    }

    pub(crate) fn oldest_claimant(&self, target: &str) -> Option<&str> {
        Some(&self.by_target.get(target)?.first()?.1)
    }

    pub(crate) fn wants(&self, owner: &OwnerReference, target: &str) -> Option<bool> {
        let claim = self.claims.get(owner.name.as_str())?;
        let uid = claim.uid.as_ref()?;
        (uid.as_str() == owner.uid).then(|| *claim.target == *target)
    }

    pub(crate) fn orphans(&self, uid: &Uid, target: &str) -> Vec<(String, Generated)> {
        let names = self.by_owner.get(uid).into_iter().flat_map(SmallSortedSet::iter);
        // Credentials may be read from what the resource itself generated under an earlier name.
        let reads = |name: &Name| {
            let users = self.by_secret.get(name).into_iter().flat_map(SmallSortedSet::iter);
            let mut claims = users.filter_map(|user| self.claims.get(user));
            claims.any(|claim| claim.uid.as_ref() == Some(uid) && claim.secrets().any(|read| read == name))
        };
        names
            .filter(|name| ***name != *target && !reads(name))
            .filter_map(|name| Some((name.to_string(), self.generated.get(name)?.clone())))
            .collect()
    }

    pub(crate) fn retained_secret(&self, uid: &Uid, target: &str) -> Option<&str> {
        let names = self.by_owner.get(uid)?;
        let wanted = names.iter().find(|name| ***name == *target);
        wanted.or_else(|| names.first()).map(|name| &**name)
    }

    /// The name, as it is in memory already if it is.
    fn name(&self, name: &str) -> Name {
        let generated = self.generated.get_key_value(name).map(|(name, _)| name);
        let used = || self.by_secret.get_key_value(name).map(|(name, _)| name);
        generated.or_else(used).cloned().unwrap_or_else(|| name.into())
    }

    /// The UID of an owner, as it is in memory already if it is.
    fn uid_of(&self, owner: &OwnerReference) -> Uid {
        let known = self.uid(&owner.name).filter(|uid| uid.as_str() == owner.uid);
        known.cloned().unwrap_or_else(|| Uid::new(&owner.uid))
    }
}

fn drop_from<K: Borrow<Q> + Eq + Hash, Q: Eq + Hash + ?Sized>(
    map: &mut HashMap<K, SmallSortedSet<Name>>,
    from: &Q,
    name: &str,
) {
    if let Some(names) = map.get_mut(from) {
        names.remove(name);
        if names.is_empty() {
            map.remove(from);
        }
    }
}
