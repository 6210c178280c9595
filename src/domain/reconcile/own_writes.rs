//! The operator's own writes that the watch of Secrets has yet to bring back: they are no news.

use std::collections::HashMap;

use crate::domain::names::ObjectKey;

/// Resource version of the last write to each Secret.
#[derive(Debug, Default)]
pub struct OwnWrites(HashMap<ObjectKey, String>);

impl OwnWrites {
    /// A Secret was written, and got this resource version.
    pub fn expect(&mut self, secret: ObjectKey, resource_version: String) {
        self.0.insert(secret, resource_version);
    }

    /// Whether an event brings only what was written. It does so once.
    pub fn consume(&mut self, secret: &ObjectKey, resource_version: Option<&str>) -> bool {
        let is_own = resource_version.is_some() && self.0.get(secret).map(String::as_str) == resource_version;
        if is_own {
            self.0.remove(secret);
        }
        is_own
    }

    /// A Secret is gone.
    pub fn forget(&mut self, secret: &ObjectKey) {
        self.0.remove(secret);
    }
}
