//! What a change could forget without an error of the compiler; docs/architecture.md names these tests in its tour.

use std::collections::BTreeSet;

use dps::api::{Cause, Reason};
use dps::domain::credential_source::resolve;
use dps::domain::registry::dialect::Dialect;
use dps::domain::spec::validate::validate;
use serde_json::{Map, Value, json};
use strum::IntoEnumIterator as _;

use super::{private, resource, secret, with};
use crate::support::canary::forms;

/// The fields of `spec.credentialsRef.keys`, and the key that each reads by default.
fn credential_keys() -> Vec<(String, String)> {
    let crd = dps::api::crd();
    let path =
        "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/credentialsRef/properties/keys/properties";
    let fields: &Map<String, Value> = crd.pointer(path).and_then(Value::as_object).unwrap();
    let default = |field: &Value| {
        let (_, default) = field["description"].as_str()?.split_once("default `")?;
        Some(default.split('`').next()?.to_owned())
    };
    let fields = fields.iter().map(|(name, field)| {
        (
            name.clone(),
            default(field).unwrap_or_else(|| panic!("{name} has no default")),
        )
    });
    fields.collect()
}

/// A resource that names one key of its Secret.
fn naming(field: &str, key: &str) -> Value {
    let reference = json!({"credentialsRef": {"name": "login", "keys": {field: key}}});
    with(private("registry.example.com"), reference)
}

#[test]
fn credential_key_with_an_impossible_name_is_refused() {
    for (field, _) in credential_keys() {
        let problem = validate(&resource(&naming(&field, "a b")))
            .map(|_| field.clone())
            .unwrap_err();
        assert!(
            problem
                .message
                .contains(&format!("spec.credentialsRef.keys.{field} \"a b\"")),
            "{field}: {}",
            problem.message
        );
    }
}

#[test]
fn credential_key_that_is_named_is_read() {
    let login = secret(&[("username", "user"), ("password", "word")]);
    for (field, _) in credential_keys() {
        let spec = validate(&resource(&naming(&field, "renamed"))).unwrap();
        let problem = resolve(&spec, Some(&login)).map(|_| field.clone()).unwrap_err();
        assert_eq!(problem.reason, Reason::KeyMissing, "{field}");
        assert!(problem.message.contains("\"renamed\""), "{field}: {}", problem.message);
    }
}

#[test]
fn credential_key_that_can_hold_a_password_is_among_the_forms_of_the_canary() {
    let tested: BTreeSet<&str> = forms()
        .into_iter()
        .flat_map(|(_, _, data, _)| data)
        .map(|(key, _)| key)
        .collect();
    for (field, key) in credential_keys() {
        assert!(
            field == "email" || tested.contains(key.as_str()),
            "{field}: tests/support/canary.rs plants nothing in key {key:?}"
        );
    }
}

/// What the table of registries says of one.
struct Registry {
    host: &'static str,
    expires: bool,
    nodes_have_access: bool,
    token_server: Option<&'static str>,
}

/// One row for each dialect: a new one does not compile without its row.
fn registry(dialect: Dialect) -> Registry {
    let plain = |host| Registry {
        host,
        expires: false,
        nodes_have_access: false,
        token_server: None,
    };
    match dialect {
        Dialect::DockerHub => Registry {
            token_server: Some("auth.docker.io"),
            ..plain("docker.io")
        },
        Dialect::Ecr => Registry {
            expires: true,
            nodes_have_access: true,
            ..plain("123456789012.dkr.ecr.eu-west-1.amazonaws.com")
        },
        Dialect::EcrPublic => Registry {
            expires: true,
            ..plain("public.ecr.aws")
        },
        Dialect::Google => Registry {
            nodes_have_access: true,
            token_server: Some("europe-docker.pkg.dev"),
            ..plain("europe-docker.pkg.dev")
        },
        Dialect::Azure => Registry {
            nodes_have_access: true,
            token_server: Some("wood.azurecr.io"),
            ..plain("wood.azurecr.io")
        },
        Dialect::GitHub => Registry {
            token_server: Some("ghcr.io"),
            ..plain("ghcr.io")
        },
        Dialect::GitLab => Registry {
            token_server: Some("gitlab.com"),
            ..plain("registry.gitlab.com")
        },
        Dialect::Quay => Registry {
            token_server: Some("quay.io"),
            ..plain("quay.io")
        },
        Dialect::Other => plain("registry.example.com"),
    }
}

#[test]
fn registry_is_known_by_its_host_with_all_that_is_special_about_it() {
    for dialect in Dialect::iter() {
        let expected = registry(dialect);
        for host in [expected.host.to_owned(), format!("{}:443", expected.host)] {
            assert_eq!(Dialect::of(&host), dialect, "{host}");
        }
        let found = (
            dialect.lifetime_advice().is_some(),
            dialect.node_grant().is_some() && dialect.node_provider().is_some(),
            dialect.token_server(expected.host),
        );
        let wanted = (expected.expires, expected.nodes_have_access, expected.token_server);
        assert_eq!(found, wanted, "{dialect:?}");
    }
}

#[test]
fn cause_is_found_in_a_message_of_the_corpus() {
    let corpora = [
        include_str!("corpus/messages.jsonl"),
        include_str!("corpus/hosts-and-rules.jsonl"),
        include_str!("corpus/containerd-2.1.jsonl"),
    ];
    let lines = corpora.into_iter().flat_map(str::lines);
    let causes: BTreeSet<String> = lines
        .filter_map(|line| {
            serde_json::from_str::<Value>(line).ok()?["cause"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    for cause in Cause::iter() {
        assert!(
            causes.contains(cause.as_str()),
            "no message has the cause {}",
            cause.as_str()
        );
    }
}
