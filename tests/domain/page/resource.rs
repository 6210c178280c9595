//! One resource.

use askama::Template as _;
use dps::api::DOCKER_PULL_SECRET;
use dps::page::resource::{ResourcePage, SeenResource};
use dps::page::rights::PageRight;
use serde_json::{Value, json};

use crate::page::list::frame;

pub(super) fn page(object: &Value, events: Vec<Value>) -> String {
    let seen = SeenResource {
        kind: DOCKER_PULL_SECRET,
        object: object.clone(),
        yaml: "kind: DockerPullSecret\nspec: {}\n".to_owned(),
        events: Ok(events),
        patch: PageRight::Allowed,
        delete: PageRight::Allowed,
        version: 1,
    };
    ResourcePage::new(frame(), seen, Some(" --context prod"), |_| None)
        .render()
        .unwrap()
}

fn resource(verification: &Value) -> Value {
    json!({
        "metadata": {"name": "app", "namespace": "team", "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"pullsecrets.dev/verify": "now"}},
        "spec": {"type": "PrivateRegistry", "registryUrl": "registry.example.com:5000", "credentialsRef": {"name": "login"}},
        "status": {
            "conditions": [{"type": "CredentialsAccepted", "status": "True", "reason": "Accepted", "message": "as before",
                "lastTransitionTime": "2026-01-01T01:00:00Z"}],
            "verification": verification,
        },
    })
}

/// The texts of the section about the verification, each in a line.
fn section(html: &str) -> String {
    let section = html.split_once("<h2 id=\"verification\">").unwrap().1;
    let section = section.split_once("<h2>").unwrap().0;
    let mut texts = String::new();
    for part in section.split('<').skip(1) {
        texts += part.split_once('>').unwrap().1.trim();
        texts.push('\n');
    }
    let lines: Vec<&str> = texts.lines().filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

#[test]
fn last_verification_is_shown_in_full_and_what_is_left_of_earlier_ones() {
    let event = |reason: &str, action: &str, time: &str| json!({"reason": reason, "action": action, "message": format!("{reason} by {action}"), "lastTimestamp": time});
    let object = resource(&json!({
        "result": "Rejected", "message": "the registry returned 401", "lastVerifiedTime": "2026-01-02T03:00:00Z",
        "credentialsVersion": "uid/7 registry.example.com:5000 https://registry.example.com:5000/v2/ team/app:1.0 with ab",
        "nextVerificationTime": "2026-01-02T03:15:00Z", "consecutiveRejections": 2, "secretVerified": true,
        "handledRequest": "before", "attempt": {"startTime": "2026-01-02T03:14:00Z", "credentialsVersion": "uid/7"},
    }));
    let events = vec![
        event("Rejected", "Verifying", "2026-01-01T02:00:00Z"),
        event("RateLimited", "Pulling", "2026-01-01T03:00:00Z"),
    ];
    let html = page(&object, events);
    insta::assert_snapshot!("page_last_verification", section(&html));
    // A pull that the registry limits is no verification, but it did happen.
    assert!(html.contains("RateLimited by Pulling"));
}

#[test]
fn what_is_not_verified_says_why() {
    let mut object = resource(&json!({}));
    object["status"] = json!({});
    let mut sections = vec![section(&page(&object, Vec::new()))];
    object["spec"]["verification"]["mode"] = json!("Disabled");
    // That it became so is no verification.
    object["status"]["conditions"] = json!([{"type": "CredentialsAccepted", "status": "Unknown", "reason": "Disabled",
        "message": "not verified", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    object["metadata"]["annotations"] = json!({});
    sections.push(section(&page(&object, Vec::new())));
    object["spec"]["suspend"] = json!(true);
    object["status"]["verification"] = json!({
        "result": "NotVerifiable", "message": "wildcard", "credentialsVersion": "uid/7 {\"username\":\"u\"}*.example.com not possible",
    });
    sections.push(section(&page(&object, Vec::new())));
    insta::assert_snapshot!("page_without_verification", sections.join("\n\n"));
}
