//! Copies Secrets into namespaces, and deletes the copies again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use tokio::sync::Notify;

use crate::controller::apply::{delete_copy, write_copy};
use crate::controller::attach;
use crate::controller::context::{Context, lock, now};
use crate::domain::distribution::Name;
use crate::domain::distribution::content::CopiedSecret;
use crate::domain::distribution::standing::CopyAction;
use crate::domain::names::{ObjectKey, ResourceRef};
use crate::domain::problem::Problem;
use crate::domain::reconcile::decide::copies::Distribute;
use crate::domain::reconcile::refusal::refusal;
use crate::domain::reconcile::retry::AFTER_REFUSAL;
use crate::domain::reconcile::work_set::WorkSet;
use crate::domain::secret::precondition::Precondition;
use crate::domain::spec::declaration::Declaration;
use crate::domain::time::since;
use crate::kubernetes::request::{Error, call};

/// Most writes at a time.
const CONCURRENCY: usize = 16;

/// How long to wait after an error of the platform.
const AFTER_ERROR: Duration = Duration::from_secs(5);

/// How long a reconcile waits for its copies: where there are few, one status says that all are there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shortest time between two statuses that tell of copies.
const PACE: Duration = Duration::from_secs(2);

/// Which copies have to be written or deleted: by namespace, and name of the resource.
#[derive(Default)]
pub(crate) struct Distributor {
    work: Mutex<WorkSet>,
    called: Notify,
    finished: Notify,
}

impl Distributor {
    fn call(&self, copies: impl IntoIterator<Item = ObjectKey>) {
        let mut work = lock(&self.work);
        for copy in copies {
            work.resume(&copy);
            work.call(copy);
        }
        drop(work);
        self.called.notify_one();
    }
}

/// Takes over what a resource wants now.
pub(crate) fn declared(declaration: &Declaration, ctx: &Context) {
    let changed = ctx.index().distributions.insert(declaration);
    if changed {
        let concerned = ctx.index().distributions.concerned(&declaration.key.name);
        call_if_needed(concerned, ctx);
    }
}

/// Looks at all copies.
pub(crate) fn review(ctx: &Context) {
    if ctx.distributor.is_some() {
        let resources = ctx.index().distributions.which(|_| true);
        for resource in resources {
            let concerned = ctx.index().distributions.concerned(&resource.name);
            call_if_needed(concerned, ctx);
        }
    }
}

/// Has those of these copies written or deleted that are not as they should be. Returns whether there are any.
pub(crate) fn call_if_needed(copies: Vec<ObjectKey>, ctx: &Context) -> bool {
    let Some(distributor) = &ctx.distributor else {
        return false;
    };
    let index = ctx.index();
    let needed = copies.into_iter().filter(|copy| {
        let namespace = index.distributions.namespaces.name(&copy.namespace);
        index.standing(&copy.name, &namespace).1 != CopyAction::Leave
    });
    let needed: Vec<ObjectKey> = needed.collect();
    drop(index);
    let is_needed = !needed.is_empty();
    distributor.call(needed);
    is_needed
}

/// Distributes what was decided. Waits a moment for the copies; returns whether there is anything new to say of them.
pub(crate) async fn distribute(resource: &ResourceRef, what: &Distribute, ctx: &Context) -> bool {
    let (Some(distributor), Distribute::Content(content)) = (&ctx.distributor, what) else {
        return false;
    };
    let name = &resource.key.name;
    let (is_news, replaces) = {
        let distributions = &mut ctx.index().distributions;
        let before = distributions.get(name).and_then(|one| one.content().cloned());
        let replaces = before
            .as_ref()
            .zip(content.as_ref())
            .is_some_and(|(before, now)| before.version != now.version);
        (distributions.distribute(name, content.clone()), replaces)
    };
    if !is_news {
        return false;
    }
    if replaces {
        let now = now();
        ctx.memories()
            .update(&resource.uid, |memory| memory.credentials_changed_at = Some(now));
    }
    let concerned = ctx.index().distributions.concerned(name);
    call_if_needed(concerned, ctx);
    let all = async {
        loop {
            let finished = distributor.finished.notified();
            if !lock(&distributor.work).is_busy_with(name) {
                return;
            }
            finished.await;
        }
    };
    // What takes longer is told later.
    let _ = tokio::time::timeout(PATIENCE, all).await;
    true
}

/// The status of a resource has something new to say of its copies, but not too often.
pub(crate) fn progress(resource: &ObjectKey, ctx: &Context) {
    let uid = ctx.index().uid(resource);
    let written = uid.and_then(|uid| ctx.memories().look(&uid, |memory| memory.status_written_at)?);
    let pause = match written {
        _ if ctx.is_reconciling(resource) => PACE,
        Some(written) => PACE.saturating_sub(since(written, now())),
        None => Duration::ZERO,
    };
    ctx.trigger_within(resource, pause);
}

/// Writes and deletes copies until the process ends.
pub(crate) async fn run(ctx: Arc<Context>) {
    let Some(distributor) = &ctx.distributor else {
        return;
    };
    let work = futures::stream::unfold((), |()| async {
        loop {
            let next = lock(&distributor.work).take();
            if let Some(next) = next {
                return Some((next, ()));
            }
            distributor.called.notified().await;
        }
    });
    work.for_each_concurrent(CONCURRENCY, |copy| change(copy, distributor, &ctx))
        .await;
}

/// Makes the next change of one copy.
async fn change(copy: ObjectKey, distributor: &Distributor, ctx: &Arc<Context>) {
    let pause = match change_once(&copy, ctx).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::warn!(namespace = copy.namespace, name = copy.name, retry_in = ?AFTER_ERROR, "{error}");
            Some(AFTER_ERROR)
        }
    };
    lock(&distributor.work).done(&copy, pause.is_some());
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
            delete_copy(&secret, &observed, ctx).await?;
            ctx.index().distributions.copies.forget(&secret);
            attach::review(Some(&copy.namespace), ctx);
            return Ok(None);
        }
        (CopyAction::Write(replaces), Some(_)) => replaces,
        (CopyAction::Inspect, Some(content)) => match inspect(copy, &target, content, ctx).await? {
            Ok(replaces) => replaces,
            Err(problem) => {
                set_problem(copy, Some(problem), ctx);
                return Ok(None);
            }
        },
        _ => return Ok(None),
    };
    match content {
        Some(content) => write(copy, &namespace, &content, replaces, ctx).await,
        None => Ok(None),
    }
}

/// Reads a Secret that somebody else has made, and sees whether it may be written.
async fn inspect(
    copy: &ObjectKey,
    target: &str,
    content: &CopiedSecret,
    ctx: &Context,
) -> Result<Result<Option<Precondition>, Problem>, Error> {
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &copy.namespace);
    let existing = call(|| format!("reading Secret {target:?}"), secrets.get_opt(target)).await?;
    let Some(existing) = existing else {
        ctx.index()
            .distributions
            .copies
            .forget(&ObjectKey::new(&*copy.namespace, target));
        return Ok(Ok(None));
    };
    let allowed = ctx.index().may_take(&copy.name, content, &existing);
    Ok(allowed.map(|()| {
        Some(Precondition {
            uid: existing.metadata.uid,
            resource_version: existing.metadata.resource_version,
        })
    }))
}

async fn write(
    copy: &ObjectKey,
    namespace: &Name,
    content: &CopiedSecret,
    replaces: Option<Precondition>,
    ctx: &Context,
) -> Result<Option<Duration>, Error> {
    let desired = content.copy_in(&copy.namespace);
    let error = match write_copy(&desired, replaces, ctx).await {
        Ok(written) => {
            ctx.index().distributions.copies.observe(&written.metadata, namespace);
            set_problem(copy, None, ctx);
            attach::review(Some(&copy.namespace), ctx);
            // A Secret under an earlier name is not wanted any more.
            call_if_needed(vec![copy.clone()], ctx);
            return Ok(None);
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
