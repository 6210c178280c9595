//! The watch of DockerPullSecrets: keeps store, index and memories in step, and triggers what changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::core::ObjectMeta;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;
use kube::{Resource as _, ResourceExt as _};

use crate::api::VERIFY_ANNOTATION;
use crate::controller::context::Context;
use crate::controller::publish::acknowledge;
use crate::controller::store::stored_resource::StoredResource;
use crate::controller::watches::drive::Watched;
use crate::domain::names::{ObjectKey, ResourceRef, Uid};
use crate::domain::reconcile::trigger::metadata_calls;
use crate::domain::status::equal::is_up_to_date;

pub(crate) struct DockerPullSecrets {
    ctx: Arc<Context>,
    writer: Writer<StoredResource>,
    /// What the list that is being read has shown.
    listed: BTreeSet<ObjectKey>,
}

impl DockerPullSecrets {
    pub(crate) fn new(ctx: Arc<Context>, writer: Writer<StoredResource>) -> Self {
        Self {
            ctx,
            writer,
            listed: BTreeSet::new(),
        }
    }

    /// Takes a resource in. Returns others that this affects.
    fn insert(&self, object: &StoredResource) -> Vec<ObjectKey> {
        let before = self.ctx.index().uid(&ObjectKey::of(object.meta()));
        if let Some(resource) = object.reference() {
            if before.is_some_and(|before| before != resource.uid) {
                self.forget(&resource.key);
            }
            self.ctx.memories().insert(resource.uid);
        }
        // One that does not parse keeps the place that it had.
        match object.without_status() {
            Ok(resource) => self.ctx.index().insert(&resource),
            Err(_) => Vec::new(),
        }
    }

    /// Forgets a resource that is gone. Returns others that this affects.
    fn forget(&self, key: &ObjectKey) -> Vec<ObjectKey> {
        let uid = self.ctx.index().uid(key);
        let affected = self.ctx.index().remove(key);
        if let Some(uid) = uid {
            self.ctx.forget(&resource(key, uid));
        }
        affected
    }

    /// Whether more changed than what the operator itself wrote to the status.
    fn needs_reconcile(&self, before: Option<&StoredResource>, now: &StoredResource) -> bool {
        let Some(before) = before else { return true };
        if metadata_calls(before.meta(), now.meta()) {
            return true;
        }
        if before.has_status_of(now) {
            return false;
        }
        let published = now.uid().and_then(|uid| self.ctx.memory(&Uid::new(&uid)).published);
        !published.is_some_and(|published| is_up_to_date(now.status().as_ref(), &published.status))
    }
}

fn resource(key: &ObjectKey, uid: Uid) -> ResourceRef {
    ResourceRef {
        kind: StoredResource::KIND,
        key: key.clone(),
        uid,
    }
}

impl Watched for DockerPullSecrets {
    type Object = StoredResource;
    const KIND: &'static str = StoredResource::KIND;
    const RESOURCE: &'static str = "dockerpullsecrets.pullsecrets.dev";

    fn slim(object: &mut StoredResource) {
        slim(object.meta_mut());
    }

    fn list_begins(&mut self) {
        self.listed.clear();
        self.writer.apply_watcher_event(&Event::Init);
    }

    fn listed(&mut self, object: StoredResource) {
        self.listed.insert(ObjectKey::of(object.meta()));
        self.insert(&object);
        self.writer.apply_watcher_event(&Event::InitApply(object));
    }

    fn list_ends(&mut self, _first: bool) {
        self.writer.apply_watcher_event(&Event::InitDone);
        let known: Vec<ObjectKey> = self.ctx.index().resources().collect();
        for gone in known.iter().filter(|key| !self.listed.contains(key)) {
            self.forget(gone);
        }
        self.ctx.trigger(&self.listed);
        self.listed.clear();
    }

    fn applied(&mut self, object: StoredResource) {
        let key = ObjectKey::of(object.meta());
        let before = self.ctx.stored(&key);
        let affected = self.insert(&object);
        self.writer.apply_watcher_event(&Event::Apply(object.clone()));
        self.ctx.trigger(&affected);
        if self.needs_reconcile(before.as_deref(), &object) {
            self.ctx.trigger([&key]);
        }
        if let Some(resource) = object.reference() {
            acknowledge(&resource, object.resource_version().as_deref(), &self.ctx);
        }
    }

    fn deleted(&mut self, object: StoredResource) {
        let key = ObjectKey::of(object.meta());
        self.writer.apply_watcher_event(&Event::Delete(object));
        let affected = self.forget(&key);
        self.ctx.trigger(&affected);
    }
}

/// Most of an object's metadata is read by nobody.
fn slim(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    meta.labels = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|name, _| name == VERIFY_ANNOTATION);
    }
}
