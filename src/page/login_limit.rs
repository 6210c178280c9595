//! How often a login is tried that a registry rejects: registries lock accounts.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::registry::key::RegistryKey;
use crate::domain::time::{Timestamp, since};
use crate::domain::verification::verdict::{Verdict, VerificationResult};

/// Most attempts within [`WINDOW`] that are not accepted. Docker Hub locks an account after ten.
const ATTEMPTS: usize = 3;

/// How long an attempt counts.
const WINDOW: Duration = Duration::from_mins(5);

/// Attempts of a user at a registry that were not accepted.
#[derive(Default)]
pub struct LoginLimit {
    attempts: HashMap<(String, String), Vec<Timestamp>>,
}

impl LoginLimit {
    /// Counts an attempt before it is made, unless there were too many.
    pub fn begin(&mut self, registry: &RegistryKey, username: &str, now: Timestamp) -> Result<(), String> {
        self.attempts.retain(|_, attempts| {
            attempts.retain(|attempt| since(*attempt, now) < WINDOW);
            !attempts.is_empty()
        });
        let attempts = self.attempts.entry(account(registry, username)).or_default();
        if attempts.len() < ATTEMPTS {
            attempts.push(now);
            return Ok(());
        }
        Err(format!(
            "{} has rejected this user {ATTEMPTS} times within {} minutes. Registries lock accounts: wait, and make sure of the password first",
            registry.display_name(),
            WINDOW.as_secs() / 60
        ))
    }

    /// Takes note of what became of it. One without an answer may have counted at the registry.
    pub fn end(&mut self, registry: &RegistryKey, username: &str, verdict: &Verdict) {
        let account = account(registry, username);
        if verdict.result == VerificationResult::Accepted {
            self.attempts.remove(&account);
        } else if !verdict.result.is_refusal() && !verdict.unanswered {
            self.attempts.get_mut(&account).and_then(Vec::pop);
        }
    }
}

/// One account serves all paths of a registry.
fn account(registry: &RegistryKey, username: &str) -> (String, String) {
    (registry.host_port().to_owned(), username.to_owned())
}
