//! Copies of one Secret in many namespaces: which there are, and what has to be done about each.
//!
//! All of it is known from metadata: of namespaces their labels, of Secrets what the operator wrote last. So nothing is read to find
//! out that a thousand copies are as they should be, also by a process that has just started.

pub mod census;
pub mod content;
pub mod copies;
pub mod exclusion;
pub mod namespaces;
pub mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::{CaBundleKind, CaBundleRef};
use crate::domain::distribution::content::CopiedSecret;
use crate::domain::distribution::copies::Copies;
use crate::domain::distribution::namespaces::{Namespace, Namespaces};
use crate::domain::glob;
use crate::domain::minting::source::MintSource;
use crate::domain::names::{ObjectKey, ResourceRef, Uid};
use crate::domain::problem::Problem;
use crate::domain::registry::key::RegistryKey;
use crate::domain::spec::declaration::Declaration;
use crate::domain::spec::selection::NamespaceSelection;
use crate::domain::spec::validate::CredentialSource;

/// A name. Equal ones share their memory.
pub(crate) type Name = Arc<str>;

/// What one resource for many namespaces wants, and how far it is.
#[derive(Debug)]
pub struct Distribution {
    /// Its UID.
    pub uid: Uid,
    /// When it was created, in seconds since 1970.
    pub created: i64,
    /// Name of the Secret in each namespace.
    pub target: Name,
    /// Where the credentials are, or the key that mints them; with an empty name, if neither is in a Secret.
    pub source: ObjectKey,
    /// How they are minted, if they are.
    minted: Option<Box<MintSource>>,
    /// The certificates that it names, in the namespace of the credentials.
    pub ca_bundle: Option<CaBundleRef>,
    /// ServiceAccounts that are to list the Secret: names, with `*` for any text.
    pub accounts: Vec<String>,
    /// Its registry key; `None` if that is invalid.
    pub registry: Option<RegistryKey>,
    /// Whether Secrets without a controller may be taken over.
    pub adopts: bool,
    /// `spec.suspend`.
    pub suspended: bool,
    /// `None`: nobody can tell.
    selection: Option<NamespaceSelection>,
    /// `None`: there is nothing to distribute, and existing copies stay as they are.
    content: Option<Arc<CopiedSecret>>,
    /// The generation of its spec.
    generation: Option<i64>,
    /// The generation for which the content was decided. What another one selects does not get it.
    decided_for: Option<i64>,
    /// The version that was distributed last.
    last_version: Option<Name>,
    /// What is in the way, by namespace.
    problems: BTreeMap<Name, Problem>,
    /// Where the API server refused the last deletion of a copy.
    undeletable: BTreeSet<Name>,
}

impl Distribution {
    /// Whether a namespace is to have the Secret; `None` if nobody can tell. The Secret that it is copied from is none itself.
    pub fn selects(&self, name: &str, namespace: &Namespace) -> Option<bool> {
        let selection = self.selection.as_ref()?;
        Some(!namespace.is_excluded && !self.is_source(name) && selection.matches(name, |key| namespace.label(key)))
    }

    /// Whether the Secret of that name in a namespace is the login itself.
    pub fn is_source(&self, namespace: &str) -> bool {
        *namespace == *self.source.namespace && *self.target == *self.source.name
    }

    /// Whether a ServiceAccount of this name is to list the Secret.
    pub fn wants_account(&self, account: &str) -> bool {
        self.accounts.iter().any(|pattern| glob::matches(pattern, account))
    }

    /// Whether it reads this object of its source's namespace, besides the credentials.
    fn reads(&self, kind: CaBundleKind, key: &ObjectKey) -> bool {
        let ca = self.ca_bundle.as_ref();
        key.namespace == self.source.namespace && ca.is_some_and(|ca| ca.kind == kind && ca.name == key.name)
    }

    /// What is distributed.
    pub fn content(&self) -> Option<&Arc<CopiedSecret>> {
        self.content.as_ref()
    }

    /// What namespaces are to get: what was decided for the spec as it is now.
    fn current_content(&self) -> Option<&Arc<CopiedSecret>> {
        self.content().filter(|_| self.decided_for == self.generation)
    }
}

/// What a decision has changed about what is distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distributed {
    /// Nothing.
    Nothing,
    /// Something, but the credentials are not other ones than before.
    New,
    /// Other credentials than before.
    Other,
}

/// All resources for many namespaces, with the namespaces and copies.
#[derive(Debug, Default)]
pub struct Distributions {
    resources: BTreeMap<Name, Distribution>,
    /// The namespaces of the cluster.
    pub namespaces: Namespaces,
    /// The copies, and which other Secrets there are.
    pub copies: Copies,
}

impl Distributions {
    /// Takes over what a resource wants now. Returns whether that changes anything for namespaces.
    pub fn insert(&mut self, declaration: &Declaration) -> bool {
        let (Some(cluster), Some(uid)) = (&declaration.cluster, &declaration.uid) else {
            return false;
        };
        let name: Name = declaration.key.name.as_str().into();
        let before = self.resources.remove(&name).filter(|before| before.uid == *uid);
        let source = ObjectKey::new(
            &*cluster.source_namespace,
            declaration.source.as_deref().unwrap_or_default(),
        );
        let minted = match declaration.spec.as_ref().map(|spec| &spec.source) {
            Ok(CredentialSource::Minted(minted)) => Some(minted.clone()),
            _ => None,
        };
        // Another login is none of those who had this one.
        let kept = before.as_ref().filter(|before| {
            *before.target == *declaration.target
                && (&before.source, &before.minted, &before.registry) == (&source, &minted, &declaration.registry)
        });
        let new = Distribution {
            content: kept.and_then(|before| before.content.clone()),
            problems: kept.map(|before| before.problems.clone()).unwrap_or_default(),
            undeletable: before
                .as_ref()
                .map(|before| before.undeletable.clone())
                .unwrap_or_default(),
            decided_for: kept.and_then(|before| before.decided_for),
            last_version: before.as_ref().and_then(|before| before.last_version.clone()),
            generation: declaration.generation,
            uid: uid.clone(),
            created: declaration.created.unwrap_or(i64::MAX),
            target: declaration.target.as_str().into(),
            source,
            minted,
            ca_bundle: declaration.ca_bundle.clone(),
            accounts: declaration.service_accounts.clone(),
            registry: declaration.registry.clone(),
            adopts: declaration.spec.as_ref().is_ok_and(|spec| spec.targets.adopt),
            suspended: declaration.suspended,
            selection: cluster.selection.clone(),
        };
        let changed = before.as_ref().is_none_or(|before| {
            (&before.target, &before.accounts, before.suspended) != (&new.target, &new.accounts, new.suspended)
                || (&before.selection, &before.source) != (&new.selection, &new.source)
                || before.adopts != new.adopts
        });
        self.resources.insert(name, new);
        changed
    }

    /// Forgets a resource. Its copies are the garbage collector's.
    pub fn remove(&mut self, resource: &str) {
        self.resources.remove(resource);
    }

    /// A resource.
    pub fn get(&self, resource: &str) -> Option<&Distribution> {
        self.resources.get(resource)
    }

    /// All resources, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Distribution)> {
        self.resources.iter().map(|(name, one)| (&**name, one))
    }

    /// Resources that read this Secret.
    pub fn reading_secret(&self, secret: &ObjectKey) -> Vec<ObjectKey> {
        self.which(|one| one.source == *secret || one.reads(CaBundleKind::Secret, secret))
    }

    /// Resources that read this ConfigMap.
    pub fn reading_config_map(&self, map: &ObjectKey) -> Vec<ObjectKey> {
        self.which(|one| one.reads(CaBundleKind::ConfigMap, map))
    }

    /// Keys of the resources of which this is true.
    pub fn which(&self, is: impl Fn(&Distribution) -> bool) -> Vec<ObjectKey> {
        let which = self.resources.iter().filter(|(_, one)| is(one));
        which.map(|(name, _)| ObjectKey::new("", &**name)).collect()
    }

    /// What is distributed from now on, as it was decided for a generation of a resource; `None`: nothing. If the resource is another
    /// one by now, nothing changes.
    pub fn distribute(
        &mut self,
        resource: &ResourceRef,
        generation: Option<i64>,
        content: Option<Arc<CopiedSecret>>,
    ) -> Distributed {
        let one = self.resources.get_mut(&*resource.key.name);
        let Some(one) = one.filter(|one| one.uid == resource.uid && one.generation == generation) else {
            return Distributed::Nothing;
        };
        if one.content == content && one.decided_for == generation {
            return Distributed::Nothing;
        }
        if one.content != content {
            // What refused the old credentials may take the new ones.
            one.problems.clear();
        }
        one.content = content;
        one.decided_for = generation;
        let version = one.content.as_ref().map(|content| Name::clone(&content.version));
        let replaces = one.last_version.is_some() && version.is_some() && one.last_version != version;
        one.last_version = version.or(one.last_version.take());
        if replaces { Distributed::Other } else { Distributed::New }
    }

    /// Something is in the way of a copy, or nothing any more.
    pub fn set_problem(&mut self, resource: &str, namespace: &str, problem: Option<Problem>) {
        let is_known = self.namespaces.get(namespace).is_some();
        let Some(one) = self.resources.get_mut(resource) else {
            return;
        };
        match problem.filter(|_| is_known) {
            Some(problem) => drop(one.problems.insert(namespace.into(), problem)),
            None => drop(one.problems.remove(namespace)),
        }
    }

    /// A copy was deleted, or the API server refused that.
    pub fn set_undeletable(&mut self, resource: &str, namespace: &str, is_refused: bool) {
        let is_known = self.namespaces.get(namespace).is_some();
        let Some(one) = self.resources.get_mut(resource) else {
            return;
        };
        if is_refused && is_known {
            one.undeletable.insert(namespace.into());
        } else {
            one.undeletable.remove(namespace);
        }
    }

    /// Whether the API server refused the last deletion of a copy.
    pub fn is_undeletable(&self, resource: &str, namespace: &Name) -> bool {
        let one = self.resources.get(resource);
        one.is_some_and(|one| one.undeletable.contains(namespace))
    }

    /// A namespace is gone, with all that was in it.
    pub fn forget_namespace(&mut self, namespace: &str) {
        self.namespaces.remove(namespace);
        self.copies.forget_namespace(namespace);
        for one in self.resources.values_mut() {
            one.problems.remove(namespace);
            one.undeletable.remove(namespace);
        }
    }

    /// Namespaces that may have a copy of a resource or are to have one.
    pub fn concerned(&self, resource: &str) -> Vec<ObjectKey> {
        let Some(one) = self.resources.get(resource) else {
            return Vec::new();
        };
        let all = self.namespaces.iter();
        let concerned = all.filter(|(name, namespace)| {
            one.selects(name, namespace) != Some(false) || self.copies.has_any(&one.uid, name)
        });
        concerned.map(|(name, _)| ObjectKey::new(&**name, resource)).collect()
    }

    /// Resources that a namespace concerns: those that select it, and those with a copy there.
    pub fn concerning(&self, namespace: &str) -> Vec<ObjectKey> {
        let (at, known) = (self.namespaces.name(namespace), self.namespaces.get(namespace));
        let concerns = |one: &Distribution| {
            known.is_some_and(|known| one.selects(namespace, known) == Some(true)) || self.copies.has_any(&one.uid, &at)
        };
        let all = self.resources.iter().filter(|(_, one)| concerns(one));
        all.map(|(name, _)| ObjectKey::new(namespace, &**name)).collect()
    }
}
