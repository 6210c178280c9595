//! Connection and requests to the API server, for the controller and the command line.

pub(crate) mod client_errors;
pub(crate) mod connect;
mod credential_plugin;
pub(crate) mod kubeconfig;
pub(crate) mod minting;
pub(crate) mod observer;
pub(crate) mod operation;
mod proxy;
pub(crate) mod request;
