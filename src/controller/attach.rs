//! Puts the generated Secrets into ServiceAccounts, and takes them out again. The only writer of ServiceAccounts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::{Patch, PatchParams};
use tokio::sync::Notify;

use crate::api::FIELD_MANAGER;
use crate::controller::context::{Context, now};
use crate::domain::attachment::Attachments;
use crate::domain::names::ObjectKey;
use crate::domain::reconcile::retry::AFTER_REFUSAL;
use crate::domain::text::cut;
use crate::kubernetes::request::{Error, call};

/// Most changes at a time.
const CONCURRENCY: usize = 8;

/// How long to wait after an error of the platform.
const AFTER_ERROR: Duration = Duration::from_secs(5);

/// Longest part of a refusal that a status repeats, in characters.
const REFUSAL_LENGTH: usize = 300;

/// What is known of the ServiceAccounts of a scope, and which of them have to be changed.
#[derive(Default)]
pub(crate) struct Attacher {
    known: Mutex<Attachments>,
    outdated: Mutex<BTreeSet<ObjectKey>>,
    in_flight: Mutex<BTreeSet<ObjectKey>>,
    called: Notify,
}

impl Attacher {
    pub(crate) fn known(&self) -> MutexGuard<'_, Attachments> {
        lock(&self.known)
    }

    fn call(&self, accounts: impl IntoIterator<Item = ObjectKey>) {
        lock(&self.outdated).extend(accounts);
        self.called.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the ServiceAccounts of a namespace changed that do not list what they should; all of them if none is named.
pub(crate) fn review(namespace: Option<&str>, ctx: &Context) {
    if let Some(attacher) = &ctx.attacher {
        let outdated = attacher.known().outdated(namespace, &ctx.index(), now());
        attacher.call(outdated);
    }
}

/// Changes ServiceAccounts until the process ends.
pub(crate) async fn attach(ctx: Arc<Context>) {
    let Some(attacher) = &ctx.attacher else {
        return;
    };
    review(None, &ctx);
    let outdated = futures::stream::unfold((), |()| async {
        loop {
            let next = lock(&attacher.outdated).pop_first();
            if let Some(next) = next {
                return Some((next, ()));
            }
            attacher.called.notified().await;
        }
    });
    outdated
        .for_each_concurrent(CONCURRENCY, |account| change_alone(account, attacher, &ctx))
        .await;
}

/// One change of a ServiceAccount at a time: a second one would be about what the first one replaces.
async fn change_alone(key: ObjectKey, attacher: &Attacher, ctx: &Arc<Context>) {
    if !lock(&attacher.in_flight).insert(key.clone()) {
        return;
    }
    let before = attacher.known().get(&key).cloned();
    change(&key, attacher, ctx).await;
    lock(&attacher.in_flight).remove(&key);
    // Who called meanwhile was not heard.
    if attacher.known().get(&key) != before.as_ref() {
        attacher.call([key]);
    }
}

async fn change(key: &ObjectKey, attacher: &Attacher, ctx: &Arc<Context>) {
    let planned = {
        let (known, index) = (attacher.known(), ctx.index());
        let change = known.change(key, &index, now());
        change.map(|(account, change)| (account.patch(&change), change))
    };
    let Some((patch, change)) = planned else {
        return;
    };
    match write(key, &patch, ctx).await {
        Ok(written) => {
            attacher.known().changed(&written, &change, &ctx.index(), now());
            ctx.shared.metrics.write("ServiceAccount");
            tracing::info!(
                namespace = key.namespace,
                name = key.name,
                attached = change.added.join(","),
                "changed the pull secrets of a ServiceAccount"
            );
        }
        // It is not what it was: the watch brings it.
        Err(error)
            if error
                .answer()
                .is_some_and(|answer| matches!(answer.code, 404 | 409 | 422)) =>
        {
            return;
        }
        Err(error) => {
            let pause = match error.answer().filter(|answer| answer.is_forbidden()) {
                Some(answer) => {
                    attacher.known().refuse(key, &cut(&answer.message, REFUSAL_LENGTH));
                    AFTER_REFUSAL
                }
                None => AFTER_ERROR,
            };
            tracing::warn!(namespace = key.namespace, name = key.name, retry_in = ?pause, "{error}");
            let (again, ctx) = (key.clone(), Arc::clone(ctx));
            tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                if let Some(attacher) = &ctx.attacher {
                    attacher.call([again]);
                }
            });
        }
    }
    let affected = ctx.index().affected_by_account(key);
    ctx.trigger(&affected);
}

async fn write(key: &ObjectKey, patch: &serde_json::Value, ctx: &Context) -> Result<ServiceAccount, Error> {
    ctx.may_write()?;
    let accounts = Api::<ServiceAccount>::namespaced(ctx.client.clone(), &key.namespace);
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patch = serde_json::from_value(patch.clone()).map_err(kube::Error::SerdeError);
    let request = async { accounts.patch(&key.name, &params, &Patch::<()>::Json(patch?)).await };
    call(|| format!("changing ServiceAccount {:?}", key.name), request).await
}
