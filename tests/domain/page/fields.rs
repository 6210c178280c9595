//! The form as it was typed.

use dps::api::RegistryType;
use dps::form::objects::Scope;
use dps::page::create::fields::CreateFields;

use crate::support::canary::CANARY;

fn filled() -> CreateFields {
    CreateFields {
        registry_type: "PrivateRegistry".to_owned(),
        name: "app".to_owned(),
        registry_url: "registry.example.com:5000".to_owned(),
        username: "robot".to_owned(),
        namespace: "team".to_owned(),
        ..CreateFields::default()
    }
}

#[test]
fn filled_form_becomes_the_objects_that_dps_create_makes() {
    let form = filled().form(CANARY).unwrap();
    assert_eq!(form.scope, Scope::Namespace(Some("team".to_owned())));
    let objects = form.objects().unwrap();
    assert_eq!(objects.resource["spec"]["registryUrl"], "registry.example.com:5000");
    assert_eq!(objects.login.unwrap()["stringData"]["password"], CANARY);
    let shared = CreateFields {
        is_shared: true,
        selector: "team in (a, b)".to_owned(),
        excluded: "kube-*, monitoring,".to_owned(),
        service_accounts: "default".to_owned(),
        ..filled()
    };
    let shared = shared.form(CANARY).unwrap().objects().unwrap().resource;
    assert_eq!(shared["kind"], "ClusterDockerPullSecret");
    assert_eq!(shared["spec"]["credentialsRef"]["namespace"], "team");
    assert_eq!(
        shared["spec"]["excludeNamespaces"],
        serde_json::json!(["kube-*", "monitoring"])
    );
    assert_eq!(
        shared["spec"]["attachTo"]["serviceAccounts"],
        serde_json::json!(["default"])
    );
}

#[test]
fn who_names_docker_hub_gets_docker_hub() {
    for registry_type in ["DockerHub", "PrivateRegistry"] {
        let fields = CreateFields {
            registry_type: registry_type.to_owned(),
            registry_url: "docker.io".to_owned(),
            ..filled()
        };
        assert_eq!(
            fields.registry().unwrap().registry_type,
            RegistryType::DockerHub,
            "{registry_type}"
        );
    }
}

#[test]
fn every_wrong_field_is_named_at_once_and_no_password_is_repeated() {
    let fields = CreateFields {
        name: "No Name".to_owned(),
        registry_url: "https://user@registry.example.com".to_owned(),
        username: "a:b".to_owned(),
        email: "a b".to_owned(),
        namespace: "a/b".to_owned(),
        is_shared: true,
        selector: "team in (".to_owned(),
        ..filled()
    };
    let problems = fields.form(CANARY).unwrap_err();
    for field in ["name", "registry-url", "username", "email", "namespace", "selector"] {
        let problem = problems.get(field).unwrap_or_else(|| panic!("{field}"));
        assert!(problem.ends_with('.') && !problem.contains(CANARY), "{problem}");
    }
    let problems = filled().form("").unwrap_err();
    assert!(problems.get("password").is_some() && problems.get("name").is_none());
}
