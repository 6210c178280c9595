//! Reads the resources of both kinds.

use kube::api::{ListParams, WatchParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Resource};
use serde_json::Value;

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, ClusterDockerPullSecret, DOCKER_PULL_SECRET, DockerPullSecret};
use crate::cli::cluster::{Cluster, ClusterError};
use crate::cli::list::{List, ListedObject};
use crate::domain::listing::ListedResource;

/// What was read.
pub(super) struct Listing {
    pub(super) objects: Vec<ListedObject>,
    /// Which kinds could not be read, and why.
    pub(super) obstacles: Vec<String>,
    /// The kinds that could be read, each with the version of its list.
    pub(super) versions: Vec<(KindToList, String)>,
}

/// One of the two kinds.
#[derive(Clone)]
pub(super) struct KindToList {
    pub(super) kind: &'static str,
    resource: ApiResource,
    pub(super) api: Api<DynamicObject>,
    selector: Option<String>,
}

impl KindToList {
    fn both(cluster: &Cluster, arguments: &List) -> [Self; 2] {
        let (client, selector) = (|| cluster.client.clone(), || arguments.selector.clone());
        let own = ApiResource::erase::<DockerPullSecret>(&());
        let shared = ApiResource::erase::<ClusterDockerPullSecret>(&());
        [
            Self {
                kind: DOCKER_PULL_SECRET,
                api: if arguments.all_namespaces {
                    Api::all_with(client(), &own)
                } else {
                    Api::namespaced_with(client(), &cluster.namespace, &own)
                },
                resource: own,
                selector: selector(),
            },
            Self {
                kind: CLUSTER_DOCKER_PULL_SECRET,
                api: Api::all_with(client(), &shared),
                resource: shared,
                selector: selector(),
            },
        ]
    }

    fn params(&self) -> ListParams {
        match &self.selector {
            Some(selector) => ListParams::default().labels(selector),
            None => ListParams::default(),
        }
    }

    pub(super) fn watch_params(&self) -> WatchParams {
        match &self.selector {
            Some(selector) => WatchParams::default().labels(selector),
            None => WatchParams::default(),
        }
    }

    /// All of them, and the version of the list.
    pub(super) async fn list(&self, cluster: &Cluster) -> Result<(Vec<ListedObject>, String), ClusterError> {
        let (objects, version) = cluster.list_with_version(&self.api, &self.params()).await?;
        Ok((objects.into_iter().map(|object| self.listed(object)).collect(), version))
    }

    /// An object as it is printed: with its type, which lists leave out, and without the lists of who set which field.
    pub(super) fn listed(&self, mut object: DynamicObject) -> ListedObject {
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
    pub(super) async fn read(cluster: &Cluster, arguments: &List) -> Result<Self, String> {
        let mut listing = Self {
            objects: Vec::new(),
            obstacles: Vec::new(),
            versions: Vec::new(),
        };
        for kind in KindToList::both(cluster, arguments) {
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
