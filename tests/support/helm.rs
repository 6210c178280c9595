//! The chart, as helm installs it.

use std::process::Command;

use super::world::World;
use super::{repository, run, tools};

pub fn chart() -> String {
    repository()
        .join("charts/docker-pull-secret-operator")
        .display()
        .to_string()
}

pub fn helm(args: &[&str]) -> String {
    run(Command::new(tools(&["helm"]).join("helm")).args(args))
}

/// Helm with access to a world, and its own cache and configuration.
pub fn helm_in(world: &World, args: &[&str]) -> String {
    let home = world.state().join("helm");
    run(Command::new(tools(&["helm"]).join("helm"))
        .args(args)
        .env("KUBECONFIG", world.kubeconfig())
        .env("HOME", home))
}
