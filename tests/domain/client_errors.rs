//! What goes wrong with the connection to a cluster is told without the secrets of the environment and the kubeconfig.

use serde_json::{Value, json};

use crate::support::dps::{Output, dps_in};

const CANARY: &str = "CANARY";

/// A cluster at a port where nobody listens.
fn kubeconfig(user: &Value, cluster: &Value) -> String {
    let mut named = json!({"server": "http://127.0.0.1:9"});
    for (key, value) in cluster.as_object().unwrap() {
        named[key] = value.clone();
    }
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": named}],
        "users": [{"name": "u", "user": user}],
    })
    .to_string()
}

fn plugin(script: &str) -> Value {
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", script, CANARY],
        "env": [{"name": "TOK", "value": CANARY}], "interactiveMode": "Never",
    }})
}

fn explain(variables: &[(&str, &str)], kubeconfig: &str) -> Output {
    with_kubeconfig(variables, &["explain", "image", "a.example.com/b"], kubeconfig)
}

fn with_kubeconfig(variables: &[(&str, &str)], args: &[&str], kubeconfig: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, kubeconfig).unwrap();
    let path = path.display().to_string();
    let variables: Vec<(&str, &str)> = [("KUBECONFIG", path.as_str())]
        .into_iter()
        .chain(variables.iter().copied())
        .collect();
    dps_in(&variables, args, "")
}

#[test]
fn errors_of_the_client_hold_no_secret() {
    let none = json!({});
    let no_proxy = "through a proxy are not supported";
    let secret = |script: &str| kubeconfig(&plugin(script), &none);
    let rows = [
        (
            "HTTPS_PROXY",
            vec![("HTTPS_PROXY", "http://u:CANARY@127.0.0.1:9")],
            kubeconfig(&none, &json!({"server": "https://a.example.com"})),
            no_proxy,
        ),
        (
            "proxy-url",
            vec![],
            kubeconfig(&none, &json!({"proxy-url": "http://u:CANARY@127.0.0.1:9"})),
            no_proxy,
        ),
        (
            "SOCKS",
            vec![],
            kubeconfig(&none, &json!({"proxy-url": "socks5://u:CANARY@127.0.0.1:9"})),
            no_proxy,
        ),
        (
            "FTP",
            vec![],
            kubeconfig(&none, &json!({"proxy-url": "ftp://u:CANARY@127.0.0.1:9"})),
            no_proxy,
        ),
        (
            "failing plugin",
            vec![],
            secret("echo CANARY; echo CANARY >&2; exit 3"),
            "\"sh\": the credential plugin failed (exit status: 3)",
        ),
        (
            "plugin without JSON",
            vec![],
            secret("echo CANARY"),
            "\"sh\": the output of the credential plugin is not a valid ExecCredential",
        ),
        (
            "plugin with a wrong type",
            vec![],
            secret("echo '{\"status\": {\"token\": [\"CANARY\"]}}'"),
            "is not a valid ExecCredential",
        ),
        (
            "no such plugin",
            vec![],
            kubeconfig(
                &json!({"exec": {
                    "apiVersion": "client.authentication.k8s.io/v1", "command": "/no/such-plugin", "args": [CANARY], "interactiveMode": "Never",
                }}),
                &none,
            ),
            "\"such-plugin\": the credential plugin cannot be run",
        ),
        (
            "kubeconfig of a wrong type",
            vec![],
            format!("users: [{{name: u, user: {{token: {CANARY}, exec: {CANARY}}}}}]\n"),
            "the kubeconfig is not valid (line 1",
        ),
        (
            "kubeconfig without an end",
            vec![],
            format!("users: [{{name: u, user: {{token: {CANARY}\n"),
            "the kubeconfig is not valid",
        ),
        (
            "token with a line break",
            vec![],
            kubeconfig(&json!({"token": "CANARY\n"}), &none),
            "has a control character, such as a line break",
        ),
        (
            "client key",
            vec![],
            kubeconfig(
                &json!({"client-certificate-data": "CANARY%", "client-key-data": "CANARY%"}),
                &json!({"server": "https://127.0.0.1:9"}),
            ),
            "",
        ),
    ];
    for (name, variables, config, expected) in rows {
        let output = explain(&variables, &config);
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (2, ""),
            "{name}: {}",
            output.stderr
        );
        assert!(!output.stderr.contains(CANARY), "{name}: {}", output.stderr);
        assert!(
            output.stderr.contains(expected) && output.stderr.lines().count() == 1,
            "{name}: {}",
            output.stderr
        );
    }
}

/// JSON escapes only what JSON has to: programs read it.
#[test]
fn log_line_shows_what_a_terminal_would_obey() {
    let config = kubeconfig(&json!({}), &json!({})).replace(
        "\"current-context\":\"c\"",
        r#""current-context":"x\u001b[31m\u202ex\u200bx\nFAKE""#,
    );
    let output = with_kubeconfig(&[], &["controller"], &config);
    assert_eq!(output.code, 1, "{}", output.stderr);
    let line = output.stderr.strip_suffix('\n').unwrap();
    assert!(line.contains("FAKE") && !line.contains('\n'), "{line:?}");
    for (raw, escape) in [('\u{202e}', "\\u{202e}"), ('\u{200b}', "\\u{200b}")] {
        assert!(!line.contains(raw) && line.contains(escape), "{line:?}");
    }
    assert!(!line.contains(char::is_control), "{line:?}");
}

#[test]
fn a_panic_tells_its_place_and_not_its_message() {
    // The client cannot use such a token, and its message quotes it.
    let token = "{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \"ExecCredential\", \"status\": {\"token\": \"CANARY\\u0001\"}}";
    let output = explain(&[], &kubeconfig(&plugin(&format!("printf '%s' '{token}'")), &json!({})));
    assert_eq!(
        (output.code, output.stderr.lines().count()),
        (101, 1),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.starts_with("dps: internal error at ") && !output.stderr.contains(CANARY),
        "{}",
        output.stderr
    );
}
