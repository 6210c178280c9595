//! The watches, and what their events trigger.

pub(crate) mod config_maps;
pub(crate) mod drive;
pub(crate) mod namespaces;
pub(crate) mod pods;
pub(crate) mod resources;
pub(crate) mod resync;
pub(crate) mod secrets;
pub(crate) mod service_accounts;
pub(crate) mod start;
