//! Has Secrets copied into namespaces, and the copies deleted again.

mod copy;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::controller::context::{Context, now};
use crate::controller::distribute::copy::change;
use crate::controller::work_queue::WorkQueue;
use crate::domain::distribution::Distributed;
use crate::domain::distribution::standing::CopyAction;
use crate::domain::names::{ObjectKey, ResourceRef};
use crate::domain::reconcile::decide::copies::Distribute;
use crate::domain::spec::declaration::Declaration;
use crate::domain::time::since;

/// Most writes at a time.
const CONCURRENCY: usize = 16;

/// How long a reconcile waits for its copies: where there are few, one status says that all are there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shortest time between two statuses that tell of copies.
pub(crate) const PACE: Duration = Duration::from_secs(2);

/// Which copies have to be written or deleted: by namespace, and name of the resource.
#[derive(Default)]
pub(crate) struct Distributor(Arc<WorkQueue>);

/// Those who have copies written and deleted, if there are any and they have begun.
fn running(ctx: &Context) -> Option<&Arc<WorkQueue>> {
    let work = &ctx.distributor.as_ref()?.0;
    work.runs().then_some(work)
}

/// Takes over what a resource wants now.
pub(crate) fn declared(declaration: &Declaration, ctx: &Context) {
    let changed = ctx.index().distributions.insert(declaration);
    if changed {
        // Others may want a Secret of the same name.
        review(ctx);
        let all = ctx.index().distributions.which(|_| true);
        trigger(&all, ctx);
    }
}

/// Looks at all copies.
pub(crate) fn review(ctx: &Context) {
    if running(ctx).is_some() {
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
    let resources: BTreeSet<ObjectKey> = copies.iter().map(|copy| ObjectKey::new("", &*copy.name)).collect();
    // Once something is done, the status says so.
    if !call_if_needed(copies, ctx) {
        trigger(&resources, ctx);
    }
}

/// Has those of these copies written or deleted that are not as they should be. Returns whether there are any.
pub(crate) fn call_if_needed(copies: Vec<ObjectKey>, ctx: &Context) -> bool {
    call_copies(copies, false, ctx)
}

fn call_copies(copies: Vec<ObjectKey>, at_once: bool, ctx: &Context) -> bool {
    let Some(work) = running(ctx) else {
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
    work.call(needed, at_once);
    is_needed
}

/// Distributes what was decided for a generation. Waits a moment for the copies; returns whether there is anything new to say of them.
pub(crate) async fn distribute(
    resource: &ResourceRef,
    generation: Option<i64>,
    what: &Distribute,
    ctx: &Context,
) -> bool {
    // It may have to be told before anybody copies it.
    let (Some(Distributor(work)), Distribute::Content(content)) = (ctx.distributor.as_deref(), what) else {
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
    // What takes longer is told later.
    let _ = tokio::time::timeout(PATIENCE, work.until_done(name)).await;
    true
}

/// Has these resources reconciled, those for many namespaces at their pace.
pub(crate) fn trigger<'a>(resources: impl IntoIterator<Item = &'a ObjectKey>, ctx: &Context) {
    for resource in resources {
        match resource.namespace() {
            Some(_) => ctx.trigger([resource]),
            None => progress(resource, ctx),
        }
    }
}

/// The status of a resource has something new to say of its copies, but not too often.
fn progress(resource: &ObjectKey, ctx: &Context) {
    let uid = ctx.index().uid(resource);
    let reconciled = uid.and_then(|uid| ctx.memories().look(&uid, |memory| memory.reconciled_at)?);
    let pause = match reconciled {
        _ if ctx.is_reconciling(resource) => PACE,
        Some(reconciled) => PACE.saturating_sub(since(reconciled, now())),
        None => Duration::ZERO,
    };
    ctx.trigger_within(resource, pause);
}

/// Writes and deletes copies until it is to stop.
pub(crate) async fn run(ctx: Arc<Context>, stop: impl Future<Output = ()>) {
    let Some(distributor) = &ctx.distributor else {
        return;
    };
    let work = &distributor.0;
    work.begin();
    review(&ctx);
    let ctx = ctx.as_ref();
    let change = |copy: ObjectKey| async move { change(&copy, ctx).await };
    let changed = |copy: ObjectKey| progress(&ObjectKey::new("", copy.name), ctx);
    work.run(CONCURRENCY, stop, change, changed).await;
}
