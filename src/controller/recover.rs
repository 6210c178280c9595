//! Evicts pods whose successors would pull. Budgets hold: it is the Eviction API that decides.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, EvictParams, Preconditions};

use crate::controller::context::{Context, Shared, now};
use crate::domain::names::{ObjectKey, ResourceRef};
use crate::domain::recovery::{PATIENCE, PodToReplace, TURN};
use crate::kubernetes::request::{Error, call};

/// How much later than its time something is looked at: the clocks of timers and of the day may differ a little.
const SPARE: Duration = Duration::from_secs(1);

/// Evicts those of these pods whose turn it is, beside the reconcile: where a budget does not allow it, kube's client asks again and
/// again until the time for a request is over.
pub(crate) fn recover(resource: &ResourceRef, pods: &[PodToReplace], ctx: &Arc<Context>) {
    let due = ctx.shared.recoveries().next(resource, pods, now());
    for pod in due.evictions {
        let (ctx, resource) = (Arc::clone(ctx), resource.clone());
        tokio::spawn(async move { replace(&resource, &pod, &ctx).await });
    }
    if let Some(pause) = due.again {
        ctx.trigger_within(&resource.key, pause + SPARE);
    }
    go_on(&due.others, &ctx.shared);
}

/// Reconciles resources whose turn it is to replace pods. One that does not come loses its turn.
pub(crate) fn go_on(resources: &[ObjectKey], shared: &Arc<Shared>) {
    if !resources.is_empty() {
        shared.trigger(resources);
        hand_on_after(TURN, shared);
    }
}

/// Looks at what has taken too long by then.
fn hand_on_after(pause: Duration, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        tokio::time::sleep(pause + SPARE).await;
        let next = shared.recoveries().hand_on(now());
        go_on(&next, &shared);
    });
}

async fn replace(resource: &ResourceRef, pod: &PodToReplace, ctx: &Context) {
    let (key, name) = (&pod.pod, &resource.key.name);
    match evict(pod, ctx).await {
        Ok(()) => {
            ctx.shared.metrics.write("Eviction");
            tracing::info!(
                namespace = key.namespace,
                pod = key.name,
                name,
                "evicted a pod whose successor gets the credentials"
            );
            hand_on_after(PATIENCE, &ctx.shared);
        }
        Err(error) => {
            tracing::info!(
                namespace = key.namespace,
                pod = key.name,
                name,
                "{error}; a PodDisruptionBudget may not allow it now"
            );
            let next = ctx.shared.recoveries().refused(&pod.owner, now());
            go_on(&next, &ctx.shared);
        }
    }
}

async fn evict(pod: &PodToReplace, ctx: &Context) -> Result<(), Error> {
    ctx.may_write()?;
    let pods = Api::<Pod>::namespaced(ctx.client.clone(), &pod.pod.namespace);
    let params = EvictParams {
        delete_options: Some(DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(pod.uid.as_str().to_owned()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        }),
        ..EvictParams::default()
    };
    let evicted = call(
        || format!("evicting pod {:?}", pod.pod.name),
        pods.evict(&pod.pod.name, &params),
    );
    evicted.await.map(drop)
}
