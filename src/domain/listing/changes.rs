//! What changed among the listed resources, for whoever watches them.

use std::collections::HashMap;

use crate::domain::listing::ListedResource;
use crate::domain::names::ObjectKey;

/// The resources as they were shown last.
#[derive(Default)]
pub struct ShownResources {
    shown: HashMap<(&'static str, ObjectKey), ListedResource>,
}

impl ShownResources {
    /// Takes in a resource; whether it looks different now. That credentials were renewed is no news.
    pub fn observe(&mut self, resource: &ListedResource) -> bool {
        let key = (resource.kind, resource.key.clone());
        let seen = ListedResource {
            expires_at: None,
            ..resource.clone()
        };
        self.shown.insert(key, seen.clone()) != Some(seen)
    }

    /// Takes out a resource that was deleted. What is to be shown of it.
    pub fn remove(&mut self, kind: &'static str, key: &ObjectKey) -> Option<ListedResource> {
        let resource = self.shown.remove(&(kind, key.clone()))?;
        Some(ListedResource {
            ready: String::new(),
            reason: "Deleted".to_owned(),
            message: "it was deleted".to_owned(),
            login: String::new(),
            failing_pods: 0,
            ..resource
        })
    }

    /// Those of a kind that are not among these, the complete list of it.
    pub fn missing_from(&self, kind: &str, listed: &[ListedResource]) -> Vec<ObjectKey> {
        let shown = self
            .shown
            .keys()
            .filter(|(shown, _)| *shown == kind)
            .map(|(_, key)| key);
        let mut missing: Vec<ObjectKey> = shown
            .filter(|key| !listed.iter().any(|resource| resource.key == **key))
            .cloned()
            .collect();
        missing.sort();
        missing
    }
}
