//! Evicts pods whose successors would pull. Budgets hold: it is the Eviction API that decides.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, EvictParams, Preconditions};

use crate::controller::context::{Context, now};
use crate::domain::names::ResourceRef;
use crate::domain::recovery::PodToReplace;
use crate::kubernetes::request::{Error, call};

/// When to try again what a budget does not allow now.
const AFTER_REFUSAL: Duration = Duration::from_secs(10);

/// Evicts those of these pods whose turn it is. A failure is no reason to hold anything else up.
pub(crate) async fn recover(resource: &ResourceRef, candidates: &[PodToReplace], ctx: &Context) {
    let next = ctx.recoveries().next(resource, candidates, now());
    for candidate in next {
        let key = &candidate.pod;
        match evict(&candidate, ctx).await {
            Ok(()) => {
                ctx.shared.metrics.write("Eviction");
                tracing::info!(
                    namespace = key.namespace,
                    pod = key.name,
                    name = resource.key.name,
                    "evicted a pod whose successor gets the credentials"
                );
            }
            Err(error) => {
                tracing::info!(namespace = key.namespace, pod = key.name, "{error}");
                ctx.recoveries().refused(&candidate.owner);
                ctx.trigger_within(&resource.key, AFTER_REFUSAL);
            }
        }
    }
}

async fn evict(candidate: &PodToReplace, ctx: &Context) -> Result<(), Error> {
    ctx.may_write()?;
    let pods = Api::<Pod>::namespaced(ctx.client.clone(), &candidate.pod.namespace);
    let params = EvictParams {
        delete_options: Some(DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(candidate.uid.as_str().to_owned()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        }),
        ..EvictParams::default()
    };
    let evicted = call(
        || format!("evicting pod {:?}", candidate.pod.name),
        pods.evict(&candidate.pod.name, &params),
    );
    evicted.await.map(drop)
}
