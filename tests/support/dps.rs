//! The command line as a user runs it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::operator::binary;
use super::repository;

pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Fails if it has a secret.
    pub fn hides(&self, secret: &str) {
        let Self { stdout, stderr, .. } = self;
        assert!(!stdout.contains(secret) && !stderr.contains(secret), "{stdout}{stderr}");
    }
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

/// A command that prints until it is ended.
pub struct Watching {
    child: Child,
    lines: Mutex<Receiver<String>>,
}

impl Watching {
    pub fn start(kubeconfig: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(args).env("KUBECONFIG", kubeconfig);
        Self::spawn(&mut command)
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("dps can be started");
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            let mut lines = stdout.lines().map_while(Result::ok);
            lines.all(|line| sender.send(line).is_ok())
        });
        Self {
            child,
            lines: Mutex::new(lines),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that has all these words.
    pub fn line_with(&self, words: &[&str]) -> String {
        let lines = self.lines.lock().expect("no panic here");
        loop {
            let line = lines.recv_timeout(Duration::from_mins(1));
            let line = line.unwrap_or_else(|_| panic!("no line with {words:?}"));
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
