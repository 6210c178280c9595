//! HTTP to registries, for the controller and the command line.

mod cloud;
pub(crate) mod dns;
mod failure;
pub mod http;
pub(crate) mod resolver;
mod response;
