//! Whether a registry accepts credentials, found out without pulling an image.
//!
//! Everything here is pure: [`conversation`] says which request to send next, [`ledger`] remembers verdicts, [`queue`]
//! says which login attempt may start, [`schedule`] says what one resource needs. The controller only sends requests.

pub mod address;
pub mod answer;
pub mod attempt;
pub mod backoff;
pub mod ca_bundle;
pub mod challenge;
pub mod conversation;
pub mod finding;
pub mod fingerprint;
pub mod ledger;
pub mod local_failure;
pub mod method;
pub mod queue;
pub mod realm;
pub mod record;
pub mod requester;
pub mod schedule;
pub mod state;
pub mod verdict;
