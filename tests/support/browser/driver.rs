//! Chromium, as chromedriver starts it, and the end of both.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::operator::spawn;
use crate::support::{DEADLINE, tools};

/// What Chromium is started with.
const ARGUMENTS: [&str; 11] = [
    "--headless",
    // It cannot start as root otherwise, and the pages are our own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Chromium ends with the pipe, which ends with chromedriver; and nobody else can control it.
    "--remote-debugging-pipe",
    "--window-size=1280,900",
    // Whatever is loaded from elsewhere is missing, here as on a machine without a network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE ::1",
];

/// Ports are found by chromedriver for IPv4, and it ends if somebody has the same one for IPv6.
const ATTEMPTS: usize = 5;

/// A chromedriver of its own for each browser. Both end with this value, and with the process at the latest.
pub(super) struct Driver {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: String,
    /// Profile, home and temporary files.
    folder: TempDir,
}

impl Driver {
    pub(super) fn start() -> Self {
        tools(&["chromium"]);
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            match Self::attempt() {
                Ok(driver) => return driver,
                Err(output) => said.push_str(&output),
            }
        }
        panic!("chromedriver did not start in {ATTEMPTS} attempts:\n{said}")
    }

    /// A chromedriver that listens, or what it said until it ended.
    fn attempt() -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "chromedriver", "--port=0"])
            .process_group(0)
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = spawn(command);
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        match address(&mut stdout) {
            Ok(address) => Ok(Self {
                child,
                stdout,
                address,
                folder,
            }),
            Err(output) => {
                let status = child.wait().expect("a child of this process");
                Err(format!("{output}{status}\n"))
            }
        }
    }

    /// Opens a window.
    pub(super) async fn connect(&self) -> Client {
        let mut arguments = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!(
            "--user-data-dir={}",
            self.folder.path().join("profile").display()
        ));
        let deadline = u64::try_from(DEADLINE.as_millis()).expect("short");
        let wanted = json!({
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": deadline, "pageLoad": deadline},
        });
        let Value::Object(wanted) = wanted else {
            unreachable!("an object")
        };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let connected = builder.capabilities(wanted).connect(&self.address).await;
        connected.expect("Chromium can be started")
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Reads from chromedriver's output where it listens; all of the output, if it ends without that.
fn address(stdout: &mut BufReader<ChildStdout>) -> Result<String, String> {
    let mut output = String::new();
    for line in stdout.lines().map_while(Result::ok) {
        if let Some((_, port)) = line.split_once("was started successfully on port ") {
            return Ok(format!("http://127.0.0.1:{}/", port.trim_end_matches('.')));
        }
        output.push_str(&line);
        output.push('\n');
    }
    Err(output)
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
        // Everything that it started has its output as well, so this ends when the last of them has, and the folder is
        // written to no more.
        let _ = std::io::copy(&mut self.stdout, &mut std::io::sink());
    }
}
