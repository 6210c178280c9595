//! Pods that cannot pull: what is remembered, who is notified, what is published.

use std::collections::BTreeMap;

use dps::api::{Cause, PullCode, VerificationResult};
use dps::domain::docker_config::kubelet_secret::{Content, PullSecret, redact, tried};
use dps::domain::names::ObjectKey;
use dps::domain::pull_failures::classify::{ErrorClass, read};
use dps::domain::pull_failures::context::PullContext;
use dps::domain::pull_failures::diagnosis::{Diagnosis, PullError, diagnose};
use dps::domain::pull_failures::failing_pods::{FailingContainer, FailingPods, PodChange};
use dps::domain::pull_failures::pod::Pod;
use dps::domain::pull_failures::resource::Resource;
use dps::domain::registry::image::Image;
use dps::domain::registry::key::RegistryKey;
use dps::domain::registry::mismatch::mismatch;
use dps::domain::secret::ownership::is_own;
use dps::domain::text::{attempts, excerpt, shown_key, unwrap};
use dps::domain::time::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

pub(super) const IMAGE: &str = "r.example.com/team/app:1";
pub(super) const WRONG: &str =
    "failed to resolve image: unexpected status from HEAD request to https://r.example.com/v2/: 401 Unauthorized";
pub(super) const NO_LOGIN: &str = "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials";

fn class(container: &FailingContainer) -> Option<ErrorClass> {
    container.classification.as_ref().map(|report| report.class)
}

/// A time, in milliseconds since 1970.
pub(super) fn ms(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}

pub(super) fn pod(name: &str, reason: &str, message: &str) -> Pod {
    pod_with(name, &json!({"waiting": {"reason": reason, "message": message}}))
}

fn pod_with(name: &str, state: &Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "team", "uid": format!("uid-{name}")},
        "spec": {"containers": [{"name": "app", "image": IMAGE}], "imagePullSecrets": [{"name": "app"}, {"name": ""}, {}]},
        "status": {"startTime": "1970-01-01T00:00:05Z", "containerStatuses": [{"name": "app", "state": state}]},
    }))
    .unwrap()
}

fn paused(report: &str) -> String {
    format!("Back-off pulling image \"{IMAGE}\": ErrImagePull: {report}")
}

#[test]
fn a_cause_is_remembered_while_the_kubelet_waits() {
    let mut list = FailingPods::default();
    let key = ObjectKey::new("team", "web");
    assert_eq!(
        list.observe(&pod("web", "ContainerCreating", ""), ms(10_000)),
        PodChange::None
    );
    assert_eq!(
        list.observe(&pod("web", "ErrImagePull", WRONG), ms(10_000)),
        PodChange::Fails
    );
    // Before 1.32 the pause says nothing.
    let silent = format!("Back-off pulling image \"{IMAGE}\"");
    assert_eq!(
        list.observe(&pod("web", "ImagePullBackOff", &silent), ms(11_000)),
        PodChange::None
    );
    let stuck = list.get(&key).unwrap().containers[0].clone();
    assert_eq!(
        (class(&stuck), stuck.since),
        (Some(ErrorClass::Unauthorized), ms(10_000))
    );
    assert_eq!(list.get(&key).unwrap().pull_secrets, ["app"]);
    // The second attempt proves it; from then on attempts are no news.
    assert_eq!(
        list.observe(&pod("web", "ErrImagePull", WRONG), ms(30_000)),
        PodChange::Fails
    );
    assert_eq!(
        list.observe(&pod("web", "ImagePullBackOff", &paused(WRONG)), ms(31_000)),
        PodChange::None
    );
    assert_eq!(
        list.observe(&pod("web", "ErrImagePull", WRONG), ms(60_000)),
        PodChange::Again(ms(30_000))
    );
    assert_eq!(
        list.observe(&pod("web", "ErrImagePull", "x509: expired"), ms(90_000)),
        PodChange::Fails
    );
    let ended = list.observe(&pod_with("web", &json!({"running": {}})), ms(91_000));
    assert!(matches!(ended, PodChange::Ended(_)));
    assert_eq!(
        list.observe(&pod_with("web", &json!({"running": {}})), ms(92_000)),
        PodChange::None
    );
    assert_eq!(list.keys().count(), 0);
}

#[test]
fn a_pod_that_is_gone_going_or_new_is_forgotten() {
    let mut list = FailingPods::default();
    let key = ObjectKey::new("team", "web");
    list.observe(&pod("web", "ErrImagePull", WRONG), ms(10_000));
    assert!(matches!(list.forget(&key), PodChange::Ended(_)));
    assert_eq!(list.forget(&key), PodChange::None);
    list.observe(&pod("web", "ErrImagePull", WRONG), ms(10_000));
    let mut going = pod("web", "ErrImagePull", WRONG);
    going.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
        k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
    ));
    assert!(matches!(list.observe(&going, ms(11_000)), PodChange::Ended(_)));
    list.observe(&pod("web", "ErrImagePull", WRONG), ms(10_000));
    let mut new = pod("web", "ErrImagePull", WRONG);
    new.metadata.uid = Some("another".to_owned());
    assert_eq!(list.observe(&new, ms(50_000)), PodChange::Fails);
    assert_eq!(list.get(&key).unwrap().containers[0].since, ms(50_000));
}

#[test]
fn one_failure_has_to_last_and_two_count_at_once() {
    let seen = |attempts: u32| {
        let mut list = FailingPods::default();
        for attempt in 0..attempts {
            list.observe(&pod("web", "ErrImagePull", WRONG), ms(10_000 + i64::from(attempt)));
            list.observe(&pod("web", "ImagePullBackOff", &paused(WRONG)), ms(10_001));
        }
        list.get(&ObjectKey::new("team", "web")).unwrap().containers[0].clone()
    };
    for (attempts, cause, may_pass, from) in [
        (1, Cause::CredentialsRejected, false, ms(11_000)),
        (1, Cause::ImageNotFound, false, ms(11_000)),
        (1, Cause::CredentialsNotSent, false, ms(11_000)),
        (1, Cause::CredentialsNotSent, true, ms(40_000)),
        (1, Cause::RegistryUnreachable, false, ms(40_000)),
        (1, Cause::DnsFailure, false, ms(40_000)),
        (1, Cause::Unknown, false, ms(40_000)),
        (2, Cause::RegistryUnreachable, false, ms(10_000)),
        (2, Cause::CredentialsNotSent, true, ms(10_000)),
    ] {
        assert_eq!(
            seen(attempts).counts_from(cause, may_pass),
            from,
            "{attempts} {cause:?} {may_pass}"
        );
    }
    // A pause that is seen first comes after an attempt; the pod began at second 5.
    let mut list = FailingPods::default();
    list.observe(&pod("web", "ImagePullBackOff", &paused(WRONG)), ms(10_000));
    assert_eq!(
        list.get(&ObjectKey::new("team", "web")).unwrap().containers[0].since,
        ms(5_000)
    );
}

#[test]
fn an_event_tells_what_the_status_does_not() {
    let mut list = FailingPods::default();
    let key = ObjectKey::new("team", "web");
    let silent = format!("Back-off pulling image \"{IMAGE}\"");
    list.observe(&pod("web", "ImagePullBackOff", &silent), ms(10_000));
    assert_eq!(class(&list.get(&key).unwrap().containers[0]), None);
    list.learn(&key, "r.example.com/other:1", WRONG);
    assert_eq!(class(&list.get(&key).unwrap().containers[0]), None);
    list.learn(&key, IMAGE, WRONG);
    assert_eq!(
        class(&list.get(&key).unwrap().containers[0]),
        Some(ErrorClass::Unauthorized)
    );
}

#[test]
fn reports_are_unwrapped_split_and_made_fit_to_be_shown() {
    assert_eq!(unwrap(&paused("why")), (Some("ErrImagePull"), "why"));
    assert_eq!(unwrap("Back-off pulling image \"a:1\""), (None, ""));
    assert_eq!(
        unwrap("Failed to pull image \"a:1\": rpc error: why"),
        (None, "rpc error: why")
    );
    assert_eq!(
        attempts("[failed to pull a, b: 401, rpc error: code = NotFound desc = c]"),
        ["failed to pull a, b: 401", "rpc error: code = NotFound desc = c"]
    );
    assert_eq!(attempts("[manifests 1]: 401"), ["[manifests 1]: 401"]);
    for (text, shown) in [
        (
            "GET https://u:p@a.b/token?scope=x&account=me: 401",
            "GET https://[redacted]@a.b/token?…: 401",
        ),
        (
            "GET https://u:pa/ss@a.b/v2/: 401",
            "GET https://[redacted]@a.b/v2/: 401",
        ),
        (
            "GET https://u:12/34@a.b/v2/: 401",
            "GET https://[redacted]@a.b/v2/: 401",
        ),
        (
            "GET https://u:pa?ss#1@a.b/v2/: 401",
            "GET https://[redacted]@a.b/v2/: 401",
        ),
        (
            "GET https://u:p@ss/w@a.b/v2/: 401",
            "GET https://[redacted]@a.b/v2/: 401",
        ),
        ("(https://a.b/x?y,https://u:p@c.d/)", "(https://[redacted]@c.d/)"),
        ("docker://u:p@a.b/x@sha256:12", "docker://[redacted]@a.b/x@sha256:12"),
        ("docker://a.b/x@sha256:12", "docker://a.b/x@sha256:12"),
        (
            "Head \"https://a.b/v2/x?ns=y\": EOF",
            "Head \"https://a.b/v2/x?…\": EOF",
        ),
        (
            "Authorization: Basic dXNlcjpwYXNz rejected",
            "Authorization: Basic [redacted] rejected",
        ),
        ("token eyJhbGciOi.eyJzdWIi.c2ln is bad", "token [redacted] is bad"),
        ("two\nlines\tand\u{7} more", "two lines and\u{7} more"),
        ("Basic realm=\"x\" wanted", "Basic realm=\"x\" wanted"),
    ] {
        assert_eq!(excerpt(text, 200), shown);
    }
    assert_eq!(excerpt("äöü", 2), "äö…");
}

#[test]
fn registry_key_with_user_info_is_shown_without_it() {
    for (key, shown) in [
        ("https://index.docker.io/v1/", "https://index.docker.io/v1/"),
        ("https://u:pa/ss@a.b/team", "https://[redacted]@a.b/team"),
        ("https://u:pa?ss@a.b/team", "https://[redacted]@a.b/team"),
        ("u:pa#ss@a.b", "[redacted]@a.b"),
        ("a.b/team?token=x", "a.b/team?…"),
    ] {
        assert_eq!(shown_key(key), shown);
    }
}

#[test]
fn words_in_names_mean_nothing() {
    for (image, report, class) in [
        (
            "r.example.com/denied/403/forbidden:1",
            "failed to resolve: unexpected status from HEAD request to https://r.example.com/v2/denied/403/forbidden/manifests/1: 401 Unauthorized",
            ErrorClass::Unauthorized,
        ),
        (
            "r.example.com:5000/unauthorized:429",
            "r.example.com:5000/unauthorized:429: not found",
            ErrorClass::NotFound,
        ),
        (
            "acme/expired-token",
            "pull access denied for acme/expired-token, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
            ErrorClass::Denied,
        ),
        (
            "r.example.com/app:1",
            "dial tcp 10.0.0.1:5030: connect: connection refused",
            ErrorClass::Unreachable,
        ),
        (
            "r.example.com/app:1",
            "dial tcp 10.4.0.3:40100: i/o timeout",
            ErrorClass::Unreachable,
        ),
    ] {
        assert_eq!(
            read("ErrImagePull", report, image).map(|read| read.class),
            Some(class),
            "{report}"
        );
    }
}

#[test]
fn image_names() {
    for (image, repository) in [
        ("nginx", "docker.io/library/nginx"),
        (
            "nginx:1.27@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "docker.io/library/nginx",
        ),
        ("acme/app", "docker.io/acme/app"),
        ("index.docker.io/app", "docker.io/library/app"),
        ("localhost/app", "localhost/app"),
        ("r.example.com:5000/a/b__c-d.e:tag", "r.example.com:5000/a/b__c-d.e"),
        ("[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app"),
        ("Upper.example/app", "Upper.example/app"),
        // No host has a '_', so a kubelet takes all of it for a path.
        ("r_x.io/a", "r_x.io/a"),
    ] {
        assert_eq!(Image::parse(image).unwrap().repository, repository);
    }
    for image in [
        "",
        "a//b",
        "a:",
        "a@sha256:abc",
        "https://a.b/c",
        "a b",
        "r.example.com/App",
        "a/-b",
        "a/b..c",
        "a/b___c",
        "r_x.io:5000/a",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ] {
        assert!(Image::parse(image).is_err(), "{image}");
    }
    assert_eq!(
        Image::meant("https://R.example.com:5000/Team/App:1").repository,
        "r.example.com:5000/team/app"
    );
}

#[test]
fn why_a_key_does_not_serve_an_image() {
    let image = "r.example.com:5000/team/app";
    for (key, near, part) in [
        ("r.example.com", true, "it has no port, but the image has port 5000"),
        (
            "r.example.com:443",
            true,
            "it has port 443, but the image has port 5000",
        ),
        ("R.example.com:5000", true, "case-sensitively"),
        (
            "r.example.com:5000/other",
            true,
            "its path \"/other\" is not the beginning of the path of the image",
        ),
        ("https://r.example.com:5000/v2", true, "its path \"/v2\""),
        ("*.com:5000", false, "each * matches one part"),
        ("s.example.com:5000", false, "a host other than"),
        ("r.example.com:5000 ", true, "cannot parse"),
    ] {
        let mismatch = mismatch(key, image).unwrap();
        assert_eq!(mismatch.near, near, "{key}");
        assert!(mismatch.why.contains(part), "{key}: {}", mismatch.why);
    }
    assert_eq!(mismatch("*.example.com:5000/te", image), None);
    for key in [
        "https://index.docker.io/v1",
        "registry-1.docker.io",
        "hub.docker.com",
        "DOCKER.io",
    ] {
        let mismatch = mismatch(key, "docker.io/acme/app").unwrap();
        assert!(
            mismatch.near && mismatch.why.contains("https://index.docker.io/v1/"),
            "{key}"
        );
    }
}

pub(super) fn secret(name: &str, key: &str) -> PullSecret {
    let document = json!({"auths": {key: {"username": "u", "password": "Canary-5ubterranean"}}}).to_string();
    holding(name, JSON, &document)
}

const JSON: (&str, &str) = ("kubernetes.io/dockerconfigjson", ".dockerconfigjson");

/// A Secret with a type and a key, which holds a document.
fn holding(name: &str, (type_, key): (&str, &str), document: &str) -> PullSecret {
    let data = [(key.to_owned(), ByteString(document.as_bytes().to_vec()))];
    let secret = Secret {
        type_: Some(type_.to_owned()),
        data: Some(BTreeMap::from(data)),
        ..Secret::default()
    };
    PullSecret::new(name, Some(&secret))
}

pub(super) fn absent(name: &str) -> PullSecret {
    PullSecret::new(name, None)
}

pub(super) fn resource(name: &str, key: &str, verified: Option<VerificationResult>) -> Resource {
    Resource {
        kind: "DockerPullSecret",
        namespace: "team".to_owned(),
        name: name.to_owned(),
        secret: name.to_owned(),
        owns: true,
        source: format!("{name}-login"),
        registry: RegistryKey::of_config_entry(key).unwrap(),
        verified,
    }
}

pub(super) fn find(report: &str, secrets: &[PullSecret], resources: &[Resource]) -> Diagnosis {
    find_for(IMAGE, report, secrets, resources)
}

pub(super) fn find_for(image: &str, report: &str, secrets: &[PullSecret], resources: &[Resource]) -> Diagnosis {
    let classification = read("ErrImagePull", report, image);
    let error = PullError {
        image,
        code: PullCode::DEP_E153,
        classification: classification.as_ref(),
        report,
    };
    let context = PullContext {
        namespace: "team",
        secrets,
        resources,
    };
    diagnose(error, context)
}

pub(super) const DENIED: &str = "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed";

#[test]
fn secrets_as_a_kubelet_reads_them() {
    let json = |document: &str| holding("one", JSON, document).content;
    for document in [
        r#"{"auths":{"a":{"auth":"!!!"}}}"#,
        r#"{"auths":{"a":{"auth":"dXNlcg=="}}}"#,
        r#"{"auths":[]}"#,
        r#"{"auths":{"a":1}}"#,
        r#"{"auths":{"a":{"password":5}}}"#,
        r#"{"HttpHeaders":{"a":1}}"#,
        "[]",
    ] {
        assert!(matches!(json(document), Content::Malformed(_)), "{document}");
    }
    for (document, complete) in [
        (r#"{"AUTHS":{"a":{"Auth":"dTpw"}}}"#, true),
        (r#"{"auths":{"a":{"auth":"dTpw\n"}}}"#, true),
        (r#"{"auths":{"a":{"username":"u","password":"p"}}}"#, true),
        (r#"{"auths":{"a":{"username":"u"}}}"#, false),
        (r#"{"auths":{"a":null}}"#, false),
    ] {
        let Content::Entries(entries) = json(document) else {
            panic!("{document}")
        };
        assert_eq!((entries.len(), entries[0].complete), (1, complete), "{document}");
    }
    assert!(matches!(
        json(r#"{"a.example.com":{"username":"u"}}"#),
        Content::Ignored(_)
    ));
    let opaque = holding("one", ("Opaque", ".dockerconfigjson"), "{}");
    assert!(matches!(opaque.content, Content::Ignored(_)));
    let legacy = ("kubernetes.io/dockercfg", ".dockercfg");
    let legacy = holding("one", legacy, r#"{"a":{"auth":"dTpw"}}"#);
    assert!(matches!(legacy.content, Content::Entries(_)));
    let secret = secret("app", "r.example.com");
    let short = holding("short", JSON, r#"{"auths":{"a":{"username":"u","password":"p"}}}"#);
    // Its password is a part of what stands for another.
    let acted = holding("acted", JSON, r#"{"auths":{"a":{"username":"u","password":"acted"}}}"#);
    let all = [secret.clone(), short, acted];
    for (said, shown) in [
        ("it was Canary-5ubterranean", "it was [redacted]"),
        ("a pup, p and \"p\"", "a pup, [redacted] and \"[redacted]\""),
        ("Canary-5ubterranean acted", "[redacted] [redacted]"),
        ("Authorization: Basic dTpw", "Authorization: Basic [redacted]"),
    ] {
        assert_eq!(redact(said, &all), shown, "{said}");
    }
    assert!(!format!("{secret:?}").contains("Canary"));
    let spoilt = [
        secret,
        PullSecret {
            name: "x".to_owned(),
            content: Content::Malformed(String::new()),
        },
    ];
    assert_eq!(tried(&spoilt[..1], "r.example.com/app").len(), 1);
    assert_eq!(tried(&spoilt, "r.example.com/app"), []);
}

#[test]
fn a_secret_that_somebody_else_made_is_not_generated() {
    for (reason, owns) in [
        ("NameConflict", false),
        ("OwnedByOther", false),
        ("WrongSecretType", false),
        ("SecretImmutable", true),
        ("Stale", true),
        ("CredentialsNotResolved", true),
    ] {
        let mut resource = super::resource(&super::private("r.example.com"));
        assert!(Resource::of(&resource).unwrap().owns, "nothing is known yet");
        let condition = json!({"type": "SecretSynced", "status": "False", "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        resource.status = serde_json::from_value(json!({"conditions": [condition]})).unwrap();
        assert_eq!(Resource::of(&resource).unwrap().owns, owns, "{reason}");
    }
}

#[test]
fn a_secret_is_own_by_its_controller_or_by_who_wrote_it() {
    let owner = |kind: &str, uid: &str| json!([{"apiVersion": "pullsecrets.dev/v1alpha1", "kind": kind, "name": "app", "uid": uid, "controller": true}]);
    let ours = json!([{"manager": "docker-pull-secret-operator", "operation": "Apply", "fieldsV1": {"f:data": {"f:.dockerconfigjson": {}}}}]);
    for (what, meta, own) in [
        ("somebody's", json!({}), false),
        (
            "its own",
            json!({"ownerReferences": owner("DockerPullSecret", "uid-app")}),
            true,
        ),
        (
            "another's",
            json!({"ownerReferences": owner("DockerPullSecret", "uid-b"), "managedFields": ours}),
            false,
        ),
        (
            "of another kind",
            json!({"ownerReferences": owner("Deployment", "uid-b")}),
            false,
        ),
        ("left behind", json!({"managedFields": ours}), true),
    ] {
        let secret: Secret = serde_json::from_value(json!({"metadata": meta})).unwrap();
        assert_eq!(is_own(&secret, "uid-app"), own, "{what}");
    }
}
