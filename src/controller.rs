//! The controller: watches, reads, writes and retries. Decisions are [`crate::domain`]'s.

mod apply;
mod backoff;
mod context;
mod events;
mod health_server;
mod kubelet_reports;
pub mod metrics;
mod pace;
mod publish;
mod pulls;
mod readiness;
mod reconcile;
pub mod run;
mod secrets;
pub mod store;
pub mod telemetry;
mod unparsable;
mod verification;
mod verifier;
mod watches;
