//! The test world itself: it ends with whoever started it, and says what it lacks.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::world::{CONTROL_PLANE, up, world};
use crate::support::{eventually, repository, tools};
use serde_json::Value;

/// Processes whose command line names a folder.
fn processes_in(state: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(Result::ok)
        .map(|entry| entry.path());
    entries
        .filter(|process| {
            std::fs::read(process.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(state))
        })
        .collect()
}

async fn nothing_left(state: &str) {
    eventually("all processes end", || async {
        let left = processes_in(state);
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn no_process_outlives_it_however_it_ends() {
    let bin = tools(&CONTROL_PLANE);
    for ending in ["INT", "TERM", "KILL", "stdin"] {
        let (mut child, _stdout, info) = up(&bin, &["up"]);
        let state = info["stateDir"].as_str().unwrap().to_owned();
        assert!(
            processes_in(&state).len() >= 3,
            "etcd, API server and controller manager run"
        );
        if ending == "stdin" {
            drop(child.stdin.take());
        } else {
            let killed = Command::new("kill")
                .args([&format!("-{ending}"), &child.id().to_string()])
                .status()
                .unwrap();
            assert!(killed.success());
        }
        child.wait().unwrap();
        nothing_left(&state).await;
        if ending == "KILL" {
            std::fs::remove_dir_all(&state).unwrap();
        }
        assert!(!Path::new(&state).exists(), "{ending}: the state folder is gone");
    }
}

#[tokio::test]
async fn it_runs_in_the_background_until_it_is_told_to_stop() {
    let bin = tools(&["world", "registry"]);
    let state = std::env::temp_dir().join(format!("world-background-{}", std::process::id()));
    let world = |args: &[&str]| {
        let output = Command::new(bin.join("world"))
            .args(args)
            .arg("--state")
            .arg(&state)
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (started, info) = world(&["up", "--detach", "--registry"]);
    assert!(started);
    assert_eq!(world(&["info"]), (true, info.clone()));
    assert!(!world(&["up", "--detach"]).0, "one world in one folder");

    // Its registry takes its login and no other.
    let info: Value = serde_json::from_str(&info).unwrap();
    let registry = &info["registry"];
    let (ca, address) = (info["caFile"].as_str().unwrap(), registry["address"].as_str().unwrap());
    let login = format!(
        "{}:{}",
        registry["username"].as_str().unwrap(),
        registry["password"].as_str().unwrap()
    );
    assert_eq!(
        (
            registry_answer(ca, address, &login).await,
            registry_answer(ca, address, "robot:wrong").await
        ),
        (200, 401)
    );

    assert!(world(&["down"]).0);
    nothing_left(&state.display().to_string()).await;
    std::fs::remove_dir_all(state).unwrap();
}

/// Status of `GET /v2/` with basic authentication.
async fn registry_answer(ca: &str, address: &str, login: &str) -> u16 {
    use base64::Engine as _;
    let mut config = kube::Config::new(format!("https://{address}").parse().unwrap());
    let root = std::fs::read_to_string(ca).unwrap();
    let ca = base64::engine::general_purpose::STANDARD
        .decode(root.lines().filter(|line| !line.starts_with("---")).collect::<String>());
    config.root_cert = Some(vec![ca.unwrap()]);
    let client = kube::Client::try_from(config).unwrap();
    let auth = base64::engine::general_purpose::STANDARD.encode(login);
    let request = axum::http::Request::get("/v2/").header("Authorization", format!("Basic {auth}"));
    client
        .send(request.body(kube::client::Body::empty()).unwrap())
        .await
        .unwrap()
        .status()
        .as_u16()
}

/// `make test-oldest` would mean nothing otherwise.
#[tokio::test]
async fn the_api_server_is_of_the_kubernetes_that_go_mod_names() {
    let folder = if std::env::var("DPS_TEST_KUBERNETES").is_ok_and(|which| which == "oldest") {
        "tests/env/oldest"
    } else if std::env::var_os("KUBEBUILDER_ASSETS").is_some() {
        // Whatever its owner has put there.
        return;
    } else {
        "tests/env"
    };
    let module = std::fs::read_to_string(repository().join(folder).join("go.mod")).unwrap();
    let mut lines = module.lines();
    let version = lines.find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes v")?.split(' ').next());
    let serves = world().admin().await.apiserver_version().await.unwrap();
    assert_eq!(serves.git_version, format!("v{}", version.unwrap()));
    assert_eq!(
        format!("v{}.{}", serves.major, serves.minor),
        serves.git_version.rsplit_once('.').unwrap().0
    );
}

#[test]
fn what_is_missing_is_said_in_one_sentence() {
    let work = std::env::temp_dir().join(format!("tools-{}", std::process::id()));
    let env = work.join("env");
    std::fs::create_dir_all(env.join("bin")).unwrap();
    for file in ["tools.sh", "go.sum", "go.mod"] {
        std::fs::copy(repository().join("tests/env").join(file), env.join(file)).unwrap();
    }
    for program in [
        "sh", "cksum", "cut", "mkdir", "flock", "dirname", "find", "date", "rm", "id",
    ] {
        let path = crate::support::run(Command::new("sh").args(["-c", &format!("command -v {program}")]));
        std::os::unix::fs::symlink(path.trim(), env.join("bin").join(program)).unwrap();
    }
    let refused = |name: &str| {
        let output = Command::new(env.join("tools.sh"))
            .arg(name)
            .env("PATH", env.join("bin"))
            .env_remove("KUBEBUILDER_ASSETS")
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        refused("etcd"),
        "tests/env/tools.sh: Go is missing: install Go 1.26 or newer (https://go.dev/dl) and put it into PATH\n"
    );
    assert_eq!(
        refused("chromium"),
        "tests/env/tools.sh: the tests of the page need chromium and chromedriver in PATH (Debian: apt-get install chromium chromium-driver)\n"
    );
    for (name, sentence) in [
        (
            "zsh",
            "the tests of completion need zsh in PATH (Debian: apt-get install zsh)",
        ),
        (
            "pass",
            "the test of credential helpers needs pass, docker-credential-pass, gpg and gpg-agent in PATH (Debian: apt-get install pass golang-docker-credential-helpers gpg gpg-agent)",
        ),
    ] {
        assert_eq!(refused(name), format!("tests/env/tools.sh: {sentence}\n"));
    }

    let old = env.join("bin/go");
    let mut file = std::fs::File::create(&old).unwrap();
    file.write_all(b"#!/bin/sh\necho go1.22.1\n").unwrap();
    drop(file);
    std::fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(
        refused("etcd"),
        "tests/env/tools.sh: Go 1.26 or newer is needed to build Kubernetes 1.37, found go1.22.1\n"
    );
    std::fs::remove_dir_all(work).unwrap();
}
