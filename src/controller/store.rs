//! Resources as the controller keeps them.

pub mod compressed_json;
pub(crate) mod resource_store;
pub(crate) mod stored_resource;
