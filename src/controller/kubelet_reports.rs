//! The reports of kubelets before 1.32: the status of a pod in back-off does not repeat them, but its Events do.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;

use crate::controller::context::Context;
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::failing_pods::FailingPod;
use crate::domain::text::failed_to_pull;

/// Most pods whose Events one reconcile reads.
const PODS: usize = 10;

/// Most Events of a pod that are read.
const EVENTS: u32 = 100;

/// Asks for what pods in back-off do not say. Without an answer they stay as they are.
pub(crate) async fn enrich(
    mut failing: Vec<(String, Arc<FailingPod>)>,
    namespace: &str,
    ctx: &Context,
) -> Vec<(String, Arc<FailingPod>)> {
    let silent = |failing: &FailingPod| failing.containers.iter().any(|stuck| stuck.classification.is_none());
    let events = Api::<Event>::namespaced(ctx.client.clone(), namespace);
    for (name, failing) in failing.iter_mut().filter(|(_, failing)| silent(failing)).take(PODS) {
        let fields = format!("involvedObject.uid={},reason=Failed", failing.uid.as_str());
        let params = ListParams::default().fields(&fields).limit(EVENTS);
        let listed =
            crate::kubernetes::request::call(|| format!("listing Events of pod {name:?}"), events.list(&params)).await;
        let listed = match listed {
            Ok(listed) => listed.items,
            Err(error) => {
                tracing::debug!("{error}");
                continue;
            }
        };
        let key = ObjectKey::new(namespace, name.as_str());
        for (image, report) in listed
            .iter()
            .filter_map(|event| failed_to_pull(event.message.as_deref()?))
        {
            ctx.failing_pods().learn(&key, image, report);
        }
        if let Some(known) = ctx.failing_pods().get(&key) {
            *failing = known;
        }
    }
    failing
}
