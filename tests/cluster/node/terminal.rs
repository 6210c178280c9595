//! `dps create` typed in a terminal, until a pod pulls with what it has written.

use std::process::Command;

use rexpect::session::spawn_command;

use crate::node::case::Case;
use crate::support::canary::CANARY;
use crate::support::copied::with_names;
use crate::support::operator::binary;
use crate::support::world::World;

/// Longest time for an answer of `dps`, in milliseconds.
const PATIENCE: u64 = 300_000;

pub(super) async fn typed_login_is_pulled_with(world: &'static World) {
    let case = Case::new(world, "typed").await;
    let (namespace, registry) = (case.space.name.clone(), world.registry("basic"));
    let typed = tokio::task::spawn_blocking(move || type_form(world, &namespace, registry));
    typed.await.unwrap();
    case.pods.create("web", &case.image("basic"), &["company"]).await;
    case.heals_with("company").await;
}

fn type_form(world: &World, namespace: &str, registry: &str) {
    let mut dps = dps_with_hosts(world);
    dps.args([
        "create",
        "-n",
        namespace,
        "--wait",
        "--ca-file",
        world.registry("caFile"),
    ]);
    let mut session = spawn_command(dps, Some(PATIENCE)).unwrap();
    let mut answer = |question: &str, answer: &str| {
        let screen = session.exp_string(question).unwrap();
        assert!(!screen.contains(CANARY), "{screen}");
        session.send_line(answer).unwrap();
    };
    answer("Name: ", "company");
    answer("Type (1 = Docker Hub, 2 = private registry): ", "2");
    answer("Registry URL", &format!("https://{registry}/v2/"));
    answer("User name: ", "robot");
    answer("Password or access token: ", CANARY);
    answer("Email (optional): ", "ci@example.com");
    // It is rejected, and asked for again.
    session.exp_string("Rejected: ").unwrap();
    session.exp_string("User name: ").unwrap();
    assert_eq!(secrets(world, namespace), "");
    session.send_line("robot").unwrap();
    session.exp_string("Password or access token: ").unwrap();
    session.send_line(world.registry("password")).unwrap();
    session.exp_string("Wrote DockerPullSecret company").unwrap();
    session.exp_string("imagePullSecrets: [{name: company}]").unwrap();
    session.exp_string("Ready is True: ").unwrap();
    session.exp_eof().unwrap();
}

/// `dps` on a machine that knows the names of the registries, which this one does not.
pub(super) fn dps_with_hosts(world: &World) -> Command {
    let mut dps = with_names(world);
    dps.arg(binary());
    dps.env("KUBECONFIG", world.kubeconfig());
    dps
}

pub(super) fn secrets(world: &World, namespace: &str) -> String {
    world.kubectl(&["get", "secrets", "-n", namespace, "-o", "name"])
}
