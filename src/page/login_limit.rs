//! How often a login is tried that a registry rejects: registries lock accounts.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::registry::key::RegistryKey;
use crate::domain::time::{Timestamp, since};
use crate::domain::verification::verdict::VerificationResult;

/// Most rejections within [`WINDOW`]. Docker Hub locks an account after ten.
const REJECTIONS: usize = 3;

/// How long a rejection counts.
const WINDOW: Duration = Duration::from_mins(5);

/// Rejections of a user at a registry.
#[derive(Default)]
pub struct LoginLimit {
    rejections: HashMap<(RegistryKey, String), Vec<Timestamp>>,
}

impl LoginLimit {
    /// Whether another login may be tried.
    pub fn check(&mut self, registry: &RegistryKey, username: &str, now: Timestamp) -> Result<(), String> {
        let Some(rejections) = self.rejections.get_mut(&(registry.clone(), username.to_owned())) else {
            return Ok(());
        };
        rejections.retain(|rejected| since(*rejected, now) < WINDOW);
        if rejections.len() < REJECTIONS {
            return Ok(());
        }
        Err(format!(
            "{} has rejected this user {REJECTIONS} times within {} minutes. Registries lock accounts: wait, and make sure of the password first",
            registry.display_name(),
            WINDOW.as_secs() / 60
        ))
    }

    /// Takes note of a verdict.
    pub fn observe(&mut self, registry: &RegistryKey, username: &str, result: VerificationResult, now: Timestamp) {
        let key = (registry.clone(), username.to_owned());
        if result.is_refusal() {
            self.rejections.entry(key).or_default().push(now);
        } else {
            self.rejections.remove(&key);
        }
    }
}
