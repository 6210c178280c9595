//! Why pulls fail, and who is to blame.

use std::collections::BTreeMap;

use dps::api::{Cause, PullCode};
use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::pull_failures::cause::{Fault, about};
use dps::domain::pull_failures::classify::read;
use dps::domain::pull_failures::context::PullContext;
use dps::domain::pull_failures::diagnosis::{Diagnosis, PullError, diagnose};
use dps::domain::pull_failures::pod::Pod;
use dps::domain::registry::image::Image;
use dps::domain::text::excerpt;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

/// A Secret as the API server has it.
pub(crate) fn typed(kind: &str, key: &str, document: &str) -> Secret {
    Secret {
        type_: Some(kind.to_owned()),
        data: Some(BTreeMap::from([(
            key.to_owned(),
            ByteString(document.as_bytes().to_vec()),
        )])),
        ..Secret::default()
    }
}

pub(crate) fn pull_secret_for(key: &str) -> Secret {
    let document = json!({"auths": {key: {"username": "u", "password": "p"}}});
    typed(
        "kubernetes.io/dockerconfigjson",
        ".dockerconfigjson",
        &document.to_string(),
    )
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

pub(crate) fn diagnosis(reason: &str, message: &str, image: &str, secrets: &[PullSecret]) -> Diagnosis {
    let classification = read(reason, message, image);
    let error = PullError {
        image,
        code: PullCode::of(reason),
        classification: classification.as_ref(),
        report: &excerpt(message, 500),
    };
    let context = PullContext {
        namespace: "team",
        secrets,
        resources: &[],
        elsewhere: &[],
    };
    diagnose(error, context)
}

/// A captured pod in the state that it was in last.
fn captured(case: &Value, state: &Value) -> Pod {
    let names: Vec<Value> = case["imagePullSecrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| json!({"name": name}))
        .collect();
    let kind = text(state, "state");
    let mut inner = json!({});
    if kind == "waiting" {
        inner = json!({"reason": text(state, "reason"), "message": text(state, "message")});
    }
    serde_json::from_value(json!({
        "metadata": {"name": text(case, "case"), "namespace": "team"},
        "spec": {"imagePullSecrets": names, "containers": [{"name": "app", "image": text(case, "image")}]},
        "status": {"containerStatuses": [{"name": "app", "state": {kind: inner}}]},
    }))
    .unwrap()
}

#[test]
fn captured_pods_have_the_right_cause_and_no_wrong_blame() {
    let secrets: Value = serde_json::from_str(include_str!("corpus/secrets.json")).unwrap();
    let corpora = [
        include_str!("corpus/containerd-1.7.jsonl"),
        include_str!("corpus/containerd-2.1.jsonl"),
    ];
    let cases: Vec<Value> = corpora.into_iter().flat_map(lines).collect();
    let mut wrong = Vec::new();
    for case in &cases {
        let names = case["imagePullSecrets"].as_array().unwrap().iter();
        let pull_secrets: Vec<PullSecret> = names
            .map(|name| {
                let name = name.as_str().unwrap();
                let found = secrets
                    .get(name)
                    .map(|one| typed(text(one, "type"), text(one, "key"), &one["document"].to_string()));
                PullSecret::new(name, found.as_ref())
            })
            .collect();
        let pod = captured(case, case["states"].as_array().unwrap().last().unwrap());
        let found = pod
            .waiting_containers()
            .first()
            .map(|waits| diagnosis(&waits.reason, &waits.message, &waits.image, &pull_secrets));
        let cause = found.as_ref().map(|found| found.cause.as_str());
        if cause != case["cause"].as_str() {
            wrong.push(format!(
                "{}: {cause:?} instead of {}",
                text(case, "case"),
                case["cause"]
            ));
        }
        let blame = found.as_ref().and_then(|found| found.blame.as_ref());
        let fault = found.as_ref().map_or(Fault::No, |found| about(found.cause).fault);
        if let Some(blame) = blame {
            let listed = pull_secrets.iter().any(|secret| secret.name == blame.name);
            let empty = blame.name == "emptycreds";
            if !listed || (fault == Fault::No && !empty) {
                wrong.push(format!("{}: blames {blame:?}", text(case, "case")));
            }
        } else if fault == Fault::Yes {
            wrong.push(format!("{}: blames nobody", text(case, "case")));
        }
        if let Some(found) = found {
            for hidden in ["s3cret", "cHVsbGVy"] {
                assert!(
                    !found.message.contains(hidden) && !found.action.contains(hidden),
                    "{found:?}"
                );
            }
        }
    }
    assert_eq!((cases.len(), wrong), (118, Vec::<String>::new()));
}

#[test]
fn reports_of_every_runtime_have_the_right_cause() {
    let messages = lines(include_str!("corpus/messages.jsonl"));
    let mut wrong = Vec::new();
    for one in &messages {
        let image = text(one, "image");
        let key = Image::parse(image)
            .map(|image| image.host().to_owned())
            .unwrap_or_default();
        let sent = [PullSecret::new("login", Some(&pull_secret_for(&key)))];
        let contexts: &[&[PullSecret]] = match text(one, "login") {
            "sent" => &[&sent],
            "none" => &[&[]],
            _ => &[&sent, &[]],
        };
        for secrets in contexts {
            let found = diagnosis(text(one, "reason"), text(one, "message"), image, secrets);
            if found.cause.as_str() != text(one, "cause") {
                wrong.push(format!(
                    "{} instead of {} with {} secrets: {} {} [{}]",
                    found.cause.as_str(),
                    text(one, "cause"),
                    secrets.len(),
                    text(one, "reason"),
                    text(one, "message"),
                    text(one, "source")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(messages.len() >= 60);
}

#[test]
fn every_cause_is_found_in_a_message() {
    use strum::IntoEnumIterator as _;
    for cause in Cause::iter() {
        let about = about(cause);
        assert!(!about.what.ends_with('.') && !about.action.ends_with('.'), "{cause:?}");
    }
}
