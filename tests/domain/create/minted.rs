//! `dps create` of resources whose credentials the operator mints.

use serde_json::Value;

use crate::support::dps::{Output, dps};
use crate::support::repository;

fn create(arguments: &str) -> Output {
    let arguments: Vec<&str> = ["create", "--export"].into_iter().chain(arguments.split(' ')).collect();
    dps(&arguments, "")
}

/// The one resource among some objects.
fn resource(text: &str) -> Value {
    let objects: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    let is_resource = |object: &Value| object["apiVersion"] == "pullsecrets.dev/v1alpha1";
    let mut resources = objects.into_iter().filter(is_resource);
    let resource = resources.next().unwrap();
    assert_eq!(resources.next(), None);
    resource
}

const ROWS: [(&str, &str); 7] = [
    (
        "azure.yaml",
        "acr --registry-url example.azurecr.io --mint-as image-puller --mint-option repositories=team-a/app --mint-option repositories=team-a/worker",
    ),
    (
        "ecr.yaml",
        "ecr --registry-url 123456789012.dkr.ecr.eu-west-1.amazonaws.com --mint-as image-puller",
    ),
    (
        "gke.yaml",
        "artifact-registry-gke --registry-url europe-docker.pkg.dev --mint-as image-puller",
    ),
    (
        "google.yaml",
        "artifact-registry --registry-url europe-docker.pkg.dev --mint-as image-puller --mint-option workloadIdentityProvider=projects/123456789/locations/global/workloadIdentityPools/clusters/providers/this-cluster",
    ),
    (
        "many-namespaces.yaml",
        "shared-ecr --registry-url 123456789012.dkr.ecr.eu-west-1.amazonaws.com --namespace-selector registry=shared --exclude-namespace kube-* --mint-as image-puller --mint-option roleArn=arn:aws:iam::123456789012:role/shared-pull",
    ),
    (
        "quay.yaml",
        "quay-federation --registry-url quay.io --mint-as image-puller --mint-option robot=acme+team_a_pull",
    ),
    (
        "static-key.yaml",
        "ecr-with-a-key --registry-url 123456789012.dkr.ecr.eu-west-1.amazonaws.com --mint-with-key aws-key --mint-option roleArn=arn:aws:iam::123456789012:role/team-a-pull",
    ),
];

/// As many as there are; the ServiceAccounts, and who may use them, are not for `dps create`.
#[test]
fn all_samples_of_short_lived_credentials_can_be_made_by_arguments() {
    let samples = repository().join("deploy/samples/short-lived");
    let files = std::fs::read_dir(&samples).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "consent.yaml").collect();
    names.sort();
    assert_eq!(names, ROWS.map(|(sample, _)| sample));
    for (sample, arguments) in ROWS {
        let made = create(arguments);
        assert_eq!(made.code, 0, "{sample}: {}", made.stderr);
        assert!(
            made.stderr.contains("the credentials are not verified"),
            "{}",
            made.stderr
        );
        let wanted = resource(&std::fs::read_to_string(samples.join(sample)).unwrap());
        assert_eq!(resource(&made.stdout), wanted, "{sample}");
    }
}

#[test]
fn keys_of_a_secret_with_a_long_lived_key_may_have_other_names() {
    let made = create(
        "acr --registry-url example.azurecr.io --mint-with-key entra --key clientSecret=password --mint-option clientId=11111111-2222-3333-4444-555555555555 --mint-option tenantId=11111111-2222-3333-4444-555555555555",
    );
    assert_eq!(made.code, 0, "{}", made.stderr);
    let from = &resource(&made.stdout)["spec"]["credentialsFrom"];
    let wanted: Value = serde_saphyr::from_str(
        "{staticKeyRef: {name: entra, keys: {clientSecret: password}},
          azure: {clientId: 11111111-2222-3333-4444-555555555555, tenantId: 11111111-2222-3333-4444-555555555555}}",
    )
    .unwrap();
    assert_eq!(*from, wanted);
}

#[test]
fn cloud_follows_from_a_domain_that_the_operator_knows() {
    let made = create(
        "app --registry-url registry.azurecr.example.net --mint-as puller --allow-registry-suffix azure=azurecr.example.net",
    );
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert!(made.stdout.contains("    azure: {}\n"), "{}", made.stdout);
}

#[test]
fn what_no_cloud_understands_is_refused_with_what_it_does() {
    let rows = [
        (
            "--registry-url registry.example.com --mint-as puller",
            "--mint-option is missing: registry.example.com is not a registry of AWS, Google or Azure. For Quay, write robot=ORGANIZATION+NAME",
        ),
        (
            "--registry-url example.azurecr.io --mint-as puller --mint-option roleArn=x",
            "--mint-option roleArn: for azure, write clientId, tenantId, repositories, audience",
        ),
        (
            "--registry-url quay.io --mint-as puller --mint-option robot=acme+a --mint-option robot=acme+b",
            "--mint-option robot: is named twice",
        ),
        (
            "--registry-url quay.io --mint-as puller --mint-option robot=acme",
            "quay.robot \"acme\" must be the full name of a robot account",
        ),
        (
            "--type DockerHub --mint-as puller --mint-option robot=acme+a",
            "is not for type DockerHub",
        ),
        (
            "--registry-url example.azurecr.io --mint-with-key key --key password=token",
            "--key password: write accessKeyId, secretAccessKey, sessionToken, clientSecret or serviceAccountKey",
        ),
        (
            "--registry-url example.azurecr.io --mint-as puller --mint-with-key key",
            "cannot be used with",
        ),
        (
            "--registry-url example.azurecr.io --mint-as puller --username robot",
            "cannot be used with",
        ),
        (
            "--registry-url example.azurecr.io --from-secret login --mint-option clientId=x",
            "--mint-as",
        ),
        (
            "--registry-url example.azurecr.io --mint-as puller --key password=token",
            "--from-secret",
        ),
    ];
    for (arguments, words) in rows {
        let refused = create(&format!("app {arguments}"));
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{arguments}");
        assert!(refused.stderr.contains(words), "{arguments}: {}", refused.stderr);
    }
}
