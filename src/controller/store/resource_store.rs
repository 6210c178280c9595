//! All resources of both kinds, as the watches last showed them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::controller::context::lock;
use crate::controller::store::stored_resource::StoredResource;
use crate::domain::names::ObjectKey;

/// By namespace and name.
#[derive(Default)]
pub(crate) struct ResourceStore(Mutex<BTreeMap<ObjectKey, Arc<StoredResource>>>);

impl ResourceStore {
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Arc<StoredResource>> {
        lock(&self.0).get(key).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<StoredResource>> {
        lock(&self.0).values().cloned().collect()
    }

    pub(crate) fn insert(&self, resource: StoredResource) {
        lock(&self.0).insert(resource.key(), Arc::new(resource));
    }

    pub(crate) fn remove(&self, key: &ObjectKey) {
        lock(&self.0).remove(key);
    }

    /// A new list of a kind is complete. Returns what was there before.
    pub(crate) fn replace(&self, kind: &str, listed: Vec<StoredResource>) -> Vec<Arc<StoredResource>> {
        let mut all = lock(&self.0);
        let (before, others) = std::mem::take(&mut *all)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, resource)| resource.kind() == kind);
        *all = others;
        all.extend(listed.into_iter().map(|resource| (resource.key(), Arc::new(resource))));
        before.into_values().collect()
    }
}
