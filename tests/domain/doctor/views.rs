//! What counts of a resource, and which registries are contacted.

use dps::domain::doctor::registries::registries_in_use;
use dps::domain::doctor::resources::ResourceView;
use serde_json::{Value, json};

use super::super::private;
use crate::support::objects::with;

fn view(spec: &Value, ready: &Value) -> ResourceView {
    let conditions = if ready.is_null() { json!([]) } else { json!([ready]) };
    ResourceView::of(
        "DockerPullSecret",
        json!({
            "metadata": {"name": "app", "namespace": "team"}, "spec": spec, "status": {"conditions": conditions},
        }),
    )
}

fn ready(status: &str, reason: &str) -> Value {
    json!({
        "type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

#[test]
fn readiness_is_that_of_the_condition() {
    let spec = || private("r.example.com");
    let suspended = with(spec(), json!({"suspend": true}));
    for (spec, condition, expected) in [
        (spec(), ready("True", "Ready"), None),
        (spec(), ready("False", "KeyMissing"), Some("KeyMissing")),
        (spec(), ready("Unknown", "Pending"), Some("Pending")),
        (spec(), Value::Null, Some("")),
        (suspended, ready("False", "Suspended"), None),
        // Of another version, and of nobody.
        (json!({"weather": 1}), ready("True", "Ready"), None),
    ] {
        assert_eq!(view(&spec, &condition).not_ready.as_deref(), expected, "{condition}");
    }
    assert_eq!(
        ResourceView::of("DockerPullSecret", json!("x")).not_ready.as_deref(),
        Some("")
    );
}

/// The base URL that a spec leads to.
fn base(spec: &Value) -> Option<String> {
    Some(view(spec, &Value::Null).registry?.base.to_string())
}

#[test]
fn registry_is_the_one_that_a_login_attempt_would_contact() {
    let verification = |settings: Value| with(private("r.example.com/team"), json!({"verification": settings}));
    let hub = json!({"type": "DockerHub", "credentialsRef": {"name": "login"}});
    for (spec, expected) in [
        (private("r.example.com:5000"), Some("https://r.example.com:5000/v2/")),
        (hub, Some("https://registry-1.docker.io/v2/")),
        (
            verification(json!({"plainHttp": true})),
            Some("http://r.example.com/v2/"),
        ),
        (verification(json!({"mode": "Disabled"})), None),
        (private("*.example.com"), None),
        (private("https://u:p@r.example.com"), None),
    ] {
        assert_eq!(base(&spec).as_deref(), expected, "{spec}");
    }
}

#[test]
fn registries_are_contacted_once_and_not_all_of_many() {
    let mut views: Vec<ResourceView> = (0..25)
        .map(|number| view(&private(&format!("r{number}.example.com")), &Value::Null))
        .collect();
    let ca = json!({"verification": {"tls": {"caBundleRef": {"kind": "Secret", "name": "ca"}}}});
    views.push(view(&with(private("r24.example.com/team"), ca), &Value::Null));
    views.push(view(
        &private("123456789012.dkr.ecr.eu-west-1.amazonaws.com"),
        &Value::Null,
    ));
    let in_use = registries_in_use(&views);
    assert_eq!((in_use.contacted.len(), in_use.left_out), (20, 6));
    let first = &in_use.contacted[0];
    assert_eq!(first.base.as_str(), "https://r24.example.com/v2/");
    assert_eq!((first.resources, first.has_ca_bundle), (2, true));
    let clouds: Vec<_> = in_use
        .of_clouds
        .iter()
        .map(|(provider, (_, count))| (*provider, *count))
        .collect();
    assert_eq!(clouds, [("aws", 1)]);
}
