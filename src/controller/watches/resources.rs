//! The watches of both kinds of resources: keep store, index and memories in step, and trigger what changed.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::api::CLUSTER_DOCKER_PULL_SECRET;
use crate::controller::attach::review;
use crate::controller::context::Context;
use crate::controller::distribute;
use crate::controller::publish::acknowledge;
use crate::controller::store::stored_resource::{Of, ResourceKind, StoredResource};
use crate::controller::watches::drive::Watched;
use crate::domain::names::{ObjectKey, ResourceRef, Uid};
use crate::domain::reconcile::memory::ResourceMemory;
use crate::domain::reconcile::trigger::metadata_calls;
use crate::domain::status::equal::is_up_to_date;

pub(crate) struct Resources<K> {
    ctx: Arc<Context>,
    /// What the list that is being read has shown.
    listed: Vec<StoredResource>,
    kind: PhantomData<fn() -> K>,
}

impl<K: ResourceKind> Resources<K> {
    pub(crate) fn new(ctx: Arc<Context>) -> Self {
        Self {
            ctx,
            listed: Vec::new(),
            kind: PhantomData,
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
            if declaration.cluster.is_some() {
                distribute::declared(declaration, &self.ctx);
            } else {
                let before = self.ctx.index().target(&declaration.key);
                affected.extend(self.ctx.index().insert(declaration));
                if before.as_ref() != Some(&declaration.target) {
                    self.claimed(&declaration.key.namespace, [before, Some(declaration.target.clone())]);
                }
            }
        }
        let uid = match declaration {
            // The same text as in the index, so that it takes memory once.
            Ok(declaration) => declaration.uid,
            Err(_) => object.meta().uid.as_deref().map(Uid::new),
        };
        if let Some(uid) = uid {
            self.ctx.memories().insert(uid);
        }
        affected
    }

    /// Copies of these names may be wanted now, or not any more.
    fn claimed(&self, namespace: &str, targets: [Option<String>; 2]) {
        for target in targets.into_iter().flatten() {
            distribute::claimed(&ObjectKey::new(namespace, target), &self.ctx);
        }
    }

    /// Forgets a resource that is gone. Returns others that this affects.
    fn forget(&self, resource: &ResourceRef) -> Vec<ObjectKey> {
        self.ctx.forget(resource);
        let (affected, target) = {
            let mut index = self.ctx.index();
            // Its place may be another's by now, or it never had one.
            if index.uid(&resource.key).is_none_or(|uid| uid != resource.uid) {
                return Vec::new();
            }
            let target = index.target(&resource.key);
            (index.remove(&resource.key), target)
        };
        self.claimed(&resource.key.namespace, [target, None]);
        affected
    }

    /// The spec may ask for other ServiceAccounts.
    fn review(&self, before: Option<&StoredResource>, now: &StoredResource) {
        let generation = |object: &StoredResource| object.meta().generation;
        if before.and_then(generation) == generation(now) {
            return;
        }
        if let (Some(attacher), Ok(declaration)) = (&self.ctx.attacher, now.declaration()) {
            let namespace = declaration.key.namespace();
            attacher.known().retry(namespace, &declaration.target);
            review(namespace, &self.ctx);
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
        let uid = now.meta().uid.as_deref().map(Uid::new);
        let memories = self.ctx.memories();
        !uid.and_then(|uid| memories.look(&uid, says_published))
            .unwrap_or_default()
    }
}

impl<K: ResourceKind> Watched for Resources<K> {
    type Object = Of<K>;
    const KIND: &'static str = K::KIND;
    const RESOURCE: &'static str = K::RESOURCE;

    fn list_begins(&mut self) {
        self.listed.clear();
    }

    fn listed(&mut self, object: Of<K>) {
        self.insert(&object.0);
        self.listed.push(object.0);
    }

    fn list_ends(&mut self, _first: bool) {
        let listed = std::mem::take(&mut self.listed);
        let references: Vec<ResourceRef> = listed.iter().filter_map(StoredResource::reference).collect();
        let before = self.ctx.store.replace(K::KIND, listed);
        let before = before.iter().filter_map(|object| object.reference());
        for gone in before.filter(|resource| !references.contains(resource)) {
            self.forget(&gone);
        }
        for resource in references {
            if let Some(stored) = self.ctx.stored(&resource.key) {
                acknowledge(&resource, stored.version(), &self.ctx);
            }
            self.ctx.trigger([&resource.key]);
        }
        distribute::review(&self.ctx);
        review(None, &self.ctx);
    }

    /// DockerPullSecrets work without the other kind.
    fn is_optional(&self, _is_forbidden: bool) -> bool {
        K::KIND == CLUSTER_DOCKER_PULL_SECRET
    }

    fn applied(&mut self, object: Of<K>) {
        let object = object.0;
        let key = object.key();
        let before = self.ctx.stored(&key);
        let affected = self.insert(&object);
        self.ctx.store.insert(object.clone());
        self.review(before.as_deref(), &object);
        self.ctx.trigger(&affected);
        if self.needs_reconcile(before.as_deref(), &object) {
            self.ctx.trigger([&key]);
        }
        if let Some(resource) = object.reference() {
            acknowledge(&resource, object.version(), &self.ctx);
        }
    }

    fn deleted(&mut self, object: Of<K>) {
        let object = object.0;
        let key = object.key();
        self.ctx.store.remove(&key);
        let affected = object.reference().map_or_else(Vec::new, |gone| self.forget(&gone));
        self.ctx.trigger(&affected);
        if key.namespace().is_none() {
            // Others may generate Secrets of this name now.
            distribute::review(&self.ctx);
        }
        review(key.namespace(), &self.ctx);
    }
}
