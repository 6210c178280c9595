//! What stands for credentials in memory, so that nothing but the resource's own reconcile has to hold them.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};

use url::Url;

use crate::domain::credentials::RegistryCredentials;
use crate::domain::verification::address::target;

/// Stands for a registry's host and port, a user name and a password. Nobody can guess the password from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(u128);

/// Makes fingerprints with two keys that exist in this process only.
#[derive(Clone, Debug)]
pub struct Fingerprinter([RandomState; 2]);

impl Fingerprinter {
    /// With two random keys.
    pub fn new(keys: [RandomState; 2]) -> Self {
        Self(keys)
    }

    /// The fingerprint of credentials at the registry at this URL.
    pub fn fingerprint(&self, registry: &Url, credentials: &RegistryCredentials) -> Fingerprint {
        self.fingerprint_at(&target(registry), credentials)
    }

    /// The fingerprint of whoever has this identity at the registry at this URL, with changing credentials.
    pub fn fingerprint_of_identity(&self, registry: &Url, identity: &str) -> Fingerprint {
        self.of((target(registry), identity))
    }

    /// The fingerprint of credentials at a registry or token server (`host:port`).
    pub fn fingerprint_at(&self, host: &str, credentials: &RegistryCredentials) -> Fingerprint {
        self.of((host, credentials.username(), credentials.password()))
    }

    fn of(&self, parts: impl Hash) -> Fingerprint {
        let half = |key: &RandomState| u128::from(key.hash_one(&parts));
        Fingerprint(half(&self.0[0]) << 64 | half(&self.0[1]))
    }
}
