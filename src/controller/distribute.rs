//! Has Secrets copied into namespaces, and the copies deleted again.

mod copy;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::Notify;

use crate::controller::context::{Context, lock, now};
use crate::controller::distribute::copy::change;
use crate::domain::distribution::Distributed;
use crate::domain::distribution::standing::CopyAction;
use crate::domain::names::{ObjectKey, ResourceRef};
use crate::domain::reconcile::decide::copies::Distribute;
use crate::domain::reconcile::work_set::WorkSet;
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
        for resource in &all {
            progress(resource, ctx);
        }
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
