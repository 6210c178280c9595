//! Everything that the spec, a registry key or a referenced Secret can be blamed for, and every warning, as users read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps::domain::credential_source::resolve;
use dps::domain::problem::{Problem, unparsable};
use dps::domain::spec::validate::validate;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::{hub, private, resource, secret, with};

const HOST: &str = "registry.example.com";

fn auth(pair: &str) -> String {
    STANDARD.encode(pair)
}

/// What a spec and its Secret give: the warnings, or the problem.
fn outcome(spec: &Value, source: Option<&Secret>) -> Result<Vec<String>, Problem> {
    let spec = validate(&resource(spec))?;
    let resolved = resolve(&spec, source)?;
    Ok([spec.warnings, resolved.warnings].concat())
}

fn usable() -> Secret {
    secret(&[("username", "user"), ("password", "word")])
}

fn of_document(document: &Value) -> Secret {
    secret(&[("config.json", &document.to_string())])
}

/// Specs that break a rule.
fn specs() -> Vec<Value> {
    let urls = [
        "",
        " ",
        "user:word@registry.example.com",
        "registry.example.com?x",
        "oci://registry.example.com",
        "registry.example.com:0",
        "registry.example.com:*",
        "a:1:2",
        "[::1",
        "[::1]x",
        "[::1]",
        "[x]:1",
        "[::ffff:192.0.2.1]:5000",
        "https://",
        "*",
        "registry",
        "my_registry:5000",
        "-x.example.com",
        "docker.io",
        "registry-1.docker.io",
        "registry.example.com/v2/v1/team",
        "registry.example.com/te*",
        "registry.example.com/app:1.0",
        "registry.example.com//app",
        "registry.example.com/Team",
        "registry.example.com/_catalog",
    ];
    let mut specs: Vec<Value> = urls.into_iter().map(private).collect();
    specs.push(private(&format!("{HOST}/{}", "x".repeat(256))));
    for fields in [
        json!({"registryUrl": HOST}),
        json!({"type": "PrivateRegistry"}),
        json!({"secretName": "A.b"}),
        json!({"secretName": "login"}),
        json!({"credentialsRef": {"name": ""}}),
        json!({"credentialsRef": {"name": "a b"}}),
        json!({"credentialsRef": {"name": "login", "keys": {"auth": "a b"}}}),
        json!({"email": " "}),
        json!({"secretTemplate": {"labels": {"a b": "x"}}}),
        json!({"secretTemplate": {"labels": {"a": "b c"}}}),
        json!({"secretTemplate": {"labels": {"app.kubernetes.io/managed-by": "x"}}}),
        json!({"secretTemplate": {"annotations": {"a": "x".repeat(262_144)}}}),
        json!({"verification": {"interval": "12h"}}),
        json!({"verification": {"mode": "Periodic", "interval": "1m"}}),
        json!({"verification": {"image": "A"}}),
        json!({"verification": {"tls": {"caBundleRef": {"kind": "Secret", "name": "a b"}}}}),
    ] {
        specs.push(with(hub(), fields));
    }
    specs
}

/// Secrets without usable credentials.
fn secrets() -> Vec<Secret> {
    let pair = |username: &str, password: &str| secret(&[("username", username), ("password", password)]);
    let bytes = |key: &str, value: &[u8]| Secret {
        data: Some([(key.to_owned(), ByteString(value.to_vec()))].into()),
        ..Secret::default()
    };
    let entry = |entry: Value| of_document(&json!({"auths": {HOST: entry}}));
    let document = json!({"auths": {HOST: {"auth": auth("user:word")}}}).to_string();
    vec![
        Secret {
            type_: Some("kubernetes.io/service-account-token".to_owned()),
            ..usable()
        },
        secret(&[]),
        secret(&[("username", "user")]),
        pair("", "word"),
        pair("user", ""),
        pair("us:er", "word"),
        pair("us\ner", "word"),
        pair("us\u{feff}er", "word"),
        pair("user", "wo\nrd"),
        pair("<token>", "word"),
        secret(&[("auth", "user:word")]),
        secret(&[("auth", "%")]),
        secret(&[("auth", &STANDARD.encode([0xff, 0xc0]))]),
        secret(&[("auth", &auth("word"))]),
        secret(&[("auth", &auth("a:b")), ("username", "c"), ("password", "d")]),
        bytes("username", b"\xff\xfeu\0"),
        bytes("username", b"\x80"),
        secret(&[("config.json", "")]),
        secret(&[("config.json", "{")]),
        secret(&[("config.json", "[]")]),
        secret(&[("config.json", &auth(&document))]),
        secret(&[("config.json", &json!(document).to_string())]),
        of_document(&json!({"auths": []})),
        entry(json!("x")),
        entry(json!({"auth": 1})),
        entry(json!({"auth": "%"})),
        entry(json!({})),
        entry(json!({"identitytoken": "x"})),
        of_document(&json!({"auths": {HOST: {}}, "credHelpers": {HOST: "helper"}})),
        of_document(&json!({"auths": {"quay.io": {}}})),
        of_document(&json!({"auths": {HOST: {"auth": auth("a:b")}, format!("https://{HOST}"): {"auth": auth("c:d")}}})),
    ]
}

#[test]
fn problems_match_snapshot() {
    let mut problems: Vec<Problem> = specs()
        .iter()
        .map(|spec| outcome(spec, Some(&usable())).unwrap_err())
        .collect();
    problems.push(outcome(&private(HOST), None).unwrap_err());
    problems.extend(
        secrets()
            .iter()
            .map(|source| outcome(&private(HOST), Some(source)).unwrap_err()),
    );
    let part = of_document(&json!({"auths": {"docker.io/acme": {}}}));
    problems.push(outcome(&hub(), Some(&part)).unwrap_err());
    problems.push(unparsable(
        "invalid type: string \"x\", expected struct CredentialsRef at line 1",
    ));
    let lines: Vec<String> = problems
        .into_iter()
        .map(|problem| {
            format!(
                "{}: {}",
                problem.reason.as_str(),
                problem.message.replace(&"x".repeat(256), "x...")
            )
        })
        .collect();
    insta::assert_snapshot!("problems", lines.join("\n"));
}

#[test]
fn warnings_match_snapshot() {
    let document = |auths: Value| of_document(&json!({"auths": auths}));
    let template = |field: &str, key: &str| with(private(HOST), json!({"secretTemplate": {field: {key: "x"}}}));
    let cases = [
        (private("registry.example.com:443"), usable()),
        (private("registry.example.com/team"), usable()),
        (private("123456789012.dkr.ecr.eu-west-1.amazonaws.com"), usable()),
        (template("annotations", "argocd.argoproj.io/tracking-id"), usable()),
        (template("labels", "app.kubernetes.io/instance"), usable()),
        (
            private(HOST),
            secret(&[("username", "\u{feff}user\n"), ("password", " word")]),
        ),
        (private(HOST), secret(&[("auth", &auth("user:word\n"))])),
        (private(HOST), document(json!({HOST: {"auth": auth("user:word\n")}}))),
        (
            private(HOST),
            document(json!({HOST: {"auth": auth("user:word"), "username": "other"}})),
        ),
        (
            private(HOST),
            document(json!({HOST: {"auth": auth("user:word")}, "Registry.example.com": {"auth": auth("a:b")}})),
        ),
    ];
    let mut lines = Vec::new();
    for (spec, source) in cases {
        let warnings = outcome(&spec, Some(&source)).unwrap();
        assert!(!warnings.is_empty(), "{spec}");
        lines.extend(warnings);
    }
    insta::assert_snapshot!("warnings", lines.join("\n"));
}

/// `dps --help` and that of every command below it.
#[test]
fn help_matches_snapshot() {
    let mut texts = Vec::new();
    help(&[], &mut texts);
    insta::assert_snapshot!("help", texts.join("\n\n"));
}

fn help(command: &[String], texts: &mut Vec<String>) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dps"))
        .args(command)
        .arg("--help")
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let commands = text
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let names: Vec<String> = commands
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|name| name != "help")
        .collect();
    let line = ["dps".to_owned()]
        .iter()
        .chain(command)
        .cloned()
        .collect::<Vec<_>>()
        .join(" ");
    texts.push(format!("$ {line} --help\n{}", text.trim_end()));
    for name in names {
        help(&[command, &[name]].concat(), texts);
    }
}
