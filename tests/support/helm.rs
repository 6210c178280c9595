//! The chart, as helm installs it.

use std::process::Command;

use super::world::{OPERATOR, World};
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

/// Installs some templates of the chart, for one namespace and the operator of the tests.
pub fn install_templates(world: &World, namespace: &str, values: &str, templates: &[&str]) {
    let values = format!("watchNamespaces={{{namespace}}},{values}");
    install_everywhere(world, namespace, &values, templates);
}

/// The same for all namespaces, under this name.
pub fn install_everywhere(world: &World, name: &str, values: &str, templates: &[&str]) {
    let values = format!(
        "image.repository=r.example.com/dps,serviceAccount.existingName={OPERATOR},fullnameOverride={name},{values}"
    );
    let chart = chart();
    let mut args = vec![
        "template",
        "release",
        &chart,
        "-n",
        OPERATOR,
        "--kube-version",
        "1.36",
        "--set",
        &values,
    ];
    args.extend(templates.iter().flat_map(|template| ["--show-only", template]));
    let file = world.state().join(format!("{name}.yaml"));
    std::fs::write(&file, helm(&args)).expect("writable");
    world.kubectl(&["apply", "-f", &file.display().to_string()]);
}

/// Helm with access to a world, and its own cache and configuration.
pub fn helm_in(world: &World, args: &[&str]) -> String {
    let home = world.state().join("helm");
    run(Command::new(tools(&["helm"]).join("helm"))
        .args(args)
        .env("KUBECONFIG", world.kubeconfig())
        .env("HOME", home))
}
