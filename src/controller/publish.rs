//! Publishing a status, only if it differs.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::core::{ObjectMeta, PartialObjectMeta, TypeMeta};
use kube::{Api, Resource as _, ResourceExt as _};
use serde_json::json;

use crate::api::{ConditionType, DockerPullSecret, DockerPullSecretStatus, FIELD_MANAGER};
use crate::controller::context::{Context, Written, reference, version};
use crate::controller::events;
use crate::domain::status::build::{Finding, build_status, is_up_to_date};
use crate::kubernetes::request::{Error, call};

/// Publishes what a pass found, and tells the reason of `Ready`. `old` is the status that came with `meta`.
pub(crate) async fn publish(
    ctx: &Context,
    meta: &ObjectMeta,
    old: Option<&DockerPullSecretStatus>,
    finding: &Finding,
) -> Result<String, Error> {
    let uid = meta.uid.clone().unwrap_or_default();
    let (name, namespace) = (
        meta.name.clone().unwrap_or_default(),
        meta.namespace.clone().unwrap_or_default(),
    );
    // The pass began with what was in the store then; by now the watch may have brought what an earlier pass wrote.
    let current = ctx
        .store
        .get(&reference(&(namespace.clone(), name.clone())))
        .filter(|current| current.meta().uid == meta.uid && newer(current.meta(), meta));
    let newest = current
        .as_deref()
        .and_then(crate::controller::store::stored_resource::StoredResource::status);
    let (meta_now, old) = match current.as_deref() {
        Some(current) => (current.meta(), newest.as_ref()),
        None => (meta, old),
    };
    let written = ctx
        .written(&uid)
        .filter(|written| version(written.resource_version.as_deref()) > version(meta_now.resource_version.as_deref()));
    let old = written.as_ref().map(|written| &written.status).or(old);
    let status = build_status(old, meta.generation, finding, &now());
    let ready = status
        .conditions
        .iter()
        .find(|one| one.type_ == ConditionType::Ready.as_str());
    let ready = ready.map(|ready| ready.reason.clone()).unwrap_or_default();
    if is_up_to_date(old, &status) {
        return Ok(ready);
    }
    // With the UID, so that a resource deleted and created again does not get the status of its predecessor.
    let types = TypeMeta::resource::<DockerPullSecret>();
    let body = json!({
        "apiVersion": types.api_version, "kind": types.kind,
        "metadata": {"name": name, "namespace": namespace, "uid": uid}, "status": status,
    });
    ctx.set_written(
        &uid,
        Some(Written {
            resource_version: None,
            status: status.clone(),
        }),
    );
    let resources = Api::<PartialObjectMeta<DockerPullSecret>>::namespaced(ctx.client.clone(), &namespace);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let answer = call(
        || {
            format!(
                "writing the status of {} {namespace}/{name}",
                DockerPullSecret::kind(&())
            )
        },
        resources.patch_status(&name, &params, &Patch::Apply(&body)),
    )
    .await;
    match answer {
        Ok(answer) => {
            ctx.set_written(
                &uid,
                Some(Written {
                    resource_version: answer.resource_version(),
                    status: status.clone(),
                }),
            );
            events::publish(&ctx.client, meta, old, &status).await;
            // The watch may have been quicker than the answer.
            match ctx.store.get(&reference(&(namespace, name))) {
                Some(resource) => ctx.caught_up(&resource),
                None => ctx.set_written(&uid, None),
            }
            ctx.shared.metrics.write("DockerPullSecretStatus");
            Ok(ready)
        }
        Err(error) => {
            ctx.set_written(&uid, None);
            // Deleted meanwhile.
            if error.answer().is_some_and(kube::core::Status::is_not_found) {
                Ok(ready)
            } else {
                Err(error)
            }
        }
    }
}

fn newer(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    version(one.resource_version.as_deref()) > version(other.resource_version.as_deref())
}

/// Conditions carry whole seconds.
fn now() -> Time {
    let now = Timestamp::now();
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}
