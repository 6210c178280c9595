//! Writes and deletes one copy.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::core::PartialObjectMeta;

use crate::api::Reason;
use crate::controller::apply::{delete_copy, write_copy};
use crate::controller::attach;
use crate::controller::context::{Context, lock};
use crate::controller::distribute::{Distributor, call_if_needed, progress};
use crate::domain::distribution::Name;
use crate::domain::distribution::content::CopiedSecret;
use crate::domain::distribution::standing::CopyAction;
use crate::domain::names::ObjectKey;
use crate::domain::problem::Problem;
use crate::domain::reconcile::refusal::{is_refusal, refusal};
use crate::domain::reconcile::retry::AFTER_REFUSAL;
use crate::domain::secret::precondition::Precondition;
use crate::domain::secret::shape::CopyShape;
use crate::kubernetes::request::{Error, call};

/// How long to wait after an error of the platform.
const AFTER_ERROR: Duration = Duration::from_secs(5);

/// Makes the next change of one copy.
pub(super) async fn change(copy: ObjectKey, distributor: &Distributor, ctx: &Arc<Context>) {
    let pause = match change_once(&copy, ctx).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::warn!(namespace = copy.namespace, name = copy.name, retry_in = ?AFTER_ERROR, "{error}");
            Some(AFTER_ERROR)
        }
    };
    lock(&distributor.work).done(&copy, pause.is_some());
    // Somebody may have called meanwhile.
    distributor.called.notify_one();
    distributor.finished.notify_waiters();
    if let Some(pause) = pause {
        let (ctx, copy) = (Arc::clone(ctx), copy.clone());
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            if let Some(distributor) = &ctx.distributor {
                lock(&distributor.work).resume(&copy);
                distributor.called.notify_one();
            }
        });
    }
    progress(&ObjectKey::new("", copy.name), ctx);
}

/// Returns how long to wait for the next try, if the API server refuses it.
async fn change_once(copy: &ObjectKey, ctx: &Context) -> Result<Option<Duration>, Error> {
    let (action, content, namespace, target) = {
        let index = ctx.index();
        let namespace = index.distributions.namespaces.name(&copy.namespace);
        let one = index.distributions.get(&copy.name);
        let content = one.and_then(|one| one.content().cloned());
        let target = one.map(|one| one.target.to_string()).unwrap_or_default();
        let (_, action) = index.standing(&copy.name, &namespace);
        (action, content, namespace, target)
    };
    let replaces = match (action, &content) {
        (CopyAction::Delete { secret, observed }, _) => {
            let secret = ObjectKey::new(&*copy.namespace, secret);
            if let Err(error) = delete_copy(&secret, &observed, ctx).await {
                let is_refused = error.answer().is_some_and(|answer| is_refusal(answer.code));
                tracing::warn!(namespace = copy.namespace, name = copy.name, "{error}");
                return Ok(Some(if is_refused { AFTER_REFUSAL } else { AFTER_ERROR }));
            }
            ctx.index().distributions.copies.forget(&secret);
            attach::review(Some(&copy.namespace), ctx);
            return Ok(None);
        }
        (CopyAction::Write(replaces), Some(_)) => replaces,
        (CopyAction::Inspect, Some(content)) => match inspect(copy, &target, content, ctx).await? {
            Some(Ok(replaces)) => replaces,
            Some(Err(problem)) => {
                set_problem(copy, Some(problem), ctx);
                return Ok(None);
            }
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    match content {
        Some(content) => write(copy, &namespace, &content, replaces, ctx).await,
        None => Ok(None),
    }
}

/// Reads a Secret that somebody else has made, and sees whether it may be written. `None`: something else is distributed by now, which
/// has called already.
async fn inspect(
    copy: &ObjectKey,
    target: &str,
    content: &CopiedSecret,
    ctx: &Context,
) -> Result<Option<Result<Option<Precondition>, Problem>>, Error> {
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &copy.namespace);
    let existing = call(|| format!("reading Secret {target:?}"), secrets.get_opt(target)).await?;
    let Some(existing) = existing else {
        ctx.index()
            .distributions
            .copies
            .forget(&ObjectKey::new(&*copy.namespace, target));
        // It is looked at again.
        call_if_needed(vec![copy.clone()], ctx);
        return Ok(None);
    };
    let allowed = ctx.index().may_take(&copy.name, content, &existing);
    let observed = Precondition {
        uid: existing.metadata.uid,
        resource_version: existing.metadata.resource_version,
    };
    Ok(allowed.map(|allowed| allowed.map(|()| Some(observed))))
}

async fn write(
    copy: &ObjectKey,
    namespace: &Name,
    content: &CopiedSecret,
    replaces: Option<Precondition>,
    ctx: &Context,
) -> Result<Option<Duration>, Error> {
    let desired = content.copy_in(&copy.namespace);
    ctx.index().distributions.copies.begin_write(desired.key());
    let written = write_copy(&desired, replaces, ctx).await;
    let is_there = ctx.index().distributions.copies.end_write(desired.key());
    let error = match written {
        Ok(written) => {
            if is_there {
                ctx.index().distributions.copies.observe(&written.metadata, namespace);
            }
            return Ok(written_copy(copy, namespace, content, &written, ctx));
        }
        Err(error) => error,
    };
    let Some(answer) = error.answer() else {
        return Err(error);
    };
    if answer.code == 404 || is_terminating(answer) {
        // The watch of namespaces says so as well.
        return Ok(None);
    }
    let refused = refusal(answer.code, &answer.message, &desired.key().name, &content.credentials);
    let Some(refused) = refused else { return Err(error) };
    set_problem(copy, Some(refused.problem), ctx);
    Ok(refused.may_pass_later.then_some(AFTER_REFUSAL))
}

/// A copy was written. Returns how long it is left alone, if it is not what was written.
fn written_copy(
    copy: &ObjectKey,
    namespace: &Name,
    content: &CopiedSecret,
    written: &PartialObjectMeta<Secret>,
    ctx: &Context,
) -> Option<Duration> {
    if CopyShape::of(&written.metadata) != content.shape {
        let secret = written.metadata.name.as_deref().unwrap_or_default();
        let problem = Problem::new(
            Reason::WriteRefused,
            format!(
                "Secret {secret:?} is stored otherwise than it was written: exclude it from what changes it, such as a mutating webhook"
            ),
        );
        set_problem(copy, Some(problem), ctx);
        return Some(AFTER_REFUSAL);
    }
    set_problem(copy, None, ctx);
    attach::review(Some(namespace), ctx);
    // A Secret under an earlier name is not wanted any more.
    call_if_needed(vec![copy.clone()], ctx);
    None
}

/// Whether an answer says that the namespace is being deleted.
fn is_terminating(answer: &kube::core::Status) -> bool {
    let causes = answer.details.iter().flat_map(|details| &details.causes);
    let mut reasons = causes.map(|cause| cause.reason.as_str());
    reasons.any(|reason| reason == "NamespaceTerminating")
}

fn set_problem(copy: &ObjectKey, problem: Option<Problem>, ctx: &Context) {
    if let Some(problem) = &problem {
        tracing::info!(namespace = copy.namespace, name = copy.name, "{}", problem.message);
    }
    ctx.index()
        .distributions
        .set_problem(&copy.name, &copy.namespace, problem);
}
