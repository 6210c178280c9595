//! The watch of DockerPullSecrets: keeps store, index and memories in step, and triggers what changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;
use kube::{Resource as _, ResourceExt as _};

use crate::controller::attach::review;
use crate::controller::context::Context;
use crate::controller::publish::acknowledge;
use crate::controller::store::stored_resource::StoredResource;
use crate::controller::watches::drive::Watched;
use crate::domain::names::{ObjectKey, ResourceRef, Uid};
use crate::domain::reconcile::memory::ResourceMemory;
use crate::domain::reconcile::trigger::metadata_calls;
use crate::domain::status::equal::is_up_to_date;

pub(crate) struct DockerPullSecrets {
    ctx: Arc<Context>,
    writer: Writer<StoredResource>,
    /// What the list that is being read has shown.
    listed: BTreeSet<ResourceRef>,
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
        let mut affected = Vec::new();
        if let Some(resource) = object.reference() {
            let before = self.ctx.index().uid(&resource.key);
            if let Some(uid) = before.filter(|uid| *uid != resource.uid) {
                affected.extend(self.forget(&ResourceRef {
                    uid,
                    ..resource.clone()
                }));
            }
        }
        // One that does not parse keeps the place that it had.
        let declaration = object.declaration();
        if let Ok(declaration) = &declaration {
            affected.extend(self.ctx.index().insert(declaration));
        }
        let uid = match declaration {
            // The same text as in the index, so that it takes memory once.
            Ok(declaration) => declaration.uid,
            Err(_) => object.uid().map(|uid| Uid::new(&uid)),
        };
        if let Some(uid) = uid {
            self.ctx.memories().insert(uid);
        }
        affected
    }

    /// Forgets a resource that is gone. Returns others that this affects.
    fn forget(&self, resource: &ResourceRef) -> Vec<ObjectKey> {
        self.ctx.forget(resource);
        let mut index = self.ctx.index();
        // Its place may be another's by now, or it never had one.
        if index.uid(&resource.key).is_some_and(|uid| uid == resource.uid) {
            return index.remove(&resource.key);
        }
        Vec::new()
    }

    /// The spec may ask for other ServiceAccounts.
    fn review(&self, before: Option<&StoredResource>, now: &StoredResource) {
        let generation = |object: &StoredResource| object.meta().generation;
        if before.and_then(generation) == generation(now) {
            return;
        }
        if let (Some(attacher), Ok(declaration)) = (&self.ctx.attacher, now.declaration()) {
            let namespace = declaration.key.namespace;
            attacher.known().retry(&ObjectKey::new(&*namespace, declaration.target));
            review(Some(&namespace), &self.ctx);
        }
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
        let status = now.status();
        let says_published = |memory: &ResourceMemory| {
            let published = memory.published.as_ref();
            published.is_some_and(|published| is_up_to_date(status.as_ref(), &published.status))
        };
        let uid = now.uid().map(|uid| Uid::new(&uid));
        let memories = self.ctx.memories();
        !uid.and_then(|uid| memories.look(&uid, says_published))
            .unwrap_or_default()
    }
}

impl Watched for DockerPullSecrets {
    type Object = StoredResource;
    const KIND: &'static str = StoredResource::KIND;
    const RESOURCE: &'static str = "dockerpullsecrets.pullsecrets.dev";

    fn list_begins(&mut self) {
        self.listed.clear();
        self.writer.apply_watcher_event(&Event::Init);
    }

    fn listed(&mut self, object: StoredResource) {
        self.listed.extend(object.reference());
        self.insert(&object);
        self.writer.apply_watcher_event(&Event::InitApply(object));
    }

    fn list_ends(&mut self, _first: bool) {
        let before = self.ctx.store.state();
        self.writer.apply_watcher_event(&Event::InitDone);
        let before = before.iter().filter_map(|object| object.reference());
        for gone in before.filter(|resource| !self.listed.contains(resource)) {
            self.forget(&gone);
        }
        for resource in std::mem::take(&mut self.listed) {
            if let Some(stored) = self.ctx.stored(&resource.key) {
                acknowledge(&resource, stored.resource_version().as_deref(), &self.ctx);
            }
            self.ctx.trigger([&resource.key]);
        }
        review(None, &self.ctx);
    }

    fn applied(&mut self, object: StoredResource) {
        let key = ObjectKey::of(object.meta());
        let before = self.ctx.stored(&key);
        let affected = self.insert(&object);
        self.writer.apply_watcher_event(&Event::Apply(object.clone()));
        self.review(before.as_deref(), &object);
        self.ctx.trigger(&affected);
        if self.needs_reconcile(before.as_deref(), &object) {
            self.ctx.trigger([&key]);
        }
        if let Some(resource) = object.reference() {
            acknowledge(&resource, object.resource_version().as_deref(), &self.ctx);
        }
    }

    fn deleted(&mut self, object: StoredResource) {
        let gone = object.reference();
        self.writer.apply_watcher_event(&Event::Delete(object));
        let namespace = gone.as_ref().map(|gone| gone.key.namespace.clone());
        let affected = gone.map_or_else(Vec::new, |gone| self.forget(&gone));
        self.ctx.trigger(&affected);
        review(namespace.as_deref(), &self.ctx);
    }
}
