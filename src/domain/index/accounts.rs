//! Which Secrets a ServiceAccount is to list.

use std::collections::BTreeSet;

use crate::domain::glob;
use crate::domain::index::ResourceIndex;
use crate::domain::index::namespace::{Claim, NamespaceIndex};
use crate::domain::index::small_sorted_set::SmallSortedSet;
use crate::domain::names::ObjectKey;

/// What a ServiceAccount is to list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WantedSecrets {
    /// Names to list.
    pub listed: BTreeSet<String>,
    /// Names that stay if they are there, and are no reason to list them again.
    pub kept: BTreeSet<String>,
}

impl ResourceIndex {
    /// Names of the Secrets that a ServiceAccount is to list; `own` are those that the operator has put there.
    pub fn wanting(&self, account: &ObjectKey, own: &BTreeSet<String>) -> WantedSecrets {
        let namespace = self.namespaces.get(&account.namespace);
        let mut wanted = namespace.map_or_else(WantedSecrets::default, |namespace| {
            namespace.wanting(&account.name, own)
        });
        self.add_copies(&mut wanted, account, own);
        wanted
    }

    /// Resources of a namespace whose Secrets ServiceAccounts are to list.
    pub fn attaching(&self, namespace: &str) -> Vec<ObjectKey> {
        let claims = self.namespaces.get(namespace).into_iter().flat_map(|one| &one.claims);
        let attaching = claims.filter(|(_, claim)| !claim.accounts.is_empty());
        let attaching = attaching.map(|(name, _)| ObjectKey::new(namespace, &**name));
        attaching.chain(self.attaching_from_outside(namespace)).collect()
    }

    /// Resources whose Secret a ServiceAccount is to list.
    pub fn affected_by_account(&self, account: &ObjectKey) -> Vec<ObjectKey> {
        let claims = self
            .namespaces
            .get(&account.namespace)
            .into_iter()
            .flat_map(|one| &one.claims);
        let affected = claims.filter(|(_, claim)| claim.wants_account(&account.name));
        let affected = affected.map(|(name, _)| ObjectKey::new(&*account.namespace, &**name));
        let outside = self.attaching_from_outside(&account.namespace);
        let outside = outside.filter(|resource| {
            let one = self.distributions.get(&resource.name);
            one.is_some_and(|one| one.wants_account(&account.name))
        });
        affected.chain(outside).collect()
    }
}

impl Claim {
    fn wants_account(&self, account: &str) -> bool {
        self.accounts.iter().any(|pattern| glob::matches(pattern, account))
    }
}

impl NamespaceIndex {
    fn wanting(&self, account: &str, own: &BTreeSet<String>) -> WantedSecrets {
        let mut wanted = WantedSecrets::default();
        for claim in self.claims.values() {
            let wants = claim.wants_account(account);
            if !wants && !claim.suspended {
                continue;
            }
            let generated = claim.uid.as_ref().and_then(|uid| self.by_owner.get(uid));
            let generated = || generated.into_iter().flat_map(SmallSortedSet::iter);
            let exists = generated().any(|name| *name == claim.target);
            if wants && exists && !claim.suspended {
                wanted.listed.insert(claim.target.to_string());
            } else {
                // One that is missing for a moment, or is about to get another name, and all of a suspended resource.
                let names = generated().chain([&claim.target]).filter(|name| own.contains(&***name));
                wanted.kept.extend(names.map(ToString::to_string));
            }
        }
        // Of a resource that cannot be read, nobody knows what it wants. If it is gone, its Secret goes as well.
        let is_unread = |name: &&String| {
            let owner = self.generated.get(name.as_str()).map(|generated| &generated.owner);
            owner.is_some_and(|(name, uid)| self.uid(name) != Some(uid))
        };
        wanted.kept.extend(own.iter().filter(is_unread).cloned());
        wanted
    }
}
