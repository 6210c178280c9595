//! Cause, blame and advice, given what the Secrets of the pod hold; and which image a report is about.

use dps::api::VerificationResult::{self, Accepted, LockedOut, NotVerifiable, Rejected};
use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::pull_failures::pod::Pod;
use dps::domain::pull_failures::relevance::{Involvement, affects};
use dps::domain::pull_failures::resource::Resource;
use serde_json::{Value, json};

use super::pods::{DENIED, IMAGE, NOT_SENT, WRONG, absent, find, resource, secret};

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
        (NOT_SENT, vec![]),
        (NOT_SENT, vec![secret("hand", "s.example.com")]),
        (NOT_SENT, vec![absent("gone")]),
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
    for report in [NOT_SENT, rate_limited] {
        let found = find(report, &own, &resources(&[("foreign", Some(Accepted))]));
        assert!(found.action.contains("of Secret \"mine\""), "{}", found.action);
        assert!(!found.action.contains("foreign"), "{}", found.action);
    }
}

#[test]
fn pods_that_are_older_than_their_secret_are_recreated() {
    let attaching = Resource {
        attaches_to_pods: true,
        ..resource("app", HOST, Some(Accepted))
    };
    let found = find(NOT_SENT, &[], &[attaching]);
    let expected = "New pods get Secret \"app\" when they are created, but this one was created without it. Recreate it: DockerPullSecret \"app\"";
    assert!(found.action.starts_with(expected), "{}", found.action);
}

#[test]
fn blame_names_a_resource_of_any_kind_and_namespace() {
    let cluster_wide = Resource {
        kind: "ClusterDockerPullSecret",
        namespace: String::new(),
        ..resource("shared", HOST, None)
    };
    let unauthorized = "unexpected status from HEAD request to https://r.example.com/v2/: 401 Unauthorized";
    let found = find(
        unauthorized,
        &[secret("shared", HOST)],
        std::slice::from_ref(&cluster_wide),
    );
    let blame = found.blame.as_ref().unwrap();
    assert_eq!(
        (blame.kind, blame.namespace.as_str(), blame.name.as_str()),
        ("ClusterDockerPullSecret", "", "shared")
    );
    assert!(found.is_fault_of(&cluster_wide));
    assert!(!found.is_fault_of(&resource("shared", HOST, None)), "another kind");
}

/// A report about a pod with these Secrets, in a namespace with these resources.
#[derive(Default)]
struct Row {
    report: &'static str,
    secrets: Vec<PullSecret>,
    resources: Vec<Resource>,
    cause: &'static str,
    /// Kind and name.
    blames: Option<&'static str>,
    /// Part of the action.
    action: &'static str,
    /// Of the resource `app`.
    involvement: Option<Involvement>,
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn rows() -> Vec<Row> {
    use Involvement::{Attached, Fault, NotAttached};
    let (host, other) = ("r.example.com", "s.example.com");
    let ours = |verified| vec![resource("app", host, verified)];
    // The Secret of its name is somebody else's.
    let in_vain = |name: &str| Resource {
        secret: "app".to_owned(),
        owns: false,
        ..resource(name, host, Some(Rejected))
    };
    vec![
        Row {
            report: WRONG,
            secrets: vec![secret("app", host)],
            resources: ours(None),
            cause: "CredentialsRejected",
            blames: Some("DockerPullSecret app"),
            action: "in Secret \"app-login\", which DockerPullSecret \"app\" reads",
            involvement: Some(Fault),
        },
        Row {
            report: WRONG,
            secrets: vec![secret("app", host)],
            resources: ours(Some(Accepted)),
            cause: "AccessDenied",
            blames: Some("DockerPullSecret app"),
            action: "The registry accepts the credentials. Grant permission",
            involvement: Some(Attached),
        },
        Row {
            report: WRONG,
            secrets: vec![secret("app", host)],
            resources: ours(Some(LockedOut)),
            cause: "LoginLockedOut",
            blames: Some("DockerPullSecret app"),
            action: "Correct the password",
            involvement: Some(Fault),
        },
        Row {
            report: DENIED,
            secrets: vec![secret("app", host)],
            resources: ours(Some(Rejected)),
            cause: "CredentialsRejected",
            blames: Some("DockerPullSecret app"),
            action: "Correct the user name",
            involvement: Some(Fault),
        },
        Row {
            report: DENIED,
            secrets: vec![secret("app", host)],
            resources: ours(Some(Accepted)),
            cause: "AccessDenied",
            blames: Some("DockerPullSecret app"),
            action: "permission to pull r.example.com/team/app",
            involvement: Some(Attached),
        },
        Row {
            report: WRONG,
            secrets: vec![secret("app", host)],
            resources: vec![in_vain("app")],
            cause: "CredentialsRejected",
            blames: Some("Secret app"),
            action: "access token in Secret \"app\"",
            ..Row::default()
        },
        Row {
            report: WRONG,
            secrets: vec![secret("app", host)],
            resources: vec![in_vain("younger"), resource("app", host, None)],
            cause: "CredentialsRejected",
            blames: Some("DockerPullSecret app"),
            action: "which DockerPullSecret \"app\" reads",
            involvement: Some(Fault),
        },
        Row {
            report: NOT_SENT,
            secrets: vec![secret("app", other)],
            resources: vec![in_vain("app")],
            cause: "CredentialsNotSent",
            action: "content is not what DockerPullSecret \"app\" generates",
            involvement: Some(NotAttached),
            ..Row::default()
        },
        // Of two pairs of credentials, the one not known to be accepted.
        Row {
            report: WRONG,
            secrets: vec![secret("app", host), secret("hand", host)],
            resources: ours(Some(Accepted)),
            cause: "CredentialsRejected",
            blames: Some("Secret hand"),
            action: "in Secret \"hand\"",
            involvement: Some(Attached),
        },
        Row {
            report: WRONG,
            secrets: vec![secret("app", host), secret("hand", host)],
            resources: ours(None),
            cause: "CredentialsRejected",
            blames: Some("DockerPullSecret app"),
            action: "app-login",
            involvement: Some(Fault),
        },
        // Somebody else's Secret is for another registry.
        Row {
            report: WRONG,
            secrets: vec![secret("app", host), secret("hand", other)],
            resources: ours(None),
            cause: "CredentialsRejected",
            blames: Some("DockerPullSecret app"),
            action: "app-login",
            involvement: Some(Fault),
        },
        // There were no credentials to send.
        Row {
            report: WRONG,
            resources: ours(Some(Accepted)),
            cause: "CredentialsNotSent",
            action: "Add imagePullSecrets: [{name: app}] to the pod's spec",
            involvement: Some(NotAttached),
            ..Row::default()
        },
        Row {
            report: DENIED,
            secrets: vec![secret("hand", other)],
            resources: ours(Some(Accepted)),
            cause: "CredentialsNotSent",
            action: "Add {name: app} to the imagePullSecrets",
            involvement: Some(NotAttached),
            ..Row::default()
        },
        Row {
            report: NOT_SENT,
            secrets: vec![secret("app", "r.example.com:5000")],
            resources: vec![resource("app", "r.example.com:5000", None)],
            cause: "CredentialsNotSent",
            action: "Set spec.registryUrl of DockerPullSecret \"app\" to r.example.com",
            involvement: Some(Attached),
            ..Row::default()
        },
        Row {
            report: NOT_SENT,
            secrets: vec![secret("hand", "r.example.com/nope")],
            cause: "CredentialsNotSent",
            action: "Use the key \"r.example.com\"",
            ..Row::default()
        },
        Row {
            report: NOT_SENT,
            cause: "CredentialsNotSent",
            action: "Create a DockerPullSecret for r.example.com in namespace \"team\"",
            ..Row::default()
        },
        Row {
            report: NOT_SENT,
            secrets: vec![secret("app", host)],
            resources: ours(None),
            cause: "CredentialsNotSent",
            action: "has credentials for this image now",
            involvement: Some(Attached),
            ..Row::default()
        },
        // Another resource serves the image: this one is not involved.
        Row {
            report: WRONG,
            secrets: vec![secret("hand", host)],
            resources: ours(None),
            cause: "CredentialsRejected",
            blames: Some("Secret hand"),
            action: "in Secret \"hand\"",
            ..Row::default()
        },
        // Missing.
        Row {
            report: NOT_SENT,
            secrets: vec![absent("app")],
            resources: ours(None),
            cause: "PullSecretMissing",
            blames: Some("DockerPullSecret app"),
            action: "has not created Secret",
            involvement: Some(Fault),
        },
        Row {
            report: NOT_SENT,
            secrets: vec![absent("ap")],
            resources: ours(None),
            cause: "PullSecretMissing",
            blames: Some("Secret ap"),
            action: "Use \"app\" in the pod's imagePullSecrets instead",
            involvement: Some(NotAttached),
        },
        Row {
            report: NOT_SENT,
            secrets: vec![absent("gone")],
            cause: "PullSecretMissing",
            blames: Some("Secret gone"),
            action: "Create Secret \"gone\" in namespace \"team\"",
            ..Row::default()
        },
        // The missing one is for another registry.
        Row {
            report: NOT_SENT,
            secrets: vec![absent("other")],
            resources: vec![resource("other", other, None)],
            cause: "CredentialsNotSent",
            action: "Create a DockerPullSecret",
            ..Row::default()
        },
        Row {
            report: WRONG,
            secrets: vec![absent("gone"), secret("app", host)],
            resources: ours(None),
            cause: "CredentialsRejected",
            blames: Some("DockerPullSecret app"),
            action: "app-login",
            involvement: Some(Fault),
        },
        // The node's own.
        Row {
            report: "failed to fetch oauth token: 401 Unauthorized",
            resources: ours(None),
            cause: "CredentialsRejected",
            action: "the node used its own",
            ..Row::default()
        },
        Row {
            report: "x509: certificate signed by unknown authority",
            secrets: vec![secret("app", host)],
            resources: ours(None),
            cause: "TLSVerification",
            action: "Install the CA certificate of r.example.com",
            involvement: Some(Attached),
            ..Row::default()
        },
    ]
}

#[test]
fn report_in_context_has_one_cause_blame_action_and_involvement() {
    for row in rows() {
        let found = find(row.report, &row.secrets, &row.resources);
        let blamed = found.blame.as_ref();
        let blamed = blamed.map(|blame| format!("{} {}", blame.kind, blame.name));
        let names: Vec<&str> = row.secrets.iter().map(|secret| secret.name.as_str()).collect();
        let case = format!("{} with {names:?}", row.report);
        assert_eq!(
            (found.cause.as_str(), blamed.as_deref()),
            (row.cause, row.blames),
            "{case}"
        );
        assert!(found.action.contains(row.action), "{case}: {}", found.action);
        let app = row.resources.iter().find(|resource| resource.name == "app");
        let involvement = app.and_then(|app| affects(app, IMAGE, &row.secrets, &found));
        assert_eq!(involvement, row.involvement, "{case}");
    }
}

#[test]
fn report_that_fits_an_attempt_without_credentials_may_pass() {
    let old = "pulling from host r.example.com failed with status code [manifests 1]: 401 Unauthorized";
    for (report, attached, verified, may_succeed_next) in [
        (NOT_SENT, true, None, true),
        (NOT_SENT, false, None, false),
        (DENIED, true, Some(Accepted), true),
        (DENIED, true, Some(Rejected), false),
        (DENIED, false, None, false),
        (old, true, None, true),
        (WRONG, true, None, false),
        ("manifest unknown", true, None, false),
    ] {
        let secrets = if attached {
            vec![secret("app", "r.example.com")]
        } else {
            Vec::new()
        };
        let found = find(report, &secrets, &[resource("app", "r.example.com", verified)]);
        assert_eq!(
            found.may_succeed_next(),
            may_succeed_next,
            "{report} {attached} {verified:?}"
        );
    }
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

#[test]
fn credentials_that_the_node_could_do_without_are_not_the_only_way() {
    let token = "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized";
    for (host, grant) in [
        ("wood.azurecr.io", "AcrPull"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "IAM role"),
        ("europe-docker.pkg.dev", "Artifact Registry Reader"),
        ("r.example.com", ""),
    ] {
        let image = format!("{host}/acme/web/app:1");
        for (report, secrets, cause) in [
            (token, vec![secret("app", host)], "CredentialsRejected"),
            (token, vec![], "CredentialsRejected"),
            (DENIED, vec![secret("app", host)], "AccessDenied"),
        ] {
            let found = super::pods::find_for(&image, report, &secrets, &[]);
            assert_eq!(found.cause.as_str(), cause, "{host}: {report}");
            let offers = found.action.contains("Or grant ") && found.action.contains(grant);
            assert_eq!(offers, !grant.is_empty(), "{host}: {}", found.action);
        }
    }
}
