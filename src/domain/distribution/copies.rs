//! Secrets in the namespaces: the copies as they were last seen, and whether a name is taken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, CONTENT_ANNOTATION};
use crate::domain::distribution::Name;
use crate::domain::names::{ObjectKey, Uid, is_older};
use crate::domain::secret::ownership::generator;
use crate::domain::secret::shape::CopyShape;

/// A Secret that a resource for many namespaces controls, as its metadata shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// UID, for a precondition.
    pub uid: Name,
    /// Resource version, for a precondition.
    pub resource_version: Name,
    /// Which version of the credentials it has.
    pub version: Name,
    /// What the operator has put into it.
    pub shape: CopyShape,
    /// Whether it is being deleted.
    pub is_terminating: bool,
}

/// All Secrets, as far as copies go.
#[derive(Debug, Default)]
pub struct Copies {
    /// By the UID of the resource; then by namespace and name.
    by_owner: HashMap<Uid, BTreeMap<(Name, Name), Copy>>,
    /// Namespace and name of every Secret of the cluster, as a number. A name that is not taken need not be looked up.
    taken: HashSet<u64>,
    /// Whether names of other Secrets are kept.
    pub tracks_names: bool,
    /// Copies that are being written, and whether one was deleted meanwhile.
    writing: HashMap<u64, bool>,
    /// While Secrets are listed again: what the list has shown.
    listed: Option<HashSet<u64>>,
}

impl Copies {
    /// Takes note of a Secret, whoever made it. `namespace`: the name as it is in memory already. Returns whether that is news of a
    /// copy.
    pub fn observe(&mut self, meta: &ObjectMeta, namespace: &Name) -> bool {
        let name = meta.name.as_deref().unwrap_or_default();
        let number = number(namespace, name);
        if self.tracks_names {
            self.taken.insert(number);
        }
        if let Some(listed) = &mut self.listed {
            listed.insert(number);
        }
        let Some(owner) = generator(meta, CLUSTER_DOCKER_PULL_SECRET) else {
            return self.forget_copy(namespace, name);
        };
        let uid = self.owner(&Uid::new(&owner.uid));
        let others = self.by_owner.iter_mut().filter(|(other, _)| **other != uid);
        let at = (Name::clone(namespace), Name::from(name));
        others.for_each(|(_, copies)| drop(copies.remove(&at)));
        let text = |text: Option<&String>| -> Name { text.map_or("", String::as_str).into() };
        let annotations = meta.annotations.as_ref();
        let copies = self.by_owner.entry(uid).or_default();
        let version = annotations
            .and_then(|all| all.get(CONTENT_ANNOTATION))
            .map_or("", String::as_str);
        // Most have the same version, and its text.
        let alike = copies
            .first_key_value()
            .map(|(_, copy)| &copy.version)
            .filter(|known| ***known == *version);
        let copy = Copy {
            uid: text(meta.uid.as_ref()),
            resource_version: text(meta.resource_version.as_ref()),
            version: alike.cloned().unwrap_or_else(|| version.into()),
            shape: CopyShape::of(meta),
            is_terminating: meta.deletion_timestamp.is_some(),
        };
        // The answer to a write may come after what happened since.
        if copies
            .get(&at)
            .is_some_and(|seen| seen.uid == copy.uid && is_older(Some(&copy.resource_version), &seen.resource_version))
        {
            return false;
        }
        copies.insert(at, copy.clone()) != Some(copy)
    }

    /// A copy is about to be written.
    pub fn begin_write(&mut self, secret: &ObjectKey) {
        self.writing.insert(number(&secret.namespace, &secret.name), false);
    }

    /// The write has ended. Returns whether its result still is there: it may have been deleted before the answer came.
    pub fn end_write(&mut self, secret: &ObjectKey) -> bool {
        self.writing.remove(&number(&secret.namespace, &secret.name)) == Some(false)
    }

    /// The UID as it is in memory already.
    fn owner(&self, uid: &Uid) -> Uid {
        let known = self.by_owner.get_key_value(uid).map(|(known, _)| known.clone());
        known.unwrap_or_else(|| uid.clone())
    }

    /// Takes note that a Secret is gone. Returns whether it was a copy.
    pub fn forget(&mut self, secret: &ObjectKey) -> bool {
        let number = number(&secret.namespace, &secret.name);
        self.taken.remove(&number);
        if let Some(deleted) = self.writing.get_mut(&number) {
            *deleted = true;
        }
        self.forget_copy(&Name::from(secret.namespace.as_str()), &secret.name)
    }

    fn forget_copy(&mut self, namespace: &Name, name: &str) -> bool {
        let at = (Name::clone(namespace), Name::from(name));
        let owners = self.by_owner.values_mut();
        let was_copy = owners.filter_map(|copies| copies.remove(&at)).count() > 0;
        self.by_owner.retain(|_, copies| !copies.is_empty());
        was_copy
    }

    /// A namespace is gone.
    pub(super) fn forget_namespace(&mut self, namespace: &str) {
        for copies in self.by_owner.values_mut() {
            copies.retain(|(at, _), _| **at != *namespace);
        }
        self.by_owner.retain(|_, copies| !copies.is_empty());
    }

    /// Whether there is a Secret of this name.
    pub fn is_taken(&self, namespace: &str, name: &str) -> bool {
        self.taken.contains(&number(namespace, name))
    }

    /// A copy of a resource.
    pub fn get(&self, owner: &Uid, namespace: &Name, name: &Name) -> Option<&Copy> {
        self.by_owner
            .get(owner)?
            .get(&(Name::clone(namespace), Name::clone(name)))
    }

    /// The copies of a resource in a namespace, also those under an earlier name.
    pub fn in_namespace<'a>(&'a self, owner: &Uid, namespace: &'a Name) -> impl Iterator<Item = (&'a Name, &'a Copy)> {
        let from = (Name::clone(namespace), Name::default());
        let copies = self
            .by_owner
            .get(owner)
            .into_iter()
            .flat_map(move |all| all.range(from.clone()..));
        copies
            .take_while(move |((at, _), _)| at == namespace)
            .map(|((_, name), copy)| (name, copy))
    }

    /// UID of the resource that controls a copy.
    pub fn owner_of(&self, namespace: &Name, name: &Name) -> Option<&Uid> {
        let at = (Name::clone(namespace), Name::clone(name));
        let owner = self.by_owner.iter().find(|(_, copies)| copies.contains_key(&at));
        owner.map(|(uid, _)| uid)
    }

    /// Whether a namespace has any copy of a resource.
    pub fn has_any(&self, owner: &Uid, namespace: &Name) -> bool {
        self.in_namespace(owner, namespace).next().is_some()
    }

    /// A namespace whose copy tells a process that has just started what was distributed, and the version there: one that is wanted,
    /// or else the one that most have. What others have changed tells nothing.
    pub fn sample(&self, owner: &Uid, name: &str, is_wanted: impl Fn(&str) -> bool) -> Option<(&Name, &Name)> {
        let all = self.by_owner.get(owner)?.iter();
        let whole = all.filter(|((_, at), copy)| **at == *name && copy.shape.holds_document() && !copy.is_terminating);
        let mut versions: HashMap<&Name, (usize, &Name)> = HashMap::new();
        for ((namespace, _), copy) in whole {
            versions.entry(&copy.version).or_insert((0, namespace)).0 += 1;
        }
        let best = versions
            .into_iter()
            .max_by_key(|(known, (count, _))| (is_wanted(known), *count));
        best.map(|(version, (_, namespace))| (namespace, version))
    }

    /// Secrets are about to be listed again.
    pub fn begin_list(&mut self) {
        self.listed = Some(HashSet::new());
    }

    /// The list is complete: what it did not show is gone.
    pub fn end_list(&mut self) {
        let Some(listed) = self.listed.take() else { return };
        for copies in self.by_owner.values_mut() {
            copies.retain(|(namespace, name), _| listed.contains(&number(namespace, name)));
        }
        if self.tracks_names {
            self.taken = listed;
        }
    }
}

/// Of namespace and name of a Secret. Two of a billion Secrets may have the same; a name that is taken is looked up.
fn number(namespace: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (namespace, name).hash(&mut hasher);
    hasher.finish()
}
