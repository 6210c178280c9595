//! Where credentials come from.

pub mod from_secret;
pub(crate) mod problems;
