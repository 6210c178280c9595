//! The watches, and what their events trigger.

pub(crate) mod drive;
pub(crate) mod pods;
