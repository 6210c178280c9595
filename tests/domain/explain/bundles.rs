//! Inputs as tools and people make them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{CANARY, IMAGE, explain, pod, pull_secret, resource, run, typed, verified, waiting};
use crate::support::pods::{not_sent, unauthorized};

const JSON: &str = "kubernetes.io/dockerconfigjson";

fn account(name: &str, secrets: &[&str]) -> Value {
    let secrets: Vec<Value> = secrets.iter().map(|name| json!({"name": name})).collect();
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "team"}, "imagePullSecrets": secrets})
}

fn text_of(objects: &[Value], args: &[&str]) -> (i32, String, String) {
    let input = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let mut all = vec!["-f", "-"];
    all.extend_from_slice(args);
    run(&all, &input, None)
}

#[test]
fn bundle_with_secrets_prints_no_part_of_them() {
    let auth = STANDARD.encode(format!("u:{CANARY}"));
    let entries = [
        json!({"username": "u", "password": CANARY}),
        json!({"auth": auth}),
        json!({"auth": auth.trim_end_matches('=')}),
        json!({"auth": CANARY}),
        json!({"auth": STANDARD.encode(CANARY)}),
        json!({"username": CANARY, "password": ""}),
        json!({"username": "u", "password": [CANARY]}),
        json!({"username": {"a": CANARY}}),
        json!({"identitytoken": CANARY, "registrytoken": CANARY, "email": CANARY}),
        json!(CANARY),
        json!([CANARY]),
    ];
    let keys = [
        "r.example.com:5000".to_owned(),
        format!("https://u:{CANARY}@r.example.com:5000"),
        format!("u:{CANARY}@r.example.com:5000/team"),
        format!("https://u:{CANARY}@r.example.com"),
        format!("https://r.example.com:5000/?token={CANARY}"),
        format!("r.example.com#{CANARY}"),
    ];
    let mut documents: Vec<Value> = Vec::new();
    for key in &keys {
        documents.extend(entries.iter().map(|entry| json!({"auths": {key: entry}})));
    }
    documents.extend([
        json!({"auths": {"r.example.com": {}}, "HttpHeaders": {"Authorization": [CANARY]}}),
        json!({"auths": [CANARY]}),
        json!({"auths": CANARY}),
        json!({"r.example.com": {"auth": auth}}),
        json!({"credsStore": CANARY}),
        json!([CANARY]),
        json!(CANARY),
    ]);
    let mut secrets: Vec<(String, Value)> = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        for (kind, key) in [
            (JSON, ".dockerconfigjson"),
            ("kubernetes.io/dockercfg", ".dockercfg"),
            ("Opaque", "password"),
        ] {
            let name = format!("s{index}-{}", key.trim_start_matches('.'));
            let data = json!({key: STANDARD.encode(document.to_string())});
            secrets.push((name, json!({"type": kind, "data": data})));
        }
    }
    secrets.push((
        "raw".to_owned(),
        json!({"type": JSON, "data": {".dockerconfigjson": CANARY}}),
    ));
    secrets.push((
        "text".to_owned(),
        json!({"type": JSON, "stringData": {".dockerconfigjson": CANARY}}),
    ));
    secrets.push(("shape".to_owned(), json!({"type": JSON, "data": CANARY})));

    let report = format!("{}; Authorization: Basic {auth}", unauthorized(IMAGE));
    let states = [
        waiting("ErrImagePull", &report),
        waiting("ErrImagePull", &not_sent(IMAGE)),
        json!({"running": {}}),
    ];
    let mut objects = Vec::new();
    for (name, fields) in &secrets {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "team"}});
        for (field, value) in fields.as_object().unwrap() {
            secret[field] = value.clone();
        }
        objects.push(secret);
        for (index, state) in states.iter().enumerate() {
            objects.push(pod(&format!("{name}-{index}"), IMAGE, &[name], state));
        }
    }
    objects.push(resource(
        "broken",
        &format!("https://u:{CANARY}@r.example.com"),
        &Value::Null,
    ));
    // `run` looks for the canary.
    let (code, text, _) = text_of(&objects, &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("[redacted]@r.example.com:5000"), "{text}");
    let (code, report) = explain(&[], &objects);
    assert_eq!(code, 1, "{report}");
    assert_eq!(report["images"].as_array().unwrap().len(), 3 * secrets.len());
}

#[test]
fn bundle_without_the_content_of_secrets_proves_nothing() {
    let fails = waiting("ErrImagePull", &not_sent(IMAGE));
    for data in [
        json!({".dockerconfigjson": STANDARD.encode("REDACTED")}),
        json!({".dockerconfigjson": "***"}),
        json!({}),
        Value::Null,
    ] {
        let mut secret = typed("app", JSON, &json!({}));
        secret["data"] = data;
        secret["metadata"]["uid"] = json!("0f1e2d3c");
        let objects = [pod("web", IMAGE, &["app"], &fails), secret];
        let (code, report) = explain(&[], &objects);
        let failure = &report["failures"][0];
        assert_eq!(
            (code, &failure["cause"], &failure["blame"]),
            (1, &json!("CredentialsNotSent"), &Value::Null),
            "{report}"
        );
        let looked = &report["images"][0]["secrets"][0];
        assert_eq!(
            (&looked["state"], &looked["why"]),
            (&json!("Unreadable"), &json!("could not be read"))
        );
        let (_, _, stderr) = text_of(&objects, &[]);
        assert!(stderr.starts_with("warning: ") && stderr.contains("app"), "{stderr}");
        let (_, report) = explain(&["image", IMAGE], &[objects[1].clone(), account("default", &["app"])]);
        let note = report["images"][0]["note"].as_str().unwrap();
        assert!(
            note.contains("Secret \"app\" could not be read, so it is unknown"),
            "{note}"
        );
    }
}

#[test]
fn service_account_counts_before_a_pod_exists_and_is_a_note_after() {
    let mut manifest = pod("web", IMAGE, &[], &Value::Null);
    manifest["status"] = json!({});
    manifest["metadata"]["creationTimestamp"] = Value::Null;
    manifest["spec"]["serviceAccountName"] = json!("robot");
    manifest["spec"]["volumes"] = Value::Null;
    manifest["spec"]["imagePullSecrets"] = Value::Null;
    let around = [pull_secret("app", "r.example.com:5000"), account("robot", &["", "app"])];
    let with = |pod: &Value| [std::slice::from_ref(pod), &around[..]].concat();
    let (code, report) = explain(&["pod", "web"], &with(&manifest));
    let image = &report["images"][0];
    assert_eq!((code, &image["matchingEntries"]), (0, &json!(1)), "{report}");
    assert_eq!(
        image["note"],
        "When the pod is created, it gets the pull secrets of ServiceAccount \"robot\""
    );

    // What is certain to fail is said before.
    let rejected = resource("app", "r.example.com:5000", &verified("Rejected"));
    let (code, report) = explain(&["pod", "web"], &[with(&manifest), vec![rejected]].concat());
    assert_eq!(
        (code, &report["failures"][0]["cause"]),
        (1, &json!("CredentialsRejected")),
        "{report}"
    );

    let mut created = pod("web", IMAGE, &[], &waiting("ErrImagePull", &not_sent(IMAGE)));
    created["spec"]["serviceAccountName"] = json!("robot");
    let (code, text, _) = text_of(&with(&created), &["pod", "web"]);
    assert_eq!(code, 1);
    assert!(
        text.contains(
            "lists pull secrets (app) that this pod did not get when it was created. Recreate the pod to use them"
        ),
        "{text}"
    );
}

#[test]
fn events_of_an_earlier_pod_of_the_same_name_do_not_count() {
    let silent = waiting("ImagePullBackOff", &format!("Back-off pulling image \"{IMAGE}\""));
    let mut web = pod("web", IMAGE, &["app"], &silent);
    web["metadata"]["uid"] = json!("new");
    let event = |uid: &str, time: &str, report: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "team"}, "reason": "Failed", "lastTimestamp": time,
            "involvedObject": {"kind": "Pod", "namespace": "team", "name": "web", "uid": uid, "fieldPath": "spec.containers{app}"},
            "message": format!("Failed to pull image \"{IMAGE}\": {report}")})
    };
    let objects = [
        web,
        pull_secret("app", "r.example.com:5000"),
        event("old", "2026-01-02T00:00:00Z", &unauthorized(IMAGE)),
        event("new", "2026-01-01T00:00:01Z", "manifest unknown"),
        event(
            "new",
            "2026-01-01T00:00:01.5Z",
            "dial tcp: lookup r.example.com: no such host",
        ),
    ];
    let (_, report) = explain(&[], &objects);
    let failure = &report["failures"][0];
    assert_eq!(failure["cause"], "DNSFailure", "{failure}");
    assert_eq!(failure["message"], "dial tcp: lookup r.example.com: no such host");
}

#[test]
fn every_kind_of_container_and_image_volume_is_explained() {
    let volume = "r.example.com:5000/team/data:1";
    let mut web = pod("web", IMAGE, &[], &json!({"running": {}}));
    web["spec"]["initContainers"] = json!([{"name": "first", "image": "r.example.com:5000/team/init:1"}]);
    web["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "r.example.com:5000/team/debug:1"}]);
    web["spec"]["volumes"] =
        json!([{"name": "data", "image": {"reference": volume}}, {"name": "other", "emptyDir": {}}]);
    web["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    let fails = |name: &str, image: &str| json!([{"name": name, "state": waiting("ErrImagePull", &not_sent(image))}]);
    web["status"]["initContainerStatuses"] = fails("first", "r.example.com:5000/team/init:1");
    web["status"]["ephemeralContainerStatuses"] = fails("debug", "r.example.com:5000/team/debug:1");
    web["status"]["containerStatuses"] = fails("app", volume);
    let (code, report) = explain(&["pod", "web"], &[web]);
    let pairs = |field: &str| -> Vec<(String, String)> {
        let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
        let mut pairs: Vec<_> = report[field]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(one, "container"), text(one, "image")))
            .collect();
        pairs.sort();
        pairs
    };
    let pair = |container: &str, image: &str| (container.to_owned(), image.to_owned());
    let failing = [
        pair("app", volume),
        pair("debug", "r.example.com:5000/team/debug:1"),
        pair("first", "r.example.com:5000/team/init:1"),
    ];
    assert_eq!((code, pairs("failures")), (1, failing.to_vec()));
    let mut all = failing.to_vec();
    all.push(pair("app", IMAGE));
    all.sort();
    assert_eq!(pairs("images"), all);
}

#[test]
fn folder_as_tools_write_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let mut fails = pod("web", IMAGE, &["app"], &waiting("ErrImagePull", &unauthorized(IMAGE)));
    let mut runs = pod("runs", IMAGE, &["app"], &json!({"running": {}}));
    for one in [&mut fails, &mut runs] {
        one.as_object_mut().unwrap().remove("kind");
        one.as_object_mut().unwrap().remove("apiVersion");
    }
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
    write(
        "team/pods.json",
        &json!({"apiVersion": "v1", "kind": "PodList", "items": [runs, fails]}).to_string(),
    );
    write(
        "team/secrets.yaml",
        &format!("{}\n---\n{deployment}\n", pull_secret("app", "r.example.com:5000")),
    );
    write("version.json", r#"{"major": "1"}"#);
    write("names.json", r#"["a", "b"]"#);
    write("notes.txt", "not: [yaml");
    // The same pod again counts once.
    let mut again = pod("runs", IMAGE, &["app"], &json!({"running": {}}));
    again["metadata"]["labels"] = json!({"a": "b"});
    write("z.yaml", &again.to_string());
    let path = folder.path().to_str().unwrap();
    let (code, text, stderr) = run(&["-f", path], "", None);
    assert_eq!((code, stderr.lines().count()), (1, 2), "{stderr}");
    assert_eq!(
        text,
        format!(
            "1 of 2 pods cannot pull an image.\n\n\
             Pod team/web, container app: DEP_E153 (the image could not be pulled)\n  \
               cause     CredentialsRejected: the registry rejected the credentials\n  \
               action    Correct the user name and the password or access token in Secret \"app\"\n  \
               at fault  Secret team/app\n  \
               reported  {}\n  \
               image     r.example.com:5000/team/app:1\n  \
               secrets   1 entry matches the image\n    \
                 app\n      \
                   r.example.com:5000               matches\n\
             \nPod team/runs, container app: no failure; image r.example.com:5000/team/app:1: 1 entry matches the image\n",
            unauthorized(IMAGE).replace("?ns=hidden", "?…")
        )
    );
    let (code, _, stderr) = run(&["-f", &format!("{path}/version.json")], "", None);
    assert_eq!(
        (code, stderr.contains("not a Kubernetes object")),
        (2, true),
        "{stderr}"
    );
    write("broken.yaml", "a: [");
    let (code, _, stderr) = run(&["-f", path], "", None);
    assert_eq!((code, stderr.contains("broken.yaml: not YAML")), (2, true), "{stderr}");
}
