//! The command line as a user runs it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::operator::binary;
use super::repository;

pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `dps` in the repository with this standard input.
pub fn dps(args: &[&str], stdin: &str) -> Output {
    dps_in(&[], args, stdin)
}

/// Runs it with these environment variables, and with no others that name a cluster or a proxy.
pub fn dps_in(variables: &[(&str, &str)], args: &[&str], stdin: &str) -> Output {
    let mut command = Command::new(binary());
    command.env_remove("KUBECONFIG");
    for variable in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    let mut child = command
        .args(args)
        .env("RUST_BACKTRACE", "full")
        .envs(variables.iter().copied())
        .current_dir(repository())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dps can be started");
    // Unread input is no failure: usage errors come first.
    let _ = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
    let output = child.wait_with_output().expect("an output");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Output {
        code: output.status.code().expect("not ended by a signal"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
