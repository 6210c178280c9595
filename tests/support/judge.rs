//! AWS as people who know nothing of this project play it: MiniStack looks at signatures, their times, policies and trust.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{has_program, repository, tools};

/// The account that has everything. Its number is the one of [`ECR`](super::cloud::ECR) and [`ROLE`](super::cloud::ROLE).
const ACCOUNT: &str = "123456789012";

/// A MiniStack of one test, on a free port of loopback. It ends with this, and with the process.
pub struct Judge {
    child: Child,
    python: PathBuf,
    port: String,
}

impl Judge {
    /// None where there is no Python; the reason is printed. CI has to have it. `ahead`: seconds by which its clock is ahead.
    pub fn start(ahead: u32) -> Option<Self> {
        if !has_program("ministack") {
            return None;
        }
        let python = tools(&["ministack"]).join("ministack/bin/python");
        let child = Command::new(&python)
            .arg(script("serve.py"))
            .arg(ahead.to_string())
            // It ends when this does, however this process ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.expect("Python can be started");
        let mut port = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        stdout.read_line(&mut port).expect("readable");
        let port = port.trim().to_owned();
        assert!(!port.is_empty(), "MiniStack did not start, see above");
        Some(Self { child, python, port })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Calls AWS as the owner of the account: `[[service, call, arguments], …]`, as AWS's client for Python names them.
    pub fn ask(&self, calls: &Value) -> Value {
        let calls_file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(calls_file.path(), calls.to_string()).expect("writable");
        let output = Command::new(&self.python)
            .arg(script("ask.py"))
            .args([&self.port, ACCOUNT])
            .stdin(calls_file.reopen().expect("readable"))
            .output()
            .expect("Python can be started");
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{calls}: {why}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn script(name: &str) -> PathBuf {
    repository().join("tests/env/ministack").join(name)
}
