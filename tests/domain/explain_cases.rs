//! Pull failures as they were reported in public, told in other words: each kind was once diagnosed wrong.

use serde_json::{Value, json};

use crate::support::explain::run;

/// A pod that cannot pull, and what is right to say about it.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    image: &'static str,
    /// The registry key of the only pull secret; `None`: the pod lists none.
    key: Option<&'static str>,
    message: &'static str,
    cause: &'static str,
    /// Whether the pull secret is at fault.
    blames_secret: bool,
    /// What the action says.
    action: &'static str,
}

const CASE: Case = Case {
    name: "",
    image: "registry.example.com/shop/web:3",
    key: None,
    message: "",
    cause: "",
    blames_secret: false,
    action: "",
};

const CASES: &[Case] = &[
    Case {
        name: "storage-refuses-layer",
        image: "registry.k8s.io/pause:3.9",
        message: "failed to pull and unpack image \"registry.k8s.io/pause:3.9\": failed to copy: httpReadSeeker: failed open: unexpected status from GET request to https://layers-eu.s3.dualstack.eu-north-1.amazonaws.com/containers/images/sha256:0f00: 403 Forbidden",
        cause: "StorageRefused",
        action: "layers-eu.s3.dualstack.eu-north-1.amazonaws.com",
        ..CASE
    },
    Case {
        name: "storage-refuses-configuration",
        key: Some("registry.example.com"),
        message: "rpc error: code = Unknown desc = error pulling image configuration: error parsing HTTP 403 response body: invalid character '<' looking for beginning of value: \"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>\"",
        cause: "StorageRefused",
        action: "storage",
        ..CASE
    },
    Case {
        name: "address-not-allowed",
        image: "shop.azurecr.io/web:3",
        key: Some("shop.azurecr.io"),
        message: "Error response from daemon: Head \"https://shop.azurecr.io/v2/web/manifests/3\": denied: client with IP '198.51.100.9' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
        cause: "BlockedByPolicy",
        action: "address",
        ..CASE
    },
    Case {
        name: "registry-without-logins",
        image: "registry.k8s.io/coredns/coredns:v1.11.1",
        message: "failed to resolve reference \"registry.k8s.io/coredns/coredns:v1.11.1\": unexpected status from HEAD request to https://registry.k8s.io/v2/coredns/coredns/manifests/v1.11.1: 403 Forbidden",
        cause: "BlockedByPolicy",
        ..CASE
    },
    Case {
        name: "role-without-permission",
        image: "444455556666.dkr.ecr.eu-central-1.amazonaws.com/web:3",
        message: "failed to resolve reference \"444455556666.dkr.ecr.eu-central-1.amazonaws.com/web:3\": unexpected status from HEAD request to https://444455556666.dkr.ecr.eu-central-1.amazonaws.com/v2/web/manifests/3: 403 Forbidden: denied: User: arn:aws:sts::444455556666:assumed-role/workers/i-0a is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:eu-central-1:444455556666:repository/web",
        cause: "AccessDenied",
        ..CASE
    },
    Case {
        name: "mirror-of-crio-rejects",
        image: "hub.private.example/shop/web:3",
        key: Some("hub.private.example"),
        message: "initializing source docker://hub.private.example/shop/web:3: (Mirrors also failed: [cache.example.org/shop/web:3: reading manifest 3 in cache.example.org/shop/web: unauthorized: authentication required]): hub.private.example/shop/web:3: pinging container registry hub.private.example: Get \"https://hub.private.example/v2/\": dial tcp 192.0.2.4:443: i/o timeout",
        cause: "RegistryUnreachable",
        ..CASE
    },
    Case {
        name: "mirror-of-containerd-rejects",
        image: "quay.io/shop/web:3",
        key: Some("quay.io"),
        message: "failed to resolve reference \"quay.io/shop/web:3\": unexpected status from HEAD request to https://cache.example.org/v2/shop/web/manifests/3?ns=quay.io: 401 Unauthorized",
        cause: "MirrorRefused",
        action: "cache.example.org",
        ..CASE
    },
    Case {
        name: "proxy-requires-credentials",
        image: "quay.io/shop/web:3",
        key: Some("quay.io"),
        message: "failed to do request: Head \"https://quay.io/v2/shop/web/manifests/3\": Proxy Authentication Required",
        cause: "ProxyRefused",
        action: "proxy",
        ..CASE
    },
    Case {
        name: "bytes-damaged-on-the-way",
        message: "Error response from daemon: Get \"https://registry.example.com/v2/shop/web/manifests/3\": local error: tls: bad record MAC",
        cause: "RegistryUnreachable",
        ..CASE
    },
    Case {
        name: "client-certificate-required",
        message: "failed to do request: Head \"https://registry.example.com/v2/shop/web/manifests/3\": remote error: tls: certificate required",
        cause: "TLSVerification",
        action: "client certificate",
        ..CASE
    },
    Case {
        name: "gitlab-knows-the-user",
        image: "registry.gitlab.com/shop/web:3",
        key: Some("registry.gitlab.com"),
        message: "failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://gitlab.com/jwt/auth?scope=repository%3Ashop%2Fweb%3Apull: 403 Forbidden",
        cause: "AccessDenied",
        blames_secret: true,
        ..CASE
    },
    Case {
        name: "password-is-no-json-key",
        image: "eu.gcr.io/shop/web:3",
        key: Some("eu.gcr.io"),
        message: "failed to authorize: failed to fetch oauth token: unexpected status: 400 Bad Request: Unable to parse json key.",
        cause: "CredentialsRejected",
        blames_secret: true,
        action: "JSON key",
    },
    Case {
        name: "windows-of-another-version",
        image: "mcr.microsoft.com/windows/nanoserver:ltsc2022",
        message: "rpc error: code = Unknown desc = a Windows version 10.0.20348-based image is incompatible with a 10.0.17763 host",
        cause: "PlatformMismatch",
        action: "operating system",
        ..CASE
    },
    Case {
        name: "artifact-instead-of-image",
        message: "failed to pull and unpack image \"registry.example.com/shop/web:3\": failed to unpack image on snapshotter overlayfs: mismatched image rootfs and manifest layers",
        cause: "InvalidImage",
        ..CASE
    },
];

fn objects(case: &Case) -> Vec<Value> {
    let metadata = json!({"name": case.name, "namespace": "team", "uid": case.name});
    let secrets: Vec<Value> = case.key.iter().map(|_| json!({"name": case.name})).collect();
    let waiting = json!({"reason": "ErrImagePull", "message": case.message});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"imagePullSecrets": secrets, "containers": [{"name": "app", "image": case.image}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "app", "state": {"waiting": waiting}}]},
    });
    let secret = case.key.map(|key| {
        let document = json!({"auths": {key: {"username": "robot", "password": "Canary-5ubterranean"}}});
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": case.name, "namespace": "team"},
            "stringData": {".dockerconfigjson": document.to_string()},
        })
    });
    std::iter::once(pod).chain(secret).collect()
}

#[test]
fn reported_failures_have_the_right_cause_blame_and_action() {
    let items: Vec<Value> = CASES.iter().flat_map(objects).collect();
    let input = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let (code, stdout, stderr) = run(&["-f", "-", "-o", "json"], &input, None);
    assert_eq!(code, 1, "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let failures = report["failures"].as_array().unwrap();
    let mut wrong = Vec::new();
    for case in CASES {
        let failure = failures.iter().find(|failure| failure["pod"] == case.name).unwrap();
        let blamed = failure["blame"]["name"].as_str();
        let expected = case.blames_secret.then_some(case.name);
        if failure["cause"] != case.cause
            || blamed != expected
            || !failure["action"].as_str().unwrap().contains(case.action)
        {
            wrong.push(format!("{}: {failure:#}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(failures.len(), CASES.len());
}
