//! Connection and requests to the API server, for the controller and the command line.

pub(crate) mod client_errors;
pub(crate) mod connect;
mod credential_plugin;
mod proxy;
pub(crate) mod request;
