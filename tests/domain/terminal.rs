//! What `dps` does for a terminal, and for nothing else: colors, and how far long work is.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rexpect::session::spawn_command;
use serde_json::json;

use crate::client_errors::kubeconfig;
use crate::connection::found;
use crate::support::DEADLINE;
use crate::support::canary::CANARY;
use crate::support::dps::dps_in;
use crate::support::operator::binary;
use crate::support::registries::{Scripted, answer};
use crate::support::typed::Typed;

/// Milliseconds for an answer.
const PATIENCE: u64 = 60_000;

#[test]
fn colors_are_for_terminals_without_no_color() {
    for arguments in [&["list", "--help"][..], &["list", "--no-such-flag"]] {
        let screen = |no_color: Option<&str>| {
            let mut dps = Command::new(binary());
            dps.args(arguments).env("TERM", "xterm").env_remove("NO_COLOR");
            dps.envs(no_color.map(|value| ("NO_COLOR", value)));
            spawn_command(dps, Some(PATIENCE)).unwrap().exp_eof().unwrap()
        };
        let (colored, plain) = (screen(None), screen(Some("1")));
        assert!(colored.contains("\u{1b}["), "{colored:?}");
        assert!(!plain.contains('\u{1b}') && plain.contains("Usage"), "{plain:?}");
        let piped = dps_in(&[("TERM", "xterm")], arguments, "");
        assert!(!(piped.stdout + &piped.stderr).contains('\u{1b}'));
    }
}

/// A cluster with pods on page after page, until somebody has seen enough.
fn endless(is_enough: &Arc<AtomicBool>) -> Scripted {
    let (is_enough, count) = (Arc::clone(is_enough), AtomicUsize::new(0));
    Scripted::start(move |head, _| {
        if !head.starts_with("GET /api/v1/pods?") {
            return found(&json!({"metadata": {}, "items": []}));
        }
        let number = count.fetch_add(1, Ordering::Relaxed);
        let next = if is_enough.load(Ordering::Relaxed) { "" } else { "next" };
        let pod = json!({
            "metadata": {"name": format!("web-{number}"), "namespace": "team", "uid": number.to_string()},
            "spec": {"containers": [{"name": "main", "image": "r.example.com/app:1"}]}, "status": {"phase": "Running"},
        });
        found(&json!({"metadata": {"continue": next}, "items": [pod]}))
    })
}

#[test]
fn how_far_long_work_is_is_shown_on_a_terminal_and_disappears() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let is_enough = Arc::new(AtomicBool::new(false));
    let server = endless(&is_enough);
    let config = kubeconfig(&json!({}), &json!({"server": format!("http://{}", server.address)}));
    std::fs::write(&path, config).unwrap();
    let path = path.to_str().unwrap();

    let mut typed = Typed::start(&format!("explain -A --kubeconfig {path}"));
    typed.session.exp_string(" pods").unwrap();
    is_enough.store(true, Ordering::Relaxed);
    let (screen, out) = typed.end(0);
    // Written over, and the cursor is back.
    assert!(screen.contains("   \r"), "{screen:?}");
    assert!(out.contains("0 of ") && !out.contains('\r'), "{out}");

    // Nobody watches, and all is on one page.
    let piped = dps_in(&[], &["explain", "-A", "--kubeconfig", path], "");
    assert_eq!((piped.code, piped.stderr.as_str()), (0, ""), "{}", piped.stdout);
}

/// A registry at which the first login takes longer than work of which nothing is shown, and the next one until somebody has seen
/// enough.
fn slow(is_enough: &Arc<AtomicBool>) -> Scripted {
    let (is_enough, logins) = (Arc::clone(is_enough), AtomicUsize::new(0));
    Scripted::start(move |head, _| {
        if !head.contains(": Basic ") {
            return answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], "");
        }
        if logins.fetch_add(1, Ordering::Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(1200));
        } else {
            let begun = Instant::now();
            while !is_enough.load(Ordering::Relaxed) && begun.elapsed() < DEADLINE {
                std::thread::yield_now();
            }
        }
        answer("200 OK", &[], "")
    })
}

/// Resources with logins at a registry, which differ.
fn two_resources(registry: &str) -> String {
    let objects = ["one", "two"].map(|name| {
        let resource = json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": name},
            "spec": {"type": "PrivateRegistry", "registryUrl": registry, "credentialsRef": {"name": format!("{name}-login")}}});
        let login = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("{name}-login")},
            "stringData": {"username": name, "password": CANARY}});
        format!("{resource}\n---\n{login}")
    });
    objects.join("\n---\n")
}

#[test]
fn how_many_logins_are_verified_is_shown_on_a_terminal_and_disappears() {
    let is_enough = Arc::new(AtomicBool::new(false));
    let registry = slow(&is_enough);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("objects.yaml");
    std::fs::write(&path, two_resources(&registry.address)).unwrap();
    let path = path.to_str().unwrap();

    let mut typed = Typed::start(&format!("verify --plain-http -f {path}"));
    typed.session.exp_string("1 of 2 verified").unwrap();
    is_enough.store(true, Ordering::Relaxed);
    let (screen, out) = typed.end(0);
    // Written over, and the cursor is back.
    assert!(screen.contains("   \r") && !screen.contains(CANARY), "{screen:?}");
    assert_eq!(out.matches(": Accepted: ").count(), 2, "{out}");
    assert!(!out.contains('\r') && !out.contains(" of 2 "), "{out}");

    // Nobody watches, and it takes as long.
    let registry = slow(&is_enough);
    let piped = dps_in(
        &[],
        &["verify", "--plain-http", "-f", "-"],
        &two_resources(&registry.address),
    );
    assert_eq!((piped.code, piped.stderr.as_str()), (0, ""), "{}", piped.stdout);
    piped.hides(CANARY);
}
