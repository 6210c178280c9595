//! Every rule of the operator. Nothing here knows a client, a clock, the environment or async code.
//!
//! The modules are listed in their order: each imports only modules above it.

pub mod credential_source;
pub mod credentials;
pub mod docker_config;
pub mod index;
pub mod names;
pub mod problem;
pub mod pull_failures;
pub mod registry;
pub mod secret;
pub mod spec;
pub mod status;
pub mod text;
pub mod verification;
