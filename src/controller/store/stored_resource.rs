//! A resource as it is stored. Its compressed text takes a fraction of the memory of what it is parsed into, and it is
//! parsed in a few microseconds when a reconcile needs it. One that does not parse hides no other.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use kube::Resource;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::{DockerPullSecret, DockerPullSecretStatus};
use crate::controller::metrics::MeasuredResource;
use crate::controller::store::compressed_json::CompressedJson;
use crate::domain::names::ResourceRef;
use crate::domain::spec::declaration::Declaration;
use crate::domain::status::figures::Figures;

/// A DockerPullSecret as the watch brought it.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Parts")]
pub(crate) struct StoredResource {
    metadata: ObjectMeta,
    spec: CompressedJson,
    status: CompressedJson,
    /// Of this status, once somebody has asked for it.
    figures: OnceLock<Figures>,
}

#[derive(Deserialize)]
struct Parts {
    metadata: ObjectMeta,
    spec: Option<Box<RawValue>>,
    status: Option<Box<RawValue>>,
}

impl From<Parts> for StoredResource {
    fn from(parts: Parts) -> Self {
        Self {
            metadata: parts.metadata,
            spec: compress(parts.spec.as_deref()),
            status: compress(parts.status.as_deref()),
            figures: OnceLock::new(),
        }
    }
}

fn compress(part: Option<&RawValue>) -> CompressedJson {
    CompressedJson::new(part.map_or("null", RawValue::get))
}

impl StoredResource {
    /// What it declares; the error is the parser's.
    pub(crate) fn declaration(&self) -> Result<Declaration, String> {
        let resource = DockerPullSecret {
            metadata: self.metadata.clone(),
            spec: serde_json::from_slice(&self.spec.text()).map_err(|error| error.to_string())?,
            status: None,
        };
        Ok(Declaration::from(&resource))
    }

    /// Its status. One that another version wrote and this one cannot read is none.
    pub(crate) fn status(&self) -> Option<DockerPullSecretStatus> {
        serde_json::from_slice(&self.status.text()).ok().flatten()
    }

    /// What metrics say of it.
    pub(crate) fn figures(&self) -> &Figures {
        self.figures.get_or_init(|| Figures::of(self.status().as_ref()))
    }

    /// Whether the status is the same to the letter.
    pub(crate) fn has_status_of(&self, other: &Self) -> bool {
        self.status == other.status
    }
}

impl StoredResource {
    /// The kind of these resources.
    pub(crate) const KIND: &'static str = "DockerPullSecret";

    /// Which resource this is.
    pub(crate) fn reference(&self) -> Option<ResourceRef> {
        ResourceRef::of(Self::KIND, &self.metadata)
    }
}

impl MeasuredResource for Arc<StoredResource> {
    fn name(&self) -> (&str, &str) {
        let ObjectMeta { namespace, name, .. } = &self.metadata;
        (
            namespace.as_deref().unwrap_or_default(),
            name.as_deref().unwrap_or_default(),
        )
    }

    fn figures(&self) -> &Figures {
        self.as_ref().figures()
    }
}

impl Resource for StoredResource {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        DockerPullSecret::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        DockerPullSecret::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        DockerPullSecret::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        DockerPullSecret::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
