//! The watches of a scope, and what their events trigger.
//!
//! Each has its own backoff: kube's `Controller` would share one, so that a failing watch stops the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use futures::{Stream, StreamExt as _, pin_mut};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Resource as _, ResourceExt as _};
use tokio::sync::watch::Sender;

use crate::api::{MANAGED_BY_LABEL, VERIFY_ANNOTATION};
use crate::controller::backoff::NonResettingBackoff;
use crate::controller::context::{Context, reference};
use crate::controller::readiness::explain;
use crate::controller::store::stored_resource::StoredResource;
use crate::domain::index::Key;
use crate::domain::secret::ownership::{controlling_resource, is_labelled};
use crate::domain::status::build;

/// Objects of a page: a page is in memory three times while it is read.
const PAGE: u32 = 200;

/// Everything is looked at again after this time, in case an event got lost.
const RESYNC: Duration = Duration::from_hours(1);

/// Where triggers go.
pub(crate) type Queue = UnboundedSender<ObjectRef<StoredResource>>;

pub(crate) fn trigger<'a>(queue: &Queue, keys: impl IntoIterator<Item = &'a Key>) {
    for key in keys {
        // The receiver lives as long as the controller; after that nobody needs the trigger.
        let _ = queue.unbounded_send(reference(key));
    }
}

fn events<K>(api: Api<K>) -> impl Stream<Item = Result<Event<K>, watcher::Error>>
where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    watch(api, watcher::Config::default().page_size(PAGE))
        .backoff(NonResettingBackoff::default())
        .modify(|object| slim(object.meta_mut()))
}

/// Drops what nobody reads: most of an object's metadata.
fn slim(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    if !is_labelled(meta) {
        meta.labels = None;
    }
    if let Some(labels) = &mut meta.labels {
        labels.retain(|name, _| name == MANAGED_BY_LABEL);
    }
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|name, _| name == VERIFY_ANNOTATION);
    }
}

/// Watches the resources: keeps the store and the index, and triggers what changed.
pub(crate) async fn resources(
    api: Api<StoredResource>,
    name: String,
    ctx: Arc<Context>,
    mut writer: Writer<StoredResource>,
    queue: Queue,
    listed: Sender<bool>,
) {
    let store = writer.as_reader();
    let events = events(api);
    pin_mut!(events);
    let mut seen = BTreeSet::new();
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                ctx.shared
                    .readiness
                    .failed(&name, explain(&error, "dockerpullsecrets.pullsecrets.dev"));
                ctx.shared.metrics.watch_error("DockerPullSecret");
                tracing::warn!(watch = name, "{}", explain(&error, "dockerpullsecrets.pullsecrets.dev"));
                continue;
            }
        };
        let before = match &event {
            Event::Apply(object) => store.get(&ObjectRef::from_obj(object)),
            _ => None,
        };
        writer.apply_watcher_event(&event);
        match event {
            Event::Init => seen.clear(),
            Event::InitApply(object) => {
                seen.insert(key_of(&object));
                insert(&ctx, &object);
            }
            Event::InitDone => {
                let vanished: Vec<Key> = ctx.claims().resources().filter(|key| !seen.contains(key)).collect();
                for key in &vanished {
                    let uid = ctx.claims().uid(key).map(str::to_owned);
                    ctx.claims().remove(key);
                    ctx.forget(key, &uid.unwrap_or_default());
                }
                trigger(&queue, &seen);
                seen.clear();
                ctx.shared.readiness.listed(&name);
                listed.send_replace(true);
            }
            Event::Apply(object) => {
                ctx.shared.readiness.alive(&name);
                trigger(&queue, &insert(&ctx, &object));
                if needs_a_pass(&ctx, before.as_deref(), &object) {
                    trigger(&queue, [&key_of(&object)]);
                }
                ctx.caught_up(&object);
            }
            Event::Delete(object) => {
                ctx.shared.readiness.alive(&name);
                let concerned = ctx.claims().remove(&key_of(&object));
                ctx.forget(&key_of(&object), &object.uid().unwrap_or_default());
                trigger(&queue, &concerned);
            }
        }
    }
}

/// Triggers every resource once in [`RESYNC`], one after the other.
pub(crate) async fn resync(ctx: Arc<Context>) {
    loop {
        let all: Vec<Key> = ctx.claims().resources().collect();
        let pause = RESYNC / u32::try_from(all.len()).unwrap_or(u32::MAX).max(1);
        if all.is_empty() {
            tokio::time::sleep(pause).await;
        }
        for key in &all {
            tokio::time::sleep(pause).await;
            trigger(&ctx.queue, [key]);
        }
    }
}

fn key_of(object: &impl kube::ResourceExt) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Takes a resource into the index. One that does not parse keeps the place it had.
fn insert(ctx: &Context, object: &StoredResource) -> Vec<Key> {
    match object.without_status() {
        Ok(resource) => ctx.claims().insert(&resource),
        Err(_) => Vec::new(),
    }
}

/// Whether more changed than what a pass itself wrote to the status.
fn needs_a_pass(ctx: &Context, before: Option<&StoredResource>, now: &StoredResource) -> bool {
    let Some(before) = before else { return true };
    let (old, new) = (before.meta(), now.meta());
    let request = |meta: &ObjectMeta| {
        meta.annotations
            .as_ref()
            .and_then(|all| all.get(VERIFY_ANNOTATION))
            .cloned()
    };
    if old.uid != new.uid
        || old.generation != new.generation
        || old.deletion_timestamp != new.deletion_timestamp
        || request(old) != request(new)
    {
        return true;
    }
    if before.has_status_of(now) {
        return false;
    }
    let written = ctx.written(new.uid.as_deref().unwrap_or_default());
    !written.is_some_and(|written| build::is_up_to_date(now.status().as_ref(), &written.status))
}

/// Watches the metadata of Secrets: nothing of it is kept but what [`crate::domain::index`] wants of generated ones.
pub(crate) async fn secrets(
    api: Api<PartialObjectMeta<Secret>>,
    name: String,
    ctx: Arc<Context>,
    queue: Queue,
    listed: Sender<bool>,
) {
    let events = events(api);
    pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => ctx.claims().begin_secret_list(),
            Ok(Event::InitApply(secret)) => {
                ctx.claims().observe_secret(&secret.metadata);
            }
            Ok(Event::InitDone) => {
                ctx.claims().end_secret_list();
                // A list does not tell what was deleted meanwhile: every resource has to look. At the start it does anyway.
                if *listed.borrow() {
                    let all: Vec<Key> = ctx.claims().resources().collect();
                    trigger(&queue, &all);
                }
                ctx.shared.readiness.listed(&name);
                listed.send_replace(true);
            }
            Ok(Event::Apply(secret)) => {
                ctx.shared.readiness.alive(&name);
                let key = key_of(&secret);
                let (mut concerned, owner) = {
                    let mut claims = ctx.claims();
                    let concerned = claims.observe_secret(&secret.metadata);
                    let owner = controlling_resource(&secret.metadata);
                    (concerned, owner.filter(|owner| claims.wants(owner, &key) == Some(true)))
                };
                // What a pass wrote is no news to its resource, unless that wants another name by now and has to clean up.
                // Others may read it.
                if let Some(owner) = owner
                    && ctx.is_echo(&key, secret.metadata.resource_version.as_deref())
                {
                    concerned.retain(|(_, name)| *name != owner.name);
                }
                trigger(&queue, &concerned);
            }
            Ok(Event::Delete(secret)) => {
                ctx.shared.readiness.alive(&name);
                let concerned = ctx.claims().forget_secret(&key_of(&secret));
                ctx.forget_echo(&key_of(&secret));
                trigger(&queue, &concerned);
            }
            Err(error) => {
                ctx.shared.readiness.failed(&name, explain(&error, "secrets"));
                ctx.shared.metrics.watch_error("Secret");
                tracing::warn!(watch = name, "{}", explain(&error, "secrets"));
            }
        }
    }
}

/// Watches the metadata of ConfigMaps: nothing of it is kept.
pub(crate) async fn config_maps(api: Api<PartialObjectMeta<ConfigMap>>, name: String, ctx: Arc<Context>, queue: Queue) {
    let events = events(api);
    pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => {}
            // At the start every resource has a pass anyway; later, a list shows what changed while the watch was cut.
            Ok(Event::InitApply(map) | Event::Apply(map) | Event::Delete(map)) => {
                let concerned = ctx.claims().concerned_by_config_map(&key_of(&map));
                trigger(&queue, &concerned);
                ctx.shared.readiness.alive(&name);
            }
            Ok(Event::InitDone) => ctx.shared.readiness.listed(&name),
            Err(error) => {
                ctx.shared.readiness.failed(&name, explain(&error, "configmaps"));
                ctx.shared.metrics.watch_error("ConfigMap");
                tracing::warn!(watch = name, "{}", explain(&error, "configmaps"));
            }
        }
    }
}
