//! Commands that `dps` prints, run as they are by somebody who has copied them.

use std::process::Command;

use rexpect::session::spawn_command;

use super::operator::binary;
use super::world::World;

/// Longest time for an answer, in milliseconds.
const PATIENCE: u64 = 300_000;

/// Runs a command in a shell on a terminal, with the real `dps` and `kubectl` on the path. Somebody answers what is asked, in
/// this order. Returns the exit code, and all that was on the screen after the last answer.
pub fn run_copied(world: &World, command: &str, answers: &[(&str, &str)]) -> (i32, String) {
    let mut shell = if world.has_node() {
        let mut shell = with_names(world);
        // As if this machine trusted their authority, and as if the token server were elsewhere.
        shell
            .env("SSL_CERT_FILE", world.registry("caFile"))
            .env("DPS_ALLOW_REGISTRY", world.registry("token"));
        shell.arg("sh");
        shell
    } else {
        Command::new("sh")
    };
    shell.args(["-c", "sh -c \"$1\"; echo ended=$?.", "sh", command]);
    let programs = binary().parent().expect("a folder").display().to_string();
    let path = std::env::var("PATH").expect("a path");
    shell
        .env("PATH", format!("{programs}:{}:{path}", world.bin().display()))
        .env("KUBECONFIG", world.kubeconfig())
        .current_dir("/");
    let mut session = spawn_command(shell, Some(PATIENCE)).expect("a terminal");
    for (question, answer) in answers {
        let asked = session.exp_string(question);
        asked.unwrap_or_else(|error| panic!("{command}: {question}: {error}"));
        session.send_line(answer).expect("a terminal");
    }
    let screen = session.exp_string("ended=");
    let screen = screen.unwrap_or_else(|error| panic!("{command}: {error}"));
    let code = session.exp_string(".").expect("a code");
    for (_, answer) in answers.iter().filter(|(question, _)| question.contains("Password")) {
        assert!(!screen.contains(answer), "{screen}");
    }
    (code.parse().expect("a code"), screen)
}

/// For a program that has to know the names of the registries, as the node does. The program and its arguments follow.
pub fn with_names(world: &World) -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "sh",
        "-c",
        "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"",
        "sh",
    ]);
    command.arg(world.hosts_file());
    command
}

/// What somebody types who is asked for a login.
pub const fn login<'a>(username: &'a str, password: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("User name: ", username),
        ("Password or access token: ", password),
        ("Email (optional): ", ""),
    ]
}
