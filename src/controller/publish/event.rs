//! Writes Events. One that says the same as an earlier one is counted there: Events are stored for an hour by default.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ObjectMeta;
use serde_json::json;

use crate::api::{API_VERSION, FIELD_MANAGER};
use crate::controller::context::{Context, now};
use crate::domain::names::ResourceRef;
use crate::domain::status::event::{StatusEvent, counted};
use crate::kubernetes::request::{Error, call};

/// Where Events of objects without a namespace are: the API server takes them nowhere else.
const OF_CLUSTER: &str = "default";

/// Creates an Event, or counts it. A failure changes nothing, since the status says the same.
///
/// Not through kube's recorder: that keeps every Event in memory for minutes, to count repetitions.
pub(super) async fn write(resource: &ResourceRef, event: StatusEvent, ctx: &Context) {
    let namespace = resource.key.namespace().unwrap_or(OF_CLUSTER);
    let events = Api::<Event>::namespaced(ctx.client.clone(), namespace);
    let event = object(resource, event);
    let written = match create(&events, resource, &event, ctx).await {
        Err(error) if error.answer().is_some_and(kube::core::Status::is_already_exists) => {
            count(
                &events,
                resource,
                event.metadata.name.as_deref().unwrap_or_default(),
                ctx,
            )
            .await
        }
        created => created,
    };
    if let Err(error) = written {
        tracing::warn!(namespace, name = resource.key.name, "{error}");
    }
}

async fn create(events: &Api<Event>, resource: &ResourceRef, event: &Event, ctx: &Context) -> Result<(), Error> {
    ctx.may_write()?;
    let params = PostParams::default();
    let created = call(
        || format!("creating an Event on {}", resource.key),
        events.create(&params, event),
    );
    created.await.map(drop)
}

/// Counts one more of an Event that exists.
async fn count(events: &Api<Event>, resource: &ResourceRef, name: &str, ctx: &Context) -> Result<(), Error> {
    let before = call(|| format!("reading an Event on {}", resource.key), events.get_opt(name));
    let Some(before) = before.await? else { return Ok(()) };
    let count = counted(before.series.map(|series| series.count));
    let series = json!({"count": count, "lastObservedTime": MicroTime(now())});
    ctx.may_write()?;
    let (params, patch) = (PatchParams::default(), Patch::Merge(json!({ "series": series })));
    let patched = call(
        || format!("counting an Event on {}", resource.key),
        events.patch(name, &params, &patch),
    );
    patched.await.map(drop)
}

fn object(resource: &ResourceRef, event: StatusEvent) -> Event {
    let key = &resource.key;
    let instance = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    Event {
        metadata: ObjectMeta {
            name: Some(event.name(resource)),
            namespace: Some(key.namespace().unwrap_or(OF_CLUSTER).to_owned()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now())),
        type_: Some(if event.healthy { "Normal" } else { "Warning" }.to_owned()),
        reason: Some(event.reason),
        note: Some(event.note),
        action: Some(event.action.to_owned()),
        reporting_controller: Some(format!("pullsecrets.dev/{FIELD_MANAGER}")),
        // In a pod that is its name; at most 128 bytes.
        reporting_instance: Some(instance.map_or_else(
            || FIELD_MANAGER.to_owned(),
            |name| name.chars().filter(char::is_ascii).take(128).collect(),
        )),
        regarding: Some(ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(resource.kind.to_owned()),
            name: Some(key.name.clone()),
            namespace: key.namespace().map(str::to_owned),
            uid: Some(resource.uid.as_str().to_owned()),
            ..ObjectReference::default()
        }),
        ..Event::default()
    }
}
