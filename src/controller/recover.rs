//! Evicts pods whose successors would pull. Budgets hold: it is the Eviction API that decides.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, EvictParams, Preconditions};

use crate::controller::context::{Context, now};
use crate::domain::names::ResourceRef;
use crate::domain::recovery::PodToReplace;
use crate::kubernetes::request::{Error, call};

/// When to try again what a budget does not allow now, or what others that wait for a successor leave no room for.
const RETRY: Duration = Duration::from_secs(10);

/// Evicts those of these pods whose turn it is, beside the reconcile: where a budget does not allow it, kube's client asks again and
/// again until the time for a request is over.
pub(crate) fn recover(resource: &ResourceRef, pods: &[PodToReplace], ctx: &Arc<Context>) {
    let (next, lacks_room) = {
        let mut recoveries = ctx.recoveries();
        let next = recoveries.next(resource, pods, now());
        (next, recoveries.lacks_room_for(pods))
    };
    if lacks_room {
        // Room is made for all, and only one of them is told.
        ctx.trigger_within(&resource.key, RETRY);
    }
    for pod in next {
        let (ctx, resource) = (Arc::clone(ctx), resource.clone());
        tokio::spawn(async move { replace(&resource, &pod, &ctx).await });
    }
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
        }
        Err(error) => {
            tracing::info!(
                namespace = key.namespace,
                pod = key.name,
                name,
                "{error}; a PodDisruptionBudget may not allow it now"
            );
            ctx.recoveries().refused(&pod.owner);
            ctx.trigger_within(&resource.key, RETRY);
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
