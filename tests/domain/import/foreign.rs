//! Objects of other tools: those that say what one of ours says become it, the others are named with what to do.

use dps::form::import::{FoundLogin, pull_secret};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::unusable;
use crate::support::canary::CANARY;
use crate::support::dps::{Output, dps, dps_in};

/// What `dps import` makes of manifests, for namespace `team`.
fn import(manifests: &[Value]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("objects.json");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
    std::fs::write(&file, list.to_string()).unwrap();
    let arguments = "import --export --no-verify --all -n team --filename";
    let arguments: Vec<&str> = arguments.split(' ').chain([file.to_str().unwrap()]).collect();
    let output = dps_in(&[], &arguments, "");
    output.hides(CANARY);
    output
}

/// The Secrets that the operator makes of imported resources and these objects: namespace, name and document of each.
fn rendered(imported: &Output, others: &[Value]) -> Vec<(String, String, Value)> {
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    let others = others.iter().map(|object| format!("---\n{object}\n"));
    let input: String = [imported.stdout.clone()].into_iter().chain(others).collect();
    let rendered = dps(&["render", "-o", "json", "-f", "-"], &input);
    assert_eq!(rendered.code, 0, "{}", rendered.stderr);
    let rendered: Value = serde_json::from_str(&rendered.stdout).unwrap();
    let text = |secret: &Value, field: &str| secret["metadata"][field].as_str().unwrap().to_owned();
    let secrets = rendered["items"].as_array().unwrap().iter();
    let secrets = secrets.map(|secret| {
        let document = super::decoded(secret["data"][".dockerconfigjson"].as_str().unwrap());
        (
            text(secret, "namespace"),
            text(secret, "name"),
            document["auths"].clone(),
        )
    });
    secrets.collect()
}

fn refused(manifests: &[Value], why: &str) {
    let output = import(manifests);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{}", output.stderr);
    assert!(output.stderr.contains(why), "{why}: {}", output.stderr);
}

/// A pull secret with these registries.
fn pull_secret_of(namespace: &str, name: &str, registries: &[&str]) -> Value {
    let entry = json!({"username": "robot", "password": CANARY});
    let entries = registries
        .iter()
        .map(|registry| ((*registry).to_owned(), entry.clone()));
    let document = json!({"auths": Value::Object(entries.collect())});
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {".dockerconfigjson": document.to_string()},
    })
}

fn external_secret(template: &Value) -> Value {
    json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "regcred", "namespace": "team"},
        "spec": {"refreshInterval": "1h", "target": {"name": "written", "template": template}, "data": [
            {"secretKey": "password", "remoteRef": {"key": "registries/example", "property": "password"}},
        ]},
    })
}

fn docker_config_template(document: &str) -> Value {
    json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": document}})
}

const FILLED_IN: &str = r#"{"auths": {"https://registry.example.com:5000/v2/": {"username": "robot", "password": "{{ .password | toString }}",
    "auth": "{{ printf "%s:%s" "robot" .password | b64enc }}"}}}"#;

#[test]
fn external_secret_becomes_a_resource_that_refers_to_what_it_writes() {
    let imported = import(&[external_secret(&docker_config_template(FILLED_IN))]);
    assert!(
        imported
            .stderr
            .contains("https://registry.example.com:5000/v2/: DockerPullSecret registry-example-com-5000 printed"),
        "{}",
        imported.stderr
    );
    assert!(!imported.stdout.contains("kind: Secret"), "{}", imported.stdout);
    let written = pull_secret_of("team", "written", &["https://registry.example.com:5000/v2/"]);
    let secrets = rendered(&imported, &[written]);
    let [(namespace, name, document)] = secrets.as_slice() else {
        panic!("{secrets:?}")
    };
    assert_eq!(
        (namespace.as_str(), name.as_str()),
        ("team", "registry-example-com-5000")
    );
    assert_eq!(document["registry.example.com:5000"]["password"], CANARY);
}

#[test]
fn external_secret_that_does_not_say_its_registry_or_is_elsewhere_is_refused() {
    for document in [
        r#"{"auths": {"{{ .registry }}": {"auth": "{{ .auth }}"}}}"#,
        "{{ .document | toString }}",
        r#"{"auths": {{ .auths | toJson }}}"#,
    ] {
        refused(
            &[external_secret(&docker_config_template(document))],
            "import Secret written once External Secrets has written it, with --from-secret written",
        );
    }
    let mut elsewhere = external_secret(&docker_config_template(FILLED_IN));
    elsewhere["metadata"]["namespace"] = json!("other");
    refused(
        &[elsewhere],
        "it is in namespace other, where the DockerPullSecret has to be too: import it with -n other",
    );
    let plain = import(&[external_secret(&json!({"type": "Opaque"}))]);
    assert_eq!(
        (plain.code, plain.stderr.as_str()),
        (0, "There is nothing to import.\n")
    );
}

fn cluster_pull_secret(reference: &Value) -> Value {
    json!({
        "apiVersion": "ops.alexellis.io/v1", "kind": "ClusterPullSecret", "metadata": {"name": "company"},
        "spec": {"secretRef": reference},
    })
}

fn namespace(name: &str, metadata: &Value) -> Value {
    let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
    namespace["metadata"]["name"] = json!(name);
    namespace
}

#[test]
fn cluster_pull_secret_becomes_a_cluster_resource_for_the_same_namespaces() {
    let reference = json!({"name": "seed", "namespace": "platform"});
    let out = json!({"annotations": {"alexellis.io/registry-creds.ignore": "True"}});
    let others = [
        pull_secret_of("platform", "seed", &["registry.example.com"]),
        namespace("web", &json!({})),
        namespace("out", &out),
    ];
    let imported = import(&[&[cluster_pull_secret(&reference)], &others[..]].concat());
    let secrets = rendered(&imported, &others);
    let [(namespace, name, document)] = secrets.as_slice() else {
        panic!("{secrets:?}")
    };
    assert_eq!((namespace.as_str(), name.as_str()), ("web", "company-registrycreds"));
    assert_eq!(document["registry.example.com"]["password"], CANARY);
    for line in [
        "name: company\n",
        "excludeNamespaces:\n  - out\n",
        "serviceAccounts:\n    - \"*\"\n",
    ] {
        assert!(imported.stdout.contains(line), "{line}: {}", imported.stdout);
    }
}

#[test]
fn cluster_pull_secret_that_says_too_little_is_refused() {
    let reference = json!({"name": "seed", "namespace": "platform"});
    let (object, web) = (cluster_pull_secret(&reference), namespace("web", &json!({})));
    let seed = pull_secret_of("platform", "seed", &["registry.example.com"]);
    refused(&[object.clone(), seed], "which namespaces opt out of it");
    refused(
        &[object.clone(), web.clone()],
        "Secret platform/seed, which it names, cannot be read",
    );
    let two = pull_secret_of("platform", "seed", &["a.example.com", "b.example.com"]);
    refused(&[object.clone(), web.clone(), two], "has 2 registries");
    let opaque = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "seed", "namespace": "platform"}});
    refused(&[object, web.clone(), opaque], "is of type Opaque");
    refused(
        &[cluster_pull_secret(&json!({"name": "seed"})), web],
        "it does not name exactly one Secret, with its namespace",
    );
}

/// An ImagePullSecret with these fields in `spec.target`.
fn image_pull_secret(target: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "images.cisco.com/v1alpha1", "kind": "ImagePullSecret", "metadata": {"name": "imps"},
        "spec": {"registry": {"credentials": [{"name": "seed", "namespace": "platform"}]},
            "target": {"secret": {"name": "istio-pull-secret", "labels": {"team": "mesh"}}}},
    });
    for (field, value) in target.as_object().unwrap() {
        object["spec"]["target"][field] = value.clone();
    }
    object
}

#[test]
fn image_pull_secret_becomes_a_cluster_resource_for_the_same_namespaces() {
    let others = [
        pull_secret_of("platform", "seed", &["https://index.docker.io/v1/"]),
        namespace(
            "web",
            &json!({"labels": {"mesh": "on", "kubernetes.io/metadata.name": "web"}}),
        ),
        namespace("db", &json!({"labels": {"kubernetes.io/metadata.name": "db"}})),
    ];
    for selected in [
        json!({"namespaces": {"labels": [{"matchExpressions": [{"key": "mesh", "operator": "Exists"}]}]}}),
        json!({"namespaces": {"names": ["web", "later"]}, "namespacesWithPods": {}}),
    ] {
        let object = image_pull_secret(&selected);
        let imported = import(&[&[object], &others[..]].concat());
        let secrets = rendered(&imported, &others);
        let [(namespace, name, document)] = secrets.as_slice() else {
            panic!("{secrets:?}")
        };
        assert_eq!((namespace.as_str(), name.as_str()), ("web", "istio-pull-secret"));
        assert_eq!(document["https://index.docker.io/v1/"]["password"], CANARY);
        assert!(
            imported.stdout.contains("labels:\n      team: mesh\n"),
            "{}",
            imported.stdout
        );
    }
}

#[test]
fn image_pull_secret_that_selects_otherwise_is_refused() {
    let seed = pull_secret_of("platform", "seed", &["registry.example.com"]);
    let by_name = json!({"names": ["web"]});
    let annotations = json!({"annotations": [{"matchAnnotations": {"sidecar.istio.io/inject": "true"}}]});
    for (target, why) in [
        (
            json!({"namespaces": annotations}),
            "by their annotations or by their pods",
        ),
        (
            json!({"namespaces": by_name, "namespacesWithPods": annotations}),
            "by their annotations or by their pods",
        ),
        (
            json!({"namespaces": {"names": ["web"], "labels": [{"matchLabels": {"a": "b"}}]}}),
            "in more than one way",
        ),
        (json!({"namespaces": {}}), "it selects no namespace"),
        (json!({"namespaces": {"names": [7]}}), "are not valid"),
        (
            json!({"namespaces": by_name, "secret": {"name": "a", "annotations": {"b": "c"}}}),
            "it sets annotations on the Secrets",
        ),
    ] {
        refused(&[image_pull_secret(&target), seed.clone()], why);
    }
    let mut merged = image_pull_secret(&json!({"namespaces": by_name}));
    merged["spec"]["registry"]["credentials"] =
        json!([{"name": "a", "namespace": "platform"}, {"name": "b", "namespace": "platform"}]);
    refused(&[merged], "it does not name exactly one Secret");
}

#[test]
fn pull_secret_that_another_operator_hands_out_is_not_imported_by_itself() {
    let secret = |metadata: Value| -> Secret {
        let mut secret = pull_secret_of("team", "copy", &["a.example.com"]);
        let document = secret["stringData"][".dockerconfigjson"].as_str().unwrap().to_owned();
        secret.as_object_mut().unwrap().remove("stringData");
        secret["metadata"]
            .as_object_mut()
            .unwrap()
            .extend(metadata.as_object().unwrap().clone());
        let mut secret: Secret = serde_json::from_value(secret).unwrap();
        secret.data = Some(
            [(
                ".dockerconfigjson".to_owned(),
                k8s_openapi::ByteString(document.into_bytes()),
            )]
            .into(),
        );
        secret
    };
    let owner = |api_version: &str, kind: &str| json!({"ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": "x", "uid": "1", "controller": true}]});
    let copy = pull_secret(&secret(owner("ops.alexellis.io/v1", "ClusterPullSecret")), false).unwrap();
    assert!(unusable(&copy[0].login).contains("import that with --other-operators"));
    let patched = json!({"annotations": {"app.kubernetes.io/managed-by": "imagepullsecret-patcher"}});
    let patched = pull_secret(&secret(patched), false).unwrap();
    assert!(unusable(&patched[0].login).contains("imagepullsecret-patcher writes this Secret into many namespaces"));

    let written = pull_secret(&secret(owner("external-secrets.io/v1", "ExternalSecret")), false).unwrap();
    assert!(matches!(&written[0].login, FoundLogin::Stored { secret, credentials: Some(_) } if secret == "copy"));
    assert_eq!(
        (written[0].pull_secret.clone(), written[0].name().as_deref()),
        (None, Some("a-example-com"))
    );
    // A resource may not generate the Secret that it reads.
    let mut twin = written[0].clone();
    twin.login = FoundLogin::Stored {
        secret: "a-example-com".to_owned(),
        credentials: None,
    };
    assert_eq!(twin.name().as_deref(), Some("a-example-com-pull"));
}
