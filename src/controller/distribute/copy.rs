//! Writes and deletes one copy.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::core::PartialObjectMeta;

use crate::api::Reason;
use crate::controller::apply::{delete_copy, write_copy};
use crate::controller::attach;
use crate::controller::context::Context;
use crate::controller::distribute::call_if_needed;
use crate::controller::observe::get;
use crate::domain::distribution::Name;
use crate::domain::distribution::content::CopiedSecret;
use crate::domain::distribution::standing::CopyAction;
use crate::domain::names::ObjectKey;
use crate::domain::problem::Problem;
use crate::domain::reconcile::refusal::{is_refusal, refusal};
use crate::domain::reconcile::retry::AFTER_REFUSAL;
use crate::domain::secret::precondition::Precondition;
use crate::domain::secret::shape::CopyShape;
use crate::kubernetes::request::Error;

/// How long to wait after an error of the platform.
const AFTER_ERROR: Duration = Duration::from_secs(5);

/// Makes the next change of one copy. Returns how long to wait for the next try, if it fails.
pub(super) async fn change(copy: &ObjectKey, ctx: &Context) -> Option<Duration> {
    change_once(copy, ctx).await.unwrap_or_else(|error| {
        tracing::warn!(namespace = copy.namespace, name = copy.name, retry_in = ?AFTER_ERROR, "{error}");
        Some(AFTER_ERROR)
    })
}

/// Returns how long to wait for the next try, if the API server refuses it.
async fn change_once(copy: &ObjectKey, ctx: &Context) -> Result<Option<Duration>, Error> {
    let (action, content, namespace) = {
        let index = ctx.index();
        let namespace = index.distributions.namespaces.name(&copy.namespace);
        let one = index.distributions.get(&copy.name);
        let content = one.and_then(|one| one.content().cloned());
        (index.standing(&copy.name, &namespace).1, content, namespace)
    };
    if let CopyAction::Delete { secret, observed } = action {
        return delete(copy, &secret, &observed, ctx).await;
    }
    let Some(content) = content else { return Ok(None) };
    let replaces = match action {
        CopyAction::Write(replaces) => replaces,
        CopyAction::Inspect => match inspect(copy, &content, ctx).await? {
            Some(Ok(replaces)) => Some(replaces),
            Some(Err(problem)) => {
                set_problem(copy, Some(problem), ctx);
                return Ok(None);
            }
            None => return Ok(None),
        },
        CopyAction::Leave | CopyAction::Delete { .. } => return Ok(None),
    };
    write(copy, &namespace, &content, replaces, ctx).await
}

async fn delete(
    copy: &ObjectKey,
    secret: &str,
    observed: &Precondition,
    ctx: &Context,
) -> Result<Option<Duration>, Error> {
    let secret = ObjectKey::new(&*copy.namespace, secret);
    match delete_copy(&secret, observed, ctx).await {
        Ok(()) => {
            let mut index = ctx.index();
            index.distributions.copies.forget(&secret);
            index.distributions.set_undeletable(&copy.name, &copy.namespace, false);
            drop(index);
            attach::review(Some(&copy.namespace), ctx);
            Ok(None)
        }
        Err(error) if error.answer().is_some_and(|answer| is_refusal(answer.code)) => {
            // A webhook sees the old Secret, and its words may repeat that.
            let code = error.answer().map(|answer| answer.code);
            tracing::warn!(
                namespace = copy.namespace,
                name = copy.name,
                code,
                "the API server refuses to delete Secret {secret}"
            );
            let mut index = ctx.index();
            index.distributions.set_undeletable(&copy.name, &copy.namespace, true);
            Ok(Some(AFTER_REFUSAL))
        }
        Err(error) => Err(error),
    }
}

/// Reads a Secret that somebody else has made, and sees whether it may be written. `None`: it is gone, or something else is
/// distributed by now, which has called already.
async fn inspect(
    copy: &ObjectKey,
    content: &CopiedSecret,
    ctx: &Context,
) -> Result<Option<Result<Precondition, Problem>>, Error> {
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &copy.namespace);
    let Some(existing) = get(&secrets, content.name()).await? else {
        let secret = ObjectKey::new(&*copy.namespace, content.name());
        ctx.index().distributions.copies.forget(&secret);
        // It is looked at again.
        call_if_needed(vec![copy.clone()], ctx);
        return Ok(None);
    };
    let allowed = ctx.index().may_take(&copy.name, content, &existing);
    let observed = Precondition {
        uid: existing.metadata.uid,
        resource_version: existing.metadata.resource_version,
    };
    Ok(allowed.map(|allowed| allowed.map(|()| observed)))
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
                "Secret {secret:?} was changed while the API server stored it, probably by a mutating webhook: exempt the Secret from it"
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
