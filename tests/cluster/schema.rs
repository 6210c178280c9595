//! What the API server itself refuses, and that the core refuses all of it too.

use crate::support::objects::{Space, docker_hub, private, with};
use crate::support::world::world;
use dps::api::DockerPullSecret;
use dps::domain::spec::validate::validate;
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

/// Name, spec, and a part of the sentence with which the API server refuses it; `None` if it does not.
#[allow(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<(&'static str, Value, Option<&'static str>)> {
    let url = |url: &str| private(url, "login");
    let hub = |fields: Value| with(docker_hub("login"), fields);
    let ca = |name: &str| {
        let tls = json!({"caBundleRef": {"kind": "ConfigMap", "name": name}});
        hub(json!({"verification": {"tls": tls}}))
    };
    vec![
        ("app", docker_hub("login"), None),
        ("app", url("registry.example.com"), None),
        ("app", url("registry.example.com:5000/team"), None),
        ("app", url("https://Registry.example.com/v2/"), None),
        ("app", url("HTTP://registry.example.com/"), None),
        ("app", url("*.example.com"), None),
        ("app", url("reg*.example.com:5000"), None),
        ("app", url("[2001:db8::1]:5000"), None),
        ("app", url("localhost:5000"), None),
        (
            "app",
            hub(json!({"secretName": "other", "email": "a@example.com", "adopt": true, "suspend": true})),
            None,
        ),
        (
            "app",
            hub(json!({"secretTemplate": {"labels": {"a": "b"}, "annotations": {"c": "d"}}})),
            None,
        ),
        // What GitOps templates leave behind.
        (
            "app",
            hub(json!({"registryUrl": null, "secretName": null, "email": null, "secretTemplate": null})),
            None,
        ),
        (
            "app",
            hub(
                json!({"verification": {"mode": "Periodic", "interval": "1h30m", "image": "team/app:1.0", "onRejected": "WriteAnyway", "plainHttp": true}}),
            ),
            None,
        ),
        ("app", hub(json!({"verification": {}})), None),
        (
            "app",
            hub(json!({"verification": {"interval": "12h"}})),
            Some("is only for mode Periodic"),
        ),
        (
            "app",
            hub(json!({"verification": {"mode": "Periodic", "interval": "59m"}})),
            Some("at least 1h"),
        ),
        (
            "app",
            hub(json!({"verification": {"mode": "Periodic", "interval": "daily"}})),
            Some("such as 12h"),
        ),
        ("app.dot", docker_hub("login"), Some("must not contain dots")),
        (
            "app",
            hub(json!({"secretName": "Upper"})),
            Some("must be lower-case letters"),
        ),
        (
            "app",
            hub(json!({"secretName": "-x"})),
            Some("must be lower-case letters"),
        ),
        ("app", hub(json!({"secretName": "x.y"})), Some("must not contain dots")),
        (
            "app",
            hub(json!({"secretName": "login"})),
            Some("also the name of the Secret to generate"),
        ),
        (
            "app",
            docker_hub("app"),
            Some("also the name of the Secret to generate"),
        ),
        ("app", docker_hub("login.with-dots.2"), None),
        ("app", docker_hub("?"), Some("is not a valid Secret name")),
        ("app", docker_hub("a/b"), Some("is not a valid Secret name")),
        ("app", docker_hub("my login"), Some("is not a valid Secret name")),
        (
            "app",
            docker_hub("RegistryCredentials"),
            Some("is not a valid Secret name"),
        ),
        ("app", docker_hub("a..b"), Some("is not a valid Secret name")),
        ("app", ca("ca.bundle"), None),
        ("app", ca("?"), Some("caBundleRef.name")),
        ("app", ca("../x"), Some("caBundleRef.name")),
        ("app", hub(json!({"email": "a b"})), Some("must not contain whitespace")),
        (
            "app",
            hub(json!({"registryUrl": "registry.example.com"})),
            Some("must be left out for type DockerHub"),
        ),
        (
            "app",
            json!({"type": "PrivateRegistry", "credentialsRef": {"name": "login"}}),
            Some("spec.registryUrl is required"),
        ),
        (
            "app",
            json!({"type": "Other", "credentialsRef": {"name": "login"}}),
            Some("Unsupported value"),
        ),
        (
            "app",
            json!({"type": "DockerHub"}),
            Some("exactly one of credentialsRef and credentialsFrom"),
        ),
        ("app", url("docker.io"), Some("use type DockerHub")),
        ("app", url("https://index.docker.io/v1/"), Some("use type DockerHub")),
        ("app", url("Registry-1.Docker.io/acme"), Some("use type DockerHub")),
        ("app", url("hub.docker.com"), Some("use type DockerHub")),
        ("app", url("registry.hub.docker.com:443"), Some("use type DockerHub")),
        ("app", url("user:pw@registry.example.com"), Some("must not contain '@'")),
        (
            "app",
            url("registry.example.com/app@sha256"),
            Some("must not contain '@'"),
        ),
        ("app", url("registry.example.com?x=1"), Some("query or fragment")),
        ("app", url("registry.example.com#x"), Some("query or fragment")),
        ("app", url("registry.example.com "), Some("must not contain whitespace")),
        (
            "app",
            url("registry.example.com\n"),
            Some("must not contain whitespace"),
        ),
        ("app", url("oci://registry.example.com"), Some("scheme other than")),
        (
            "app",
            url("registry.example.com:99999999"),
            Some("must be host[:port][/path]"),
        ),
        ("app", url("registry.example.com:0"), Some("must be host[:port][/path]")),
        ("app", url("registry.example.com:*"), Some("only in the host")),
        ("app", url("registry.example.com/te*"), Some("only in the host")),
        ("app", url("*"), Some("not as the whole host")),
        ("app", url("*:5000"), Some("not as the whole host")),
        ("app", url("https://"), Some("must be host[:port][/path]")),
        ("app", url("/path"), Some("must be host[:port][/path]")),
    ]
}

#[tokio::test]
async fn each_rule_refuses_with_a_sentence_as_the_core_does() {
    world().install();
    let space = Space::new(world(), "schema").await;
    let kind = kube::api::ApiResource::erase::<DockerPullSecret>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(space.client.clone(), &space.name, &kind);
    let mut failures = Vec::new();
    for (name, spec, expected) in cases() {
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": name}, "spec": spec,
        }))
        .unwrap();
        let params = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let core = serde_json::from_value::<DockerPullSecret>(serde_json::to_value(&object).unwrap());
        let core = core
            .map_err(|error| error.to_string())
            .and_then(|object| validate(&object).map_err(|problem| problem.message));
        match (api.create(&params, &object).await, expected) {
            (Ok(_), None) => {
                if let Err(message) = core {
                    failures.push(format!(
                        "{name} {spec}: the API server takes it, the core does not: {message}"
                    ));
                }
            }
            (Err(kube::Error::Api(answer)), Some(expected)) if answer.message.contains(expected) => {
                if core.is_ok() {
                    failures.push(format!("{name} {spec}: only the API server refuses it"));
                }
            }
            (result, _) => failures.push(format!("{name} {spec}: expected {expected:?}, got {result:?}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
