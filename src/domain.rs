//! Every rule of the operator. Nothing here knows a client, a clock, the environment or async code.
//!
//! A module imports only modules that stand before it in this order (tested): names, time, leadership, text, problem, credentials,
//! registry, `docker_config`, spec, `credential_source`, verification, secret, distribution, `pull_failures`, recovery, index, status, reconcile, doctor, listing.

pub mod attachment;
pub mod credential_source;
pub mod credentials;
pub mod distribution;
pub mod docker_config;
pub mod doctor;
pub mod glob;
pub mod index;
pub mod leadership;
pub mod listing;
pub mod minting;
pub mod names;
pub mod problem;
pub mod proxy;
pub mod pull_failures;
pub mod reconcile;
pub mod recovery;
pub mod registry;
pub mod secret;
pub mod spec;
pub mod status;
pub mod text;
pub mod time;
pub mod verification;
