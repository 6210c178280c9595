//! Pods that fail, their Secrets and resources, for tests of several subjects.

use dps::api::{PullCode, VerificationResult};
use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::pull_failures::classify::read;
use dps::domain::pull_failures::context::PullContext;
use dps::domain::pull_failures::diagnosis::{Diagnosis, PullError, diagnose};
use dps::domain::pull_failures::pod::Pod;
use dps::domain::pull_failures::resource::Resource;
use dps::domain::registry::key::RegistryKey;
use dps::domain::time::Timestamp;
use serde_json::{Value, json};

use super::pulls::typed;

pub(super) const IMAGE: &str = "r.example.com/team/app:1";
pub(super) const WRONG: &str =
    "failed to resolve image: unexpected status from HEAD request to https://r.example.com/v2/: 401 Unauthorized";
pub(super) const NOT_SENT: &str = "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials";
pub(super) const DENIED: &str = "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed";
/// Type and key of a pull secret.
pub(super) const JSON: (&str, &str) = ("kubernetes.io/dockerconfigjson", ".dockerconfigjson");

/// A time, in milliseconds since 1970.
pub(super) fn ms(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}

pub(super) fn pod(name: &str, reason: &str, message: &str) -> Pod {
    pod_with(name, &json!({"waiting": {"reason": reason, "message": message}}))
}

pub(super) fn pod_with(name: &str, state: &Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "team", "uid": format!("uid-{name}")},
        "spec": {"containers": [{"name": "app", "image": IMAGE}], "imagePullSecrets": [{"name": "app"}, {"name": ""}, {}]},
        "status": {"startTime": "1970-01-01T00:00:05Z", "containerStatuses": [{"name": "app", "state": state}]},
    }))
    .unwrap()
}

pub(super) fn secret(name: &str, key: &str) -> PullSecret {
    let document = json!({"auths": {key: {"username": "u", "password": "Canary-5ubterranean"}}}).to_string();
    holding(name, JSON, &document)
}

/// A Secret with a type and a key, which holds a document.
pub(super) fn holding(name: &str, (type_, key): (&str, &str), document: &str) -> PullSecret {
    PullSecret::new(name, Some(&typed(type_, key, document)))
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
        source: Some(format!("{name}-login")),
        source_namespace: None,
        registry: RegistryKey::of_config_entry(key).unwrap(),
        attaches_to_pods: false,
        takes_password: false,
        verified,
        expires_at: None,
    }
}

pub(super) fn find(report: &str, secrets: &[PullSecret], resources: &[Resource]) -> Diagnosis {
    find_for(IMAGE, report, secrets, resources)
}

pub(super) fn find_for(image: &str, report: &str, secrets: &[PullSecret], resources: &[Resource]) -> Diagnosis {
    let context = PullContext {
        namespace: "team",
        secrets,
        resources,
        elsewhere: &[],
    };
    find_in(context, image, report)
}

pub(super) fn find_in(context: PullContext<'_>, image: &str, report: &str) -> Diagnosis {
    let classification = read("ErrImagePull", report, image);
    let error = PullError {
        image,
        code: PullCode::DEP_E153,
        classification: classification.as_ref(),
        report,
    };
    diagnose(error, context)
}
