//! The form: what is refused at each field, and the objects that it stands for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps::api::RegistryType::{self, DockerHub, PrivateRegistry};
use dps::domain::credentials::RegistryCredentials;
use dps::form::field::{self, ChosenRegistry};
use dps::form::objects::{Form, FurtherFields, Login, Scope, check_registry, replaced_login, replaced_spec};
use dps::form::selector;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use crate::support::canary::CANARY;

/// Type and URL as they are filled in, and the key, or a part of the refusal.
type Row = (
    Option<RegistryType>,
    Option<&'static str>,
    Result<&'static str, &'static str>,
);

#[test]
fn registry_as_people_write_it_becomes_the_key() {
    let rows: [Row; 9] = [
        (
            None,
            Some("https://registry.example.com:5000/v2/"),
            Ok("registry.example.com:5000"),
        ),
        (None, Some(" ghcr.io/Acme/ "), Err("path")),
        (None, Some("docker.io"), Ok("https://index.docker.io/v1/")),
        (
            None,
            Some("https://index.docker.io/v1/"),
            Ok("https://index.docker.io/v1/"),
        ),
        (Some(DockerHub), None, Ok("https://index.docker.io/v1/")),
        (
            Some(DockerHub),
            Some("hub.docker.com"),
            Ok("https://index.docker.io/v1/"),
        ),
        (
            Some(DockerHub),
            Some("quay.io"),
            Err("must be left out for type DockerHub"),
        ),
        (Some(PrivateRegistry), Some("docker.io"), Err("is Docker Hub")),
        (
            Some(PrivateRegistry),
            Some("https://user:word@quay.io"),
            Err("must not contain '@'"),
        ),
    ];
    for (registry_type, url, wanted) in rows {
        let registry = ChosenRegistry::new(registry_type, url);
        match wanted {
            Ok(key) => {
                let registry = registry.unwrap();
                assert_eq!(registry.key.as_str(), key);
                assert_eq!(registry.url().is_none(), registry.registry_type == DockerHub);
                assert!(registry.images().contains("/app:1"), "{}", registry.images());
            }
            Err(part) => {
                let problem = registry.unwrap_err();
                assert!(
                    problem.contains(part) && !problem.contains("spec."),
                    "{url:?}: {problem}"
                );
            }
        }
    }
}

#[test]
fn field_that_breaks_a_rule_is_refused_with_the_rule() {
    for name in ["", "Company", "a.b", "-a", &"a".repeat(248)] {
        let problem = field::name(name).unwrap_err();
        assert!(problem.starts_with("must be 1 to 247 lower-case"), "{problem}");
    }
    assert_eq!(field::name(" company ").unwrap(), "company");
    for (username, part) in [
        ("", "empty user name"),
        ("a:b", "a ':' in the user name"),
        ("<token>", "access token"),
    ] {
        let problem = field::username(username).unwrap_err();
        assert!(problem.contains(part), "{problem}");
    }
    let problem = field::password("robot", &format!("{CANARY}\n{CANARY}")).unwrap_err();
    assert!(problem.contains("line break inside the password") && !problem.contains(CANARY));
    assert_eq!(
        field::password("robot", &format!("{CANARY}\r\n")).unwrap().password(),
        CANARY
    );
    assert_eq!(field::email(" ").unwrap(), None);
    assert!(field::email("a b").unwrap_err().contains("whitespace"));
}

#[test]
fn selector_as_kubectl_takes_it() {
    let is = |text: &str, wanted: Value| assert_eq!(json!(selector::parse(text).unwrap()), wanted, "{text}");
    is("", json!({}));
    is(
        "env=prod, tier==web",
        json!({"matchLabels": {"env": "prod", "tier": "web"}}),
    );
    is(
        "a!=b,team in (x, y),z notin (q),present,!absent",
        json!({"matchExpressions": [
            {"key": "a", "operator": "NotIn", "values": ["b"]},
            {"key": "team", "operator": "In", "values": ["x", "y"]},
            {"key": "z", "operator": "NotIn", "values": ["q"]},
            {"key": "present", "operator": "Exists"},
            {"key": "absent", "operator": "DoesNotExist"},
        ]}),
    );
    for wrong in ["a=b,,c=d", "a in (b", "a of (b)", "a b", "=b", "!"] {
        selector::parse(wrong).unwrap_err();
    }
}

#[test]
fn replacing_keeps_what_the_form_leaves_open() {
    let existing = json!({"type": "PrivateRegistry", "registryUrl": "old.example.com", "credentialsRef": {"name": "old", "keys": {"auth": "x"}},
        "attachTo": {"serviceAccounts": ["default"]}, "verification": {"interval": "24h", "mode": "Periodic"}, "suspend": true,
        "secretTemplate": {"labels": {"team": "a", "x": "y"}, "annotations": {"n": "m"}}});
    let wanted = json!({"type": "DockerHub", "credentialsRef": {"name": "app-login"}, "attachTo": {"pods": "MatchingImages"},
        "verification": {"image": "acme/app"}, "secretTemplate": {"labels": {"team": "b"}}});
    assert_eq!(
        replaced_spec(&existing, &wanted),
        json!({"type": "DockerHub", "credentialsRef": {"name": "app-login"},
            "attachTo": {"serviceAccounts": ["default"], "pods": "MatchingImages"},
            "verification": {"interval": "24h", "mode": "Periodic", "image": "acme/app"}, "suspend": true,
            "secretTemplate": {"labels": {"team": "b", "x": "y"}, "annotations": {"n": "m"}}})
    );
}

#[test]
fn resource_for_another_registry_is_not_replaced() {
    let hub = json!({"type": "DockerHub"});
    let private = |url: &str| json!({"type": "PrivateRegistry", "registryUrl": url});
    check_registry(&hub, &hub).unwrap();
    check_registry(&private("https://r.example.com/v2/"), &private("r.example.com")).unwrap();
    for (existing, wanted) in [
        (&hub, private("r.example.com")),
        (&private("r.example.com"), private("s.example.com")),
    ] {
        let refused = check_registry(existing, &wanted).unwrap_err();
        assert!(refused.starts_with("serves another registry"), "{refused}");
    }
}

#[test]
fn login_is_replaced_only_where_nobody_else_writes_it() {
    let encoded = STANDARD.encode("x");
    let existing = |change: Value| -> Secret {
        let mut secret = json!({"metadata": {"name": "login", "resourceVersion": "7", "labels": {"a": "b"}}, "type": "Opaque",
            "data": {"username": encoded, "password": encoded, "note": encoded}});
        for (field, value) in change.as_object().unwrap() {
            secret[field] = value.clone();
        }
        serde_json::from_value(secret).unwrap()
    };
    let wanted = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "type": "Opaque",
        "stringData": {"username": "robot", "password": "word"}});
    let replaced = replaced_login(&existing(json!({})), &wanted).unwrap();
    assert_eq!(replaced["data"]["note"], json!(encoded));
    assert_eq!(
        (
            &replaced["metadata"]["resourceVersion"],
            &replaced["metadata"]["labels"]
        ),
        (&json!("7"), &json!({"a": "b"}))
    );
    assert_eq!(replaced["stringData"], wanted["stringData"]);
    let owner = json!({"metadata": {"name": "login", "ownerReferences": [
        {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "vault", "uid": "1", "controller": true}]}});
    let refused = replaced_login(&existing(owner), &wanted).unwrap_err();
    assert!(refused.contains("is written by ExternalSecret \"vault\""), "{refused}");
    let shared = replaced_login(&existing(json!({"data": {"config.json": encoded}})), &wanted).unwrap_err();
    assert!(shared.contains("holds its login in key config.json"), "{shared}");
    let refused = replaced_login(&existing(json!({"type": "kubernetes.io/tls"})), &wanted).unwrap_err();
    assert!(refused.contains("is of type kubernetes.io/tls"), "{refused}");
}

#[test]
fn generated_secret_tells_whether_it_holds_the_login_of_the_form() {
    let form = Form {
        name: "app".to_owned(),
        scope: Scope::Namespace(None),
        registry: ChosenRegistry::new(None, Some("registry.example.com")).unwrap(),
        login: Login::New {
            secret: None,
            credentials: RegistryCredentials::new("robot", CANARY).unwrap(),
        },
        email: None,
        options: FurtherFields::default(),
    };
    let objects = form.objects().unwrap();
    let secret = |registry: &str, pair: &str| -> Secret {
        let document = json!({"auths": {registry: {"auth": STANDARD.encode(pair)}}}).to_string();
        serde_json::from_value(json!({"data": {".dockerconfigjson": STANDARD.encode(document)}})).unwrap()
    };
    assert!(objects.are_in(&secret("registry.example.com", &format!("robot:{CANARY}"))));
    assert!(!objects.are_in(&secret("registry.example.com", "robot:old")));
    assert!(!objects.are_in(&secret("registry.example.com", &format!("other:{CANARY}"))));
    assert!(!objects.are_in(&secret("other.example.com", &format!("robot:{CANARY}"))));
    assert!(!objects.are_in(&Secret::default()));
}
