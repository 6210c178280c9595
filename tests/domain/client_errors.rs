//! What goes wrong with the connection to a cluster is told without the secrets of the environment and the kubeconfig.

use serde_json::{Value, json};

use crate::support::dps::{Output, dps_in};

const CANARY: &str = "CANARY";

/// A cluster at a port where nobody listens.
pub(crate) fn kubeconfig(user: &Value, cluster: &Value) -> String {
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

pub(crate) fn plugin(script: &str) -> Value {
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", script, CANARY],
        "env": [{"name": "TOK", "value": CANARY}], "interactiveMode": "Never",
    }})
}

fn explain(variables: &[(&str, &str)], kubeconfig: &str) -> Output {
    with_kubeconfig(variables, &["explain", "image", "a.example.com/b"], kubeconfig)
}

pub(crate) fn with_kubeconfig(variables: &[(&str, &str)], args: &[&str], kubeconfig: &str) -> Output {
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

/// A case: its name, the environment, the kubeconfig, and a part of the line on stderr.
type Case = (&'static str, Vec<(&'static str, &'static str)>, String, &'static str);

/// Each fails with one line that has no secret.
fn check(cases: Vec<Case>) {
    for (name, variables, config, expected) in cases {
        let Output { code, stdout, stderr } = explain(&variables, &config);
        assert_eq!((code, stdout.as_str()), (2, ""), "{name}: {stderr}");
        assert!(!stderr.contains(CANARY), "{name}: {stderr}");
        assert!(
            stderr.contains(expected) && stderr.lines().count() == 1,
            "{name}: {stderr}"
        );
    }
}

const CONTROL: &str = "has a control character, such as a line break";

#[test]
fn errors_of_a_proxy_hold_no_secret() {
    let none = json!({});
    check(vec![
        (
            "HTTPS_PROXY",
            vec![("HTTPS_PROXY", "http://u:CANARY@127.0.0.1:9")],
            kubeconfig(&none, &json!({"server": "https://a.example.com"})),
            "refused",
        ),
        (
            "HTTPS_PROXY without a scheme",
            vec![("HTTPS_PROXY", "u:CANARY@127.0.0.1:9")],
            kubeconfig(&none, &json!({"server": "https://a.example.com"})),
            "refused",
        ),
        (
            "HTTPS_PROXY that is no URL",
            vec![("HTTPS_PROXY", "http://u:CANARY @127.0.0.1:9")],
            kubeconfig(&none, &json!({"server": "https://a.example.com"})),
            "is not a valid URL",
        ),
        (
            "NO_PROXY",
            vec![
                ("HTTP_PROXY", "http://u:CANARY@127.0.0.1:9"),
                ("NO_PROXY", "127.0.0.0/8"),
            ],
            kubeconfig(&none, &none),
            "refused",
        ),
        (
            "proxy-url",
            vec![],
            kubeconfig(&none, &json!({"proxy-url": "http://u:CANARY@127.0.0.1:9"})),
            "refused",
        ),
        (
            "SOCKS",
            vec![],
            kubeconfig(&none, &json!({"proxy-url": "socks5://u:CANARY@127.0.0.1:9"})),
            "failed to create underlying connection",
        ),
        (
            "FTP",
            vec![],
            kubeconfig(&none, &json!({"proxy-url": "ftp://u:CANARY@127.0.0.1:9"})),
            "the proxy for the API server must be http, https or socks5",
        ),
    ]);
}

/// A plugin that prints a token with a control character.
fn with_bad_token(more: &str) -> Value {
    let status = format!("{{\"token\": \"CANARY\\u0001\"{more}}}");
    plugin(&format!(
        "printf '%s' '{{\"kind\": \"ExecCredential\", \"status\": {status}}}'"
    ))
}

const EXPIRES: &str = ", \"expirationTimestamp\": \"2999-01-01T00:00:00Z\"";

#[test]
fn errors_of_a_plugin_hold_no_secret() {
    let none = json!({});
    let secret = |script: &str| kubeconfig(&plugin(script), &none);
    check(vec![
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
            "plugin's token",
            vec![],
            kubeconfig(&with_bad_token(""), &none),
            CONTROL,
        ),
        (
            "plugin's token that expires",
            vec![],
            kubeconfig(&with_bad_token(EXPIRES), &none),
            CONTROL,
        ),
        (
            "plugin without credentials",
            vec![],
            secret("echo '{\"status\": {}}'"),
            "\"sh\": the credential plugin returned neither a token nor a client certificate",
        ),
        (
            "auth provider with an invalid token",
            vec![],
            kubeconfig(
                &json!({"auth-provider": {"name": "oidc", "config": {"id-token": "CANARY\n"}}}),
                &none,
            ),
            CONTROL,
        ),
        (
            "auth provider that runs a program",
            vec![],
            kubeconfig(
                &json!({"auth-provider": {"name": "gcp", "config": {"cmd-path": "/bin/echo", "cmd-args": "CANARY"}}}),
                &none,
            ),
            "has removed the auth provider gcp",
        ),
    ]);
}

#[test]
fn errors_of_a_kubeconfig_hold_no_secret() {
    let none = json!({});
    check(vec![
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
            CONTROL,
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
    ]);
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

/// Those that expire are kept by the client, which runs the plugin again.
#[test]
fn token_of_a_plugin_that_cannot_be_sent_stops_the_controller_without_a_panic() {
    // It would stop for the port otherwise.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap().to_string();
    for more in ["", EXPIRES] {
        let config = kubeconfig(&with_bad_token(more), &json!({}));
        let output = with_kubeconfig(&[], &["controller", "--health-address", &address], &config);
        assert_eq!(output.code, 1, "{}", output.stderr);
        assert!(output.stderr.contains("has a control character"), "{}", output.stderr);
        assert!(!output.stderr.contains(CANARY), "{}", output.stderr);
    }
}
