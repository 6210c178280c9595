//! A real control plane, the operator running against it as its own ServiceAccount, and ways to wait.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(
    unreachable_pub,
    missing_docs,
    clippy::missing_panics_doc,
    reason = "not a public interface"
)]

pub mod audit;
pub mod browser;
pub mod canary;
pub mod cloud;
pub mod copied;
pub mod dps;
pub mod explain;
pub mod fleet;
pub mod google_key;
pub mod gzip;
pub mod helm;
pub mod images;
pub mod judge;
pub mod objects;
pub mod operator;
pub mod oracle;
pub mod page;
pub mod pods;
pub mod registries;
pub mod release;
pub mod typed;
pub mod verify;
pub mod world;

use std::future::Future;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Longest time that any condition may take to become true; only ever used up by a failing test.
pub const DEADLINE: Duration = Duration::from_mins(2);

/// Longest time until the garbage collector of Kubernetes acts: it looks for new kinds of resources every 30 s, and it may
/// have tried while a test kept the API server down.
pub const GARBAGE_COLLECTION: Duration = Duration::from_mins(3);

pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Builds tools of the test world if needed, and returns the folder they are in.
pub fn tools(names: &[&str]) -> PathBuf {
    let output = Command::new(repository().join("tests/env/tools.sh"))
        .args(names)
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("tests/env/tools.sh can be started");
    assert!(output.status.success(), "tests/env/tools.sh failed, see above");
    String::from_utf8(output.stdout).expect("a path").trim().into()
}

/// Whether a program that nobody builds is there, after it was installed if that is possible. CI has to have it.
pub fn has_program(name: &str) -> bool {
    let output = Command::new(repository().join("tests/env/tools.sh")).arg(name).output();
    let output = output.expect("tests/env/tools.sh can be started");
    if output.status.success() {
        return true;
    }
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(std::env::var_os("CI").is_none(), "CI needs {name}: {why}");
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test");
    // Past the test runner, which would keep it to itself.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: nothing is tested with {name} in {test}: {why}"
    );
    false
}

/// For tests that load a whole machine: one after the other.
pub async fn heavy() -> tokio::sync::MutexGuard<'static, ()> {
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    ONE.lock().await
}

/// Repeats `attempt` until it succeeds; fails with `what` and the last refusal after [`DEADLINE`].
pub async fn eventually<T, F>(what: &str, attempt: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    within(DEADLINE, what, attempt).await
}

/// [`eventually`], with another deadline.
pub async fn within<T, F>(deadline: Duration, what: &str, mut attempt: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let begin = Instant::now();
    loop {
        let last = match attempt().await {
            Ok(found) => return found,
            Err(last) => last,
        };
        assert!(
            begin.elapsed() < deadline,
            "{what}: not within {deadline:?}; last: {last}"
        );
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// For a command that calls cargo: what cargo tells a test of its package would have crates built anew.
pub fn without_package(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command and returns its output; fails the test with what it printed if it fails.
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}
