//! What becomes of the others where the API server refuses one.

use serde_json::{Value, json};

use crate::client_errors::kubeconfig;
use crate::connection::{found, status};
use crate::support::canary::CANARY;
use crate::support::dps::{Output, dps_in};
use crate::support::registries::{Answer, Scripted};

/// What an API server has of `a.example.com`, as it was imported before; `others`: what it answers about other names.
fn cluster(others: fn(&str) -> Answer) -> Scripted {
    let encoded = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    let login = json!({"username": encoded("robot"), "password": encoded(CANARY)});
    Scripted::start(move |head, _| {
        let path = head.split([' ', '?']).nth(1).unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let metadata = json!({"name": name, "namespace": "team"});
        match name {
            "a-example-com" => found(&json!({
                "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": metadata,
                "spec": {"type": "PrivateRegistry", "registryUrl": "a.example.com", "credentialsRef": {"name": "a-example-com-login"}},
            })),
            "a-example-com-login" => {
                found(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": login}))
            }
            _ => others(name),
        }
    })
}

/// Imports the logins of these registries.
fn import(server: &Scripted, registries: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let cluster = kubeconfig(&json!({}), &json!({"server": format!("http://{}", server.address)}));
    std::fs::write(&config, cluster).unwrap();
    let entry = json!({"username": "robot", "password": CANARY});
    let entries = registries
        .iter()
        .map(|registry| ((*registry).to_owned(), entry.clone()));
    let auths = Value::Object(entries.collect());
    let output = dps_in(
        &[("KUBECONFIG", config.to_str().unwrap())],
        &["import", "-n", "team", "--from", "-", "--all", "--no-verify"],
        &json!({"auths": auths}).to_string(),
    );
    assert!(!output.stderr.contains(CANARY), "{}", output.stderr);
    output
}

#[test]
fn login_that_the_cluster_refuses_makes_the_exit_code_2_and_the_others_are_imported() {
    let server = cluster(|_| status(403, "Forbidden", "you must not"));
    let alone = import(&server, &["a.example.com"]);
    assert_eq!(alone.code, 0, "{}", alone.stderr);
    for registries in [["a.example.com", "b.example.com"], ["0.example.com", "a.example.com"]] {
        let both = import(&server, &registries);
        assert_eq!((both.code, both.stdout.as_str()), (2, ""), "{}", both.stderr);
        for part in [
            "a.example.com: DockerPullSecret a-example-com is up to date",
            "not imported: reading DockerPullSecret",
            "returned 403 Forbidden: you must not",
        ] {
            assert!(both.stderr.contains(part), "{}", both.stderr);
        }
    }
    // Whether what exists may be changed is for the person to say.
    let server = cluster(|name| match name {
        "b-example-com" => found(&json!({
            "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": name},
            "spec": {"type": "DockerHub", "credentialsRef": {"name": "other"}},
        })),
        _ => status(404, "NotFound", "there is none"),
    });
    let differs = import(&server, &["a.example.com", "b.example.com"]);
    assert_eq!(differs.code, 1, "{}", differs.stderr);
    assert!(
        differs.stderr.contains("use --replace to change it"),
        "{}",
        differs.stderr
    );
}
