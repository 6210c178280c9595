//! Which Secrets a ServiceAccount is to list.

use std::collections::BTreeSet;

use crate::domain::glob;
use crate::domain::index::ResourceIndex;
use crate::domain::index::namespace::{Claim, NamespaceIndex};
use crate::domain::index::small_sorted_set::SmallSortedSet;
use crate::domain::names::ObjectKey;

impl ResourceIndex {
    /// Names of the Secrets that a ServiceAccount is to list; `own` are those that the operator has put there.
    pub fn wanting(&self, account: &ObjectKey, own: &BTreeSet<String>) -> BTreeSet<String> {
        let namespace = self.namespaces.get(&account.namespace);
        namespace.map_or_else(BTreeSet::new, |namespace| namespace.wanting(&account.name, own))
    }

    /// Resources whose Secret a ServiceAccount is to list.
    pub fn affected_by_account(&self, account: &ObjectKey) -> Vec<ObjectKey> {
        let claims = self
            .namespaces
            .get(&account.namespace)
            .into_iter()
            .flat_map(|one| &one.claims);
        let affected = claims.filter(|(_, claim)| claim.wants_account(&account.name));
        affected
            .map(|(name, _)| ObjectKey::new(&*account.namespace, &**name))
            .collect()
    }
}

impl Claim {
    fn wants_account(&self, account: &str) -> bool {
        self.accounts.iter().any(|pattern| glob::matches(pattern, account))
    }
}

impl NamespaceIndex {
    fn wanting(&self, account: &str, own: &BTreeSet<String>) -> BTreeSet<String> {
        let mut wanted = BTreeSet::new();
        for claim in self.claims.values().filter(|claim| claim.wants_account(account)) {
            let generated = claim.uid.as_ref().and_then(|uid| self.by_owner.get(uid));
            let generated = || generated.into_iter().flat_map(SmallSortedSet::iter);
            let exists = generated().any(|name| *name == claim.target);
            // One that is missing for a moment is not taken out, and a suspended resource leaves everything as it is.
            if own.contains(&*claim.target) || (exists && !claim.suspended) {
                wanted.insert(claim.target.to_string());
            }
            if !exists || claim.suspended {
                // Pods use it until there is the one of the new name.
                wanted.extend(
                    generated()
                        .filter(|name| own.contains(&***name))
                        .map(ToString::to_string),
                );
            }
        }
        wanted
    }
}
