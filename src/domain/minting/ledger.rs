//! What the process knows of minted credentials: one record for each identity, however many resources share it.

use std::collections::HashMap;

use crate::domain::minting::exchange::Minted;
use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::identity::MintIdentity;
use crate::domain::minting::life::pause;
use crate::domain::minting::minted::MintedCredentials;
use crate::domain::names::{ObjectKey, ResourceRef, Uid};
use crate::domain::time::{Clocks, Timestamp, after};

/// An identity in a namespace: identities are never shared across namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MintKey {
    /// The namespace of who asks.
    pub namespace: String,
    /// Everything that tells one identity from another.
    pub identity: String,
}

impl MintKey {
    /// The key of an identity. `asker`: UID of the ServiceAccount, or UID and version of the Secret.
    pub fn new(namespace: &str, identity: &MintIdentity, asker: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            identity: identity.canonical(asker),
        }
    }

    /// The same for resources for many namespaces. They share nothing with those of one: a Secret there may be anybody's.
    #[must_use]
    pub fn for_many_namespaces(self) -> Self {
        Self {
            identity: format!("many {}", self.identity),
            ..self
        }
    }
}

/// What is known of one identity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MintRecord {
    /// The credentials that were minted last.
    pub minted: Option<MintedCredentials>,
    /// Since when these have been known.
    pub known_since: Option<Clocks>,
    /// By how much the operator's clock was wrong then, in words.
    pub skew: Option<String>,
    /// Why the last attempt failed.
    pub failure: Option<MintFailure>,
    /// Failures in a row.
    pub failures: u32,
    /// When the last attempt ended.
    pub last_attempt: Option<Timestamp>,
    /// When the next one may start after a failure.
    pub retry_at: Option<Timestamp>,
    /// Whether an attempt has started and not ended.
    pub is_in_flight: bool,
}

impl MintRecord {
    /// The time by whichever clock is ahead. A clock that was set back would give dead credentials a longer life.
    pub fn latest(&self, clocks: Clocks) -> Timestamp {
        self.known_since.map_or(clocks.now, |known| clocks.latest_since(known))
    }
}

/// All records.
#[derive(Debug, Default)]
pub struct MintLedger {
    records: HashMap<MintKey, MintRecord>,
    /// Which identity each resource needs.
    users: HashMap<Uid, (MintKey, ObjectKey)>,
}

impl MintLedger {
    /// What is known of an identity, which a resource needs from now on. `stored`: what its Secret holds, which serves all that have
    /// the same identity after a restart.
    pub fn consult(
        &mut self,
        resource: &ResourceRef,
        key: &MintKey,
        stored: Option<&MintedCredentials>,
        clocks: Clocks,
    ) -> MintRecord {
        if self.users.get(&resource.uid).is_none_or(|(known, _)| known != key) {
            self.forget(&resource.uid);
            let user = (key.clone(), resource.key.clone());
            self.users.insert(resource.uid.clone(), user);
        }
        let record = self.records.entry(key.clone()).or_default();
        let known = record.minted.as_ref().map(|known| known.issued_at);
        if let Some(stored) = stored.filter(|stored| known < Some(stored.issued_at)) {
            record.minted = Some(stored.clone());
            record.known_since = Some(clocks);
        }
        record.clone()
    }

    /// A resource is gone, or needs nothing minted.
    pub fn forget(&mut self, resource: &Uid) {
        let Some((key, _)) = self.users.remove(resource) else {
            return;
        };
        if !self.users.values().any(|(other, _)| *other == key) {
            self.records.remove(&key);
        }
    }

    /// An attempt is to start. Whether it may: not beside another one for the same identity.
    pub fn start(&mut self, key: &MintKey) -> bool {
        let Some(record) = self.records.get_mut(key).filter(|record| !record.is_in_flight) else {
            return false;
        };
        record.is_in_flight = true;
        true
    }

    /// An attempt has ended. Returns the resources that wait for it.
    pub fn conclude(&mut self, key: &MintKey, result: Result<Minted, MintFailure>, clocks: Clocks) -> Vec<ObjectKey> {
        let now = clocks.now;
        if let Some(record) = self.records.get_mut(key) {
            record.is_in_flight = false;
            record.last_attempt = Some(now);
            match result {
                Ok(Minted { credentials, skew }) => {
                    *record = MintRecord {
                        minted: Some(credentials),
                        known_since: Some(clocks),
                        skew,
                        last_attempt: Some(now),
                        ..MintRecord::default()
                    }
                }
                Err(failure) => {
                    record.failures = record.failures.saturating_add(1);
                    let pause = pause(record.failures, &failure, record.minted.as_ref(), now);
                    record.retry_at = Some(after(now, pause));
                    record.failure = Some(failure);
                }
            }
        }
        self.users_of(|known| known == key)
    }

    /// The resources whose identity is one of a namespace.
    pub fn users_in(&self, namespace: &str) -> Vec<ObjectKey> {
        self.users_of(|known| known.namespace == namespace)
    }

    fn users_of(&self, wanted: impl Fn(&MintKey) -> bool) -> Vec<ObjectKey> {
        let users = self.users.values().filter(|(known, _)| wanted(known));
        users.map(|(_, resource)| resource.clone()).collect()
    }
}
