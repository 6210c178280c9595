//! The login that a helper gives is seen nowhere but in what is written.

use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Machine;
use crate::support::dps::dps_in;
use crate::support::registries::{Scripted, answer};

/// Processes of this machine that show a secret in their arguments or environment, and whether one of `dps` was looked at.
fn showing(secret: &str) -> (Vec<String>, bool) {
    let (mut showing, mut has_dps) = (Vec::new(), false);
    for process in std::fs::read_dir("/proc").unwrap() {
        let path = process.unwrap().path();
        // Others end meanwhile.
        let read = |name: &str| std::fs::read(path.join(name)).unwrap_or_default();
        let shown = [read("cmdline"), read("environ")].concat();
        let text = String::from_utf8_lossy(&shown);
        has_dps |= text.contains("import\0--export\0--plain-http");
        if text.contains(secret) || text.contains(&STANDARD.encode(secret)) {
            showing.push(path.display().to_string());
        }
    }
    (showing, has_dps)
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|one| one.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn login_of_a_helper_is_in_no_argument_environment_or_file() {
    // No other test has it.
    let secret = format!("only-here-{}", std::process::id());
    let seen = Arc::new(Mutex::new(None));
    let (hidden, looked) = (secret.clone(), Arc::clone(&seen));
    let registry = Scripted::start(move |head, _| {
        if head.contains(": Basic ") {
            *looked.lock().unwrap() = Some(showing(&hidden));
            answer("200 OK", &[], "")
        } else {
            answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], "")
        }
    });
    let machine = Machine::new(&json!({"credHelpers": {&registry.address: "own"}}));
    machine.helper(
        "own",
        &format!("cat >/dev/null; echo '{{\"Username\":\"robot\",\"Secret\":\"{secret}\"}}'"),
    );
    let folder = machine.path().to_str().unwrap();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let before = files(machine.path());
    let output = dps_in(
        &[
            ("DOCKER_CONFIG", folder),
            ("HOME", folder),
            ("TMPDIR", folder),
            ("PATH", &path),
        ],
        &["import", "--export", "--plain-http", "--all"],
        "",
    );
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(
        output.stdout.contains(&format!("password: {secret}")),
        "it is what was asked for"
    );
    assert!(!output.stderr.contains(&secret), "{}", output.stderr);
    assert_eq!(*seen.lock().unwrap(), Some((Vec::new(), true)));
    assert_eq!(files(machine.path()), before);
}
