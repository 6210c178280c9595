//! Which ServiceAccounts list the generated Secrets, and what is to be changed about that.

pub mod account;
pub mod assessment;
pub mod contest;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ServiceAccount;

use crate::domain::attachment::account::{AccountChange, AccountSecrets};
use crate::domain::attachment::assessment::AttachmentView;
use crate::domain::attachment::contest::Contests;
use crate::domain::glob;
use crate::domain::index::ResourceIndex;
use crate::domain::names::ObjectKey;
use crate::domain::time::Timestamp;

/// All that is known of ServiceAccounts.
#[derive(Debug, Default)]
pub struct Attachments {
    /// By namespace and name.
    accounts: BTreeMap<ObjectKey, AccountSecrets>,
    contests: Contests,
    /// What the API server says to the last change that it refused.
    refused: BTreeMap<ObjectKey, String>,
    /// While ServiceAccounts are listed again: those that the list has not shown yet.
    missing_from_relist: BTreeSet<ObjectKey>,
    /// Whether they ever were listed.
    is_listed: bool,
}

impl Attachments {
    /// A ServiceAccount is as it is here. Returns whether its pull secrets are news.
    pub fn observe(&mut self, object: &ServiceAccount, index: &ResourceIndex, now: Timestamp) -> bool {
        let key = ObjectKey::of(&object.metadata);
        self.missing_from_relist.remove(&key);
        self.take_over(key, &AccountSecrets::of(object), index, now)
    }

    fn take_over(&mut self, key: ObjectKey, account: &AccountSecrets, index: &ResourceIndex, now: Timestamp) -> bool {
        let wanted = index.wanting(&key, &account.own);
        self.contests.observe(&key, account, &wanted, now);
        let before = self.accounts.insert(key, account.clone());
        before.is_none_or(|before| before.listed != account.listed || before.own != account.own)
    }

    /// A ServiceAccount as it was last seen.
    pub fn get(&self, key: &ObjectKey) -> Option<&AccountSecrets> {
        self.accounts.get(key)
    }

    /// A ServiceAccount is gone.
    pub fn forget(&mut self, key: &ObjectKey) {
        self.accounts.remove(key);
        self.contests.forget(key);
        self.refused.remove(key);
    }

    /// ServiceAccounts are about to be listed again.
    pub fn begin_list(&mut self) {
        self.missing_from_relist = self.accounts.keys().cloned().collect();
    }

    /// The list is complete: what it did not show is gone. Returns that.
    pub fn end_list(&mut self) -> BTreeSet<ObjectKey> {
        self.is_listed = true;
        let gone = std::mem::take(&mut self.missing_from_relist);
        for key in &gone {
            self.forget(key);
        }
        gone
    }

    /// Somebody changed what is wanted of a Secret: if it is contested, it is tried again.
    pub fn retry(&mut self, secret: &ObjectKey) {
        self.contests.forget_secret(secret);
    }

    /// ServiceAccounts of a namespace that do not list what they should; of all namespaces if none is named.
    pub fn outdated(&self, namespace: Option<&str>, index: &ResourceIndex, now: Timestamp) -> Vec<ObjectKey> {
        let is_outdated = |key: &&ObjectKey| self.change(key, index, now).is_some();
        match namespace {
            Some(namespace) => self
                .of(namespace)
                .map(|(key, _)| key)
                .filter(is_outdated)
                .cloned()
                .collect(),
            None => self.accounts.keys().filter(is_outdated).cloned().collect(),
        }
    }

    /// What is to be changed about a ServiceAccount, and what it is now.
    pub fn change(
        &self,
        key: &ObjectKey,
        index: &ResourceIndex,
        now: Timestamp,
    ) -> Option<(&AccountSecrets, AccountChange)> {
        let account = self.accounts.get(key)?;
        let is_contested = |secret: &String| self.contests.of(key, secret, now).is_some();
        // What somebody else takes out is left out for a while. What is there stays.
        let is_left_out = |secret: &String| !account.listed.contains(secret) && is_contested(secret);
        let (left_out, wanted) = index.wanting(key, &account.own).into_iter().partition(is_left_out);
        Some((account, account.change(&wanted, &left_out)?))
    }

    /// The API server has carried out a change, with this result. The watch may have brought something newer before the answer
    /// came.
    pub fn changed(&mut self, object: &ServiceAccount, change: &AccountChange, index: &ResourceIndex, now: Timestamp) {
        let key = ObjectKey::of(&object.metadata);
        for secret in &change.added {
            self.contests.put(&key, secret);
        }
        self.refused.remove(&key);
        let written = AccountSecrets::of(object);
        let newer = self
            .accounts
            .get(&key)
            .filter(|seen| written.is_older_than(seen))
            .cloned();
        self.take_over(key, &newer.unwrap_or(written), index, now);
    }

    /// The API server refuses a change.
    pub fn refuse(&mut self, key: &ObjectKey, message: &str) {
        self.refused.insert(key.clone(), message.to_owned());
    }

    /// The ServiceAccounts of a namespace.
    fn of(&self, namespace: &str) -> impl Iterator<Item = (&ObjectKey, &AccountSecrets)> {
        let from = self.accounts.range(ObjectKey::new(namespace, "")..);
        from.take_while(move |(key, _)| key.namespace == namespace)
    }

    /// What becomes of one Secret in the ServiceAccounts with these names; `None` if nobody knows ServiceAccounts.
    pub fn view(&self, namespace: &str, names: &[String], secret: &str, now: Timestamp) -> Option<AttachmentView> {
        if !self.is_listed {
            return None;
        }
        let mut view = AttachmentView::default();
        let is_wanted = |name: &str| names.iter().any(|pattern| glob::matches(pattern, name));
        for (key, account) in self.of(namespace).filter(|(key, _)| is_wanted(&key.name)) {
            let name = key.name.clone();
            if account.listed.iter().any(|listed| listed == secret) {
                view.attached.push(name);
            } else if let Some(by) = self.contests.of(key, secret, now) {
                view.contested.push((name, by.map(str::to_owned)));
            } else if let Some(message) = self.refused.get(key) {
                view.refused.push((name, message.clone()));
            } else {
                view.waiting.push(name);
            }
        }
        let exists = |name: &String| self.accounts.contains_key(&ObjectKey::new(namespace, name.as_str()));
        let absent = names.iter().filter(|name| !name.contains('*') && !exists(name));
        view.absent = absent.cloned().collect();
        Some(view)
    }
}
