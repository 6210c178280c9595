//! The watch of ServiceAccounts, where they are to list generated Secrets. Names in their lists are stored.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ServiceAccount;

use crate::controller::attach::{Attacher, review};
use crate::controller::context::{Context, now};
use crate::controller::distribute::trigger;
use crate::controller::watches::drive::Watched;
use crate::domain::names::ObjectKey;

pub(crate) struct ServiceAccounts {
    ctx: Arc<Context>,
    attacher: Arc<Attacher>,
}

impl ServiceAccounts {
    pub(crate) fn new(ctx: Arc<Context>, attacher: Arc<Attacher>) -> Self {
        Self { ctx, attacher }
    }

    fn trigger(&self, account: &ObjectKey) {
        let affected = self.ctx.index().affected_by_account(account);
        trigger(&affected, &self.ctx);
    }
}

impl Watched for ServiceAccounts {
    type Object = ServiceAccount;
    const KIND: &'static str = "ServiceAccount";
    const RESOURCE: &'static str = "serviceaccounts";

    /// All of it is read at once, and most of it not kept.
    fn slim(_: &mut ServiceAccount) {}

    fn list_begins(&mut self) {
        self.attacher.known().begin_list();
    }

    fn listed(&mut self, account: ServiceAccount) {
        self.attacher.known().listed(&account, &self.ctx.index(), now());
    }

    fn list_ends(&mut self, first: bool) {
        self.attacher.known().end_list();
        if !first {
            review(None, &self.ctx);
            self.ctx.trigger_all();
        }
    }

    fn applied(&mut self, account: ServiceAccount) {
        let key = ObjectKey::of(&account.metadata);
        let (is_news, is_outdated) = {
            let (mut known, index) = (self.attacher.known(), self.ctx.index());
            let is_news = known.observe(&account, &index, now());
            (is_news, known.change(&key, &index, now()).is_some())
        };
        self.ctx.shared.minter.review(&key.namespace, &self.ctx);
        // Once it is changed, the status says so.
        if is_outdated {
            self.attacher.call([key]);
        } else if is_news {
            self.trigger(&key);
        }
    }

    fn deleted(&mut self, account: ServiceAccount) {
        let key = ObjectKey::of(&account.metadata);
        self.attacher.known().forget(&key);
        self.ctx.shared.minter.review(&key.namespace, &self.ctx);
        self.trigger(&key);
    }

    /// Everything else works without the right to it.
    fn is_optional(&self, is_forbidden: bool) -> bool {
        is_forbidden
    }
}
