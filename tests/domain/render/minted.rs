//! `dps render` of credentials that are minted: everything is checked that can be known without a cluster.

use crate::render::render_json;
use serde_json::{Value, json};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const ROLE: &str = "arn:aws:iam::123456789012:role/pull";
const NOTE: &str = "its credentials are minted in the cluster";

#[allow(clippy::needless_pass_by_value, reason = "what json! makes")]
fn minted(registry: &str, from: Value) -> Value {
    json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": "app", "namespace": "team"},
        "spec": {"type": "PrivateRegistry", "registryUrl": registry, "credentialsFrom": from}})
}

#[allow(clippy::needless_pass_by_value, reason = "what json! makes")]
fn account(provider: &str, fields: Value) -> Value {
    json!({"serviceAccountRef": {"name": "puller"}, provider: fields})
}

#[allow(clippy::needless_pass_by_value, reason = "what json! makes")]
fn puller(annotations: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "puller", "namespace": "team", "annotations": annotations}})
}

fn secret(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "team"}, "stringData": data})
}

#[test]
fn what_only_the_cluster_knows_is_a_note_and_what_is_wrong_is_a_problem() {
    let key = json!({"staticKeyRef": {"name": "key"}, "aws": {}});
    let rows: [(Vec<Value>, i32, &str); 13] = [
        (vec![minted(ECR, account("aws", json!({"roleArn": ROLE})))], 0, NOTE),
        // The role may be in an annotation, and the cluster in a flag of the operator.
        (vec![minted(ECR, account("aws", json!({})))], 0, NOTE),
        (
            vec![minted("europe-docker.pkg.dev", account("google", json!({})))],
            0,
            NOTE,
        ),
        (
            vec![
                minted(ECR, account("aws", json!({}))),
                puller(json!({"eks.amazonaws.com/role-arn": ROLE})),
            ],
            0,
            NOTE,
        ),
        (
            vec![minted(ECR, account("aws", json!({}))), puller(json!({}))],
            0,
            "warning: DockerPullSecret team/app: spec.credentialsFrom.aws.roleArn is missing",
        ),
        (
            vec![
                minted(ECR, account("aws", json!({}))),
                puller(json!({"eks.amazonaws.com/role-arn": "pull"})),
            ],
            0,
            "the annotation eks.amazonaws.com/role-arn of ServiceAccount \"puller\" is wrong",
        ),
        (
            vec![minted("registry.example.com", account("aws", json!({"roleArn": ROLE})))],
            1,
            "RegistryMismatch: spec.credentialsFrom.aws does not fit spec.registryUrl",
        ),
        (
            vec![minted(
                ECR,
                account("aws", json!({"roleArn": "arn:aws-cn:iam::123456789012:role/pull"})),
            )],
            1,
            "RegistryMismatch: the role",
        ),
        (
            vec![minted(ECR, account("aws", json!({"roleArn": "pull"})))],
            1,
            "must be the ARN of a role",
        ),
        (vec![minted(ECR, key.clone())], 0, NOTE),
        (
            vec![
                minted(ECR, key.clone()),
                secret("key", &json!({"accessKeyId": "AKIA", "secretAccessKey": "canary"})),
            ],
            0,
            NOTE,
        ),
        (
            vec![
                minted(ECR, key.clone()),
                secret("key", &json!({"secretAccessKey": "canary"})),
            ],
            1,
            "KeyMissing: Secret \"key\" has no key \"accessKeyId\"",
        ),
        (
            vec![
                minted(ECR, account("aws", json!({"roleArn": ROLE}))),
                secret("app", &json!({"a": "b"})),
            ],
            1,
            "NameConflict: Secret \"app\" exists",
        ),
    ];
    for (objects, code, words) in rows {
        let input: String = objects.iter().map(Value::to_string).collect();
        let (output, items) = render_json(&input);
        assert_eq!((output.code, items.len()), (code, 0), "{}", output.stderr);
        assert!(output.stderr.contains(words), "{words:?} in {}", output.stderr);
        assert_eq!(output.stderr.contains(NOTE), code == 0, "{}", output.stderr);
        output.hides("canary");
    }
}

#[test]
fn resource_for_many_namespaces_is_checked_in_the_same_way() {
    let input = |registry: &str| {
        let mut from = account("aws", json!({"roleArn": ROLE}));
        from["namespace"] = json!("platform");
        let spec = json!({"type": "PrivateRegistry", "registryUrl": registry, "credentialsFrom": from,
            "namespaceSelector": {}});
        let resource = json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "ClusterDockerPullSecret",
            "metadata": {"name": "app"}, "spec": spec});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}});
        format!("{resource}{namespace}")
    };
    let (good, items) = render_json(&input(ECR));
    assert_eq!((good.code, items.len()), (0, 0), "{}", good.stderr);
    assert!(good.stderr.contains(NOTE), "{}", good.stderr);
    let (bad, _) = render_json(&input("example.azurecr.io"));
    assert_eq!(bad.code, 1);
    assert!(bad.stderr.contains("RegistryMismatch"), "{}", bad.stderr);
}
