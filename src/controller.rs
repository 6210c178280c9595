//! The controller: watches, reads, writes and retries. What is to be done is decided in [`crate::domain`].

mod apply;
mod attach;
mod backoff;
mod context;
mod distribute;
mod health_server;
mod heartbeat;
mod kubelet_reports;
pub mod lease;
pub mod metrics;
mod minter;
mod observe;
mod publish;
mod readiness;
mod reconcile;
mod recover;
pub mod run;
mod signals;
pub mod store;
pub mod telemetry;
#[cfg(test)]
mod tests;
mod verification;
mod watches;
mod work_queue;
