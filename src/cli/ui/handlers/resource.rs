//! One resource, and what can be done with it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions};
use kube::core::ApiResource;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{
    CLUSTER_DOCKER_PULL_SECRET, ClusterDockerPullSecret, DOCKER_PULL_SECRET, DockerPullSecret, VERIFY_ANNOTATION,
};
use crate::cli::cluster::{Cluster, ClusterError};
use crate::cli::output::to_yaml;
use crate::cli::ui::handlers::answer::{PageAnswer, cluster, not_found_in, page, problem, see_other};
use crate::cli::ui::handlers::form::SubmittedForm;
use crate::cli::ui::handlers::rights::right;
use crate::cli::ui::live::LiveCluster;
use crate::cli::ui::state::UiState;
use crate::domain::names::{ObjectKey, is_object_name};
use crate::domain::time::Timestamp;
use crate::page::delete::DeletePage;
use crate::page::frame::PageFrame;
use crate::page::resource::{ResourcePage, SeenResource};

/// Where the Events about objects without a namespace are.
const EVENTS_OF_CLUSTER: &str = "default";

/// Who changes, in the objects' `managedFields`.
const MANAGER: &str = "dps";

/// The parts of a path. Without a namespace it is a resource for many namespaces.
#[derive(Deserialize)]
pub(super) struct ResourcePath {
    context: String,
    namespace: Option<String>,
    name: String,
}

/// A resource that a path names.
struct NamedResource {
    kind: &'static str,
    resource: ApiResource,
    api: Api<DynamicObject>,
    namespace: Option<String>,
    name: String,
}

impl NamedResource {
    /// `None`: no object has such a name, which must not get into a request.
    fn of(path: &ResourcePath, cluster: &Cluster) -> Option<Self> {
        let names = path.namespace.iter().chain([&path.name]);
        if !names.into_iter().all(|name| is_object_name(name)) {
            return None;
        }
        let client = cluster.client.clone();
        let (kind, resource, api) = if let Some(namespace) = &path.namespace {
            let resource = ApiResource::erase::<DockerPullSecret>(&());
            let api = Api::namespaced_with(client, namespace, &resource);
            (DOCKER_PULL_SECRET, resource, api)
        } else {
            let resource = ApiResource::erase::<ClusterDockerPullSecret>(&());
            let api = Api::all_with(client, &resource);
            (CLUSTER_DOCKER_PULL_SECRET, resource, api)
        };
        Some(Self {
            kind,
            resource,
            api,
            namespace: path.namespace.clone(),
            name: path.name.clone(),
        })
    }

    fn path(&self, frame: &PageFrame) -> String {
        frame.place.resource(self.namespace.as_deref(), &self.name)
    }

    /// The object as the API server has it, without the lists of who set which field.
    async fn read(&self, cluster: &Cluster, frame: &PageFrame) -> Result<Value, Response> {
        match cluster.call(self.api.get(&self.name)).await {
            Ok(mut object) => {
                object.metadata.managed_fields = None;
                Ok(serde_json::to_value(object).unwrap_or(Value::Null))
            }
            Err(error) if error.code() == Some(404) => {
                let message = format!("{} {} does not exist.", self.kind, self.name);
                Err(problem(StatusCode::NOT_FOUND, frame.clone(), "It is gone", message))
            }
            Err(error) => {
                let why = cluster.failed(&format!("reading {} {}", self.kind, self.name), &error);
                Err(problem(
                    StatusCode::BAD_GATEWAY,
                    frame.clone(),
                    "It cannot be read",
                    why,
                ))
            }
        }
    }

    async fn events(&self, cluster: &Cluster, object: &Value) -> Result<Vec<Value>, String> {
        let namespace = self.namespace.as_deref().unwrap_or(EVENTS_OF_CLUSTER);
        let events = Api::<Event>::namespaced(cluster.client.clone(), namespace);
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        let params = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        let events = cluster.list(&events, &params).await;
        let events = events.map_err(|error| cluster.failed("listing Events", &error))?;
        Ok(events
            .iter()
            .filter_map(|event| serde_json::to_value(event).ok())
            .collect())
    }
}

/// Finds the resource of a path.
async fn find(state: &UiState, path: &ResourcePath) -> Result<(NamedResource, Arc<LiveCluster>, PageFrame), Response> {
    let (live, frame) = cluster(state, &path.context).await?;
    match NamedResource::of(path, &live.cluster) {
        Some(resource) => Ok((resource, live, frame)),
        None => Err(not_found_in(frame)),
    }
}

/// The page.
pub(super) async fn resource(State(state): State<Arc<UiState>>, Path(path): Path<ResourcePath>) -> PageAnswer {
    let (named, live, frame) = find(&state, &path).await?;
    let cluster = &live.cluster;
    let version = *live.changes().borrow();
    let object = named.read(cluster, &frame).await?;
    let namespace = named.namespace.as_deref();
    let (events, may_patch, may_delete) = tokio::join!(
        named.events(cluster, &object),
        right(cluster, "patch", &named.resource, namespace, Some(&named.name)),
        right(cluster, "delete", &named.resource, namespace, Some(&named.name)),
    );
    let seen = SeenResource {
        kind: named.kind,
        yaml: to_yaml(&object).unwrap_or_default(),
        object,
        events,
        patch: may_patch,
        delete: may_delete,
        version,
    };
    let connection = state.connection(&frame.place.context);
    page(&ResourcePage::new(
        frame,
        seen,
        connection.flags().as_deref(),
        |command| connection.in_command(command),
    ))
}

/// What deleting it does.
pub(super) async fn ask_to_delete(State(state): State<Arc<UiState>>, Path(path): Path<ResourcePath>) -> PageAnswer {
    let (named, live, frame) = find(&state, &path).await?;
    let object = named.read(&live.cluster, &frame).await?;
    let connection = state.connection(&frame.place.context);
    page(&DeletePage::new(
        frame,
        named.kind,
        &object,
        connection.flags().as_deref(),
    ))
}

/// Deletes what was shown.
pub(super) async fn delete(
    State(state): State<Arc<UiState>>,
    Path(path): Path<ResourcePath>,
    form: SubmittedForm,
) -> PageAnswer {
    let (named, live, frame) = find(&state, &path).await?;
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(form.get("uid").to_owned()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    let deleted = live.cluster.call(named.api.delete(&named.name, &params)).await;
    if deleted.is_ok() {
        let key = ObjectKey::new(named.namespace.as_deref().unwrap_or_default(), &*named.name);
        live.gone(named.kind, key).await;
    }
    let list = frame.place.path(&[]);
    finish(&live.cluster, &named, frame, "deleting", deleted.map(drop), list)
}

/// Requests a verification.
pub(super) async fn verify(
    State(state): State<Arc<UiState>>,
    Path(path): Path<ResourcePath>,
    _form: SubmittedForm,
) -> PageAnswer {
    let now = Timestamp::now().to_string();
    patch(
        &state,
        &path,
        &json!({"metadata": {"annotations": {VERIFY_ANNOTATION: now}}}),
    )
    .await
}

/// Pauses it.
pub(super) async fn suspend(
    State(state): State<Arc<UiState>>,
    Path(path): Path<ResourcePath>,
    _form: SubmittedForm,
) -> PageAnswer {
    patch(&state, &path, &json!({"spec": {"suspend": true}})).await
}

/// Ends the pause.
pub(super) async fn resume(
    State(state): State<Arc<UiState>>,
    Path(path): Path<ResourcePath>,
    _form: SubmittedForm,
) -> PageAnswer {
    patch(&state, &path, &json!({"spec": {"suspend": false}})).await
}

async fn patch(state: &UiState, path: &ResourcePath, change: &Value) -> PageAnswer {
    let (named, live, frame) = find(state, path).await?;
    let params = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patched = live
        .cluster
        .call(named.api.patch(&named.name, &params, &Patch::Merge(change)))
        .await;
    let page = named.path(&frame);
    finish(&live.cluster, &named, frame, "changing", patched.map(drop), page)
}

/// Goes on to a page, or says what failed.
fn finish(
    cluster: &Cluster,
    named: &NamedResource,
    frame: PageFrame,
    operation: &str,
    done: Result<(), ClusterError>,
    next: String,
) -> PageAnswer {
    match done {
        Ok(()) => Ok(see_other(next)),
        Err(error) => {
            let why = cluster.failed(&format!("{operation} {} {}", named.kind, named.name), &error);
            Err(problem(StatusCode::BAD_GATEWAY, frame, "It was not changed", why))
        }
    }
}
