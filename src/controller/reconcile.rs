//! One reconcile of one resource: validate, observe, decide, apply, publish.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{Instrument as _, info_span};

use crate::api::DockerPullSecretStatus;
use crate::controller::apply::apply;
use crate::controller::context::{Context, now};
use crate::controller::distribute::distribute;
use crate::controller::observe::observe;
use crate::controller::observe::pods::observe_pods;
use crate::controller::publish::publish;
use crate::controller::recover::recover;
use crate::controller::store::stored_resource::StoredResource;
use crate::domain::names::{ObjectKey, ResourceRef};
use crate::domain::problem;
use crate::domain::reconcile::decide::{self, Decision, Subject};
use crate::domain::reconcile::memory::ResourceMemory;
use crate::domain::reconcile::observed::Observed;
use crate::domain::reconcile::retry::{is_reported, pause, spread};
use crate::domain::status::outcome::{Finding, Outcome};
use crate::kubernetes::request::Error;

/// How a reconcile ended.
struct Reconciled {
    /// The reason of `Ready`.
    reason: String,
    /// When the next one is due, if nothing happens before.
    next: Option<Duration>,
}

/// The reconcile as the controller calls it. What fails is tried again.
pub(crate) async fn reconcile(key: ObjectKey, ctx: Arc<Context>) {
    ctx.begun(&key);
    // In JSON, `name` is that of the span.
    let span = info_span!("reconcile", namespace = key.namespace, resource = key.name);
    if let Err(error) = reconcile_current(&key, &ctx).instrument(span).await {
        retry(&key, &error, &ctx);
    }
    ctx.ended(&key);
}

/// One reconcile of the resource as it is now, if it still is there.
pub(crate) async fn reconcile_current(key: &ObjectKey, ctx: &Arc<Context>) -> Result<(), Error> {
    let stored = ctx.stored(key);
    let Some((object, resource)) = stored.and_then(|object| Some((Arc::clone(&object), object.reference()?))) else {
        return Ok(());
    };
    if object.meta().deletion_timestamp.is_some() {
        // The garbage collector removes the Secret.
        ctx.shared.verifier.reconciled(&resource.uid);
        return Ok(());
    }
    let begun = Instant::now();
    let result = Box::pin(reconcile_once(&resource, &object, ctx)).await;
    let took = begun.elapsed();
    ctx.shared.verifier.reconciled(&resource.uid);
    match result {
        Ok(Reconciled { reason, next }) => {
            ctx.memories()
                .update(&resource.uid, |memory| memory.consecutive_errors = 0);
            ctx.shared.metrics.reconciled(&reason, took);
            if let Some(next) = next {
                ctx.trigger_within(key, next);
            }
            Ok(())
        }
        Err(error) => {
            ctx.shared.metrics.reconciled("Error", took);
            let errors = ctx.memories().update(&resource.uid, |memory| {
                memory.consecutive_errors = memory.consecutive_errors.saturating_add(1);
                memory.consecutive_errors
            });
            if errors.is_some_and(is_reported) {
                let memory = ctx.memory(&resource.uid);
                let previous = previous_status(&memory, &resource, &object, ctx);
                let finding = Finding::Failing(error.to_string());
                // It cannot be published when the API server is the one that fails.
                let _ = publish(&resource, object.meta().generation, previous.as_ref(), &finding, ctx).await;
            }
            Err(error)
        }
    }
}

/// When to try again after an error of the platform.
fn retry(key: &ObjectKey, error: &Error, ctx: &Context) {
    let Some(resource) = ctx.stored(key).and_then(|object| object.reference()) else {
        return;
    };
    let errors = ctx.memories().look(&resource.uid, |memory| memory.consecutive_errors);
    let pause = spread(pause(errors.unwrap_or_default()), &resource.uid);
    tracing::warn!(namespace = key.namespace, name = key.name, retry_in = ?pause, "{error}");
    ctx.trigger_after(key, pause);
}

async fn reconcile_once(
    reference: &ResourceRef,
    object: &StoredResource,
    ctx: &Arc<Context>,
) -> Result<Reconciled, Error> {
    let declaration = match object.declaration() {
        Ok(declaration) => declaration,
        Err(error) => return publish_unparsable(reference, object, &error, ctx).await,
    };
    let memory = ctx.memory(&reference.uid);
    let previous = previous_status(&memory, reference, object, ctx);
    let subject = Subject {
        reference,
        declaration: &declaration,
        previous: previous.as_ref(),
    };
    let (observed, pods) = tokio::join!(observe(&subject, ctx), Box::pin(observe_pods(&subject, ctx)));
    let mut observed = observed?;
    observed.pods = pods;
    let mut decision = decide(&subject, &observed, ctx);
    observed.refusal = apply(reference, &decision.changes, ctx).await?;
    let distributed = distribute(reference, declaration.generation, &decision.distribute, ctx).await;
    if distributed {
        observed.census = ctx.index().census(&reference.key.name).0;
    }
    if observed.refusal.is_some() || distributed {
        // The first decision reports nothing.
        let throttle = memory.decided.status_throttle;
        ctx.memories()
            .update(&reference.uid, |memory| memory.decided.status_throttle = throttle);
        decision = decide(&subject, &observed, ctx);
    }
    recover(reference, &decision.outdated_pods, ctx);
    let next = decision.next;
    if let Some(order) = decision.mints {
        ctx.shared.minter.start(order, ctx);
    }
    let reason = publish(
        reference,
        declaration.generation,
        subject.previous,
        &decision.finding,
        ctx,
    )
    .await?;
    if let Some(start) = decision.announces {
        ctx.shared.verifier.announced(&reference.uid, start);
    }
    let verdicts = memory.unpublished_verdicts;
    ctx.memories()
        .update(&reference.uid, |memory| memory.publish_verdicts(verdicts));
    Ok(Reconciled { reason, next })
}

/// The status as far as is known. `memory` has to be read before the store is: the watch fills the store first.
fn previous_status(
    memory: &ResourceMemory,
    resource: &ResourceRef,
    object: &StoredResource,
    ctx: &Context,
) -> Option<DockerPullSecretStatus> {
    let newest = ctx
        .stored(&resource.key)
        .filter(|stored| stored.reference().as_ref() == Some(resource));
    memory.previous_status(newest.as_deref().unwrap_or(object).status())
}

/// Decides, and keeps what is to be remembered.
fn decide(subject: &Subject<'_>, observed: &Observed, ctx: &Context) -> Decision {
    let uid = &subject.reference.uid;
    let (memory, now) = (ctx.memory(uid), now());
    let verifier = &ctx.shared.verifier;
    let decision = decide::decide(subject, observed, &memory, &mut verifier.state(), now);
    ctx.memories()
        .update(uid, |memory| memory.decided = decision.memory.clone());
    verifier.decided();
    decision
}

/// Says in the status that this operator's version cannot read a resource.
async fn publish_unparsable(
    reference: &ResourceRef,
    object: &StoredResource,
    error: &str,
    ctx: &Context,
) -> Result<Reconciled, Error> {
    let problem = problem::unparsable(error);
    let retained = ctx.index().view(reference, &reference.key.name, None).retained_secret;
    let finding = Finding::Decided(Box::new(Outcome::without_credentials(problem.clone(), retained, None)));
    let memory = ctx.memory(&reference.uid);
    let verdicts = memory.unpublished_verdicts;
    let previous = previous_status(&memory, reference, object, ctx);
    let published = publish(reference, object.meta().generation, previous.as_ref(), &finding, ctx).await;
    let reason = match published {
        // The API server may refuse any write to an object that does not fit its schema; then only the log says it.
        Err(error) if error.answer().is_some_and(kube::core::Status::is_invalid) => {
            let key = &reference.key;
            tracing::warn!(namespace = key.namespace, name = key.name, "{}", problem.message);
            problem.reason.as_str().to_owned()
        }
        result => result?,
    };
    ctx.memories()
        .update(&reference.uid, |memory| memory.publish_verdicts(verdicts));
    Ok(Reconciled { reason, next: None })
}
