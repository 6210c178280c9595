//! Copies Secrets into namespaces, and deletes the copies again.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::core::PartialObjectMeta;
use tokio::sync::Notify;

use crate::api::Reason;
use crate::controller::apply::{delete_copy, write_copy};
use crate::controller::attach;
use crate::controller::context::{Context, lock, now};
use crate::domain::distribution::content::CopiedSecret;
use crate::domain::distribution::standing::CopyAction;
use crate::domain::distribution::{Distributed, Name};
use crate::domain::names::{ObjectKey, ResourceRef};
use crate::domain::problem::Problem;
use crate::domain::reconcile::decide::copies::Distribute;
use crate::domain::reconcile::refusal::{is_refusal, refusal};
use crate::domain::reconcile::retry::AFTER_REFUSAL;
use crate::domain::reconcile::work_set::WorkSet;
use crate::domain::secret::precondition::Precondition;
use crate::domain::secret::shape::CopyShape;
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
pub(crate) const PACE: Duration = Duration::from_secs(2);

/// Which copies have to be written or deleted: by namespace, and name of the resource.
#[derive(Default)]
pub(crate) struct Distributor {
    work: Mutex<WorkSet>,
    called: Notify,
    finished: Notify,
    /// Whether anybody does it. A standby has a list of its own when it takes over.
    runs: AtomicBool,
}

impl Distributor {
    /// `at_once`: also what is left alone for a while.
    fn call(&self, copies: impl IntoIterator<Item = ObjectKey>, at_once: bool) {
        if !self.runs.load(Ordering::Relaxed) {
            return;
        }
        let mut work = lock(&self.work);
        for copy in copies {
            if at_once {
                work.resume(&copy);
            }
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
        // Others may want a Secret of the same name.
        review(ctx);
        let all = ctx.index().distributions.which(|_| true);
        all.iter().for_each(|resource| progress(resource, ctx));
    }
}

/// Looks at all copies.
pub(crate) fn review(ctx: &Context) {
    if ctx.distributor.is_some() {
        let resources = ctx.index().distributions.which(|_| true);
        for resource in resources {
            let concerned = ctx.index().distributions.concerned(&resource.name);
            call_copies(concerned, true, ctx);
        }
    }
}

/// A resource of a namespace wants a Secret of this name, or does not want it any more.
pub(crate) fn claimed(secret: &ObjectKey, ctx: &Context) {
    let copies = ctx.index().copies_called(secret);
    tell(copies, ctx);
}

/// Has copies written or deleted that are not as they should be, and has their resources say so.
pub(crate) fn tell(copies: Vec<ObjectKey>, ctx: &Context) {
    let resources: BTreeSet<String> = copies.iter().map(|copy| copy.name.clone()).collect();
    // Once something is done, the status says so.
    if !call_if_needed(copies, ctx) {
        for resource in resources {
            progress(&ObjectKey::new("", resource), ctx);
        }
    }
}

/// Has those of these copies written or deleted that are not as they should be. Returns whether there are any.
pub(crate) fn call_if_needed(copies: Vec<ObjectKey>, ctx: &Context) -> bool {
    call_copies(copies, false, ctx)
}

fn call_copies(copies: Vec<ObjectKey>, at_once: bool, ctx: &Context) -> bool {
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
    distributor.call(needed, at_once);
    is_needed
}

/// Distributes what was decided for a generation. Waits a moment for the copies; returns whether there is anything new to say of them.
pub(crate) async fn distribute(
    resource: &ResourceRef,
    generation: Option<i64>,
    what: &Distribute,
    ctx: &Context,
) -> bool {
    let (Some(distributor), Distribute::Content(content)) = (&ctx.distributor, what) else {
        return false;
    };
    let name = &resource.key.name;
    let distributed = ctx
        .index()
        .distributions
        .distribute(resource, generation, content.clone());
    match distributed {
        Distributed::Nothing => return false,
        Distributed::New => {}
        Distributed::Other => {
            let now = now();
            ctx.memories()
                .update(&resource.uid, |memory| memory.credentials_changed_at = Some(now));
        }
    }
    let concerned = ctx.index().distributions.concerned(name);
    call_copies(concerned, true, ctx);
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
    let reconciled = uid.and_then(|uid| ctx.memories().look(&uid, |memory| memory.reconciled_at)?);
    let pause = match reconciled {
        _ if ctx.is_reconciling(resource) => PACE,
        Some(reconciled) => PACE.saturating_sub(since(reconciled, now())),
        None => Duration::ZERO,
    };
    ctx.trigger_within(resource, pause);
}

/// Writes and deletes copies until the process ends.
pub(crate) async fn run(ctx: Arc<Context>) {
    let Some(distributor) = &ctx.distributor else {
        return;
    };
    distributor.runs.store(true, Ordering::Relaxed);
    review(&ctx);
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
