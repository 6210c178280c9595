//! What each command says when the cluster is not there, is another one, or refuses.

use std::fmt::Write as _;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use serde_json::{Value, json};

use crate::client_errors::{kubeconfig, plugin};
use crate::support::dps::dps_in;
use crate::support::registries::{Answer, Scripted, answer};

/// A command of each kind of request.
const COMMANDS: [&[&str]; 10] = [
    &["explain", "pod", "web", "-n", "team"],
    &["explain", "image", "r.example.com/app:1", "-n", "team"],
    &["verify", "app", "-n", "team"],
    &["list", "-n", "team"],
    &["doctor"],
    &["mint", "app", "-n", "team"],
    &[
        "create",
        "app",
        "-n",
        "team",
        "--type",
        "DockerHub",
        "--username",
        "acme",
        "--password-stdin",
    ],
    &[
        "create",
        "app",
        "-n",
        "team",
        "--type",
        "DockerHub",
        "--from-secret",
        "login",
    ],
    &["import", "-n", "team", "--from", "-", "--all"],
    &["import", "-n", "team", "--pull-secrets", "--all"],
];

/// What the commands read that write.
const INPUT: &str = r#"{"auths": {"registry.invalid": {"username": "robot", "password": "CANARY"}}}"#;

/// What `dps` says with a kubeconfig, and with more arguments.
fn said(command: &[&str], more: &[&str], config: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, config).unwrap();
    let path = path.to_str().unwrap();
    let output = dps_in(&[], &[command, &["--kubeconfig", path], more].concat(), INPUT);
    let text = output.stdout + &output.stderr;
    assert!(!text.contains("CANARY"), "{text}");
    let mut said = format!("$ dps {} {}\n", command.join(" "), more.join(" ")).replace(" \n", "\n");
    let _ = write!(said, "{text}exit code {}\n\n", output.code);
    said.replace(path, "KUBECONFIG")
}

pub(crate) fn status(code: u16, reason: &str, message: &str) -> Answer {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": reason, "code": code, "message": message,
    });
    answer(
        &format!("{code} X"),
        &["Content-Type: application/json"],
        body.to_string(),
    )
}

pub(crate) fn found(body: &Value) -> Answer {
    answer("200 OK", &["Content-Type: application/json"], body.to_string())
}

/// An API server without the kinds of the operator.
fn without_crds(head: &str) -> Answer {
    let path = head.split([' ', '?']).nth(1).unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    match path {
        "/version" => found(&json!({
            "major": "1", "minor": "36", "gitVersion": "", "gitCommit": "", "gitTreeState": "", "buildDate": "",
            "goVersion": "", "compiler": "", "platform": "",
        })),
        "/api/v1/namespaces/team/pods/web" => found(&json!({
            "metadata": {"name": name, "namespace": "team", "uid": "u"},
            "spec": {"containers": [{"name": "main", "image": "r.example.com/app:1"}]}, "status": {},
        })),
        "/api/v1/namespaces/team/serviceaccounts/default" => {
            found(&json!({"metadata": {"name": name, "namespace": "team"}}))
        }
        "/api/v1/namespaces/team/secrets/app" => status(404, "NotFound", "secrets \"app\" not found"),
        _ if path.starts_with("/apis/pullsecrets.dev/") => answer("404 Not Found", &[], "404 page not found\n"),
        _ if path.contains("/customresourcedefinitions/") => status(
            404,
            "NotFound",
            &format!("customresourcedefinitions {name:?} not found"),
        ),
        _ => found(&json!({"metadata": {}, "items": []})),
    }
}

/// One paragraph for each command with this server.
fn with_server(title: &str, respond: impl Fn(&str) -> Answer + Send + Sync + 'static) -> String {
    let server = Scripted::start(move |head, _| respond(head));
    let url = format!("http://{}", server.address);
    let config = kubeconfig(&json!({"token": "CANARY"}), &json!({"server": url}));
    let said: String = COMMANDS.iter().map(|command| said(command, &[], &config)).collect();
    format!("## {title}\n\n{said}").replace(&url, "http://SERVER")
}

#[test]
fn failures_of_a_cluster_name_the_server_the_context_and_the_cause() {
    let mut text = String::new();
    let user = json!({"token": "CANARY"});
    let two_contexts = kubeconfig(&user, &json!({}));
    let proxied = kubeconfig(
        &user,
        &json!({"server": "https://api.example.com:6443", "proxy-url": "http://u:CANARY@127.0.0.1:9"}),
    );
    let is_for_all = |title: &str, more: &[&str], config: &str| {
        let said: String = COMMANDS.iter().map(|command| said(command, more, config)).collect();
        format!("## {title}\n\n{said}")
    };
    text += &is_for_all("no cluster", &[], &two_contexts);
    text += &is_for_all("a proxy that is not there", &[], &proxied);
    text += &is_for_all("a context that does not exist", &["--context", "other"], &two_contexts);
    text += &with_server("a wrong token", |_| status(401, "Unauthorized", "Unauthorized"));
    text += &with_server("no rights", |_| {
        status(403, "Forbidden", "User \"u\" cannot do this in the namespace \"team\"")
    });
    text += &with_server("no CRD", without_crds);
    text += "## the kubeconfig\n\n";
    let verify = COMMANDS[2];
    text += &said(verify, &["--cluster", "other"], &two_contexts);
    text += &said(verify, &["--user", "other"], &two_contexts);
    text += &said(verify, &["--as", "a\u{1b}b"], &two_contexts);
    text += &said(verify, &["--as-group", "g"], &two_contexts);
    text += &said(verify, &["--request-timeout", "soon"], &two_contexts);
    text += &said(verify, &[], "{}");
    let missing = dps_in(&[], &[verify, &["--kubeconfig", "/no/such/file"]].concat(), "");
    text += &missing.stderr;
    insta::assert_snapshot!("connection_errors", text);
}

#[test]
fn flags_choose_the_cluster_and_whom_to_act_as() {
    let server = Scripted::start(|_, _| status(404, "NotFound", "here"));
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "contexts": [
            {"name": "a", "context": {"cluster": "nowhere", "user": "u"}},
            {"name": "b", "context": {"cluster": "here", "user": "u", "namespace": "of-b"}},
        ],
        "clusters": [
            {"name": "nowhere", "cluster": {"server": "http://127.0.0.1:9"}},
            {"name": "here", "cluster": {"server": format!("http://{}", server.address)}},
        ],
        "users": [
            {"name": "u", "user": {"token": "token-of-u"}},
            {"name": "v", "user": {"token": "token-of-v"}},
        ],
    })
    .to_string();
    for (flags, line, headers) in [
        (
            "--context b",
            "/namespaces/of-b/",
            vec!["authorization: Bearer token-of-u"],
        ),
        (
            "--cluster here",
            "/namespaces/default/",
            vec!["authorization: Bearer token-of-u"],
        ),
        (
            "--context b --user v -n team",
            "/namespaces/team/",
            vec!["authorization: Bearer token-of-v"],
        ),
        (
            "--context=b --as someone --as-group=g1 --as-group=g2 --as-uid=7",
            "/namespaces/of-b/",
            vec![
                "impersonate-user: someone",
                "impersonate-group: g1",
                "impersonate-group: g2",
                "impersonate-uid: 7",
            ],
        ),
    ] {
        let flags: Vec<&str> = flags.split(' ').collect();
        let said = said(&["verify", "app"], &flags, &config);
        assert!(said.contains("here"), "{said}");
        let request = server.requests().pop().unwrap();
        assert!(request.contains(line), "{flags:?}: {request}");
        for header in headers {
            assert!(request.contains(&format!("{header}\r\n")), "{flags:?}: {request}");
        }
    }
    // A wrong place is not looked at for long.
    let deaf = Scripted::start(|_, _| Answer::Nothing);
    let config = kubeconfig(&json!({}), &json!({"server": format!("http://{}", deaf.address)}));
    for command in COMMANDS {
        let said = said(command, &["--request-timeout=50ms"], &config);
        let words = "it took longer than 0.05 s, the limit of --request-timeout";
        assert!(said.contains(words) && said.contains(&deaf.address), "{said}");
    }
}

/// What is on stdin is for the command.
#[test]
fn credential_plugin_reads_stdin_only_from_a_terminal() {
    let server = Scripted::start(|_, _| status(403, "Forbidden", "no"));
    let url = format!("http://{}", server.address);
    let script = r#"case "$KUBERNETES_EXEC_INFO" in *'"interactive":true'*) kind=asks;; *) kind=asks-not;; esac
        printf '{"status": {"token": "%s-%s"}}' "$kind" "$(cat | wc -c | tr -d ' ')""#;
    for mode in [Some("IfAvailable"), Some("Never"), Some("Always"), None] {
        let mut user = plugin(script);
        user["exec"]["interactiveMode"] = mode.into();
        let config = kubeconfig(&user, &json!({"server": url}));
        for command in [COMMANDS[6], COMMANDS[8]] {
            let said = said(command, &[], &config);
            let request = server.requests.lock().unwrap().pop();
            if mode == Some("Always") {
                assert!(said.contains("needs a terminal (interactiveMode: Always)"), "{said}");
                assert_eq!(request, None, "{said}");
            } else {
                let request = request.unwrap();
                let header = "authorization: Bearer asks-not-0\r\n";
                assert!(request.contains(header), "{mode:?}: {request}");
            }
        }
    }
}

/// As for kubectl, a missing file of several is none. A broken one does not lead to the cluster of a pod.
#[test]
fn kubeconfig_is_missing_only_if_no_file_is_there() {
    let good = kubeconfig(&json!({}), &json!({}));
    let (reached, pod) = (
        "no answer from http://127.0.0.1:9 (context \"c\")",
        "neither from inside a pod",
    );
    for (files, home, expected) in [
        (Some("missing:good"), None, reached),
        (Some("good:missing:"), None, reached),
        (Some(":"), Some("good"), reached),
        (Some(""), Some("good"), reached),
        (None, Some("good"), reached),
        (
            Some("missing:missing"),
            Some("good"),
            "dps list: cannot read the kubeconfig FOLDER/missing: No such file",
        ),
        (
            Some("broken:good"),
            None,
            "dps list: the kubeconfig is not valid (line 1",
        ),
        (None, Some("broken"), "dps list: the kubeconfig is not valid (line 1"),
        (Some("empty"), None, pod),
        (None, Some("empty"), pod),
        (None, None, pod),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for (name, text) in [("good", good.as_str()), ("broken", "users: {"), ("empty", "")] {
            std::fs::write(path(name), text).unwrap();
        }
        std::fs::create_dir_all(path("home/.kube")).unwrap();
        if let Some(name) = home {
            std::fs::copy(path(name), path("home/.kube/config")).unwrap();
        }
        let with_folder = |name: &str| if name.is_empty() { String::new() } else { path(name) };
        let named = files.map(|files| files.split(':').map(with_folder).collect::<Vec<_>>().join(":"));
        let home = path("home");
        let mut variables = vec![("HOME", home.as_str())];
        variables.extend(named.as_deref().map(|files| ("KUBECONFIG", files)));
        let stderr = dps_in(&variables, &["list"], "").stderr;
        let stderr = stderr.replace(folder.path().to_str().unwrap(), "FOLDER");
        assert!(stderr.contains(expected), "{files:?} {home:?}: {stderr}");
    }
}

/// The client keeps the plugin then, and runs it itself.
#[test]
fn command_that_lasts_keeps_the_credential_plugin() {
    let server = Scripted::start(|_, _| status(403, "Forbidden", "no"));
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let script = format!(
        "echo >> {}; echo '{{\"status\": {{\"token\": \"t\", \"expirationTimestamp\": \"2999-01-01T00:00:00Z\"}}}}'",
        runs.display()
    );
    let config = kubeconfig(
        &plugin(&script),
        &json!({"server": format!("http://{}", server.address)}),
    );
    for (command, lasting) in [
        (COMMANDS[3], "--watch"),
        (COMMANDS[0], "--watch"),
        (COMMANDS[4], "--wait=1s"),
        (COMMANDS[6], "--wait=1s"),
    ] {
        for (more, is_kept) in [(vec![], false), (vec![lasting], true)] {
            let _ = std::fs::remove_file(&runs);
            let said = said(command, &more, &config);
            let count = std::fs::read_to_string(&runs).unwrap().lines().count();
            assert_eq!(count > 1, is_kept, "{command:?} {more:?}: {count} runs: {said}");
        }
    }
}

#[test]
fn waiting_for_the_operator_outlasts_a_failing_api_server() {
    const READS: &str = "GET /apis/pullsecrets.dev/v1alpha1/namespaces/team/dockerpullsecrets/app ";
    for (codes, wait, expected) in [
        (
            vec![500, 502, 429, 200],
            "--wait=1m",
            "Ready is True: SecretReady: fine",
        ),
        (
            vec![500],
            "--wait=1s",
            "dps create: reading DockerPullSecret app: http://SERVER (context \"c\") returned 500 X: no",
        ),
        (
            vec![500, 403],
            "--wait=1m",
            "dps create: reading DockerPullSecret app: http://SERVER (context \"c\") returned 403 X: no",
        ),
    ] {
        let writes = AtomicUsize::new(0);
        let reads = AtomicUsize::new(0);
        let server = Scripted::start(move |head, _| {
            let object = json!({
                "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret",
                "metadata": {"name": "app", "namespace": "team", "uid": "u", "generation": 1},
                "spec": {"type": "DockerHub", "credentialsRef": {"name": "app-login"}},
                "status": {"observedGeneration": 1, "secretName": "app", "conditions": [{
                    "type": "Ready", "status": "True", "reason": "SecretReady", "message": "fine",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }]},
            });
            if head.starts_with("POST") {
                writes.fetch_add(1, SeqCst);
                return found(&object);
            }
            if !head.starts_with(READS) || writes.load(SeqCst) < 4 {
                return status(404, "NotFound", "none");
            }
            let read = reads.fetch_add(1, SeqCst).min(codes.len() - 1);
            match codes[read] {
                200 => found(&object),
                code => status(code, "X", "no"),
            }
        });
        let url = format!("http://{}", server.address);
        let config = kubeconfig(&json!({"token": "t"}), &json!({"server": url}));
        let said = said(COMMANDS[6], &["--no-verify", wait], &config);
        assert!(said.replace(&url, "http://SERVER").contains(expected), "{said}");
    }
}
