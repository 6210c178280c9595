//! Logins that objects of other tools stand for.

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::cli::cluster::ClusterError;
use crate::cli::destination::Destination;
use crate::cli::import::Import;
use crate::cli::manifests::Manifests;
use crate::cli::output::report;
use crate::domain::names::ObjectKey;
use crate::form::import::Found;
use crate::form::import::foreign::{ForeignObject, SHARED_KINDS, Surroundings};

/// What such objects refer to: in the files that they come from, or in the cluster.
pub(super) struct Neighborhood<'a> {
    manifests: &'a Manifests,
    destination: Option<&'a Destination>,
    /// The namespace to import to.
    target: Option<&'a str>,
}

impl<'a> Neighborhood<'a> {
    pub(super) fn new(manifests: &'a Manifests, arguments: &'a Import, destination: Option<&'a Destination>) -> Self {
        let connected = destination.map(|destination| destination.cluster.namespace.as_str());
        Self {
            manifests,
            destination,
            target: connected.or(arguments.namespace.as_deref()),
        }
    }

    /// The logins of these objects.
    pub(super) async fn logins(&self, objects: Vec<ForeignObject>) -> Vec<Found> {
        let namespaces = if objects.iter().any(ForeignObject::needs_namespaces) {
            self.namespaces().await
        } else {
            None
        };
        let mut found = Vec::new();
        for object in objects {
            let secret = match object.secret() {
                Some((namespace, name)) => self.secret(namespace, name).await,
                None => None,
            };
            found.extend(object.logins(Surroundings {
                secret: secret.as_ref(),
                namespaces: namespaces.as_deref(),
                target: self.target,
            }));
        }
        found
    }

    async fn secret(&self, namespace: Option<&str>, name: &str) -> Option<Secret> {
        let written = ObjectKey::new(namespace.unwrap_or("default"), name);
        match self.manifests.secret(&written) {
            Ok(None) => {}
            Ok(found) => return found,
            Err(problem) => {
                report(&format!("warning: {}", problem.message));
                return None;
            }
        }
        let cluster = &self.destination?.cluster;
        let namespace = namespace.unwrap_or(&cluster.namespace);
        let secrets = Api::<Secret>::namespaced(cluster.client.clone(), namespace);
        let secret = cluster.call(secrets.get_opt(name)).await;
        self.readable(&format!("reading Secret {namespace}/{name}"), secret)?
    }

    /// All namespaces; `None` if they are not known.
    async fn namespaces(&self) -> Option<Vec<ObjectMeta>> {
        let Some(destination) = self.destination else {
            let namespaces: Vec<_> = self.manifests.namespaces.values().cloned().collect();
            return Some(namespaces).filter(|namespaces| !namespaces.is_empty());
        };
        let cluster = &destination.cluster;
        let namespaces = Api::<Namespace>::all(cluster.client.clone());
        let listed = cluster.list(&namespaces, &ListParams::default()).await;
        let listed = self.readable("listing namespaces", listed)?;
        Some(listed.into_iter().map(|namespace| namespace.metadata).collect())
    }

    /// What cannot be read is said, and the object that needs it says what it is for.
    fn readable<T>(&self, operation: &str, answer: Result<T, ClusterError>) -> Option<T> {
        let failed = |error: &ClusterError| self.destination.map(|one| one.cluster.failed(operation, error));
        answer
            .map_err(|error| report(&format!("warning: {}", failed(&error).unwrap_or_default())))
            .ok()
    }
}

/// Those of other operators that hand a login to many namespaces. Without their kinds there are none.
pub(super) async fn of_cluster(destination: &Destination) -> Result<Vec<ForeignObject>, String> {
    let cluster = &destination.cluster;
    let mut objects = Vec::new();
    for [group, version, kind, plural] in SHARED_KINDS {
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        let api = Api::<DynamicObject>::all_with(cluster.client.clone(), &resource);
        match cluster.list(&api, &ListParams::default()).await {
            Ok(listed) => objects.extend(listed.into_iter().filter_map(|object| {
                let mut manifest = json!({"apiVersion": format!("{group}/{version}"), "kind": kind});
                manifest["metadata"] = json!({"name": object.name_any()});
                manifest["spec"] = object.data["spec"].clone();
                ForeignObject::read(None, manifest)
            })),
            Err(error) if error.code() == Some(404) => {}
            Err(error) => return Err(cluster.failed(&format!("listing {plural}"), &error)),
        }
    }
    Ok(objects)
}
