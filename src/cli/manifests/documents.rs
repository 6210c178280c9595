//! Splits an input into its documents.

use serde_json::Value;
use serde_saphyr::Error;
use serde_saphyr::budget::Budget;

use crate::api::{DockerPullSecret, GROUP};
use crate::domain::names::ObjectKey;
use crate::domain::problem::Problem;
use crate::domain::spec::parse::parse;

/// Most anchors, aliases and merge keys of an input.
const MOST_ALIASES: usize = 10_000;

/// Most nodes that aliases repeat.
const MOST_ALIASED_NODES: usize = 100_000;

/// Most text that aliases repeat, in bytes.
const MOST_ALIASED_BYTES: usize = 16 * 1024 * 1024;

/// A document of an input.
pub(super) enum Document {
    /// A resource: as a value, it would take more memory until all documents are read.
    Resource(ObjectKey, Box<Result<DockerPullSecret, Problem>>),
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
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        match (api_version.zip(kind), key_of(&object)) {
            (Some((api_version, kind)), Some(key)) if is_resource(api_version, kind) => {
                let api_version = api_version.to_owned();
                Self::Resource(key, Box::new(parse(&api_version, object)))
            }
            _ => Self::Other(object),
        }
    }
}

/// Whether this is a kind of ours.
pub(super) fn is_resource(api_version: &str, kind: &str) -> bool {
    kind == "DockerPullSecret" && api_version.split('/').next() == Some(GROUP)
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
