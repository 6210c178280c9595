//! Which Secret advice names, and which image a report is about.

use dps::api::VerificationResult::{self, Accepted, LockedOut, NotVerifiable, Rejected};
use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::pull_failures::pod::Pod;
use dps::domain::pull_failures::resource::Resource;
use serde_json::{Value, json};

use super::pods::{NO_LOGIN, absent, find, resource, secret};

const HOST: &str = "r.example.com";

fn resources(verdicts: &[(&str, Option<VerificationResult>)]) -> Vec<Resource> {
    let verdicts = verdicts.iter();
    verdicts
        .map(|(name, verified)| resource(name, HOST, *verified))
        .collect()
}

#[test]
fn advice_names_the_credentials_most_likely_to_work() {
    let five = [
        ("a", Some(Rejected)),
        ("b", None),
        ("c", Some(LockedOut)),
        ("d", Some(Accepted)),
        ("e", Some(NotVerifiable)),
    ];
    let rate_limited = "toomanyrequests: You have reached your unauthenticated pull rate limit";
    for (report, secrets) in [
        (NO_LOGIN, vec![]),
        (NO_LOGIN, vec![secret("hand", "s.example.com")]),
        (NO_LOGIN, vec![absent("gone")]),
        (rate_limited, vec![]),
    ] {
        for (count, name) in [(5, "d"), (3, "b"), (1, "a")] {
            let found = find(report, &secrets, &resources(&five[..count]));
            let names = |name: &str| {
                let shapes = [format!("{{name: {name}}}"), format!("Use {name:?}")];
                shapes.iter().any(|shape| found.action.contains(shape))
            };
            assert!(names(name), "{report} {count}: {}", found.action);
        }
    }
}

#[test]
fn advice_corrects_the_pods_own_secret_before_it_names_another() {
    let own = [secret("mine", "r.example.com:5000")];
    let rate_limited = "toomanyrequests: You have reached your unauthenticated pull rate limit";
    for report in [NO_LOGIN, rate_limited] {
        let found = find(report, &own, &resources(&[("foreign", Some(Accepted))]));
        assert!(found.action.contains("of Secret \"mine\""), "{}", found.action);
        assert!(!found.action.contains("foreign"), "{}", found.action);
    }
}

#[test]
fn blame_names_a_resource_of_any_kind_and_namespace() {
    let cluster_wide = Resource {
        kind: "ClusterDockerPullSecret",
        namespace: String::new(),
        ..resource("shared", HOST, None)
    };
    let unauthorized = "unexpected status from HEAD request to https://r.example.com/v2/: 401 Unauthorized";
    let found = find(unauthorized, &[secret("shared", HOST)], &[cluster_wide.clone()]);
    let blame = found.blame.as_ref().unwrap();
    assert_eq!(
        (blame.kind, blame.namespace.as_str(), blame.name.as_str()),
        ("ClusterDockerPullSecret", "", "shared")
    );
    assert!(found.is_fault_of(&cluster_wide));
    assert!(!found.is_fault_of(&resource("shared", HOST, None)), "another kind");
}

const VOLUME: &str = "models.example.net/llm/weights:1";

/// A container with an image volume, and what the kubelet reports of it.
fn with_volume(image: &str, mounts: &Value, message: &str) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "team", "uid": "uid-web"},
        "spec": {
            "containers": [{"name": "app", "image": image, "volumeMounts": mounts}],
            "volumes": [{"name": "scratch"}, {"name": "weights", "image": {"reference": VOLUME}}],
        },
        "status": {"containerStatuses": [
            {"name": "app", "state": {"waiting": {"reason": "ErrImagePull", "message": message}}},
        ]},
    }))
    .unwrap()
}

#[test]
fn report_about_an_image_volume_is_matched_with_the_image_of_the_volume() {
    let own = "docker.io/library/nginx:1";
    let mounted = json!([{"name": "weights"}]);
    for (message, mounts, image, expected) in [
        (format!("Back-off pulling image \"{VOLUME}\": ErrImagePull: 401 Unauthorized"), &mounted, own, VOLUME),
        // Kubelets pull the images of all volumes, mounted or not.
        (format!("Back-off pulling image \"{VOLUME}\""), &json!([]), own, VOLUME),
        ("unexpected status from HEAD request to https://models.example.net/v2/llm/weights/manifests/1: 401 Unauthorized".to_owned(), &mounted, own, VOLUME),
        ("reading manifest 1 in models.example.net/llm/weights: unauthorized".to_owned(), &mounted, own, VOLUME),
        ("dial tcp: lookup models.example.net: no such host".to_owned(), &mounted, own, VOLUME),
        // One registry for both.
        (format!("failed to pull and unpack image \"{VOLUME}\": not found"), &mounted, "models.example.net/llm:1", VOLUME),
        ("reading manifest 1 in models.example.net/llm/weights: unauthorized".to_owned(), &mounted, "models.example.net/llm:1", VOLUME),
        ("dial tcp: lookup models.example.net: no such host".to_owned(), &mounted, "models.example.net/llm:1", "models.example.net/llm:1"),
        // About the container's own image, or about none.
        ("failed to pull image \"docker.io/library/nginx:1\": not found".to_owned(), &mounted, own, own),
        ("failed to resolve reference docker.io/library/nginx:1".to_owned(), &mounted, own, own),
        ("no space left on device".to_owned(), &mounted, own, own),
        ("dial tcp: lookup more-models.example.net: no such host".to_owned(), &mounted, own, own),
    ] {
        let waiting = with_volume(image, mounts, &message).waiting_containers();
        assert_eq!(waiting[0].image, expected, "{message}");
    }
}

#[test]
fn rejected_credentials_for_an_image_volume_blame_the_secret_of_its_registry() {
    let message = "unexpected status from HEAD request to https://models.example.net/v2/llm/weights/manifests/1: 401 Unauthorized";
    let pod = with_volume("docker.io/library/nginx:1", &json!([{"name": "weights"}]), message);
    let waiting = &pod.waiting_containers()[0];
    let secrets: [PullSecret; 2] = [
        secret("hub", "https://index.docker.io/v1/"),
        secret("models", "models.example.net"),
    ];
    let found = super::pods::find_for(&waiting.image, &waiting.message, &secrets, &[]);
    assert_eq!(found.cause.as_str(), "CredentialsRejected");
    assert_eq!(found.blame.unwrap().name, "models");
}
