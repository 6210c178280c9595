//! The namespaces of the cluster, as far as selectors go.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::EXCLUDE_ANNOTATION;
use crate::domain::distribution::Name;

/// Words that may be kept though no namespace has them.
const SPARE_WORDS: usize = 1000;

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    labels: Box<[(Name, Name)]>,
    /// Whether its annotation keeps Secrets of all resources out.
    pub is_excluded: bool,
    /// Whether it is being deleted: nothing can be created there.
    pub is_terminating: bool,
}

impl Namespace {
    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        let label = self.labels.iter().find(|(known, _)| **known == *key)?;
        Some(&*label.1)
    }

    /// Its labels.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let labels = self.labels.iter();
        labels
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect()
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Namespaces {
    all: BTreeMap<Name, Namespace>,
    /// Keys and values of labels: thousands of namespaces have the same.
    words: BTreeSet<Name>,
    /// How many words were in use when the others were last dropped.
    used_words: usize,
    /// While namespaces are listed again: those that the list has not shown yet.
    missing_from_relist: BTreeSet<Name>,
    /// Whether they ever were listed: before that, nobody knows which are selected.
    pub is_listed: bool,
}

impl Namespaces {
    /// A namespace as it is now. Returns whether that is news for selectors.
    pub fn observe(&mut self, meta: &ObjectMeta) -> bool {
        let name = meta.name.as_deref().unwrap_or_default();
        self.missing_from_relist.remove(name);
        let annotations = meta.annotations.as_ref();
        let labels = meta.labels.iter().flatten();
        let labels: Vec<(Name, Name)> = labels
            .map(|(key, value)| {
                // Of this label, no two have the same.
                let value = if value == name {
                    value.as_str().into()
                } else {
                    self.word(value)
                };
                (self.word(key), value)
            })
            .collect();
        let namespace = Namespace {
            labels: labels.into(),
            is_excluded: annotations
                .and_then(|all| all.get(EXCLUDE_ANNOTATION))
                .is_some_and(|value| value == "true"),
            is_terminating: meta.deletion_timestamp.is_some(),
        };
        if self.all.get(name) == Some(&namespace) {
            return false;
        }
        self.all.insert(name.into(), namespace);
        if self.words.len() > 2 * self.used_words + SPARE_WORDS {
            self.drop_words();
        }
        true
    }

    /// What no namespace has any more takes no memory for ever.
    fn drop_words(&mut self) {
        let labels = self.all.values().flat_map(|one| one.labels.iter());
        let used: BTreeSet<&Name> = labels.flat_map(|(key, value)| [key, value]).collect();
        self.words.retain(|word| used.contains(word));
        self.used_words = self.words.len();
    }

    fn word(&mut self, word: &str) -> Name {
        if let Some(known) = self.words.get(word) {
            return Name::clone(known);
        }
        let new = Name::from(word);
        self.words.insert(Name::clone(&new));
        new
    }

    /// A namespace.
    pub fn get(&self, name: &str) -> Option<&Namespace> {
        self.all.get(name)
    }

    /// The name as it is in memory already, if it is.
    pub(crate) fn name(&self, name: &str) -> Name {
        let known = self.all.get_key_value(name).map(|(name, _)| Name::clone(name));
        known.unwrap_or_else(|| name.into())
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Namespace)> {
        self.all.iter()
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.all.remove(name);
    }

    /// Namespaces are about to be listed again.
    pub fn begin_list(&mut self) {
        self.missing_from_relist = self.all.keys().cloned().collect();
    }

    /// The list is complete. Returns what it did not show.
    pub fn end_list(&mut self) -> BTreeSet<Name> {
        self.is_listed = true;
        std::mem::take(&mut self.missing_from_relist)
    }
}
