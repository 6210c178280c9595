//! A password planted in every credential form is found nowhere but in the Secrets.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};

pub const CANARY: &str = "Canary-5ubterranean+/=";

/// Name, type and data of Secrets that hold the canary in good and in broken ways, and the reason that comes of it.
#[allow(clippy::type_complexity, clippy::too_many_lines, reason = "a table")]
pub fn forms() -> Vec<(&'static str, &'static str, Vec<(&'static str, String)>, &'static str)> {
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

pub fn assert_clean(place: &str, text: &str) {
    for shape in shapes() {
        assert!(!text.contains(&shape), "{place} has {shape:?}");
    }
}
