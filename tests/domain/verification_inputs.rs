//! What the tables of verification are made of.

use std::time::Duration;

use dps::domain::credentials::RegistryCredentials;
use dps::domain::time::{Timestamp, after};
use dps::domain::verification::method::VerificationMethod;

/// `seconds` after a point in time that is as good as any.
pub(crate) fn at(seconds: u64) -> Timestamp {
    after("2026-01-01T00:00:00Z".parse().unwrap(), Duration::from_secs(seconds))
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

pub(crate) fn credentials(password: &str) -> RegistryCredentials {
    RegistryCredentials::new("robot", password).unwrap()
}

pub(crate) fn method(text: &str) -> VerificationMethod {
    text.parse().unwrap()
}
