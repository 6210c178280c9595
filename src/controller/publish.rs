//! Writes statuses, each only if it differs, and an Event when the cause of failing pulls changes.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::{ObjectMeta, PartialObjectMeta, TypeMeta};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::api::{ConditionType, DockerPullSecretStatus, FIELD_MANAGER};
use crate::controller::context::{Context, now};
use crate::controller::store::stored_resource::StoredResource;
use crate::domain::names::ResourceRef;
use crate::domain::reconcile::memory::PublishedStatus;
use crate::domain::status::build::build_status;
use crate::domain::status::conditions::condition;
use crate::domain::status::equal::is_up_to_date;
use crate::domain::status::event::{PullEvent, pull_event};
use crate::domain::status::outcome::Finding;
use crate::kubernetes::request::{Error, call};

/// Publishes what a reconcile found, and returns the reason of `Ready`.
pub(crate) async fn publish(
    resource: &ResourceRef,
    generation: Option<i64>,
    previous: Option<&DockerPullSecretStatus>,
    finding: &Finding,
    ctx: &Context,
) -> Result<String, Error> {
    let status = build_status(previous, generation, finding, now());
    let ready = condition(&status, ConditionType::Ready).map(|ready| ready.reason.clone());
    let written = if is_up_to_date(previous, &status) {
        Ok(())
    } else {
        write(resource, previous, status, ctx).await
    };
    match written {
        Ok(()) => {}
        // Deleted meanwhile.
        Err(error) if error.answer().is_some_and(kube::core::Status::is_not_found) => {}
        Err(error) => return Err(error),
    }
    Ok(ready.unwrap_or_default())
}

async fn write(
    resource: &ResourceRef,
    previous: Option<&DockerPullSecretStatus>,
    status: DockerPullSecretStatus,
    ctx: &Context,
) -> Result<(), Error> {
    let key = &resource.key;
    // With the UID, so that a resource deleted and created again does not get the status of its predecessor.
    let types = TypeMeta::resource::<StoredResource>();
    let body = json!({
        "apiVersion": types.api_version, "kind": types.kind,
        "metadata": {"name": key.name, "namespace": key.namespace, "uid": resource.uid.as_str()}, "status": status,
    });
    // The watch may bring it before the answer comes.
    let published = |resource_version| {
        Some(PublishedStatus {
            resource_version,
            status: status.clone(),
        })
    };
    remember(resource, published(None), ctx);
    let resources = Api::<PartialObjectMeta<StoredResource>>::namespaced(ctx.client.clone(), &key.namespace);
    let (params, patch) = (PatchParams::apply(FIELD_MANAGER).force(), Patch::Apply(&body));
    let answer = call(
        || format!("writing the status of {} {key}", resource.kind),
        resources.patch_status(&key.name, &params, &patch),
    );
    let answer = answer.await.inspect_err(|_| remember(resource, None, ctx))?;
    remember(resource, published(answer.resource_version()), ctx);
    if let Some(stored) = ctx.stored(key) {
        acknowledge(resource, stored.resource_version().as_deref(), ctx);
    }
    ctx.shared.metrics.write("DockerPullSecretStatus");
    if let Some(event) = pull_event(previous, &status) {
        create_event(resource, event, ctx).await;
    }
    Ok(())
}

fn remember(resource: &ResourceRef, published: Option<PublishedStatus>, ctx: &Context) {
    ctx.memories()
        .update(&resource.uid, |memory| memory.published = published);
}

/// The watch has brought the resource in this version.
pub(crate) fn acknowledge(resource: &ResourceRef, resource_version: Option<&str>, ctx: &Context) {
    ctx.memories()
        .update(&resource.uid, |memory| memory.acknowledge(resource_version));
}

/// Not through kube's recorder: that keeps every Event for minutes, to count repetitions that do not happen here. A
/// failure changes nothing, since the status says the same.
async fn create_event(resource: &ResourceRef, event: PullEvent, ctx: &Context) {
    let namespace = &resource.key.namespace;
    let events = Api::<Event>::namespaced(ctx.client.clone(), namespace);
    let (params, event) = (PostParams::default(), event_object(resource, event));
    let created = call(
        || format!("creating an Event on {}", resource.key),
        events.create(&params, &event),
    );
    if let Err(error) = created.await {
        tracing::warn!(namespace, name = resource.key.name, "{error}");
    }
}

fn event_object(resource: &ResourceRef, event: PullEvent) -> Event {
    let key = &resource.key;
    let instance = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    Event {
        metadata: ObjectMeta {
            generate_name: Some("dockerpullsecret-".to_owned()),
            namespace: Some(key.namespace.clone()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now())),
        type_: Some(if event.healthy { "Normal" } else { "Warning" }.to_owned()),
        reason: Some(event.reason),
        note: Some(event.note),
        action: Some("Pulling".to_owned()),
        reporting_controller: Some(format!("pullsecrets.dev/{FIELD_MANAGER}")),
        // In a pod that is its name; at most 128 bytes.
        reporting_instance: Some(instance.map_or_else(
            || FIELD_MANAGER.to_owned(),
            |name| name.chars().filter(char::is_ascii).take(128).collect(),
        )),
        regarding: Some(ObjectReference {
            api_version: Some(TypeMeta::resource::<StoredResource>().api_version),
            kind: Some(resource.kind.to_owned()),
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            uid: Some(resource.uid.as_str().to_owned()),
            ..ObjectReference::default()
        }),
        ..Event::default()
    }
}
