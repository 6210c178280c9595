//! Whoever stops a hidden question gets a terminal back that shows what is typed.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::support::operator::binary;
use crate::support::typed::Typed;
use crate::support::{DEADLINE, run};

/// What is typed, and its question.
const HIDDEN: [(&str, &str); 4] = [
    ("decode", "Token: "),
    ("verify --registry registry.invalid --username robot", "Password: "),
    (
        "create app --export --registry-url registry.invalid --username robot",
        "Password or access token: ",
    ),
    // On a terminal, it is asked for whatever stderr is.
    ("decode 2>/dev/null", "Token: "),
];

#[test]
fn interrupted_hidden_question_leaves_a_terminal_that_shows_what_is_typed() {
    for (arguments, question) in HIDDEN {
        let mut typed = Typed::start_shown(arguments);
        typed.session.exp_string(question).unwrap();
        typed.session.send_control('c').unwrap();
        let (_, out) = typed.end(130);
        assert_eq!(out, "", "{arguments}");
    }
}

/// As `timeout -s INT` does: nothing is typed that the question would notice.
#[test]
fn hidden_question_that_a_signal_ends_leaves_a_terminal_that_shows_what_is_typed() {
    for (arguments, question) in HIDDEN {
        let mut typed = Typed::start_shown(arguments);
        typed.session.exp_string(question).unwrap();
        run(Command::new("kill").args(["-INT", &typed.pid()]));
        let (_, out) = typed.end(130);
        assert_eq!(out, "", "{arguments}");
    }
}

/// A pipe that nobody closes is no reason to wait.
#[test]
fn interruption_ends_what_waits_for_a_pipe() {
    let password = "verify --registry registry.invalid --username robot --password-stdin";
    for arguments in ["decode", "decode -f -", password, "verify -f -"] {
        let mut dps = Command::new(binary())
            .args(arguments.split(' '))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _open = dps.stdin.take();
        let begun = Instant::now();
        while !handles_interruption(dps.id()) {
            assert!(begun.elapsed() < DEADLINE, "{arguments}");
            std::thread::yield_now();
        }
        run(Command::new("kill").args(["-INT", &dps.id().to_string()]));
        let output = dps.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{arguments}: {stderr}");
    }
}

/// Whether a process does something about SIGINT, which would end it otherwise.
fn handles_interruption(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    u64::from_str_radix(caught.unwrap().trim(), 16).unwrap() & 0b10 != 0
}
