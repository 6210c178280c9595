//! Events on resources: one when pods begin to fail for another cause, and one when they fail no more.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::core::{ObjectMeta, TypeMeta};
use kube::{Api, Client};

use crate::api::{DockerPullSecret, DockerPullSecretStatus, FIELD_MANAGER};
use crate::domain::status::pods::{News, news};
use crate::kubernetes::request::call;

/// Publishes what a new status tells about pods that the old one did not. A failure changes nothing: the status has it.
pub(crate) async fn publish(
    client: &Client,
    meta: &ObjectMeta,
    old: Option<&DockerPullSecretStatus>,
    new: &DockerPullSecretStatus,
) {
    let Some(news) = news(old, new) else { return };
    let (namespace, name) = (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref());
    let events = Api::<Event>::namespaced(client.clone(), namespace);
    let (event, params) = (event(news, meta), PostParams::default());
    // Not through kube's recorder: that keeps every Event for minutes, to count repetitions that do not happen here.
    let published = call(
        || format!("publishing an Event on {namespace}/{}", name.unwrap_or_default()),
        events.create(&params, &event),
    );
    if let Err(error) = published.await {
        tracing::warn!(namespace, name, "{error}");
    }
}

fn event(news: News, meta: &ObjectMeta) -> Event {
    let types = TypeMeta::resource::<DockerPullSecret>();
    let regarding = ObjectReference {
        api_version: Some(types.api_version),
        kind: Some(types.kind),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        uid: meta.uid.clone(),
        ..ObjectReference::default()
    };
    let instance = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    Event {
        metadata: ObjectMeta {
            generate_name: Some("dockerpullsecret-".to_owned()),
            namespace: meta.namespace.clone(),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(Timestamp::now())),
        type_: Some(if news.good { "Normal" } else { "Warning" }.to_owned()),
        reason: Some(news.reason),
        note: Some(news.note),
        action: Some("Pulling".to_owned()),
        reporting_controller: Some(format!("pullsecrets.dev/{FIELD_MANAGER}")),
        // In a pod that is its name; at most 128 bytes.
        reporting_instance: Some(instance.map_or_else(
            || FIELD_MANAGER.to_owned(),
            |name| name.chars().filter(char::is_ascii).take(128).collect(),
        )),
        regarding: Some(regarding),
        ..Event::default()
    }
}
