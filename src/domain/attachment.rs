//! Which ServiceAccounts list the generated Secrets, and what is to be changed about that.

pub mod account;
pub mod assessment;
pub mod contest;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ServiceAccount;

use crate::domain::attachment::account::{AccountChange, AccountSecrets};
use crate::domain::attachment::assessment::AttachmentView;
use crate::domain::attachment::contest::Contests;
use crate::domain::distribution::Name;
use crate::domain::glob;
use crate::domain::index::ResourceIndex;
use crate::domain::index::accounts::WantedSecrets;
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
    /// A list shows a ServiceAccount.
    pub fn listed(&mut self, object: &ServiceAccount, index: &ResourceIndex, now: Timestamp) {
        let key = ObjectKey::of(&object.metadata);
        self.missing_from_relist.remove(&key);
        self.take_over(key, &AccountSecrets::of(object), index, now);
    }

    /// A ServiceAccount was created or changed. Returns whether its pull secrets are news. What the operator's own change
    /// has replaced by now is not.
    pub fn observe(&mut self, object: &ServiceAccount, index: &ResourceIndex, now: Timestamp) -> bool {
        let (key, account) = (ObjectKey::of(&object.metadata), AccountSecrets::of(object));
        let seen = self.accounts.get(&key);
        if seen.is_some_and(|seen| account == *seen || account.is_older_than(seen)) {
            return false;
        }
        self.take_over(key, &account, index, now)
    }

    fn take_over(&mut self, key: ObjectKey, account: &AccountSecrets, index: &ResourceIndex, now: Timestamp) -> bool {
        let wanted = index.wanting(&key, &account.own);
        self.contests.observe(&key, account, &wanted.listed, now);
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

    /// Somebody changed what is wanted of a Secret in this namespace, or in all: if it is contested, it is tried again.
    pub fn retry(&mut self, namespace: Option<&str>, secret: &str) {
        self.contests.forget_secret(namespace, secret);
    }

    /// ServiceAccounts of a namespace that do not list what they should; of all namespaces if none is named.
    pub fn outdated(&self, namespace: Option<&str>, index: &ResourceIndex, now: Timestamp) -> Vec<ObjectKey> {
        let mut outdated = Vec::new();
        // Most namespaces attach nothing.
        let mut attaches = (String::new(), false);
        for (key, account) in self.of(namespace) {
            if attaches.0 != key.namespace {
                attaches = (key.namespace.clone(), !index.attaching(&key.namespace).is_empty());
            }
            let concerns = attaches.1 || !account.own.is_empty();
            if concerns && self.change(key, index, now).is_some() {
                outdated.push(key.clone());
            }
        }
        outdated
    }

    /// What is to be changed about a ServiceAccount, and what it is now.
    pub fn change(
        &self,
        key: &ObjectKey,
        index: &ResourceIndex,
        now: Timestamp,
    ) -> Option<(&AccountSecrets, AccountChange)> {
        let account = self.accounts.get(key)?;
        let WantedSecrets {
            listed: mut wanted,
            kept,
        } = index.wanting(key, &account.own);
        let is_there = |secret: &String| account.listed.contains(secret);
        // What somebody else takes out is left out for a while, and is theirs if they list it themselves.
        wanted.retain(|secret| is_there(secret) || self.contests.of(key, secret, now).is_none());
        let (there, gone): (BTreeSet<String>, BTreeSet<String>) = kept.into_iter().partition(is_there);
        wanted.extend(there);
        Some((account, account.change(&wanted, &gone)?))
    }

    /// The API server has carried out a change, with this result. The watch may have brought something newer before the answer
    /// came.
    pub fn changed(&mut self, object: &ServiceAccount, change: &AccountChange, index: &ResourceIndex, now: Timestamp) {
        let key = ObjectKey::of(&object.metadata);
        if !self.accounts.contains_key(&key) {
            // It was deleted before the answer came.
            return;
        }
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
        if self.accounts.contains_key(key) {
            self.refused.insert(key.clone(), message.to_owned());
        }
    }

    /// There is nothing to change any more that could be refused.
    pub fn permit(&mut self, key: &ObjectKey) {
        self.refused.remove(key);
    }

    /// The ServiceAccounts of a namespace, or all.
    fn of<'a>(&'a self, namespace: Option<&'a str>) -> impl Iterator<Item = (&'a ObjectKey, &'a AccountSecrets)> {
        let from = ObjectKey::new(namespace.unwrap_or_default(), "");
        let is_there = move |key: &ObjectKey| namespace.is_none_or(|name| *name == key.namespace);
        self.accounts.range(from..).take_while(move |(key, _)| is_there(key))
    }

    /// What becomes of one Secret in the ServiceAccounts with these names; `None` if nobody knows ServiceAccounts. `is_for_many`:
    /// with their namespaces.
    pub fn view(
        &self,
        namespaces: &[Name],
        is_for_many: bool,
        names: &[String],
        secret: &str,
        now: Timestamp,
    ) -> Option<AttachmentView> {
        if !self.is_listed {
            return None;
        }
        let mut view = AttachmentView::default();
        for namespace in namespaces {
            let shown = |name: &str| {
                if is_for_many {
                    format!("{namespace}/{name}")
                } else {
                    name.to_owned()
                }
            };
            let quoted = |name: &str| format!("{:?}", shown(name));
            let mut absent: Vec<&String> = names.iter().filter(|name| !name.contains('*')).collect();
            for (key, account) in self.of(Some(namespace)) {
                let name = &key.name;
                absent.retain(|absent| *absent != name);
                if !names.iter().any(|pattern| glob::matches(pattern, name)) {
                    continue;
                }
                if account.listed.iter().any(|listed| listed == secret) {
                    view.attached.add(|| quoted(name));
                } else if let Some(by) = self.contests.of(key, secret, now) {
                    view.contested.push((shown(name), by.map(str::to_owned)));
                } else if let Some(message) = self.refused.get(key) {
                    view.refused.push((shown(name), message.clone()));
                } else {
                    view.waiting.add(|| quoted(name));
                }
            }
            for name in absent {
                view.absent.add(|| quoted(name));
            }
        }
        Some(view)
    }
}
