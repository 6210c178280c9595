//! A resource as it is stored. Its compressed text takes a fraction of the memory of what it is parsed into, and it is
//! parsed in a few microseconds when a reconcile needs it. One that does not parse hides no other.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use kube::Resource;
use kube::core::ObjectMeta;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::api::{
    CLUSTER_DOCKER_PULL_SECRET, ClusterDockerPullSecret, DOCKER_PULL_SECRET, DockerPullSecret, DockerPullSecretStatus,
};
use crate::controller::metrics::MeasuredResource;
use crate::controller::store::compressed_json::CompressedJson;
use crate::domain::names::{ObjectKey, ResourceRef};
use crate::domain::spec::declaration::Declaration;
use crate::domain::status::figures::Figures;

/// A resource of either kind as the watch brought it.
#[derive(Clone, Debug)]
pub(crate) struct StoredResource {
    kind: &'static str,
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

fn compress(part: Option<&RawValue>) -> CompressedJson {
    CompressedJson::new(part.map_or("null", RawValue::get))
}

impl StoredResource {
    fn new(kind: &'static str, parts: Parts) -> Self {
        Self {
            kind,
            metadata: parts.metadata,
            spec: compress(parts.spec.as_deref()),
            status: compress(parts.status.as_deref()),
            figures: OnceLock::new(),
        }
    }

    /// Its kind.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Its metadata.
    pub(crate) fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    /// Its namespace and name.
    pub(crate) fn key(&self) -> ObjectKey {
        ObjectKey::of(&self.metadata)
    }

    /// Its resource version.
    pub(crate) fn version(&self) -> Option<&str> {
        self.metadata.resource_version.as_deref()
    }

    /// What it declares; the error is the parser's.
    pub(crate) fn declaration(&self) -> Result<Declaration, String> {
        let spec = self.spec.text();
        let mut spec = serde_json::Deserializer::from_slice(&spec);
        Declaration::read(self.kind, self.metadata.clone(), &mut spec).map_err(|error| error.to_string())
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

    /// Which resource this is.
    pub(crate) fn reference(&self) -> Option<ResourceRef> {
        ResourceRef::of(self.kind, &self.metadata)
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

/// A kind, as a type.
pub(crate) trait ResourceKind: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + 'static {
    /// Its name.
    const KIND: &'static str;
    /// The resource, for messages.
    const RESOURCE: &'static str;
}

impl ResourceKind for DockerPullSecret {
    const KIND: &'static str = DOCKER_PULL_SECRET;
    const RESOURCE: &'static str = "dockerpullsecrets.pullsecrets.dev";
}

impl ResourceKind for ClusterDockerPullSecret {
    const KIND: &'static str = CLUSTER_DOCKER_PULL_SECRET;
    const RESOURCE: &'static str = "clusterdockerpullsecrets.pullsecrets.dev";
}

/// A resource that is known to be of this kind, as a watch needs it.
#[derive(Clone, Debug)]
pub(crate) struct Of<K>(pub(crate) StoredResource, PhantomData<fn() -> K>);

impl<'de, K: ResourceKind> Deserialize<'de> for Of<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parts = Parts::deserialize(deserializer)?;
        Ok(Self(StoredResource::new(K::KIND, parts), PhantomData))
    }
}

impl<K: ResourceKind> Resource for Of<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.0.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.0.metadata
    }
}
