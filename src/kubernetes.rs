//! Requests to the API server, for the controller and the command line.

pub(crate) mod request;
