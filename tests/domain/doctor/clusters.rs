//! What an operator with `--cluster-resources` needs beside the rest.

use dps::api::cluster_crd;
use dps::domain::doctor::Observations;
use dps::domain::doctor::installation::Installation;
use dps::domain::doctor::report::CheckResult::{Fail, Skipped, Warn};
use dps::domain::doctor::resources::ResourceView;
use dps::domain::doctor::rights::{CLUSTER_RIGHTS, RIGHTS, accounts};
use dps::domain::doctor::seen::Seen::{self, Failed, Read};
use serde_json::{Value, json};

use super::Category::{Crd, Policies as Policy, Resources, Rights};
use super::{Case, NAME, established, installation, policies, refused, resource, status_fields};

/// A good installation that reconciles them.
fn reconciling(observed: &mut Observations) {
    observed.installations = Read(vec![Installation {
        has_cluster_resources: true,
        ..installation(NAME, &[])
    }]);
    observed.policies = Read(policies(&[
        ("writes", true),
        ("authors", true),
        ("tokens", true),
        ("cluster-authors", true),
    ]));
    observed.cluster_custom_resource.definition = established(cluster_crd(), |_| {});
    observed.cluster_custom_resource.is_served = Read(true);
    observed.cluster_resources = Read(vec![resource(None), resource(None)]);
    refused(observed, &[]);
}

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    Case { name: "an operator for many namespaces", change: reconciling, expected: &[] },
    Case { name: "for many namespaces: no CRD", change: |o| { reconciling(o); o.cluster_custom_resource.definition = Read(None); }, expected: &[(Crd, Fail)] },
    Case { name: "for many namespaces: a CRD that cannot be read", change: |o| { reconciling(o); o.cluster_custom_resource.definition = Seen::denied("get CustomResourceDefinitions"); }, expected: &[(Crd, Skipped)] },
    Case { name: "for many namespaces: a CRD that cannot be read and is not served", change: |o| { reconciling(o); o.cluster_custom_resource.definition = Seen::denied("get CustomResourceDefinitions"); o.cluster_custom_resource.is_served = Read(false); }, expected: &[(Crd, Fail), (Crd, Skipped)] },
    Case { name: "a CRD for many namespaces that cannot be read, is not served, and is not needed", change: |o| o.cluster_custom_resource.definition = Seen::denied("get CustomResourceDefinitions"), expected: &[] },
    Case { name: "for many namespaces: an older CRD", change: |o| { reconciling(o); o.cluster_custom_resource.definition = established(cluster_crd(), |crd| drop(status_fields(crd).remove("namespaces"))); }, expected: &[(Crd, Fail)] },
    Case { name: "for many namespaces: missing rights", change: |o| { reconciling(o); refused(o, &[("list", "clusterdockerpullsecrets"), ("patch", "clusterdockerpullsecrets"), ("watch", "namespaces")]); }, expected: &[(Rights, Fail), (Rights, Fail), (Rights, Fail)] },
    Case { name: "for many namespaces: no policy", change: |o| { reconciling(o); o.policies = Read(policies(&[("writes", true), ("authors", true), ("tokens", true)])); }, expected: &[(Policy, Warn)] },
    Case { name: "for many namespaces: an operator that attaches, without its policies", change: |o| { reconciling(o); o.installations = Read(vec![Installation { has_cluster_resources: true, attaches_to_pods: true, ..installation(NAME, &[]) }]); }, expected: &[(Policy, Warn), (Policy, Warn)] },
    Case { name: "for many namespaces: an operator that attaches, with its policies", change: |o| { reconciling(o); o.installations = Read(vec![Installation { has_cluster_resources: true, attaches_to_pods: true, ..installation(NAME, &[]) }]); o.policies = Read(policies(&[("writes", true), ("authors", true), ("tokens", true), ("cluster-authors", true), ("attach-pods", true), ("cluster-attach-pods", true)])); }, expected: &[] },
    Case { name: "for many namespaces: resources that are not ready", change: |o| { reconciling(o); o.cluster_resources = Read(vec![resource(Some("Rejected")), resource(None)]); }, expected: &[(Resources, Warn)] },
    Case { name: "for many namespaces: a resource without an operator", change: |o| o.cluster_resources = Read(vec![resource(Some(""))]), expected: &[(Resources, Warn)] },
    Case { name: "for many namespaces: resources without an operator", change: |o| o.cluster_resources = Read(vec![resource(Some("")), resource(None)]), expected: &[(Resources, Warn)] },
    Case { name: "for many namespaces: resources that may not be read", change: |o| { reconciling(o); o.cluster_resources = Seen::denied("list ClusterDockerPullSecrets"); }, expected: &[(Resources, Skipped)] },
    Case { name: "for many namespaces: resources that cannot be read", change: |o| { reconciling(o); o.cluster_resources = Failed("cannot list ClusterDockerPullSecrets: the API server returned 500".into()); }, expected: &[(Resources, Fail)] },
    Case { name: "resources for many namespaces that may not be read, and that no operator needs", change: |o| o.cluster_resources = Seen::denied("list ClusterDockerPullSecrets"), expected: &[] },
];

#[test]
fn rights_for_many_namespaces_are_asked_for_once_whichever_namespaces_are_looked_at() {
    let installed = Read(vec![Installation {
        has_cluster_resources: true,
        ..installation("one", &[])
    }]);
    let of_cluster: usize = CLUSTER_RIGHTS.iter().map(|right| right.verbs.len()).sum();
    let of_namespace: usize = RIGHTS.iter().map(|right| right.verbs.len()).sum();
    for (asked, places) in [(&[][..], 1), (&["a".to_owned(), "b".to_owned()], 2)] {
        let Read(accounts) = accounts(&installed, None, asked, None) else {
            panic!("no accounts")
        };
        let questions = accounts[0].questions();
        let of_lease = 3;
        assert_eq!(questions.len(), places * of_namespace + of_cluster + of_lease);
        let asked = questions.iter().filter(|one| CLUSTER_RIGHTS.contains(&one.right));
        assert!(asked.clone().all(|one| one.namespace.is_none()));
        assert_eq!(asked.count(), of_cluster);
    }
}

#[test]
fn resource_for_many_namespaces_counts_by_its_own_rules() {
    let registry = |namespace: Value, target: &str| {
        let view = ResourceView::of(
            "ClusterDockerPullSecret",
            json!({"metadata": {"name": "app"}, "spec": {
                "type": "PrivateRegistry", "registryUrl": "r.example.com", "secretName": target, "namespaceSelector": {},
                "credentialsRef": {"namespace": namespace, "name": "login"}}}),
        );
        assert_eq!(view.not_ready.as_deref(), Some(""));
        Some(view.registry?.base.to_string())
    };
    let address = Some("https://r.example.com/v2/".to_owned());
    assert_eq!(registry(json!("platform"), "app"), address);
    // Elsewhere, the Secret may have the name of its source.
    assert_eq!(registry(json!("platform"), "login"), address);
    assert_eq!(registry(json!("Platform"), "app"), None);
    assert_eq!(registry(Value::Null, "app"), None);
}
