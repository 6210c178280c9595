//! `dps explain`, from files.

mod bundles;
mod shared;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps::domain::text::invisible::is_invisible;
use serde_json::{Value, json};

use crate::support::canary::CANARY;
use crate::support::explain::{IMAGE, run};
use crate::support::pods::{not_sent, unauthorized};

/// The report about an input, and the exit code.
fn explain(args: &[&str], objects: &[Value]) -> (i32, Value) {
    let input = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let mut all = vec!["-f", "-", "-o", "json"];
    all.extend_from_slice(args);
    let (code, stdout, stderr) = run(&all, &input, None);
    let report = serde_json::from_str(&stdout).unwrap_or_else(|_| json!({"stderr": stderr}));
    (code, report)
}

fn pod(name: &str, image: &str, secrets: &[&str], state: &Value) -> Value {
    let secrets: Vec<Value> = secrets.iter().map(|name| json!({"name": name})).collect();
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "team"},
        "spec": {"imagePullSecrets": secrets, "containers": [{"name": "app", "image": image}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "app", "state": state}]},
    })
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

fn pull_secret(name: &str, key: &str) -> Value {
    typed(
        name,
        "kubernetes.io/dockerconfigjson",
        &json!({"auths": {key: {"auth": STANDARD.encode(format!("u:{CANARY}"))}}}),
    )
}

fn typed(name: &str, kind: &str, document: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": {"name": name, "namespace": "team"},
        "data": {".dockerconfigjson": STANDARD.encode(document.to_string())}})
}

fn resource(name: &str, registry: &str, status: &Value) -> Value {
    json!({
        "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": name, "namespace": "team"},
        "spec": {"type": "PrivateRegistry", "registryUrl": registry, "credentialsRef": {"name": format!("{name}-login")}},
        "status": status,
    })
}

/// Status of a resource whose credentials got this result.
fn verified(result: &str) -> Value {
    json!({
        "verification": {"result": result, "secretVerified": result == "Accepted"},
        "conditions": [{"type": "SecretSynced", "status": "True", "reason": "Synced", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    })
}

#[test]
fn bundle_of_captured_pods_gives_every_cause() {
    let secrets: Value = serde_json::from_str(include_str!("corpus/secrets.json")).unwrap();
    let corpora = [
        include_str!("corpus/containerd-1.7.jsonl"),
        include_str!("corpus/containerd-2.1.jsonl"),
    ];
    let mut objects: Vec<Value> = secrets.as_object().unwrap().iter().map(|(name, one)| {
        json!({"apiVersion": "v1", "kind": "Secret", "type": one["type"], "metadata": {"name": name, "namespace": "team"},
            "data": {one["key"].as_str().unwrap(): STANDARD.encode(one["document"].to_string())}})
    }).collect();
    let mut expected = Vec::new();
    for (runtime, corpus) in corpora.into_iter().enumerate() {
        for line in corpus.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let name = format!("{}-{runtime}", case["case"].as_str().unwrap());
            let names: Vec<&str> = case["imagePullSecrets"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one.as_str().unwrap())
                .collect();
            let last = case["states"].as_array().unwrap().last().unwrap();
            let state = match last["state"].as_str().unwrap() {
                "waiting" => waiting(
                    last["reason"].as_str().unwrap(),
                    last["message"].as_str().unwrap_or_default(),
                ),
                other => json!({other: {}}),
            };
            objects.push(pod(&name, case["image"].as_str().unwrap(), &names, &state));
            for event in case["events"].as_array().unwrap() {
                objects.push(
                    json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "team"},
                    "reason": event["reason"], "message": event["message"], "type": event["type"],
                    "involvedObject": {"kind": "Pod", "namespace": "team", "name": name}}),
                );
            }
            if let Some(cause) = case["cause"].as_str() {
                expected.push((
                    name,
                    cause.to_owned(),
                    names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>(),
                ));
            }
        }
    }
    let (code, report) = explain(&[], &objects);
    assert_eq!(code, 1);
    let failures = report["failures"].as_array().unwrap();
    assert_eq!(
        (failures.len(), report["images"].as_array().unwrap().len()),
        (expected.len(), 118)
    );
    for (failure, (pod, cause, names)) in failures.iter().zip(&expected) {
        assert_eq!((&failure["pod"], &failure["cause"]), (&json!(pod), &json!(cause)));
        let blame = failure["blame"]["name"].as_str();
        assert!(
            blame.is_none_or(|blame| names.iter().any(|name| name == blame)),
            "{failure}"
        );
        assert_eq!(failure["namespace"], "team");
        for field in ["container", "image", "code", "message", "action"] {
            assert!(failure[field].is_string(), "{failure}");
        }
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn failing_pod_gets_cause_blame_and_advice() {
    let wrong = waiting("ErrImagePull", &unauthorized(IMAGE));
    let none = waiting("ErrImagePull", &not_sent(IMAGE));
    let ours = resource("app", "r.example.com:5000", &verified("Rejected"));
    let good = resource("app", "r.example.com:5000", &verified("Accepted"));
    let secret = pull_secret("app", "r.example.com:5000");
    let blame = |kind: &str, name: &str| json!({"kind": kind, "namespace": "team", "name": name});
    let silent = waiting("ImagePullBackOff", &format!("Back-off pulling image \"{IMAGE}\""));
    let event = |time: &str, message: &str| {
        json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "namespace": "team"},
        "reason": "Failed", "note": message, "deprecatedLastTimestamp": time, "regarding": {"kind": "Pod", "namespace": "team", "name": "web"}})
    };
    let failed = |report: &str| format!("Failed to pull image \"{IMAGE}\": {report}");
    let table: Vec<(&str, Vec<Value>, &str, Value, &str)> = vec![
        (
            "the resource's",
            vec![pod("web", IMAGE, &["app"], &wrong), secret.clone(), ours.clone()],
            "CredentialsRejected",
            blame("DockerPullSecret", "app"),
            "Secret \"app-login\"",
        ),
        (
            "a Secret's",
            vec![pod("web", IMAGE, &["app"], &wrong), secret.clone()],
            "CredentialsRejected",
            blame("Secret", "app"),
            "in Secret \"app\"",
        ),
        (
            "no right",
            vec![pod("web", IMAGE, &["app"], &wrong), secret.clone(), good.clone()],
            "AccessDenied",
            blame("DockerPullSecret", "app"),
            "The registry accepts the credentials",
        ),
        (
            "not listed",
            vec![pod("web", IMAGE, &[], &none), secret.clone(), good.clone()],
            "CredentialsNotSent",
            Value::Null,
            "Add imagePullSecrets: [{name: app}]",
        ),
        (
            "absent",
            vec![pod("web", IMAGE, &["gone"], &none), secret.clone()],
            "PullSecretMissing",
            blame("Secret", "gone"),
            "Create Secret \"gone\"",
        ),
        // Without any Secret in the input nobody knows whether it exists.
        (
            "unseen",
            vec![pod("web", IMAGE, &["gone"], &none)],
            "CredentialsNotSent",
            Value::Null,
            "for r.example.com:5000",
        ),
        (
            "unseen, and an Event names it",
            vec![
                pod("web", IMAGE, &["gone"], &none),
                event(
                    "2026-01-01T00:00:00Z",
                    "Unable to retrieve some image pull secrets (gone); attempting to pull the image may not succeed.",
                ),
            ],
            "PullSecretMissing",
            blame("Secret", "gone"),
            "Create",
        ),
        (
            "wrong type",
            vec![pod("web", IMAGE, &["app"], &none), typed("app", "Opaque", &json!({}))],
            "CredentialsNotSent",
            Value::Null,
            "has type \"Opaque\"",
        ),
        (
            "malformed",
            vec![
                pod(
                    "web",
                    IMAGE,
                    &["app", "bad"],
                    &waiting(
                        "illegal base64 data at input byte 3",
                        "illegal base64 data at input byte 3",
                    ),
                ),
                secret.clone(),
                typed(
                    "bad",
                    "kubernetes.io/dockerconfigjson",
                    &json!({"auths": {"x": {"auth": "%"}}}),
                ),
            ],
            "PullSecretMalformed",
            blame("Secret", "bad"),
            "Secret \"bad\" holds",
        ),
        // Only the newest Event of an old kubelet counts.
        (
            "events",
            vec![
                pod("web", IMAGE, &["app"], &silent),
                secret.clone(),
                event("2026-01-01T00:00:09Z", &failed("manifest unknown")),
                event("2026-01-01T00:00:01Z", &failed(&unauthorized(IMAGE))),
            ],
            "ImageNotFound",
            Value::Null,
            "Correct the repository",
        ),
    ];
    for (name, objects, cause, blame, part) in &table {
        let (code, report) = explain(&["pod", "web"], objects);
        assert_eq!(code, 1, "{name}: {report}");
        let failure = &report["failures"][0];
        assert_eq!((&failure["cause"], &failure["blame"]), (&json!(cause), blame), "{name}");
        assert!(failure["action"].as_str().unwrap().contains(part), "{name}: {failure}");
    }
}

#[test]
fn every_entry_is_explained() {
    let secrets = [
        typed(
            "many",
            "kubernetes.io/dockerconfigjson",
            &json!({"auths": {
            "r.example.com:5000": {"username": "u", "password": CANARY}, "r.example.com:5000/team": {"username": "u", "password": CANARY},
            "r.example.com": {"username": "u", "password": CANARY}, "*.example.com:5000": {"username": "u"}}}),
        ),
        typed("opaque", "Opaque", &json!({})),
    ];
    let mut objects = vec![pod("web", IMAGE, &["many", "opaque", "gone"], &json!({"running": {}}))];
    objects.extend(secrets);
    let (code, report) = explain(&["pod", "web"], &objects);
    assert_eq!((code, report["failures"].as_array().unwrap().len()), (0, 0));
    let looked = &report["images"][0]["secrets"];
    let entries: Vec<(&str, Option<u64>)> = looked[0]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["key"].as_str().unwrap(), entry["order"].as_u64()))
        .collect();
    for entry in [
        ("r.example.com:5000/team", Some(1)),
        ("r.example.com:5000", Some(2)),
        ("*.example.com:5000", Some(3)),
        ("r.example.com", None),
    ] {
        assert!(entries.contains(&entry), "{entries:?}");
    }
    assert_eq!(
        (&looked[1]["state"], &looked[2]["state"]),
        (&json!("Ignored"), &json!("Absent"))
    );

    let input = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let (_, text, _) = run(&["-f", "-"], &input, None);
    for part in [
        "Pod team/web, container app: no failure",
        "3 entries match the image and are tried in this order until one works",
        "match 3 of 3, but it has no user name or no password, so the node pulls without credentials",
        "not used: it has no port, but the image has port 5000",
        "opaque: has type \"Opaque\"",
        "gone: does not exist",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }

    // One that cannot be read spoils all.
    objects.push(typed(
        "gone",
        "kubernetes.io/dockerconfigjson",
        &json!({"auths": {"x": {"auth": "%"}}}),
    ));
    let (_, report) = explain(&["pod", "web"], &objects);
    let why = &report["images"][0]["secrets"][0]["entries"][0]["why"];
    assert!(
        why.as_str().unwrap().contains("Secret \"gone\" cannot be parsed"),
        "{why}"
    );
}

#[test]
fn image_without_a_pod_is_explained_for_a_new_pod() {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "team"}, "imagePullSecrets": [{"name": "app"}]});
    let secret = pull_secret("app", "r.example.com:5000");
    let ours = |result: &str| resource("app", "r.example.com:5000", &verified(result));
    let image = |objects: &[Value], image: &str| explain(&["image", image, "-n", "team"], objects);

    let (code, report) = image(&[account.clone(), secret.clone(), ours("Accepted")], IMAGE);
    assert_eq!(
        (
            code,
            &report["images"][0]["matchingEntries"],
            &report["images"][0]["note"]
        ),
        (0, &json!(1), &Value::Null)
    );
    let (code, report) = image(&[account.clone(), secret.clone(), ours("Rejected")], IMAGE);
    assert_eq!(
        (code, &report["failures"][0]["cause"]),
        (1, &json!("CredentialsRejected"))
    );
    assert_eq!(report["failures"][0]["pod"], Value::Null);
    let (code, report) = image(&[secret.clone(), ours("Accepted")], IMAGE);
    assert_eq!(code, 0);
    let note = report["images"][0]["note"].as_str().unwrap();
    assert!(
        note.contains("right for a public image") && note.contains("{name: app}"),
        "{note}"
    );
    let (code, report) = image(&[account], "r.example.com:5000/Team/App");
    assert_eq!(
        (code, &report["failures"][0]["cause"], &report["failures"][0]["code"]),
        (1, &json!("InvalidImage"), &json!("DEP_E351"))
    );
}

#[test]
fn control_character_in_a_name_or_message_is_not_printed() {
    let mut web = pod(
        "web",
        IMAGE,
        &["a\u{1b}[2Jpp"],
        &waiting(
            "ErrImagePull",
            "\u{1b}]0;title\u{7} \u{202e}\u{200b}\u{2028}\u{9b}31m refused",
        ),
    );
    web["metadata"]["name"] = json!("web\u{1b}[31m\nPod forged");
    let input = json!({"apiVersion": "v1", "kind": "List", "items": [web]}).to_string();
    let (_, text, _) = run(&["-f", "-"], &input, None);
    assert!(
        !text.contains(|c| c != '\n' && is_invisible(c)) && text.contains("web\\u{1b}[31m\\u{a}Pod forged"),
        "{text:?}"
    );
}

#[test]
fn finished_pods_do_not_fail_and_wrong_usage_is_explained() {
    let wrong = waiting("ErrImagePull", &unauthorized(IMAGE));
    let mut evicted = pod("evicted", IMAGE, &[], &wrong);
    evicted["status"]["phase"] = json!("Failed");
    let mut going = pod("going", IMAGE, &[], &wrong);
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let (code, report) = explain(&[], &[evicted.clone(), going]);
    assert_eq!((code, report["failures"].as_array().unwrap().len()), (0, 0));

    for (args, part) in [
        (&["-f", "-", "pod", "absent"][..], "has no pod \"absent\""),
        (
            &["-f", "-", "service", "x"],
            "specify pod/NAME, image REFERENCE, or a workload",
        ),
        (&["-f", "-", "deployment", "x"], "are found in a cluster only"),
        (&["-f", "/nowhere"], "/nowhere"),
        (
            &["-f", "-", "image", "x", "--service-account", "robot"],
            "no ServiceAccount \"robot\"",
        ),
        (&["pod"], "specify pod/NAME"),
        (&["-A", "pod/web"], "cannot be used with"),
        (&["-f", "-", "-l", "app=web"], "cannot be used with"),
    ] {
        let (code, _, stderr) = run(args, &evicted.to_string(), None);
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains(part), "{args:?}: {stderr}");
    }
}
