//! The API: what earlier versions wrote is read, and what users read in the CRD.

use std::borrow::Cow;

use dps::api::{
    API_VERSION, Cause, ClusterDockerPullSecret, DockerPullSecret, KINDS, VerificationResult, VerificationStatus,
    cluster_crd, crd,
};
use kube::Resource as _;
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

use super::{hub, resource};

fn with_verification(verification: &Value) -> serde_json::Result<DockerPullSecret> {
    let mut object = serde_json::to_value(resource(&hub())).unwrap();
    object["status"] = json!({"observedGeneration": 1, "verification": verification});
    serde_json::from_value(object)
}

/// A Secret is the operator's only if its owner's kind is among them.
#[test]
fn constants_name_the_kinds_of_the_crds() {
    assert_eq!(
        KINDS.map(str::to_owned),
        [DockerPullSecret::kind(&()), ClusterDockerPullSecret::kind(&())].map(Cow::into_owned)
    );
    assert_eq!(API_VERSION, DockerPullSecret::api_version(&()));
}

fn verification(written: &Value) -> VerificationStatus {
    with_verification(written)
        .unwrap()
        .status
        .unwrap()
        .verification
        .unwrap()
}

/// `status.verification` as it is stored, and what is read of the renamed fields.
struct Stored {
    written: Value,
    image_denied: bool,
    consecutive_rejections: u32,
    secret_verified: bool,
}

#[test]
fn verification_status_with_old_field_names_is_read_with_its_values() {
    let old = json!({"ofImage": true, "failures": 3, "secretAccepted": true});
    let new = json!({"imageDenied": true, "consecutiveRejections": 3, "secretVerified": true});
    let both = json!({
        "ofImage": true, "imageDenied": false, "failures": 7, "consecutiveRejections": 2, "secretAccepted": false, "secretVerified": true,
    });
    for Stored {
        written,
        image_denied,
        consecutive_rejections,
        secret_verified,
    } in [
        Stored {
            written: old,
            image_denied: true,
            consecutive_rejections: 3,
            secret_verified: true,
        },
        Stored {
            written: new,
            image_denied: true,
            consecutive_rejections: 3,
            secret_verified: true,
        },
        Stored {
            written: both,
            image_denied: false,
            consecutive_rejections: 2,
            secret_verified: true,
        },
        Stored {
            written: json!({"failures": 1}),
            image_denied: false,
            consecutive_rejections: 1,
            secret_verified: false,
        },
        Stored {
            written: json!({}),
            image_denied: false,
            consecutive_rejections: 0,
            secret_verified: false,
        },
    ] {
        let read = verification(&written);
        assert_eq!(
            (read.image_denied, read.consecutive_rejections, read.secret_verified),
            (image_denied, consecutive_rejections, secret_verified),
            "{written}"
        );
    }
    assert_eq!(
        with_verification(&Value::Null).unwrap().status.unwrap().verification,
        None
    );
}

#[test]
fn verification_status_of_an_earlier_version_keeps_every_value_and_is_written_with_new_names() {
    let rest = json!({
        "result": "Rejected", "lastVerifiedTime": "2026-11-25T10:00:00Z",
        "credentialsVersion": "uid/7 registry.example.com https://registry.example.com/", "nextVerificationTime": "2026-11-25T10:15:00Z",
        "handledRequest": "now",
    });
    let (mut old, mut new) = (rest.clone(), rest);
    for (name, renamed, value) in [
        ("ofImage", "imageDenied", json!(true)),
        ("failures", "consecutiveRejections", json!(2)),
        ("secretAccepted", "secretVerified", json!(true)),
    ] {
        (old[name], new[renamed]) = (value.clone(), value);
    }
    let read = verification(&old);
    assert_eq!(read.result, Some(VerificationResult::Rejected));
    assert_eq!(serde_json::to_value(&read).unwrap(), new);
}

/// A status of one kind has nothing that only the other one knows.
#[test]
fn only_the_kind_for_many_namespaces_tells_of_them() {
    let fields = |crd: Value| {
        let status = crd
            .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status/properties")
            .unwrap();
        ["/failures", "/namespaces", "/pullFailures/items/properties/namespaces"]
            .map(|field| status.pointer(field).is_some())
    };
    assert_eq!(fields(crd()), [false; 3]);
    assert_eq!(fields(cluster_crd()), [true; 3]);
}

#[test]
fn crd_keeps_old_field_names_as_deprecated() {
    let crd = crd();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let fields = &schema["properties"]["status"]["properties"]["verification"]["properties"];
    for (old, new) in [
        ("ofImage", "imageDenied"),
        ("failures", "consecutiveRejections"),
        ("secretAccepted", "secretVerified"),
    ] {
        assert_eq!(fields[old]["type"], fields[new]["type"], "{old}");
        assert!(fields[new]["type"].is_string(), "{new}");
        let description = fields[old]["description"].as_str().unwrap();
        assert!(
            description.starts_with("Deprecated") && description.contains(new),
            "{description}"
        );
    }
}

/// Every description and rule in the order in which `kubectl explain` shows the fields.
#[test]
fn crd_texts_match_snapshot() {
    for (name, crd) in [("crd", crd()), ("cluster_crd", cluster_crd())] {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap();
        let mut lines = Vec::new();
        texts(
            kind,
            &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"],
            &mut lines,
        );
        insta::assert_snapshot!(name, lines.join("\n"));
    }
}

fn texts(place: &str, schema: &Value, lines: &mut Vec<String>) {
    if let Some(description) = schema["description"].as_str() {
        lines.push(format!("{place}: {}", description.replace('\n', " ")));
    }
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let field = rule["fieldPath"].as_str().unwrap_or_default();
        lines.push(format!("{place}{field}: rule: {}", rule["message"].as_str().unwrap()));
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        texts(&format!("{place}.{name}"), field, lines);
    }
    if schema["items"].is_object() {
        texts(&format!("{place}[]"), &schema["items"], lines);
    }
}

#[test]
fn cause_of_a_failed_pull_is_read_back_and_one_of_a_newer_version_is_unknown() {
    let read = |cause: &str| serde_json::from_value::<Cause>(json!(cause)).unwrap();
    for cause in Cause::iter() {
        assert_eq!(read(cause.as_str()), cause);
    }
    assert_eq!(read("CauseOfTomorrow"), Cause::Unknown);
}
