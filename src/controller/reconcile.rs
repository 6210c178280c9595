//! One pass over one resource: read, decide, write what differs, say what was found.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;
use kube::{Resource as _, ResourceExt as _};

use crate::api::Reason;
use crate::controller::apply::{Decided, Now, decide_and_write, previous};
use crate::controller::backoff::{pause, spread};
use crate::controller::context::Context;
use crate::controller::publish;
use crate::controller::pulls;
use crate::controller::store::stored_resource::StoredResource;
use crate::controller::unparsable;
use crate::domain::problem;
use crate::domain::status::build::Finding;
use crate::kubernetes::request::Error;

/// Retry of a write that the API server refuses: nothing tells when a quota has room again.
const REFUSED: Duration = Duration::from_mins(1);

/// Failures in a row after which the status says so. A short hiccup of the API server is not worth a write for each
/// resource.
const PUBLISH_FAILURES_FROM: u32 = 3;

/// The pass as the controller calls it.
pub(crate) async fn reconcile(object: Arc<StoredResource>, ctx: Arc<Context>) -> Result<Action, Error> {
    let uid = object.uid().unwrap_or_default();
    if object.meta().deletion_timestamp.is_some() {
        // The garbage collector removes the Secret.
        ctx.shared.verifier.seen(&uid);
        return Ok(Action::await_change());
    }
    let result = pass(&object, &ctx).await;
    ctx.shared.verifier.seen(&uid);
    match &result {
        Ok(Passed { reason, again }) => {
            ctx.failures.forget(&uid);
            ctx.shared.metrics.pass(reason);
            let refused = (reason == Reason::WriteRefused.as_str()).then(|| spread(REFUSED, &uid));
            let next = [*again, refused].into_iter().flatten().min();
            Ok(next.map_or_else(Action::await_change, Action::requeue))
        }
        Err(error) => {
            ctx.shared.metrics.pass("Error");
            if ctx.failures.count(&uid) >= PUBLISH_FAILURES_FROM
                && let Ok(resource) = object.parse()
            {
                let finding = Finding::Failing(error.to_string());
                // It cannot be told when the API server is the one that fails.
                let _ = publish::publish(&ctx, &resource.metadata, resource.status.as_ref(), &finding).await;
            }
            result.map(|_| Action::await_change())
        }
    }
}

/// When to try again after an error of the platform.
#[allow(clippy::needless_pass_by_value, reason = "the controller calls it so")]
pub(crate) fn error_policy(object: Arc<StoredResource>, error: &Error, ctx: Arc<Context>) -> Action {
    let uid = object.uid().unwrap_or_default();
    let pause = spread(pause(ctx.failures.get(&uid)), &uid);
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    tracing::warn!(namespace, name, retry_in = ?pause, "{error}");
    Action::requeue(pause)
}

/// How a pass ended.
struct Passed {
    /// Of the `Ready` condition.
    reason: String,
    /// When the next one is due, if something is.
    again: Option<Duration>,
}

async fn pass(object: &StoredResource, ctx: &Context) -> Result<Passed, Error> {
    let resource = &match object.parse() {
        Ok(resource) => resource,
        Err(error) => {
            let reason = unparsable::publish(object, &problem::unparsable(&error), ctx).await?;
            return Ok(Passed { reason, again: None });
        }
    };
    let (finding, again) = if resource.spec.suspend {
        (Finding::Suspended, None)
    } else {
        match decide_and_write(resource, ctx).await? {
            Decided::Held(again) => {
                return Ok(Passed {
                    reason: Reason::Pending.as_str().to_owned(),
                    again: Some(again),
                });
            }
            Decided::Now(now) => {
                let Now {
                    mut outcome,
                    again,
                    secret,
                } = *now;
                let previous = previous(resource, ctx);
                let (pods, soon) = pulls::look(resource, previous.as_ref(), &outcome, secret.as_ref(), ctx).await?;
                outcome.pods = pods;
                (Finding::Decided(outcome), [again, soon].into_iter().flatten().min())
            }
        }
    };
    let reason = publish::publish(ctx, &resource.metadata, resource.status.as_ref(), &finding).await?;
    Ok(Passed { reason, again })
}
