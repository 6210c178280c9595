//! Commands in a status, which lists one pod of those that fail alike.

use std::collections::HashMap;

use dps::api::{PullFailure, VerificationResult};
use dps::domain::pull_failures::elsewhere::Elsewhere;
use dps::domain::pull_failures::failing_pods::FailingPods;
use dps::domain::pull_failures::pod::Pod;
use dps::domain::pull_failures::relevance::concerning;
use dps::domain::pull_failures::resource::Resource;
use dps::domain::pull_failures::summary::have_same_cause;
use dps::domain::pull_failures::survey::{SurveyInput, survey};
use serde_json::json;

use super::rows::by_labels;
use crate::pods::{IMAGE, NOT_SENT, ms, resource};

/// A pod of a StatefulSet without credentials.
fn pod(name: &str) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "team", "uid": name,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "u", "controller": true}]},
        "spec": {"containers": [{"name": "app", "image": IMAGE}]},
        "status": {"containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ErrImagePull", "message": NOT_SENT}}}]},
    }))
    .unwrap()
}

fn failures(own: &Resource, elsewhere: &[Elsewhere], pods: &[&str], previous: &[PullFailure]) -> Vec<PullFailure> {
    let mut failing = FailingPods::default();
    for name in pods {
        failing.observe(&pod(name), ms(0));
    }
    let input = SurveyInput {
        namespace: "team",
        own,
        others: &[],
        elsewhere,
        failing: &concerning(own, failing.of_namespace("team")),
        pull_secrets: &HashMap::new(),
        accounts: &HashMap::new(),
        credentials_changed_at: None,
    };
    survey(&[input], false, previous, ms(60_000)).summary.failures
}

#[test]
fn command_is_for_the_pod_that_the_status_lists() {
    let own = resource("app", "r.example.com", None);
    let first = failures(&own, &[], &["web-0", "web-1"], &[]);
    let expected = r#"kubectl -n team patch statefulset web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"app"}]}}}}' && kubectl -n team delete pod "#;
    assert_eq!(first[0].fix, Some(format!("{expected}web-0")));
    assert_eq!(failures(&own, &[], &["web-0", "web-1"], &first), first);
    // Another example is no news that would hurry.
    let later = failures(&own, &[], &["web-1"], &first);
    assert_eq!(later[0].fix, Some(format!("{expected}web-1")));
    assert!(have_same_cause(&later, &first));
}

#[test]
fn good_credentials_that_are_kept_out_come_before_rejected_ones() {
    let own = resource("app", "r.example.com", Some(VerificationResult::Rejected));
    let elsewhere = [by_labels(&[("team", "yes")])];
    let found = &failures(&own, &elsewhere, &["web-0"], &[])[0];
    assert!(
        found.action.starts_with(
            "ClusterDockerPullSecret \"shared\" has credentials for this registry, but does not put Secret"
        ),
        "{}",
        found.action
    );
    let fix = found.fix.as_deref().unwrap();
    assert!(
        fix.starts_with("kubectl label namespace team team=yes && kubectl -n team patch"),
        "{fix}"
    );
    let found = &failures(&own, &[], &["web-0"], &[])[0];
    assert!(found.action.ends_with("Correct them first"), "{}", found.action);
    assert_eq!(found.fix, None);
}
