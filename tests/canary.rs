//! A password planted in every credential form is found nowhere but in the Secrets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails that way"
)]

mod support;

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};
use support::objects::{Space, private, with};
use support::operator::Operator;
use support::world::world;

const CANARY: &str = "Canary-5ubterranean+/=";

/// Name, type and data of Secrets that hold the canary in good and in broken ways, and the reason that comes of it.
#[allow(clippy::type_complexity, clippy::too_many_lines, reason = "a table")]
fn forms() -> Vec<(&'static str, &'static str, Vec<(&'static str, String)>, &'static str)> {
    let auth = STANDARD.encode(format!("user:{CANARY}"));
    let config = |entry: Value| json!({"auths": {"registry.example.com": entry}}).to_string();
    let opaque = "Opaque";
    vec![
        (
            "plain",
            opaque,
            vec![("username", "user".into()), ("password", CANARY.into())],
            "Ready",
        ),
        (
            "basic",
            "kubernetes.io/basic-auth",
            vec![("username", "user".into()), ("password", CANARY.into())],
            "Ready",
        ),
        ("auth", opaque, vec![("auth", auth.clone())], "Ready"),
        (
            "config",
            opaque,
            vec![("config.json", config(json!({"auth": auth})))],
            "Ready",
        ),
        (
            "pull",
            "kubernetes.io/dockerconfigjson",
            vec![(
                ".dockerconfigjson",
                config(json!({"username": "user", "password": CANARY})),
            )],
            "Ready",
        ),
        (
            "legacy",
            "kubernetes.io/dockercfg",
            vec![(
                ".dockercfg",
                json!({"registry.example.com": {"auth": auth}}).to_string(),
            )],
            "Ready",
        ),
        (
            "user-is-canary",
            opaque,
            vec![("username", CANARY.into()), ("password", "x".into())],
            "Ready",
        ),
        ("no-user", opaque, vec![("password", CANARY.into())], "KeyMissing"),
        (
            "two-lines",
            opaque,
            vec![("username", "user".into()), ("password", format!("{CANARY}\n{CANARY}"))],
            "Malformed",
        ),
        (
            "colon",
            opaque,
            vec![("username", format!("{CANARY}:x")), ("password", CANARY.into())],
            "Malformed",
        ),
        (
            "plain-auth",
            opaque,
            vec![("auth", format!("user:{CANARY}"))],
            "Malformed",
        ),
        ("no-colon", opaque, vec![("auth", STANDARD.encode(CANARY))], "Malformed"),
        (
            "not-json",
            opaque,
            vec![(
                "config.json",
                format!("{{\"auths\": {{\"registry.example.com\": \"{CANARY}\" "),
            )],
            "Malformed",
        ),
        (
            "wrong-shape",
            opaque,
            vec![("config.json", config(json!(CANARY)))],
            "Malformed",
        ),
        (
            "wrong-type",
            opaque,
            vec![("config.json", config(json!({"username": "user", "password": [CANARY]})))],
            "Malformed",
        ),
        (
            "other-registry",
            opaque,
            vec![(
                "config.json",
                json!({"auths": {"quay.io": {"auth": auth}, format!("u:{CANARY}@ghcr.io"): {}}}).to_string(),
            )],
            "NoEntryForRegistry",
        ),
        (
            "store",
            opaque,
            vec![(
                "config.json",
                json!({"auths": {"registry.example.com": {}}, "credsStore": format!("x {CANARY}")}).to_string(),
            )],
            "CredentialStoreOnly",
        ),
        (
            "identity",
            opaque,
            vec![("config.json", config(json!({"identitytoken": CANARY})))],
            "IdentityTokenOnly",
        ),
        (
            "disagree",
            opaque,
            vec![
                ("username", "user".into()),
                ("password", CANARY.into()),
                ("auth", STANDARD.encode("user:other")),
            ],
            "Ambiguous",
        ),
    ]
}

/// Every way in which the canary could be recognised.
fn shapes() -> Vec<String> {
    let auth = format!("user:{CANARY}");
    vec![
        CANARY.to_owned(),
        CANARY.trim_end_matches('=').to_owned(),
        "5ubterranean".to_owned(),
        STANDARD_NO_PAD.encode(CANARY),
        STANDARD_NO_PAD.encode(&auth)[..20].to_owned(),
        STANDARD.encode(STANDARD.encode(&auth))[..20].to_owned(),
    ]
}

fn assert_clean(place: &str, text: &str) {
    for shape in shapes() {
        assert!(!text.contains(&shape), "{place} has {shape:?}");
    }
}

#[tokio::test]
async fn no_log_status_event_or_metric_has_the_password() {
    let world = world();
    let kubeconfig = world.install();
    let space = Space::new(world, "canary").await;
    let operator = Operator::start_with(world, &kubeconfig, &["--namespace", &space.name], "trace");
    for (name, secret_type, data, reason) in forms() {
        let data: Vec<(&str, &str)> = data.iter().map(|(key, value)| (*key, value.as_str())).collect();
        space.secret(&format!("{name}-login"), secret_type, &data).await;
        space
            .create(name, private("registry.example.com", &format!("{name}-login")))
            .await;
        space.reason(name, reason).await;
    }
    // A write that is refused: the server's words are repeated.
    space.login("refused-login", "user", CANARY).await;
    let annotations = json!({"secretTemplate": {"annotations": {"a": "x".repeat(60_000), "b": "x".repeat(60_000), "c": "x".repeat(60_000), "d": "x".repeat(60_000)}}});
    space
        .create(
            "big",
            with(private("registry.example.com", "refused-login"), annotations),
        )
        .await;
    space.ready("big").await;

    assert_clean("the log at level trace", &operator.log());
    assert!(
        operator.log().contains("\"level\":\"TRACE\""),
        "the log is at level trace"
    );
    assert_clean("the metrics", &operator.get("/metrics").1);
    assert_clean("/readyz", &operator.get("/readyz").1);
    let shown = world.kubectl(&["get", "dockerpullsecrets,events", "-n", &space.name, "-o", "json"]);
    assert!(shown.contains("KeyMissing"));
    assert_clean("a resource or an event", &shown);
    let (_, well) = operator.stop();
    assert!(well);
}

#[test]
fn no_message_of_render_has_the_password() {
    for (name, secret_type, data, reason) in forms() {
        let data: serde_json::Map<String, Value> = data
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        let mut input = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "type": secret_type, "stringData": data,
        })
        .to_string();
        input += &json!({
            "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": name},
            "spec": private("registry.example.com", "login"),
        })
        .to_string();
        let (code, errors) = render(&input);
        assert_eq!(code, i32::from(reason != "Ready"), "{name}: {errors}");
        assert_clean(name, &errors);
    }
    for broken in [
        format!("apiVersion: v1\nkind: Secret\nstringData: {{password: {CANARY}\n  x"),
        format!("{{\"apiVersion\": \"v1\", \"password\": \"{CANARY}\""),
        format!("password: {CANARY}"),
        format!("apiVersion: v1\nkind: Secret\nstringData: {{password: {CANARY}}}"),
    ] {
        let (code, errors) = render(&broken);
        assert_eq!(code, 2, "{errors}");
        assert_clean("a message about unreadable input", &errors);
    }
    let wrong = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "data": {"password": CANARY, "username": [CANARY]}},
        {"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": "a"}, "spec": {"type": CANARY}},
        {"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": "b"}, "spec": private("registry.example.com", "login")},
    ]});
    let (code, errors) = render(&wrong.to_string());
    assert_eq!(code, 1, "{errors}");
    assert_clean("a message about wrong objects", &errors);
}

fn render(input: &str) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dps"))
        .args(["render", "-f", "-"])
        .env("RUST_BACKTRACE", "full")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}
