//! The resources of both kinds, read and watched.

pub(crate) mod watch;

use kube::api::{ListParams, WatchParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Resource};
use serde_json::Value;

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, ClusterDockerPullSecret, DOCKER_PULL_SECRET, DockerPullSecret};
use crate::cli::cluster::{Cluster, ClusterError};
use crate::domain::listing::ListedResource;

/// Which resources are meant.
pub(crate) struct Selection<'a> {
    /// Whether the DockerPullSecrets of all namespaces are.
    pub(crate) all_namespaces: bool,
    /// Labels to select by.
    pub(crate) selector: Option<&'a str>,
}

/// An object, and what is shown of it.
pub(crate) struct ListedObject {
    pub(crate) resource: ListedResource,
    pub(crate) object: Value,
}

/// For whoever needs no more than what is shown.
impl From<ListedObject> for ListedResource {
    fn from(listed: ListedObject) -> Self {
        listed.resource
    }
}

/// What was read.
pub(crate) struct Listing {
    pub(crate) objects: Vec<ListedObject>,
    /// Which kinds could not be read, and why.
    pub(crate) obstacles: Vec<String>,
    /// The kinds that could be read, each with the version of its list.
    pub(crate) versions: Vec<(KindToList, String)>,
}

/// One of the two kinds.
#[derive(Clone)]
pub(crate) struct KindToList {
    pub(crate) kind: &'static str,
    resource: ApiResource,
    api: Api<DynamicObject>,
    selector: Option<String>,
}

impl KindToList {
    fn both(cluster: &Cluster, selection: &Selection<'_>) -> [Self; 2] {
        let namespace = (!selection.all_namespaces).then_some(&*cluster.namespace);
        let kinds = [Self::own(cluster, namespace), Self::shared(cluster)];
        kinds.map(|kind| Self {
            selector: selection.selector.map(str::to_owned),
            ..kind
        })
    }

    /// The `DockerPullSecrets` of a namespace; `None`: of all.
    pub(crate) fn own(cluster: &Cluster, namespace: Option<&str>) -> Self {
        let resource = ApiResource::erase::<DockerPullSecret>(&());
        let client = cluster.client.clone();
        Self {
            kind: DOCKER_PULL_SECRET,
            api: match namespace {
                Some(namespace) => Api::namespaced_with(client, namespace, &resource),
                None => Api::all_with(client, &resource),
            },
            resource,
            selector: None,
        }
    }

    /// The `ClusterDockerPullSecrets`.
    pub(crate) fn shared(cluster: &Cluster) -> Self {
        let resource = ApiResource::erase::<ClusterDockerPullSecret>(&());
        Self {
            kind: CLUSTER_DOCKER_PULL_SECRET,
            api: Api::all_with(cluster.client.clone(), &resource),
            resource,
            selector: None,
        }
    }

    fn params(&self) -> ListParams {
        match &self.selector {
            Some(selector) => ListParams::default().labels(selector),
            None => ListParams::default(),
        }
    }

    fn watch_params(&self) -> WatchParams {
        match &self.selector {
            Some(selector) => WatchParams::default().labels(selector),
            None => WatchParams::default(),
        }
    }

    /// All of them, and the version of the list.
    pub(crate) async fn list<T: From<ListedObject>>(
        &self,
        cluster: &Cluster,
    ) -> Result<(Vec<T>, String), ClusterError> {
        let mut found = Vec::new();
        let version = self.list_pages(cluster, |page| found.extend(page)).await?;
        Ok((found, version))
    }

    /// The same, page by page, the first of which may be empty. Of an object stays what `T` keeps.
    pub(crate) async fn list_pages<T: From<ListedObject>>(
        &self,
        cluster: &Cluster,
        mut take: impl FnMut(Vec<T>),
    ) -> Result<String, ClusterError> {
        let take = |page: Vec<DynamicObject>| take(page.into_iter().map(|object| self.listed(object).into()).collect());
        cluster.list_pages(&self.api, &self.params(), take).await
    }

    /// An object as it is printed: with its type, which lists leave out, and without the lists of who set which field.
    fn listed(&self, mut object: DynamicObject) -> ListedObject {
        object.meta_mut().managed_fields = None;
        let mut object = serde_json::to_value(object).unwrap_or(Value::Null);
        object["apiVersion"] = self.resource.api_version.clone().into();
        object["kind"] = self.kind.into();
        ListedObject {
            resource: ListedResource::of(self.kind, &object),
            object,
        }
    }
}

impl Listing {
    /// Reads both kinds. A user may have no right to one of them, and the cluster may not know it; the other counts then.
    pub(crate) async fn read(cluster: &Cluster, selection: &Selection<'_>) -> Result<Self, String> {
        let mut listing = Self {
            objects: Vec::new(),
            obstacles: Vec::new(),
            versions: Vec::new(),
        };
        for kind in KindToList::both(cluster, selection) {
            match kind.list(cluster).await {
                Ok((objects, version)) => {
                    listing.objects.extend(objects);
                    listing.versions.push((kind, version));
                }
                Err(error) => {
                    let obstacle = cluster.failed(&format!("listing {}s", kind.kind), &error);
                    if !matches!(error.code(), Some(403 | 404)) {
                        return Err(obstacle);
                    }
                    listing.obstacles.push(obstacle);
                }
            }
        }
        if listing.versions.is_empty() {
            return Err(listing.obstacles.swap_remove(0));
        }
        Ok(listing)
    }
}
