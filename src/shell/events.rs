//! Events on resources: one when pods begin to fail for another cause, and one when they fail no more.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::core::ObjectMeta;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use super::error::describe;
use crate::api::{DockerPullSecret, DockerPullSecretStatus, FIELD_MANAGER};
use crate::domain::status::{News, news};

/// One for each set of watches.
pub(crate) fn recorder(client: Client) -> Recorder {
    let reporter = Reporter {
        controller: FIELD_MANAGER.to_owned(),
        // In a pod that is its name.
        instance: std::env::var("HOSTNAME").ok(),
    };
    Recorder::new(client, reporter)
}

/// Publishes what a new status tells about pods that the old one did not. A failure changes nothing: the status has it.
pub(crate) async fn publish(
    recorder: &Recorder,
    meta: &ObjectMeta,
    old: Option<&DockerPullSecretStatus>,
    new: &DockerPullSecretStatus,
) {
    let Some(News { good, reason, note }) = news(old, new) else {
        return;
    };
    let event = Event {
        type_: if good { EventType::Normal } else { EventType::Warning },
        reason,
        note: Some(note),
        action: "Pulling".to_owned(),
        secondary: None,
    };
    let types = kube::core::TypeMeta::resource::<DockerPullSecret>();
    let reference = ObjectReference {
        api_version: Some(types.api_version),
        kind: Some(types.kind),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        uid: meta.uid.clone(),
        ..ObjectReference::default()
    };
    match tokio::time::timeout(super::error::CALL_TIMEOUT, recorder.publish(&event, &reference)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(
            namespace = meta.namespace,
            name = meta.name,
            "publishing an Event: {}",
            describe(&error)
        ),
        Err(_) => tracing::warn!("publishing an Event: no answer from the API server"),
    }
}
