//! What metrics say of a resource.

use dps::api::DockerPullSecretStatus;
use dps::domain::status::figures::Figures;
use serde_json::{Value, json};

fn figures(status: &Value) -> Figures {
    let status: DockerPullSecretStatus = serde_json::from_value(status.clone()).unwrap();
    Figures::of(Some(&status))
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

fn failure(cause: &str, count: u32) -> Value {
    json!({"code": "DEP_E153", "cause": cause, "namespace": "team", "pod": "web", "container": "web", "image": "app",
        "count": count, "firstSeen": "2026-01-01T00:00:00Z", "message": "", "action": ""})
}

#[test]
fn a_resource_without_a_status_is_not_ready() {
    let conditions: Vec<_> = Figures::of(None).conditions().collect();
    assert_eq!(conditions, [("Ready", "Unknown", "Pending")]);
}

#[test]
fn three_conditions_and_the_failing_pods_by_cause_are_told() {
    let found = figures(&json!({
        "conditions": [condition("SecretSynced", "True", "Synced"), condition("CredentialsAccepted", "False", "Rejected"),
            condition("PullsHealthy", "False", "CredentialsRejected"), condition("Ready", "False", "Rejected")],
        "failingPods": 6,
        "pullFailures": [failure("CredentialsRejected", 3), failure("CredentialsRejected", 1), failure("ImageNotFound", 2)],
    }));
    let shown: Vec<_> = found.conditions().collect();
    assert_eq!(
        shown,
        [
            ("Ready", "False", "Rejected"),
            ("CredentialsAccepted", "False", "Rejected"),
            ("PullsHealthy", "False", "CredentialsRejected"),
        ]
    );
    assert_eq!(
        found.failing_pods,
        [("CredentialsRejected", 4), ("ImageNotFound", 2)].into()
    );
}

#[test]
fn the_time_of_acceptance_is_that_of_the_credentials_as_such() {
    for (result, image_denied, is_accepted) in [
        ("Accepted", false, true),
        ("Rejected", true, true),
        ("Rejected", false, false),
        ("Unreachable", false, false),
    ] {
        let found = figures(&json!({"verification": {
            "result": result, "imageDenied": image_denied, "lastVerifiedTime": "1970-01-01T00:00:05Z",
            "nextVerificationTime": "1970-01-01T00:00:09Z",
        }}));
        assert_eq!(found.accepted_at, is_accepted.then_some(5), "{result} {image_denied}");
        assert_eq!(found.next_verification, Some(9));
    }
}
