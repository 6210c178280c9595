//! What needs a control plane, real registries, a node or other tools that are built with Go.
//!
//! Three control planes run at once, see [`support::world`]; a node has one of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails that way"
)]

mod accounts;
mod attach;
mod browser;
mod canary;
mod chart;
mod controller;
mod create;
mod distribution;
mod doctor;
mod explain;
mod faults;
mod fences;
mod fixes;
mod fleets;
mod image;
mod import;
mod install;
mod krew;
mod list;
mod minting;
mod node;
mod oracle;
mod pulls;
mod recovery;
mod replicas;
mod schema;
#[path = "../support/mod.rs"]
mod support;
mod ui;
mod upgrade;
mod verification;
mod verify;
mod world;
