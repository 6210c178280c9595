//! The watch of the metadata of Secrets. Only what the index needs of generated ones is stored.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::core::{ObjectMeta, PartialObjectMeta};

use crate::api::CLUSTER_DOCKER_PULL_SECRET;
use crate::controller::attach::review;
use crate::controller::context::Context;
use crate::controller::distribute::{self, call_if_needed};
use crate::controller::watches::drive::Watched;
use crate::domain::names::ObjectKey;
use crate::domain::secret::ownership::{controlling_resource, generator};

pub(crate) struct Secrets(pub(crate) Arc<Context>);

impl Secrets {
    /// Takes note of a copy, or that a name is taken. Returns whether that is news of a copy.
    fn observe_copy(&self, meta: &ObjectMeta) -> bool {
        let distributions = &mut self.0.index().distributions;
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let namespace = distributions.namespaces.name(namespace);
        distributions.copies.observe(meta, &namespace)
    }

    /// Has resources for many namespaces that read a Secret look at it.
    fn call_readers(&self, secret: &ObjectKey) {
        let reading = self.0.index().distributions.reading_secret(secret);
        self.0.trigger(&reading);
    }

    /// Has those look at it that want a Secret of this name.
    fn call_distributor(&self, secret: &ObjectKey, is_news: bool) {
        if self.0.distributor.is_some() {
            let copies = self.0.index().copies_called(secret);
            if is_news {
                distribute::tell(copies, &self.0);
            } else {
                call_if_needed(copies, &self.0);
            }
        }
    }
}

impl Watched for Secrets {
    type Object = PartialObjectMeta<Secret>;
    const KIND: &'static str = "Secret";
    const RESOURCE: &'static str = "secrets";

    /// All of it is read at once, and most of it not kept.
    fn slim(_: &mut Self::Object) {}

    fn list_begins(&mut self) {
        let mut index = self.0.index();
        index.begin_secret_list();
        index.distributions.copies.begin_list();
    }

    fn listed(&mut self, secret: Self::Object) {
        self.0.index().observe_secret(&secret.metadata);
        self.observe_copy(&secret.metadata);
    }

    fn list_ends(&mut self, first: bool) {
        let gone = self.0.index().end_secret_list();
        self.0.index().distributions.copies.end_list();
        for secret in &gone {
            self.0.own_writes().forget(secret);
        }
        // A list does not tell what was deleted meanwhile: every resource is reconciled. At the start each is anyway.
        if !first {
            distribute::review(&self.0);
            review(None, &self.0);
            self.0.trigger_all();
        }
    }

    fn applied(&mut self, secret: Self::Object) {
        let key = ObjectKey::of(&secret.metadata);
        let (mut affected, owner) = {
            let mut index = self.0.index();
            let affected = index.observe_secret(&secret.metadata);
            let owner = controlling_resource(&secret.metadata);
            (affected, owner.filter(|owner| index.wants(owner, &key) == Some(true)))
        };
        let is_news = self.observe_copy(&secret.metadata);
        // Whatever has to be done about it was done when it was written, or seen before.
        let is_known_copy = !is_news && generator(&secret.metadata, CLUSTER_DOCKER_PULL_SECRET).is_some();
        let concerns = is_news || !affected.is_empty() || controlling_resource(&secret.metadata).is_some();
        // What a reconcile wrote is no news to its resource, unless that wants another name by now and has to clean up.
        // Others may read it.
        if let Some(owner) = owner
            && self
                .0
                .own_writes()
                .consume(&key, secret.metadata.resource_version.as_deref())
        {
            affected.retain(|resource| resource.name != owner.name);
        }
        self.0.trigger(&affected);
        self.call_readers(&key);
        if is_known_copy {
            return;
        }
        self.call_distributor(&key, is_news);
        if concerns {
            review(Some(&key.namespace), &self.0);
        }
    }

    fn deleted(&mut self, secret: Self::Object) {
        let key = ObjectKey::of(&secret.metadata);
        let (affected, is_news) = {
            let mut index = self.0.index();
            let is_news = index.distributions.copies.forget(&key);
            (index.forget_secret(&key), is_news)
        };
        // Of Secrets that have nothing to do with the operator, there may be very many.
        let concerns = is_news || !affected.is_empty() || controlling_resource(&secret.metadata).is_some();
        self.0.own_writes().forget(&key);
        self.0.trigger(&affected);
        self.call_readers(&key);
        self.call_distributor(&key, is_news);
        if concerns {
            review(Some(&key.namespace), &self.0);
        }
    }
}
