//! Long-lived keys, each of a cloud that trusts it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use crate::support::cloud::{ACR, ECR, GAR, ID};
use crate::support::google_key::{EMAIL, PEM, file};
use crate::support::objects::Space;

const ACCESS_KEY: &str = "AKIAEXAMPLE";
const SECRET_KEY: &str = "secret/key+canary123456789012345678901";
const CLIENT_SECRET: &str = "client~secret.canary";

/// A name and a spec for each cloud; the key is in the Secret `NAME-key`.
pub(super) fn specs() -> [(&'static str, Value); 3] {
    let spec = |provider: &str, registry: &str, fields: Value| {
        json!({"type": "PrivateRegistry", "registryUrl": registry, "verification": {"mode": "Disabled"},
            "credentialsFrom": {"staticKeyRef": {"name": format!("static-{provider}-key")}, provider: fields}})
    };
    [
        ("static-aws", spec("aws", ECR, json!({}))),
        (
            "static-azure",
            spec("azure", ACR, json!({"clientId": ID, "tenantId": ID})),
        ),
        ("static-google", spec("google", GAR, json!({}))),
    ]
}

/// What is in the Secret with the key of one of these clouds.
pub(super) fn data(cloud: &str) -> Vec<(&'static str, String)> {
    match cloud {
        "static-aws" => vec![
            ("accessKeyId", ACCESS_KEY.to_owned()),
            ("secretAccessKey", SECRET_KEY.to_owned()),
        ],
        "static-azure" => vec![("clientSecret", CLIENT_SECRET.to_owned())],
        "static-google" => vec![("key.json", file())],
        _ => panic!("{cloud}"),
    }
}

/// Creates the Secret with the key of one of these clouds.
pub(super) async fn store(space: &Space, name: &str, cloud: &str) {
    let data = data(cloud);
    let data: Vec<(&str, &str)> = data.iter().map(|(key, value)| (*key, value.as_str())).collect();
    space.secret(name, "Opaque", &data).await;
}

/// Fails if a text has anything of these keys.
pub(super) fn are_hidden(text: &str) {
    let lines = PEM.lines().filter(|line| !line.starts_with('-'));
    for secret in [SECRET_KEY, CLIENT_SECRET].into_iter().chain(lines) {
        for shape in [secret, &STANDARD_NO_PAD.encode(secret)] {
            assert!(!text.contains(shape), "{shape} in {text}");
        }
    }
}

/// Has the clouds trust the keys too, beside whom they trust already.
pub(super) fn trusted(mut trust: Value) -> Value {
    for (list, entry) in [
        (
            "awsKeys",
            json!({"arn": "arn:aws:iam::123456789012:user/puller", "accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY}),
        ),
        (
            "azure",
            json!({"tenantId": ID, "clientId": ID, "clientSecret": CLIENT_SECRET}),
        ),
        ("googleKeys", json!({"clientEmail": EMAIL, "key": PEM})),
    ] {
        let list = trust.as_object_mut().unwrap().entry(list).or_insert_with(|| json!([]));
        list.as_array_mut().unwrap().push(entry);
    }
    trust
}

/// The exchanges of such keys: one for each credentials that were minted with them.
pub(super) fn exchanges(requests: &[Value], cloud: &str) -> usize {
    let is_one = |request: &&Value| {
        let (route, sent) = (request["route"].as_str().unwrap(), &request["credentials"]);
        match cloud {
            "static-aws" => route == "ecr" && sent["sessionToken"].is_null(),
            "static-azure" => route == "entra" && sent["client_secret"].is_string(),
            _ => route == "google-oauth",
        }
    };
    requests.iter().filter(is_one).count()
}
