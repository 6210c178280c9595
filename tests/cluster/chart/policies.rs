//! Admission policies and network policy.

use std::process::Command;

use dps::api::{FIELD_MANAGER, GROUP, KINDS, MANAGED_BY_LABEL};
use dps::domain::doctor::rights::{ATTACH_RIGHT, EVICT_RIGHT};
use dps::domain::registry::image_pattern::image_pattern;
use dps::domain::registry::key::RegistryKey;
use serde_json::{Value, json};

use super::{IMAGE, kinds, of_kind, template};
use crate::support::helm::chart;
use crate::support::tools;

pub(super) const POLICY: &str = "ValidatingAdmissionPolicy";
const BINDING: &str = "ValidatingAdmissionPolicyBinding";

/// A policy or binding of the release.
pub(super) fn named<'a>(objects: &'a [Value], kind: &str, which: &str) -> &'a Value {
    let name = format!("release-docker-pull-secret-operator-{which}.operators");
    objects
        .iter()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == *name)
        .unwrap_or_else(|| panic!("no {kind} {name}"))
}

#[test]
fn policies_are_installed_unless_a_value_says_otherwise() {
    for (values, expected) in [
        (&[][..], &["authors", "cluster-authors", "tokens", "writes"][..]),
        (
            &["--set", "clusterResources.enabled=false"],
            &["authors", "tokens", "writes"],
        ),
        (
            &["--set", "watchNamespaces={team-a,team-b}"],
            &["authors", "tokens", "writes"],
        ),
        (
            &["--set", "admission.operatorWrites=false"],
            &["authors", "cluster-authors", "tokens"],
        ),
        (&["--set", "admission.authors=false"], &["tokens", "writes"]),
        (
            &["--set", "admission.operatorTokens=false"],
            &["authors", "cluster-authors", "writes"],
        ),
        (
            &[
                "--set",
                "admission.operatorWrites=false,admission.operatorTokens=false,admission.authors=false",
            ],
            &[],
        ),
    ] {
        let objects = template(values);
        for kind in [POLICY, BINDING] {
            let found = kinds(&objects).iter().filter(|found| **found == kind).count();
            assert_eq!(found, expected.len(), "{values:?}: {kind}");
        }
        for which in expected {
            let policy = named(&objects, POLICY, which);
            assert_eq!(policy["spec"]["failurePolicy"], "Fail");
            let binding = &named(&objects, BINDING, which)["spec"];
            assert_eq!(binding["policyName"], policy["metadata"]["name"]);
            assert_eq!(binding["validationActions"][0], "Deny");
        }
    }
}

#[test]
fn the_policy_on_writes_is_about_the_releases_own_account_and_the_kinds_that_own_secrets() {
    for (values, account) in [
        (&[][..], "release-docker-pull-secret-operator"),
        (&["--set", "serviceAccount.existingName=robot"], "robot"),
    ] {
        let objects = template(values);
        let policy = &named(&objects, POLICY, "writes")["spec"];
        let user = format!("request.userInfo.username == \"system:serviceaccount:operators:{account}\"");
        assert_eq!(policy["matchConditions"][0]["expression"], *user);
        let tokens = &named(&objects, POLICY, "tokens")["spec"];
        assert_eq!(tokens["matchConditions"], policy["matchConditions"]);
        let validations = policy["validations"].to_string();
        let kinds = KINDS.map(|kind| format!("\\\"{kind}\\\"")).join(", ");
        assert!(
            validations.contains(&format!("owner.kind in [{kinds}]")),
            "{validations}"
        );
        assert!(validations.contains(&format!("startsWith(\\\"{GROUP}/\\\")")));
        assert!(validations.contains(&format!(
            "[\\\"{MANAGED_BY_LABEL}\\\"].orValue(\\\"\\\") == \\\"{FIELD_MANAGER}\\\""
        )));
    }
}

#[test]
fn the_policy_on_authors_keeps_to_the_watched_namespaces() {
    let everywhere = template(&[]);
    assert_eq!(
        named(&everywhere, BINDING, "authors")["spec"]["matchResources"],
        Value::Null
    );
    let some = template(&["--set", "watchNamespaces={team-a,team-b}"]);
    assert_eq!(
        named(&some, BINDING, "authors")["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"],
        json!([{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-a", "team-b"]}])
    );
}

#[test]
fn pods_get_secrets_only_where_a_value_and_the_cluster_allow_it() {
    const MUTATING: &str = "MutatingAdmissionPolicy";
    let everywhere = ["--set", "admission.attachPods=true", "--kube-version", "1.36.0"];
    assert!(!kinds(&template(&[])).contains(&MUTATING));
    let objects = template(&everywhere);
    let (policy, binding) = (
        &named(&objects, MUTATING, "attach-pods")["spec"],
        &named(&objects, "MutatingAdmissionPolicyBinding", "attach-pods")["spec"],
    );
    // No pod waits for it.
    assert_eq!(policy["failurePolicy"], "Ignore");
    assert_eq!(binding["matchResources"], Value::Null);
    let arguments = of_kind(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
    assert!(arguments.contains("--attach-pods"), "{arguments}");

    let some = template(&[&everywhere[..], &["--set", "watchNamespaces={team-a}"]].concat());
    assert_eq!(
        named(&some, "MutatingAdmissionPolicyBinding", "attach-pods")["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"],
        json!([{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-a"]}])
    );
    let old = Command::new(tools(&["helm"]).join("helm"))
        .args([
            "template",
            &chart(),
            "--set",
            &format!("admission.attachPods=true,{IMAGE}"),
            "--kube-version",
            "1.35.4",
        ])
        .output()
        .unwrap();
    assert!(!old.status.success());
    let old = String::from_utf8(old.stderr).unwrap();
    assert!(old.contains("needs Kubernetes 1.36, this is v1.35.4"), "{old}");
}

#[test]
fn service_accounts_are_changed_only_where_a_value_allows_it() {
    let rule =
        json!({"apiGroups": [ATTACH_RIGHT.group], "resources": [ATTACH_RIGHT.resource], "verbs": ATTACH_RIGHT.verbs});
    let has_right = |objects: &[Value]| {
        of_kind(objects, "ClusterRole")["rules"]
            .as_array()
            .unwrap()
            .contains(&rule)
    };
    assert!(!has_right(&template(&[])));
    let objects = template(&["--set", "rbac.attachServiceAccounts=true"]);
    assert!(has_right(&objects));
    let arguments = of_kind(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
    assert!(arguments.contains("--attach-service-accounts"), "{arguments}");
    let policy = &named(&objects, POLICY, "account-writes")["spec"];
    assert_eq!(policy["failurePolicy"], "Fail");
    assert_eq!(
        policy["matchConditions"],
        named(&objects, POLICY, "writes")["spec"]["matchConditions"]
    );
    assert_eq!(
        named(&objects, BINDING, "account-writes")["spec"]["validationActions"][0],
        "Deny"
    );
}

#[test]
fn pods_are_evicted_only_where_a_value_allows_it() {
    let resource = format!("{}/{}", EVICT_RIGHT.resource, EVICT_RIGHT.subresource);
    let rule = json!({"apiGroups": [EVICT_RIGHT.group], "resources": [resource], "verbs": EVICT_RIGHT.verbs});
    for (value, allowed) in [("false", false), ("true", true)] {
        let objects = template(&["--set", &format!("recovery.enabled={value}")]);
        let rules = of_kind(&objects, "ClusterRole")["rules"].as_array().unwrap();
        let rights: Vec<&Value> = rules
            .iter()
            .filter(|rule| rule["resources"].to_string().contains("eviction"))
            .collect();
        let expected = if allowed { vec![&rule] } else { Vec::new() };
        assert_eq!(rights, expected, "{value}");
        let arguments =
            of_kind(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
        assert_eq!(arguments.contains("--evict-pods"), allowed, "{arguments}");
    }
}

#[test]
fn docker_hub_is_the_same_in_the_policy_and_in_a_status() {
    let objects = template(&["--set", "admission.attachPods=true", "--kube-version", "1.36.0"]);
    let policy = named(&objects, "MutatingAdmissionPolicy", "attach-pods").to_string();
    let pattern = image_pattern(&RegistryKey::docker_hub()).unwrap();
    // The policy needs no group, and escapes nothing: that would need more of it in CEL.
    let pattern = pattern.replace("(?:", "(").replace(r"\.", "[.]");
    assert!(policy.contains(&pattern), "{pattern}");
}

#[test]
fn a_network_policy_lets_in_scrapers_and_lets_out_what_the_values_say() {
    assert!(!kinds(&template(&[])).contains(&"NetworkPolicy"));
    let enabled = template(&["--set", "networkPolicy.enabled=true"]);
    let policy = &of_kind(&enabled, "NetworkPolicy")["spec"];
    let deployment = &of_kind(&enabled, "Deployment")["spec"];
    assert_eq!(policy["podSelector"], deployment["selector"]);
    assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(
        policy["ingress"],
        json!([{"ports": [{"port": "health", "protocol": "TCP"}]}])
    );
    assert_eq!(
        policy["egress"],
        json!([
            {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
            {"ports": [{"port": 443}, {"port": 6443}]},
            {"ports": [{"port": 443}]},
        ])
    );

    let peers = json!([{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]);
    let registries = json!([{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 5000}]}]);
    let values = json!({"enabled": true, "metricsFrom": peers, "dns": [], "apiServer": [], "registries": registries});
    let narrow = template(&["--set-json", &format!("networkPolicy={values}")]);
    let policy = &of_kind(&narrow, "NetworkPolicy")["spec"];
    assert_eq!(
        (&policy["ingress"][0]["from"], &policy["egress"]),
        (&peers, &registries)
    );
}
