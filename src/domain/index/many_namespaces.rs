//! What resources for many namespaces and those of a namespace have to do with each other.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::api::CLUSTER_DOCKER_PULL_SECRET;
use crate::domain::distribution::census::Census;
use crate::domain::distribution::content::CopiedSecret;
use crate::domain::distribution::standing::{CopyAction, Standing};
use crate::domain::distribution::{Distribution, Name};
use crate::domain::index::ResourceIndex;
use crate::domain::index::accounts::WantedSecrets;
use crate::domain::names::ObjectKey;
use crate::domain::problem::Problem;
use crate::domain::secret::ownership::{Claimant, authorize_write};

impl ResourceIndex {
    /// How a resource for many namespaces stands in one of them, and what is to be done there.
    pub fn standing(&self, resource: &str, namespace: &Name) -> (Standing, CopyAction) {
        let target = self.distributions.get(resource).map(|one| &one.target);
        let own_word = target.and_then(|target| self.namespaces.get(&**namespace)?.oldest_claimant(target));
        self.distributions.standing(resource, namespace, own_word)
    }

    /// How a resource stands in all namespaces, and those where it stands for the Secret of its name.
    pub fn census(&self, resource: &str) -> (Census, Vec<Name>) {
        let (mut holders, mut keeping) = (Vec::new(), Vec::new());
        let namespaces = self.distributions.namespaces.iter().map(|(name, _)| {
            let (standing, action) = self.standing(resource, name);
            let deletes = matches!(action, CopyAction::Delete { .. });
            if deletes && self.distributions.is_undeletable(resource, name) {
                keeping.push(Name::clone(name));
            }
            if standing.is_wanted() {
                holders.push(Name::clone(name));
            }
            (&**name, standing)
        });
        let mut census = Census::of(namespaces);
        for namespace in keeping {
            census.keep(&namespace);
        }
        (census, holders)
    }

    /// Name of the Secret that a resource of a namespace wants.
    pub fn target(&self, resource: &ObjectKey) -> Option<String> {
        let claim = self.namespaces.get(&resource.namespace)?.claims.get(&*resource.name)?;
        Some(claim.target.to_string())
    }

    /// Resources for many namespaces that want a Secret of this name, each with the namespace.
    pub fn copies_called(&self, secret: &ObjectKey) -> Vec<ObjectKey> {
        let wanting = self.distributions.which(|one| *one.target == *secret.name);
        let wanting = wanting.into_iter();
        wanting
            .map(|resource| ObjectKey::new(&*secret.namespace, resource.name))
            .collect()
    }

    /// Whether a Secret that somebody else has made may become a copy; `None`: the resource distributes something else by now.
    pub fn may_take(&self, resource: &str, content: &CopiedSecret, existing: &Secret) -> Option<Result<(), Problem>> {
        let one = self.distributions.get(resource)?;
        if one.content().is_none_or(|current| **current != *content) {
            return None;
        }
        let claimant = Claimant {
            kind: CLUSTER_DOCKER_PULL_SECRET,
            name: resource,
            uid: one.uid.as_str(),
            adopt: one.adopts,
        };
        let secret = ObjectKey::of(&existing.metadata);
        let desired = content.copy_in(&secret.namespace);
        let wants = |owner: &OwnerReference| self.wants(owner, &secret);
        Some(authorize_write(claimant, &desired, Some(existing), resource, wants).map(|_| ()))
    }

    /// Adds what resources for many namespaces want of a ServiceAccount.
    pub(super) fn add_copies(&self, wanted: &mut WantedSecrets, account: &ObjectKey, own: &BTreeSet<String>) {
        let namespace = self.distributions.namespaces.name(&account.namespace);
        for (resource, one) in self.distributions.all() {
            let copies = self.distributions.copies.in_namespace(&one.uid, &namespace);
            let copies: Vec<&Name> = copies.map(|(name, _)| name).collect();
            if self.attaches(resource, one, account, &namespace) && copies.contains(&&one.target) {
                wanted.listed.insert(one.target.to_string());
            } else if one.suspended || self.wants_listed(one, account) {
                // One that is missing for a moment, or is about to get another name, and all of a suspended resource.
                let names = copies
                    .into_iter()
                    .chain([&one.target])
                    .filter(|name| own.contains(&***name));
                wanted.kept.extend(names.map(ToString::to_string));
            }
        }
        let is_known = |name: &String| {
            let secret = Name::from(name.as_str());
            let owner = self.distributions.copies.owner_of(&namespace, &secret);
            owner.is_none_or(|uid| self.distributions.all().any(|(_, one)| one.uid == *uid))
        };
        // Of a resource that cannot be read, nobody knows what it wants.
        wanted.kept.extend(own.iter().filter(|name| !is_known(name)).cloned());
    }

    /// Whether a ServiceAccount is to list the Secret of a resource, if there is one.
    fn attaches(&self, resource: &str, one: &Distribution, account: &ObjectKey, namespace: &Name) -> bool {
        !one.suspended && one.wants_account(&account.name) && self.standing(resource, namespace).0.is_wanted()
    }

    fn wants_listed(&self, one: &Distribution, account: &ObjectKey) -> bool {
        let known = self.distributions.namespaces.get(&account.namespace);
        // A namespace that is not known yet may be selected.
        one.wants_account(&account.name)
            && known.is_none_or(|known| one.selects(&account.namespace, known) != Some(false))
    }

    /// Resources for many namespaces whose Secrets ServiceAccounts of a namespace are to list.
    pub(super) fn attaching_from_outside(&self, namespace: &str) -> impl Iterator<Item = ObjectKey> {
        let known = self.distributions.namespaces.get(namespace);
        self.distributions
            .which(|one| {
                !one.accounts.is_empty() && known.is_some_and(|known| one.selects(namespace, known) == Some(true))
            })
            .into_iter()
    }
}
