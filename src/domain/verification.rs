//! Whether a registry accepts a login, found out without pulling (domain.md C).
//!
//! [`check`] says what to ask next and, in the end, what was found; somebody else does the asking.

pub mod address;
pub mod answer;
pub mod ca_bundle;
pub mod challenge;
pub mod conversation;
pub mod ledger;
pub mod probe;
pub mod question;
pub mod realm;
pub mod schedule;
pub mod verdict;
