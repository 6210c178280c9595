//! Logins of clouds' registries that end after hours: how they are told from others, and what is offered instead.

use dps::api::DockerPullSecret;
use dps::api::RegistryType::PrivateRegistry;
use dps::domain::registry::key::RegistryKey;
use dps::domain::spec::validate::validate;
use dps::form::expiring::{CloudRegistry, expiring};
use serde_json::{Value, json};

use crate::support::canary::CANARY;
use crate::support::dps::dps;

const ACR_USER: &str = "00000000-0000-0000-0000-000000000000";
const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

fn key(registry: &str) -> RegistryKey {
    RegistryKey::new(PrivateRegistry, Some(registry)).unwrap()
}

#[test]
fn host_and_user_together_tell_what_expires() {
    let rows = [
        (ECR, "AWS", Some("12 hours")),
        ("public.ecr.aws", "AWS", Some("12 hours")),
        (ECR, "robot", None),
        ("example.azurecr.io", ACR_USER, Some("3 hours")),
        // An administrator of the registry, and an application.
        ("example.azurecr.io", "example", None),
        ("example.azurecr.io", "11111111-2222-3333-4444-555555555555", None),
        ("europe-docker.pkg.dev", "oauth2accesstoken", Some("1 hour")),
        ("europe-docker.pkg.dev/acme/team", "_token", Some("1 hour")),
        ("gcr.io", "oauth2accesstoken", Some("1 hour")),
        ("europe-docker.pkg.dev", "_json_key", None),
        ("europe-docker.pkg.dev", "_json_key_base64", None),
        ("registry.example.com", "AWS", None),
        ("example.azurecr.io.evil.test", ACR_USER, None),
    ];
    for (registry, username, lifetime) in rows {
        let found = expiring(&key(registry), username);
        let found = found.as_ref().map(CloudRegistry::lifetime);
        assert_eq!(found, lifetime, "{username} at {registry}");
    }
}

#[test]
fn manifest_that_is_offered_is_valid_once_it_is_filled_in() {
    let rows = [
        (ECR, "arn:aws:iam::123456789012:role/ROLE"),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "arn:aws-cn:iam::123456789012:role/ROLE",
        ),
        ("public.ecr.aws/acme", "arn:aws:iam::ACCOUNT:role/ROLE"),
        ("example.azurecr.io", "clientId: CLIENT_ID, tenantId: TENANT_ID"),
        ("europe-docker.pkg.dev", "projects/PROJECT_NUMBER/"),
    ];
    let id = "11111111-2222-3333-4444-555555555555";
    for (registry, words) in rows {
        let manifest = CloudRegistry::at(&key(registry)).unwrap().manifest("app", Some("team"));
        assert!(manifest.contains(words), "{manifest}");
        let filled_in = [
            ("SERVICE_ACCOUNT", "puller"),
            ("ACCOUNT", "123456789012"),
            ("CLIENT_ID", id),
            ("TENANT_ID", id),
            ("PROJECT_NUMBER", "123"),
            ("POOL", "pool"),
            ("PROVIDER", "cluster"),
        ];
        let fill = |text: String, (place, value): (&str, &str)| text.replace(place, value);
        let text = filled_in.into_iter().fold(manifest, fill);
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        let resource: DockerPullSecret = serde_json::from_value(objects.remove(0)).unwrap();
        validate(&resource).unwrap();
    }
}

#[test]
fn import_copies_no_login_that_expires_unless_it_is_told_to() {
    let config = json!({"auths": {
        "example.azurecr.io": {"username": ACR_USER, "password": CANARY},
        "other.azurecr.io": {"username": "other", "password": CANARY},
    }});
    let import = |flags: &[&str]| {
        let arguments = [&["import", "--from", "-", "--all", "--no-verify", "--export"], flags].concat();
        dps(&arguments, &config.to_string())
    };
    let output = import(&[]);
    assert!(
        output.stdout.contains("other.azurecr.io") && !output.stdout.contains("example.azurecr.io"),
        "{}",
        output.stdout
    );
    for words in [
        "example.azurecr.io in stdin: logins of user 00000000-0000-0000-0000-000000000000 at this registry expire after 3 hours",
        "--allow-short-lived imports it anyway",
        "    azure: {clientId: CLIENT_ID, tenantId: TENANT_ID}",
    ] {
        assert!(output.stderr.contains(words), "{words:?} in {}", output.stderr);
    }
    assert!(!output.stderr.contains(CANARY));
    let output = import(&["--allow-short-lived"]);
    assert!(
        output.code == 0 && output.stdout.contains("example.azurecr.io"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.contains("example.azurecr.io: warning: logins of user"),
        "{}",
        output.stderr
    );
}
