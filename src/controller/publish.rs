//! Writes statuses, each only if it differs, and an Event when the cause of failing pulls changes or minted credentials are about to expire.

mod event;

use std::time::Duration;

use kube::Resource as _;
use kube::api::{Patch, PatchParams};
use kube::core::{ObjectMeta, Request};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::api::{
    API_VERSION, CLUSTER_DOCKER_PULL_SECRET, ClusterDockerPullSecret, ConditionType, DockerPullSecret,
    DockerPullSecretStatus, FIELD_MANAGER,
};
use crate::controller::context::{Context, now};
use crate::controller::distribute::PACE;
use crate::domain::names::ResourceRef;
use crate::domain::reconcile::memory::PublishedStatus;
use crate::domain::status::build::build_status;
use crate::domain::status::conditions::condition;
use crate::domain::status::equal::{differ_in_numbers, is_up_to_date};
use crate::domain::status::event::events;
use crate::domain::status::leftovers::without_leftovers;
use crate::domain::status::outcome::Finding;
use crate::domain::time::since;
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
    let left = time_left(resource, previous, &status, ctx);
    let written = if is_up_to_date(previous, &status) {
        Ok(())
    } else if let Some(left) = left {
        ctx.trigger_within(&resource.key, left);
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

/// How long a status has to wait, if it says nothing but other numbers of namespaces and pods than a moment ago.
fn time_left(
    resource: &ResourceRef,
    previous: Option<&DockerPullSecretStatus>,
    status: &DockerPullSecretStatus,
    ctx: &Context,
) -> Option<Duration> {
    if resource.kind != CLUSTER_DOCKER_PULL_SECRET {
        return None;
    }
    let now = now();
    let written = ctx.memories().update(&resource.uid, |memory| {
        memory.reconciled_at = Some(now);
        memory.status_written_at
    });
    let left = PACE.saturating_sub(since(written??, now));
    (!left.is_zero() && differ_in_numbers(previous?, status)).then_some(left)
}

async fn write(
    resource: &ResourceRef,
    previous: Option<&DockerPullSecretStatus>,
    status: DockerPullSecretStatus,
    ctx: &Context,
) -> Result<(), Error> {
    // The watch may bring it before the answer comes.
    let published = |resource_version| {
        Some(PublishedStatus {
            resource_version,
            status: status.clone(),
        })
    };
    remember(resource, published(None), ctx);
    let answer = apply_status(resource, &status, ctx).await;
    let answer = answer.inspect_err(|_| remember(resource, None, ctx))?;
    remember(resource, published(answer.metadata.resource_version), ctx);
    if let Some(stored) = ctx.stored(&resource.key) {
        acknowledge(resource, stored.version(), ctx);
    }
    if resource.kind == CLUSTER_DOCKER_PULL_SECRET {
        let now = now();
        ctx.memories()
            .update(&resource.uid, |memory| memory.status_written_at = Some(now));
    }
    ctx.shared.metrics.write(match resource.kind {
        CLUSTER_DOCKER_PULL_SECRET => "ClusterDockerPullSecretStatus",
        _ => "DockerPullSecretStatus",
    });
    for event in events(previous, &status) {
        event::write(resource, event, ctx).await;
    }
    Ok(())
}

/// A resource as the API server has it after a write.
#[derive(Deserialize)]
struct Written {
    metadata: ObjectMeta,
    status: Option<Box<RawValue>>,
}

impl Written {
    /// The patch that takes out of the status what the operator does not want there.
    fn leftovers(&self, wanted: &DockerPullSecretStatus) -> Option<Value> {
        let stored = self.status.as_deref().map_or("null", RawValue::get);
        let parsed: Option<DockerPullSecretStatus> = serde_json::from_str(stored).ok();
        if is_up_to_date(parsed.as_ref(), wanted) {
            return None;
        }
        without_leftovers(&serde_json::from_str(stored).ok()?, &serde_json::to_value(wanted).ok()?)
    }
}

/// Applies a status, and takes out what somebody else has put into it.
async fn apply_status(
    resource: &ResourceRef,
    status: &DockerPullSecretStatus,
    ctx: &Context,
) -> Result<Written, Error> {
    // With the UID, so that a resource deleted and created again does not get the status of its predecessor.
    let mut body = json!({
        "apiVersion": API_VERSION, "kind": resource.kind,
        "metadata": {"name": resource.key.name, "uid": resource.uid.as_str()}, "status": status,
    });
    if let Some(namespace) = resource.key.namespace() {
        body["metadata"]["namespace"] = namespace.into();
    }
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let applied = patch_status(resource, &params, &Patch::Apply(&body), ctx).await?;
    let Some(patch) = applied.leftovers(status) else {
        return Ok(applied);
    };
    let body = json!({"metadata": {"uid": resource.uid.as_str()}, "status": patch});
    patch_status(resource, &PatchParams::default(), &Patch::Merge(&body), ctx).await
}

async fn patch_status(
    resource: &ResourceRef,
    params: &PatchParams,
    patch: &Patch<&Value>,
    ctx: &Context,
) -> Result<Written, Error> {
    ctx.may_write()?;
    let key = &resource.key;
    let url = match resource.kind {
        CLUSTER_DOCKER_PULL_SECRET => ClusterDockerPullSecret::url_path(&(), None),
        _ => DockerPullSecret::url_path(&(), key.namespace()),
    };
    let request = Request::new(url);
    let request = request.patch_subresource("status", &key.name, params, patch);
    let request = async { ctx.client.request(request.map_err(kube::Error::BuildRequest)?).await };
    call(|| format!("writing the status of {} {key}", resource.kind), request).await
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
