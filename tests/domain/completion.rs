//! Completion: the scripts, and what they are answered with and without a cluster. And the usage by the program's name.

mod shells;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client_errors::{kubeconfig, plugin, with_kubeconfig};
use crate::connection::{found, status};
use crate::support::DEADLINE;
use crate::support::dps::{Output, dps};
use crate::support::operator::binary;
use crate::support::registries::Scripted;

fn names(names: &[&str]) -> Value {
    let items: Vec<Value> = names.iter().map(|name| json!({"metadata": {"name": name}})).collect();
    json!({"metadata": {}, "items": items})
}

/// A cluster with names, some of which are odd.
fn cluster() -> Scripted {
    Scripted::start(|head, _| {
        let path = head.split([' ', '?']).nth(1).unwrap_or_default();
        match path {
            "/api/v1/namespaces" => found(&names(&["team-a", "team-b", "x\u{1b}[31m"])),
            "/apis/pullsecrets.dev/v1alpha1/namespaces/team-a/dockerpullsecrets" => found(&names(&["app"])),
            "/apis/pullsecrets.dev/v1alpha1/clusterdockerpullsecrets" => found(&names(&["shared"])),
            "/api/v1/namespaces/team-a/serviceaccounts" => found(&names(&["default"])),
            "/api/v1/namespaces/team-a/secrets" => found(&secrets(head)),
            "/api/v1/namespaces/docker-pull-secret-operator/secrets" => found(&names(&["shared-login"])),
            "/api/v1/namespaces/team-a/pods" => found(&names(&["web-1", "web-2"])),
            _ => status(403, "Forbidden", "no"),
        }
    })
}

/// As the API server selects them.
fn secrets(head: &str) -> Value {
    let query = head.lines().next().unwrap_or_default();
    if query.contains("type%21%3Dkubernetes.io%2Ftls") {
        names(&["app-login", "regcred", "old"])
    } else if query.contains("type%3Dkubernetes.io%2Fdockerconfigjson") {
        names(&["regcred"])
    } else if query.contains("type%3Dkubernetes.io%2Fdockercfg") {
        names(&["old"])
    } else {
        panic!("{query}")
    }
}

fn of(server: &str) -> String {
    kubeconfig(&json!({}), &json!({"server": format!("http://{server}")}))
}

/// The candidates for kubectl, without their descriptions.
fn candidates(output: &Output) -> Vec<&str> {
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);
    let lines = output.stdout.strip_suffix(":4\n").expect("the directive comes last");
    lines.lines().map(|line| line.split('\t').next().unwrap()).collect()
}

#[test]
fn names_of_the_cluster_and_the_kubeconfig_are_offered() {
    let server = cluster();
    let config = of(&server.address);
    for (line, expected) in [
        ("list -n |", &["team-a", "team-b"][..]),
        ("list --namespace=team-b|", &["--namespace=team-b"]),
        ("verify -n team-a |", &["app", "clusterdockerpullsecret/shared"]),
        ("verify --namespace=team-a ap|", &["app"]),
        ("verify -n team-b |", &["clusterdockerpullsecret/shared"]),
        ("explain -n team-a po|", &["pod/web-1", "pod/web-2"]),
        ("create -n |", &["team-a", "team-b"]),
        ("create -n team-a |", &[]),
        ("create -n team-a --replace |", &["app"]),
        ("create --replace --namespace-selector a=b |", &["shared"]),
        ("create app -n team-a --from-secret |", &["app-login", "regcred", "old"]),
        ("create app -n team-a --login-secret app|", &["app-login"]),
        ("create app --namespace-selector a=b --from-secret |", &["shared-login"]),
        (
            "create app --namespace-selector a=b --exclude-namespace |",
            &["team-a", "team-b"],
        ),
        ("create app -n team-a --service-account |", &["default"]),
        ("create --type |", &["DockerHub", "PrivateRegistry"]),
        ("import -n |", &["team-a", "team-b"]),
        ("import --context |", &["c"]),
        ("import -n team-a --from-secret |", &["regcred", "old"]),
        ("doctor --context |", &["c"]),
        ("doctor --cluster |", &["c"]),
        ("doctor --user |", &["u"]),
        ("list -o |", &["table", "wide", "name", "json", "yaml"]),
        ("completion |", &["bash", "zsh", "fish", "powershell", "kubectl"]),
        ("expl|", &["explain"]),
    ] {
        let words: Vec<&str> = line.strip_suffix('|').unwrap().split(' ').collect();
        // A busy machine may answer later than completion waits.
        let begun = Instant::now();
        loop {
            let output = with_kubeconfig(&[], &[&["__complete"], &words[..]].concat(), &config);
            let found = candidates(&output);
            if found == expected {
                break;
            }
            assert!(begun.elapsed() < DEADLINE, "{line}: {found:?}");
        }
    }
    let all = with_kubeconfig(&[], &["__complete", ""], &config);
    assert!(!candidates(&all).contains(&"__complete"), "{}", all.stdout);
}

#[test]
fn without_a_cluster_nothing_is_offered_soon_and_silently() {
    let deaf = Scripted::start(|_, _| crate::support::registries::Answer::Nothing);
    let asking = kubeconfig(
        &plugin("echo password >&2; sleep 60"),
        &json!({"server": "http://127.0.0.1:9"}),
    );
    for (name, config) in [
        ("refused", of("127.0.0.1:9")),
        ("no answer", of(&deaf.address)),
        ("a plugin that asks", asking),
        ("no kubeconfig", "{}".to_owned()),
        ("a broken kubeconfig", "{".to_owned()),
    ] {
        let begun = Instant::now();
        let output = with_kubeconfig(&[], &["__complete", "list", "-n", ""], &config);
        assert_eq!(candidates(&output), [""; 0], "{name}");
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{name}: {:?}",
            begun.elapsed()
        );
    }
}

#[test]
fn scripts_of_the_shells_are_answered() {
    for (shell, word) in [
        ("bash", "complete -o nospace"),
        ("zsh", "#compdef dps"),
        ("fish", "complete --keep-order"),
        ("powershell", "Register-ArgumentCompleter"),
        ("kubectl", "exec kubectl \"$plugin\" __complete \"$@\""),
    ] {
        let output = dps(&["completion", shell], "");
        assert_eq!((output.code, output.stderr.as_str()), (0, ""));
        assert!(output.stdout.contains(word), "{shell}: {}", output.stdout);
    }
    let server = cluster();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, of(&server.address)).unwrap();
    let complete = |line: &str| {
        let script = format!(
            "source <({} completion bash); COMP_WORDS=({line} ''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _clap_complete_dps dps '' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            binary().display()
        );
        let output = Command::new("bash")
            .args(["-c", &script])
            .env("KUBECONFIG", &config)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        String::from_utf8(output.stdout).unwrap()
    };
    let begun = Instant::now();
    while complete("dps list -n") != "team-a\nteam-b\n" {
        assert!(begun.elapsed() < DEADLINE, "{}", complete("dps list -n"));
    }
    assert!(complete("dps").contains("doctor\n"));
}

#[test]
fn usage_has_the_name_of_the_plugin() {
    let folder = tempfile::tempdir().unwrap();
    for (program, name) in [
        ("kubectl-pull_secret", "kubectl pull-secret"),
        ("kubectl-dps", "kubectl dps"),
        ("dps", "dps"),
    ] {
        let link = folder.path().join(program);
        std::os::unix::fs::symlink(binary(), &link).unwrap();
        let output = Command::new(&link).args(["list", "--help"]).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains(&format!("\nUsage: {name} list [OPTIONS]\n")), "{help}");
    }
}
