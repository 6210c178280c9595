//! Turns registry credentials into an image pull secret that kubelets match, and tells why when a pull fails.
//!
//! - [`api`]: the custom resource, its validation rules, conditions and reasons.
//! - [`domain`]: every rule, as pure functions: no client, clock, environment or async code.
//! - [`explain`]: pure as well: what a kubelet makes of a pod's pull secrets, for the command line.
//! - [`form`]: pure as well: what a person fills in, and the objects that are made of it.
//! - [`page`]: pure as well: the pages of `dps ui`, and which requests may see them.
//! - [`controller`]: watches, reads, writes and retries; it decides nothing.
//! - [`registry_client`] and [`kubernetes`]: HTTP to registries and to the API server, for controller and command line.
//! - [`cli`]: the commands of the `dps` binary, on top of the same functions.
//!
//! One reconcile observes, decides, applies and publishes.

pub mod api;
pub mod cli;
pub mod controller;
pub mod domain;
pub mod explain;
pub mod form;
pub mod kubernetes;
pub mod page;
pub mod registry_client;
