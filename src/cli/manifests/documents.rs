//! Splits an input into its documents.

use serde_json::Value;
use serde_saphyr::Error;
use serde_saphyr::budget::Budget;

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, DockerPullSecretStatus, GROUP, KINDS};
use crate::domain::names::{ObjectKey, Uid};
use crate::domain::problem::Problem;
use crate::domain::spec::declaration::Declaration;
use crate::domain::spec::parse::{parse, parse_cluster};

/// Most anchors, aliases and merge keys of an input.
const MOST_ALIASES: usize = 10_000;

/// Most nodes that aliases repeat.
const MOST_ALIASED_NODES: usize = 100_000;

/// Most text that aliases repeat, in bytes.
const MOST_ALIASED_BYTES: usize = 16 * 1024 * 1024;

/// A resource of the input, of either kind.
pub(crate) struct WrittenResource {
    /// Its kind.
    pub(crate) kind: &'static str,
    /// Its name, and its namespace: `default` where none is given, and empty if it is for many namespaces.
    pub(crate) key: ObjectKey,
    /// What it declares, with the namespace as it was written, and its status.
    pub(crate) read: Result<(Declaration, Option<DockerPullSecretStatus>), Problem>,
}

impl WrittenResource {
    fn new(kind: &'static str, key: ObjectKey, api_version: &str, object: Value) -> Self {
        if kind == CLUSTER_DOCKER_PULL_SECRET {
            let read = parse_cluster(api_version, object);
            return Self {
                kind,
                key: ObjectKey::new("", key.name),
                read: read.map(|resource| (Declaration::from(&resource), resource.status)),
            };
        }
        let read = parse(api_version, object);
        Self {
            kind,
            key,
            read: read.map(|resource| (Declaration::from(&resource), resource.status)),
        }
    }

    /// What it declares in the namespace of its key. One for many namespaces has a UID, since only those of a cluster are
    /// compared; here, the names tell them apart.
    pub(crate) fn placed(&self) -> Result<Declaration, Problem> {
        let (declaration, _) = self.read.clone()?;
        Ok(Declaration {
            key: self.key.clone(),
            uid: declaration.uid.or(declaration.cluster.is_some().then(|| Uid::new(""))),
            ..declaration
        })
    }

    /// As messages name it.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.kind, self.key)
    }
}

/// A document of an input.
pub(super) enum Document {
    /// A resource: as a value, it would take more memory until all documents are read.
    Resource(Box<WrittenResource>),
    /// Anything else.
    Other(Value),
}

/// Documents in their order.
#[derive(Default)]
struct Documents(Vec<Document>);

impl Extend<Value> for Documents {
    fn extend<T: IntoIterator<Item = Value>>(&mut self, values: T) {
        self.0.extend(values.into_iter().map(Document::from));
    }
}

impl FromIterator<Value> for Documents {
    fn from_iter<T: IntoIterator<Item = Value>>(values: T) -> Self {
        Self(values.into_iter().map(Document::from).collect())
    }
}

impl From<Value> for Document {
    fn from(object: Value) -> Self {
        let text = |field: &str| object[field].as_str();
        let api_version = text("apiVersion").unwrap_or_default().to_owned();
        let kind = resource_kind(&api_version, text("kind").unwrap_or_default());
        match kind.zip(key_of(&object)) {
            Some((kind, key)) => Self::Resource(Box::new(WrittenResource::new(kind, key, &api_version, object))),
            None => Self::Other(object),
        }
    }
}

/// The kind, if it is one of ours.
pub(super) fn resource_kind(api_version: &str, kind: &str) -> Option<&'static str> {
    let mut kinds = KINDS.into_iter();
    kinds.find(|ours| *ours == kind && api_version.split('/').next() == Some(GROUP))
}

/// Namespace, or else `default`, and name of an object.
pub(super) fn key_of(object: &Value) -> Option<ObjectKey> {
    let metadata = &object["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or("default");
    Some(ObjectKey::new(namespace, metadata["name"].as_str()?))
}

/// What YAML may cost. An input of any size may be read, but aliases add only so much to it, over all documents.
fn budget(size: usize) -> Option<Budget> {
    serde_saphyr::budget! {
        max_documents: usize::MAX,
        max_depth: 256,
        max_anchors: MOST_ALIASES,
        max_aliases: MOST_ALIASES,
        max_merge_keys: MOST_ALIASES,
        max_nodes: size.saturating_add(MOST_ALIASED_NODES),
        max_events: size.saturating_mul(4).saturating_add(4 * MOST_ALIASED_NODES),
        max_total_scalar_bytes: size.saturating_add(MOST_ALIASED_BYTES),
        max_recorded_anchor_events: MOST_ALIASED_NODES,
        max_recorded_anchor_bytes: MOST_ALIASED_BYTES,
        enforce_alias_anchor_ratio: false,
    }
}

/// The documents of an input.
pub(super) fn documents(text: &str) -> Result<Vec<Document>, String> {
    // JSON first: several JSON documents in a row are not YAML.
    if text.trim_start().starts_with('{')
        && let Ok(Documents(documents)) = serde_json::Deserializer::from_str(text).into_iter().collect()
    {
        return Ok(documents);
    }
    // A snippet would quote the file.
    let options = serde_saphyr::options! { with_snippet: false, budget: budget(text.len()) };
    let documents = serde_saphyr::from_str_multiple_with_options::<Value, Documents>(text, options);
    documents.map(|Documents(documents)| documents).map_err(|error| {
        let mut cause = &error;
        while let Error::AliasError { error, .. } = cause {
            cause = error;
        }
        let what = match cause {
            Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => "more nesting or aliases than dps reads",
            _ => "not YAML",
        };
        match error.location() {
            Some(location) => format!("{what}: line {}, column {}", location.line(), location.column()),
            None => what.to_owned(),
        }
    })
}
