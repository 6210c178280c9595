//! Puts the generated Secrets into ServiceAccounts, and takes them out again. The only writer of ServiceAccounts.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::{Patch, PatchParams};

use crate::api::FIELD_MANAGER;
use crate::controller::context::{Context, lock, now};
use crate::controller::distribute::trigger;
use crate::controller::work_queue::WorkQueue;
use crate::domain::attachment::Attachments;
use crate::domain::names::ObjectKey;
use crate::domain::reconcile::refusal::is_refusal;
use crate::domain::reconcile::retry::AFTER_REFUSAL;
use crate::domain::text::cut;
use crate::kubernetes::request::{Error, call};

/// Most changes at a time.
const CONCURRENCY: usize = 8;

/// How long to wait after an error of the platform.
const AFTER_ERROR: Duration = Duration::from_secs(5);

/// Longest part of a refusal that a status repeats, in characters.
const REFUSAL_LENGTH: usize = 300;

/// What the API server says of a JSON patch whose test fails (`NewGenericServerResponse` in
/// `staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go`). It refuses what is invalid in other words.
const OUTDATED: &str = "the server rejected our request due to an error in our request";

/// What is known of the ServiceAccounts of a scope, and which of them have to be changed.
#[derive(Default)]
pub(crate) struct Attacher {
    known: Mutex<Attachments>,
    work: Arc<WorkQueue>,
}

impl Attacher {
    pub(crate) fn known(&self) -> MutexGuard<'_, Attachments> {
        lock(&self.known)
    }

    pub(crate) fn call(&self, accounts: impl IntoIterator<Item = ObjectKey>) {
        self.work.call(accounts, false);
    }
}

/// Has the ServiceAccounts of a namespace changed that do not list what they should; all of them if none is named.
pub(crate) fn review(namespace: Option<&str>, ctx: &Context) {
    if let Some(attacher) = ctx.attacher.as_ref().filter(|attacher| attacher.work.runs()) {
        let outdated = attacher.known().outdated(namespace, &ctx.index(), now());
        attacher.call(outdated);
    }
}

/// Changes ServiceAccounts until it is to stop.
pub(crate) async fn attach(ctx: Arc<Context>, stop: impl Future<Output = ()>) {
    let Some(attacher) = &ctx.attacher else {
        return;
    };
    attacher.work.begin();
    review(None, &ctx);
    // One change of each at a time: a second one would be about what the first one replaces.
    let (attacher, ctx) = (attacher.as_ref(), ctx.as_ref());
    let change = |account: ObjectKey| async move { change(&account, attacher, ctx).await };
    let changed = |account: ObjectKey| {
        // The status is about all of them.
        if !attacher.work.is_busy_in(&account.namespace) {
            let attaching = ctx.index().attaching(&account.namespace);
            trigger(&attaching, ctx);
        }
    };
    attacher.work.run(CONCURRENCY, stop, change, changed).await;
}

/// Returns how long to wait for the next try, if it fails.
async fn change(key: &ObjectKey, attacher: &Attacher, ctx: &Context) -> Option<Duration> {
    let planned = {
        let (mut known, index) = (attacher.known(), ctx.index());
        let change = known.change(key, &index, now());
        let planned = change.map(|(account, change)| (account.patch(&change), change));
        if planned.is_none() {
            known.permit(key);
        }
        planned
    };
    let (patch, change) = planned?;
    let error = match write(key, patch, ctx).await {
        Ok(written) => {
            attacher.known().changed(&written, &change, &ctx.index(), now());
            ctx.shared.metrics.write("ServiceAccount");
            tracing::debug!(
                namespace = key.namespace,
                name = key.name,
                attached = change.added.join(","),
                "changed the pull secrets of a ServiceAccount"
            );
            return None;
        }
        Err(error) => error,
    };
    let pause = match error.answer().map(|answer| (answer.code, answer.message.as_str())) {
        // The watch says so as well, and brings what it is by now.
        Some((404 | 409, _)) => return None,
        Some((422, message)) if message.contains(OUTDATED) => return None,
        Some((code, message)) if is_refusal(code) => {
            attacher.known().refuse(key, &cut(message, REFUSAL_LENGTH));
            AFTER_REFUSAL
        }
        _ => AFTER_ERROR,
    };
    tracing::warn!(namespace = key.namespace, name = key.name, retry_in = ?pause, "{error}");
    Some(pause)
}

async fn write(key: &ObjectKey, patch: serde_json::Value, ctx: &Context) -> Result<ServiceAccount, Error> {
    ctx.may_write()?;
    let accounts = Api::<ServiceAccount>::namespaced(ctx.client.clone(), &key.namespace);
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patch = serde_json::from_value(patch).map_err(kube::Error::SerdeError);
    let request = async { accounts.patch(&key.name, &params, &Patch::<()>::Json(patch?)).await };
    call(|| format!("changing ServiceAccount {:?}", key.name), request).await
}
