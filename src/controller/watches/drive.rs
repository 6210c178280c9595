//! One loop for all watches.
//!
//! Each watch has its own backoff: kube's `Controller` would share one, so that a failing watch stops the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt as _, pin_mut};
use kube::core::ObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch::Sender;

use crate::api::{MANAGED_BY_LABEL, VERIFY_ANNOTATION};
use crate::controller::backoff::NonResettingBackoff;
use crate::controller::context::Context;
use crate::controller::readiness::explain;

/// Objects of a page: a page is in memory three times while it is read.
const PAGE: u32 = 200;

/// What one kind of objects means to the controller.
pub(crate) trait Watched: Send {
    /// The objects, as much of them as is read.
    type Object: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static;
    /// The kind, for metrics.
    const KIND: &'static str;
    /// The resource, for messages.
    const RESOURCE: &'static str;

    /// Takes out of an object what nobody reads, before it is stored anywhere.
    fn slim(object: &mut Self::Object) {
        slim(object.meta_mut());
    }

    /// A list begins.
    fn list_begins(&mut self) {}

    /// An object of the list.
    fn listed(&mut self, object: Self::Object);

    /// The list is complete. `first`: nothing was ready before it.
    fn list_ends(&mut self, first: bool);

    /// An object was created or changed.
    fn applied(&mut self, object: Self::Object);

    /// An object was deleted.
    fn deleted(&mut self, object: Self::Object);

    /// Whether everything else may begin although this watch fails, or is not allowed.
    fn is_optional(&self, _is_forbidden: bool) -> bool {
        false
    }
}

/// What the loop needs beside the objects.
pub(crate) struct WatchSettings {
    /// For `/readyz` and the log, such as `pods in all namespaces`.
    pub(crate) name: String,
    /// Field selector.
    pub(crate) fields: Option<&'static str>,
    /// Set when the first list is complete, or, for an optional watch, has failed.
    pub(crate) ready: Sender<bool>,
}

/// Most of the metadata of an object.
fn slim(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    meta.labels = only(MANAGED_BY_LABEL, meta.labels.take());
    meta.annotations = only(VERIFY_ANNOTATION, meta.annotations.take());
}

/// One entry of a map. Not `retain`: a map that was emptied keeps half a KiB.
pub(super) fn only(name: &str, map: Option<BTreeMap<String, String>>) -> Option<BTreeMap<String, String>> {
    map?.remove_entry(name).map(|entry| BTreeMap::from([entry]))
}

fn is_forbidden(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::InitialListFailed(kube::Error::Api(answer)) if answer.is_forbidden())
}

/// Watches until the process ends.
pub(crate) async fn drive<W: Watched>(mut watched: W, api: Api<W::Object>, settings: WatchSettings, ctx: Arc<Context>) {
    let WatchSettings { name, fields, ready } = settings;
    let mut config = watcher::Config::default().page_size(PAGE);
    config.field_selector = fields.map(str::to_owned);
    let events = watcher(api, config)
        .backoff(NonResettingBackoff::default())
        .modify(W::slim);
    pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => watched.list_begins(),
            Ok(Event::InitApply(object)) => watched.listed(object),
            Ok(Event::InitDone) => {
                watched.list_ends(!*ready.borrow());
                ctx.shared.readiness.listed(&name);
                ready.send_replace(true);
            }
            Ok(Event::Apply(object)) => {
                ctx.shared.readiness.alive(&name);
                watched.applied(object);
            }
            Ok(Event::Delete(object)) => {
                ctx.shared.readiness.alive(&name);
                watched.deleted(object);
            }
            Err(error) => {
                let why = explain(&error, W::RESOURCE);
                tracing::warn!(watch = name, "{why}");
                ctx.shared.readiness.failed(&name, why);
                ctx.shared.metrics.watch_error(W::KIND);
                if watched.is_optional(is_forbidden(&error)) {
                    ready.send_replace(true);
                }
            }
        }
    }
}
