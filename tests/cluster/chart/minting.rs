//! What the chart has for credentials that are minted.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use dps::api::{CredentialsFrom, RegistryType};
use dps::domain::doctor::rights::MINT_RIGHTS;
use dps::domain::minting::identity::{MintIdentity, ProofRequest};
use dps::domain::minting::settings::{GkeCluster, MintSettings};
use dps::domain::minting::source::MintSource;
use dps::domain::registry::key::RegistryKey;
use serde_json::{Value, json};

use super::policies::{POLICY, named};
use super::{IMAGE, kinds, of_kind, template};
use crate::support::helm::chart;
use crate::support::{repository, tools};

/// All values.
pub(super) const ALL: &str = r#"minting={"serviceAccounts":[{"namespace":"team-a","name":"puller"},{"namespace":"team-a","name":"builder"},{"namespace":"team-b","name":"puller"}],"anyServiceAccount":true,"gkeCluster":"projects/p/locations/l/clusters/c","allowRegistrySuffixes":["azure=azurecr.example.net","google=pkg.example.net"],"audiences":["sts.amazonaws.com","quay.io","*.svc.id.goog","//iam.googleapis.com/*"]}"#;

fn rules(names: &Value) -> Value {
    let rule = |resource: &str, verb: &str| {
        let mut rule = json!({"apiGroups": [""], "resources": [resource], "verbs": [verb]});
        if !names.is_null() {
            rule["resourceNames"] = names.clone();
        }
        rule
    };
    let rules = MINT_RIGHTS.map(|right| {
        let resource = match right.subresource {
            "" => right.resource.to_owned(),
            subresource => format!("{}/{subresource}", right.resource),
        };
        rule(&resource, right.verbs[0])
    });
    Value::from(rules.to_vec())
}

#[test]
fn tokens_are_created_of_the_named_service_accounts_only() {
    let accounts = "minting.serviceAccounts[0].namespace=team-a,minting.serviceAccounts[0].name=puller";
    assert!(
        !template(&[])
            .iter()
            .any(|object| object.to_string().contains("serviceaccounts/token\"],\"verbs"))
    );
    let objects = template(&["--set", accounts]);
    let name = "release-docker-pull-secret-operator-minting";
    let minting: Vec<&Value> = objects
        .iter()
        .filter(|object| object["metadata"]["name"] == name)
        .collect();
    let [role, binding] = minting[..] else {
        panic!("{minting:?}")
    };
    assert_eq!(
        (&role["kind"], &role["metadata"]["namespace"]),
        (&json!("Role"), &json!("team-a"))
    );
    assert_eq!(role["rules"], rules(&json!(["puller"])));
    assert_eq!(
        (&binding["kind"], &binding["metadata"]["namespace"]),
        (&json!("RoleBinding"), &json!("team-a"))
    );
    assert_eq!(binding["roleRef"]["name"], name);
    assert_eq!(
        binding["subjects"],
        json!([{"kind": "ServiceAccount", "name": "release-docker-pull-secret-operator", "namespace": "operators"}])
    );
    let everywhere = of_kind(&objects, "ClusterRole").to_string();
    assert!(!everywhere.contains("serviceaccounts"), "{everywhere}");
}

#[test]
fn service_accounts_of_a_namespace_share_a_role() {
    let objects = template(&["--set-json", ALL]);
    let roles: BTreeMap<&str, &Value> = objects
        .iter()
        .filter(|object| object["kind"] == "Role" && object["metadata"]["name"].as_str().unwrap().ends_with("-minting"))
        .map(|role| (role["metadata"]["namespace"].as_str().unwrap(), &role["rules"]))
        .collect();
    assert_eq!(
        roles,
        BTreeMap::from([
            ("team-a", &rules(&json!(["puller", "builder"]))),
            ("team-b", &rules(&json!(["puller"]))),
        ])
    );
    let all = of_kind(&objects, "ClusterRole")["rules"].as_array().unwrap();
    for rule in rules(&Value::Null).as_array().unwrap() {
        assert!(all.contains(rule), "{rule}");
    }
    let args = of_kind(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
    for argument in [
        "--gke-cluster=projects/p/locations/l/clusters/c",
        "--allow-registry-suffix=azure=azurecr.example.net",
        "--allow-registry-suffix=google=pkg.example.net",
    ] {
        assert!(args.contains(argument), "{argument}: {args}");
    }
}

#[test]
fn a_namespaced_install_grants_nothing_outside_of_its_namespaces() {
    let accounts = "watchNamespaces={team-a},minting.anyServiceAccount=true,minting.serviceAccounts[0].namespace=team-a,minting.serviceAccounts[0].name=puller";
    let objects = template(&["--set", accounts]);
    let found = kinds(&objects);
    assert!(!found.iter().any(|kind| kind.starts_with("ClusterRole")), "{found:?}");
    let has_right = |object: &&Value| object["rules"].to_string().contains("serviceaccounts/token");
    let places: BTreeSet<&str> = objects
        .iter()
        .filter(has_right)
        .map(|role| role["metadata"]["namespace"].as_str().unwrap())
        .collect();
    assert_eq!(places, BTreeSet::from(["team-a"]));

    let elsewhere =
        "watchNamespaces={team-b},minting.serviceAccounts[0].namespace=team-a,minting.serviceAccounts[0].name=puller";
    let output = Command::new(tools(&["helm"]).join("helm"))
        .args(["template", &chart(), "--set", IMAGE, "--set", elsewhere])
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("namespace team-a is not in watchNamespaces"),
        "{message}"
    );
}

#[test]
fn audiences_with_an_asterisk_are_beginnings_and_ends() {
    let objects = template(&["--set-json", ALL]);
    let validations = named(&objects, POLICY, "tokens")["spec"]["validations"].clone();
    assert_eq!(
        validations[2]["expression"],
        "variables.audience in [\"sts.amazonaws.com\",\"quay.io\"] || variables.audience.endsWith(\".svc.id.goog\") || variables.audience.startsWith(\"//iam.googleapis.com/\")"
    );
}

/// The audience that the code asks for, unless the spec names one.
fn audience(registry: &str, provider: &Value) -> String {
    let mut spec = provider.clone();
    spec["serviceAccountRef"] = json!({"name": "puller"});
    let spec: CredentialsFrom = serde_json::from_value(spec).unwrap();
    let settings = MintSettings {
        gke_cluster: Some("projects/p/locations/l/clusters/c".parse::<GkeCluster>().unwrap()),
        ..MintSettings::default()
    };
    let source = MintSource::new(&spec).unwrap();
    let registry = RegistryKey::new(RegistryType::PrivateRegistry, Some(registry)).unwrap();
    let identity = MintIdentity::new(&source, &registry, &BTreeMap::new(), &settings).unwrap();
    match identity.proof {
        ProofRequest::Token { audience, seconds, .. } => {
            assert!(seconds <= 3600, "the policy refuses {seconds} s");
            audience
        }
        ProofRequest::Key { .. } => panic!("{registry:?} needs no token"),
    }
}

#[test]
fn the_default_audiences_are_those_that_the_operator_asks_for_but_hosts_of_quay() {
    let values = std::fs::read_to_string(repository().join("charts/docker-pull-secret-operator/values.yaml")).unwrap();
    let values: Value = serde_saphyr::from_str(&values).unwrap();
    let allowed = values["minting"]["audiences"].as_array().unwrap();
    let is_allowed = |audience: &str| {
        allowed.iter().filter_map(Value::as_str).any(|allowed| {
            match (allowed.strip_prefix('*'), allowed.strip_suffix('*')) {
                (Some(end), _) => audience.ends_with(end),
                (_, Some(beginning)) => audience.starts_with(beginning),
                _ => audience == allowed,
            }
        })
    };
    let role = json!({"aws": {"roleArn": "arn:aws:iam::123456789012:role/pull"}});
    let pool = "projects/1/locations/global/workloadIdentityPools/pool/providers/provider";
    let ids =
        json!({"clientId": "11111111-2222-3333-4444-555555555555", "tenantId": "11111111-2222-3333-4444-555555555555"});
    for (registry, provider, expected) in [
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", role, true),
        ("europe-docker.pkg.dev", json!({"google": {}}), true),
        (
            "europe-docker.pkg.dev",
            json!({"google": {"workloadIdentityProvider": pool}}),
            true,
        ),
        ("example.azurecr.io", json!({"azure": ids}), true),
        ("quay.io", json!({"quay": {"robot": "acme+pull"}}), false),
    ] {
        let audience = audience(registry, &provider);
        assert_eq!(is_allowed(&audience), expected, "{audience}");
    }
}
