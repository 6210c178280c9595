//! The controller: watches, reads, writes and retries. It decides nothing; every rule is in [`crate::domain`].

pub mod controller;

mod backoff;
mod cached;
mod context;
mod error;
mod events;
mod metrics;
mod pace;
mod pods;
mod pulls;
mod readiness;
mod reconcile;
mod registry;
mod report;
mod resolver;
mod secret_writer;
mod secrets;
mod server;
mod status_writer;
mod telemetry;
mod unparsable;
mod verification;
mod verifier;
mod watch;

pub use metrics::sample_metrics;
pub use registry::verify;
pub use telemetry::{LogFormat, init as init_telemetry};
