//! Reports that speak of a host other than the image's registry: no pull secret is for it, so none is blamed.

use std::collections::BTreeMap;

use dps::api::Cause;
use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::pull_failures::cause::about;
use dps::domain::pull_failures::classify::Classification;
use dps::domain::pull_failures::context::PullContext;
use dps::domain::pull_failures::diagnosis::{Diagnosis, PullError, diagnose};
use dps::domain::pull_failures::error_class::{ErrorClass, Refusal};
use dps::domain::pull_failures::patterns;
use dps::domain::pull_failures::peer::{Peer, Role};
use dps::domain::registry::image::Image;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::pods::{absent, holding, secret};
use super::pulls::diagnosis;

/// How runtimes name the host that answered. `{answer}` is what it said.
const WORDINGS: [&str; 14] = [
    // Mirrors.
    "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": unexpected status from HEAD request to https://{other}/v2/{path}/manifests/{tag}?ns={registry}: {answer}",
    "failed to resolve reference \"{image}\": unexpected status from HEAD request to http://{other}/v2/cache/{path}/manifests/{tag}?ns={registry}: {answer}",
    "failed to resolve image: failed to do request: Head \"https://{other}/v2/{path}/manifests/{tag}?ns={registry}\": {answer}",
    "failed to resolve reference \"{image}\": pulling from host {other} failed with status code [manifests {tag}]: {answer}",
    "failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://{other}/service/token?scope=repository%3Acache%2F{path}%3Apull&service=harbor: {answer}",
    "initializing source docker://{image}: reading manifest {tag} in {other}/{path}: {answer}",
    "initializing source docker://{image}: pinging container registry {other}: {answer}",
    "Error response from daemon: Head \"https://{other}/v2/{path}/manifests/{tag}\": {answer}",
    // Proxies.
    "failed to do request: Head \"https://{registry}/v2/{path}/manifests/{tag}\": proxyconnect tcp: dial tcp {other}: connect: {answer}",
    "failed to do request: Head \"https://{registry}/v2/{path}/manifests/{tag}\": proxyconnect tcp: {answer}",
    "Get \"https://{registry}/v2/\": socks connect tcp {other}->{registry}:443: {answer}",
    // Storage.
    "failed to copy: httpReadSeeker: failed open: unexpected status from GET request to https://{other}/bucket/{path}/0a11?sig=c2ln: {answer}",
    "httpReadSeeker: failed open: failed to do request: Get \"https://{other}/docker/registry/v2/blobs/sha256/0a/0a11/data\": {answer}",
    "copying system image from manifest list: reading blob sha256:0a11: Get \"https://{other}/bucket/0a11\": {answer} <?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
];

/// Answers that say the most about credentials, when the registry gives them.
const ANSWERS: [&str; 10] = [
    "401 Unauthorized",
    "403 Forbidden",
    "429 Too Many Requests",
    "Forbidden",
    "unauthorized: authentication required",
    "denied: requested access to the resource is denied",
    "denied: Your authorization token has expired. Reauthenticate and try again.",
    "unauthorized: incorrect username or password",
    "toomanyrequests: too many failed login attempts for username or IP address",
    "no basic auth credentials",
];

/// Messages of the corpora that name the image's registry as the host that answered, with a place for another host.
fn swapped() -> Vec<(String, String)> {
    let corpora = [
        include_str!("corpus/messages.jsonl"),
        include_str!("corpus/hosts-and-rules.jsonl"),
        include_str!("corpus/containerd-2.1.jsonl"),
    ];
    let mut found = Vec::new();
    for line in corpora.into_iter().flat_map(str::lines) {
        let case: Value = serde_json::from_str(line).unwrap();
        let (Some(image), Some(message)) = (case["image"].as_str(), case["message"].as_str()) else {
            continue;
        };
        // One message about several attempts may still speak of the registry; a token server judges the pod's login.
        if message.starts_with('[') || message.contains("token") || message.contains("/jwt/auth") {
            continue;
        }
        let Ok(parsed) = Image::parse(image) else { continue };
        let hosts: &[&str] = if parsed.is_docker_hub() {
            &["registry-1.docker.io", "docker.io"]
        } else {
            &[parsed.host()]
        };
        let mut other = message.to_owned();
        for host in hosts {
            for before in [
                "request to https://",
                "Head \"https://",
                "Get \"https://",
                " in ",
                "pulling from host ",
            ] {
                let after = if before == "pulling from host " { " " } else { "/" };
                other = other.replace(&format!("{before}{host}{after}"), &format!("{before}{{other}}{after}"));
            }
        }
        if other != message {
            found.push((image.to_owned(), other));
        }
    }
    assert!(found.len() > 40, "{}", found.len());
    found
}

fn host() -> impl Strategy<Value = String> {
    "[a-z]{2,9}(-[a-z0-9]{1,4})?\\.(lan|corp|cdn)\\.(example|test)(:[1-9][0-9]{3})?"
}

fn image() -> impl Strategy<Value = String> {
    let registry = prop_oneof![
        3 => "[a-z]{2,9}\\.registry\\.example(:5000)?",
        1 => select(vec!["docker.io", "quay.io", "ghcr.io", "wood.azurecr.io", "eu.gcr.io", "registry.gitlab.com"])
            .prop_map(str::to_owned),
    ];
    (registry, "[a-z]{2,8}/[a-z]{2,8}", "[a-z0-9]{1,8}").prop_map(|(host, path, tag)| format!("{host}/{path}:{tag}"))
}

fn answer() -> impl Strategy<Value = String> {
    let words: Vec<String> = patterns::all()
        .map(|pattern| pattern.words.replace(" + ", " "))
        .collect();
    prop_oneof![select(ANSWERS.to_vec()).prop_map(str::to_owned), select(words)]
}

/// An image, another host, and a report about that host.
fn report() -> impl Strategy<Value = (String, String)> {
    let written = (image(), host(), select(WORDINGS.to_vec()), answer()).prop_map(|(image, other, wording, answer)| {
        let parsed = Image::parse(&image).unwrap();
        let (_, rest) = image.split_once('/').unwrap();
        let (path, tag) = rest.split_once(':').unwrap();
        let report = wording
            .replace("{image}", &image)
            .replace("{registry}", parsed.host())
            .replace("{path}", path)
            .replace("{tag}", tag)
            .replace("{other}", &other)
            .replace("{answer}", &answer);
        (image, report)
    });
    let reported =
        (select(swapped()), host()).prop_map(|((image, report), other)| (image, report.replace("{other}", &other)));
    prop_oneof![2 => written, 1 => reported]
}

/// What a pod may list: credentials for the image, an entry without any, and a Secret that does not exist.
fn secrets(image: &str) -> [Vec<PullSecret>; 4] {
    let parsed = Image::parse(image).unwrap();
    let key = if parsed.is_docker_hub() {
        "https://index.docker.io/v1/"
    } else {
        parsed.host()
    };
    let empty = serde_json::json!({"auths": {key: {}}}).to_string();
    [
        vec![secret("login", key)],
        vec![absent("gone"), secret("login", key)],
        vec![holding("empty", super::pods::JSON, &empty)],
        vec![],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_report_of_another_host_blames_no_pull_secret_and_asks_for_none((image, report) in report()) {
        for secrets in secrets(&image) {
            let found = diagnosis("ErrImagePull", &report, &image, &secrets);
            prop_assert!(found.blame.is_none(), "{image}: {report}: {found:?}");
            prop_assert!(!found.lacks_credentials(), "{image}: {report}: {found:?}");
        }
    }
}

const IMAGE: &str = "quay.io/acme/tool:3";
const OTHER: &str = "other.example:5000";

/// Every class by its name.
fn classes() -> BTreeMap<&'static str, &'static ErrorClass> {
    let mut classes = BTreeMap::new();
    let hosts = [
        &ErrorClass::PROXY,
        &ErrorClass::PROXY_REFUSED,
        &ErrorClass::STORAGE_REFUSED,
    ];
    for class in patterns::all().map(|pattern| pattern.class).chain(hosts) {
        let other = classes.insert(class.name, class);
        assert!(
            other.is_none_or(|other| other == class),
            "two classes are named {}",
            class.name
        );
    }
    classes
}

fn said(class: &'static ErrorClass, role: Role, secrets: &[PullSecret]) -> Diagnosis {
    let peer = Some(Peer {
        role,
        host: Some(OTHER.to_owned()),
    });
    let classification = Classification { class, peer };
    let error = PullError {
        image: IMAGE,
        code: dps::api::PullCode::DEP_E153,
        classification: Some(&classification),
        report: "",
    };
    let context = PullContext {
        namespace: "team",
        secrets,
        resources: &[],
        elsewhere: &[],
    };
    diagnose(error, context)
}

#[test]
fn every_action_for_another_host_names_it() {
    use Role::{Mirror, Proxy, ShortNameRegistry, Storage, TokenServer};
    let mut wrong = Vec::new();
    for class in classes().into_values() {
        let of_connection = class.progress == ErrorClass::DNS.progress && class.remedy.is_some();
        let roles = [Mirror, ShortNameRegistry, Proxy, Storage];
        for role in roles.into_iter().chain(of_connection.then_some(TokenServer)) {
            for secrets in secrets(IMAGE) {
                let found = said(class, role, &secrets);
                if !found.action.contains(OTHER) || found.action.len() > 1000 {
                    wrong.push(format!("{class:?} {role:?}: {}", found.action));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn refusal_of_a_mirror_is_its_own_cause_and_no_refusal_of_another_host_is_a_pull_secrets() {
    for class in classes().into_values() {
        for secrets in secrets(IMAGE) {
            let refused = class.refuses != Refusal::None;
            let found = said(class, Role::Mirror, &secrets);
            assert_eq!(found.cause == Cause::MirrorRefused, refused, "{class:?}");
            let found = said(class, Role::ShortNameRegistry, &secrets);
            if class.refuses == Refusal::Credentials {
                assert_eq!(found.cause, Cause::CredentialsNotSent, "{class:?}");
                assert!(
                    found.action.contains("Write the full name"),
                    "{class:?}: {}",
                    found.action
                );
            }
            assert!(found.blame.is_none() && !found.lacks_credentials(), "{class:?}");
        }
    }
}

#[test]
fn refusals_that_no_credentials_change_recommend_no_pull_secret() {
    let refusals = [
        (&ErrorClass::NOT_SENT, Role::Mirror, Cause::MirrorRefused),
        (&ErrorClass::PROXY_REFUSED, Role::Proxy, Cause::ProxyRefused),
        (&ErrorClass::STORAGE_REFUSED, Role::Storage, Cause::StorageRefused),
        (&ErrorClass::ADDRESS_REFUSED, Role::TokenServer, Cause::BlockedByPolicy),
        (&ErrorClass::OWNER_REFUSED, Role::TokenServer, Cause::BlockedByPolicy),
    ];
    for (class, role, cause) in refusals {
        for secrets in secrets(IMAGE) {
            let found = said(class, role, &secrets);
            assert_eq!(found.cause, cause);
            assert!(found.blame.is_none() && !found.lacks_credentials(), "{found:?}");
            for text in [about(cause).what, about(cause).action, &found.action] {
                assert!(
                    !text.contains("DockerPullSecret") && !text.contains("imagePullSecrets"),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn what_a_proxy_refuses_is_told_from_what_it_cannot_do() {
    let head = "failed to do request: Head \"https://quay.io/v2/acme/tool/manifests/3\": ";
    for (rest, cause, host) in [
        ("Proxy Authentication Required", Cause::ProxyRefused, None),
        ("authenticationrequired", Cause::ProxyRefused, None),
        ("Forbidden", Cause::ProxyRefused, None),
        ("proxyconnect tcp: Forbidden", Cause::ProxyRefused, None),
        ("proxyconnect tcp: unexpected status 407", Cause::ProxyRefused, None),
        (
            "socks connect tcp 192.0.2.1:1080->quay.io:443: username/password authentication failed",
            Cause::ProxyRefused,
            Some("192.0.2.1:1080"),
        ),
        (
            "socks connect tcp 192.0.2.1:1080->quay.io:443: connection not allowed by ruleset",
            Cause::ProxyRefused,
            Some("192.0.2.1:1080"),
        ),
        ("Access Denied", Cause::ProxyRefused, None),
        ("blocked by policy", Cause::ProxyRefused, None),
        ("Bad Gateway", Cause::RegistryUnreachable, None),
        ("Method Not Allowed", Cause::RegistryUnreachable, None),
        ("proxyconnect tcp: EOF", Cause::RegistryUnreachable, None),
        (
            "proxyconnect tcp: tls: first record does not look like a TLS handshake",
            Cause::RegistryUnreachable,
            None,
        ),
        (
            "proxyconnect tcp: dial tcp 192.0.2.1:3128: connect: connection refused",
            Cause::RegistryUnreachable,
            Some("192.0.2.1:3128"),
        ),
        (
            "proxyconnect tcp: dial tcp: lookup proxy.lan.example: no such host",
            Cause::DnsFailure,
            Some("proxy.lan.example"),
        ),
    ] {
        let found = diagnosis("ErrImagePull", &format!("{head}{rest}"), IMAGE, &[]);
        assert_eq!(found.cause, cause, "{rest}");
        assert!(
            found.action.contains("proxy") && found.action.contains(host.unwrap_or_default()),
            "{rest}: {}",
            found.action
        );
    }
}

#[test]
fn a_proxys_status_line_is_told_from_the_code_of_a_registry() {
    let sent = [secret("login", "quay.io")];
    for (report, cause) in [
        (
            "Error response from daemon: Get \"https://quay.io/v2/\": Forbidden",
            Cause::ProxyRefused,
        ),
        (
            "Error response from daemon: Get https://quay.io/v2/: Unauthorized",
            Cause::ProxyRefused,
        ),
        (
            "Error response from daemon: Get https://quay.io/v2/: AuthorizedOnly",
            Cause::ProxyRefused,
        ),
        (
            "pinging container registry quay.io: Get \"https://quay.io/v2/\": Access Denied",
            Cause::ProxyRefused,
        ),
        (
            "initializing source docker://quay.io/acme/tool:3: pinging container registry quay.io: StatusCode: 407, \"\"",
            Cause::ProxyRefused,
        ),
        (
            "unexpected status from HEAD request to https://quay.io/v2/acme/tool/manifests/3: 407 authenticationrequired",
            Cause::ProxyRefused,
        ),
        (
            "Error response from daemon: Get https://quay.io/v2/: Bad Request.",
            Cause::RegistryUnreachable,
        ),
        (
            "Error response from daemon: Head \"https://quay.io/v2/acme/tool/manifests/3\": unauthorized",
            Cause::CredentialsRejected,
        ),
        (
            "Error response from daemon: Head \"https://quay.io/v2/acme/tool/manifests/3\": denied",
            Cause::AccessDenied,
        ),
    ] {
        let found = diagnosis("ErrImagePull", report, IMAGE, &sent);
        assert_eq!(found.cause, cause, "{report}");
        let is_registry = matches!(cause, Cause::CredentialsRejected | Cause::AccessDenied);
        assert_eq!(found.blame.is_some(), is_registry, "{report}");
    }
}

#[test]
fn registry_that_a_node_chose_for_a_short_name_blames_no_pull_secret_of_docker_hub() {
    let sent = [secret("login", "https://index.docker.io/v1/")];
    for rest in [
        "reading manifest latest in quay.io/acme/tool: unauthorized: access to the requested resource is not authorized",
        "Requesting bearer token: invalid status code from registry 403 (Forbidden)",
        "unable to retrieve auth token: invalid username/password: unauthorized",
        "reading manifest latest in quay.io/acme/tool: StatusCode: 403, \"\"",
    ] {
        let report = format!("initializing source docker://quay.io/acme/tool:latest: {rest}");
        let found = diagnosis("ErrImagePull", &report, "acme/tool", &sent);
        assert_eq!(found.cause, Cause::CredentialsNotSent, "{rest}");
        assert!(
            found.blame.is_none() && found.action.contains("docker.io/acme/tool"),
            "{rest}: {found:?}"
        );
    }
}
