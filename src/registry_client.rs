//! HTTP to registries, for the controller and the command line.

pub mod http;
pub(crate) mod resolver;
