//! Turns a registry login into a pull secret that kubelets really match, and says what is wrong when it cannot.
//!
//! - [`api`]: the custom resource, its validation rules, conditions and reasons.
//! - [`domain`]: every rule, as pure functions: no client, clock, environment or async code.
//! - [`shell`]: the controller: watches, reads, writes, retries; it decides nothing.
//! - [`cli`]: the commands of the `dps` binary, on top of the same functions.
//!
//! One pass over a resource: validate the spec, read the two Secrets it names, resolve the login, build the Secret,
//! compare, write what differs, and write the status if that differs.

pub mod api;
pub mod cli;
pub mod domain;
pub mod shell;
