//! For whom credentials are minted.

use dps::api::Reason;
use dps::domain::minting::identity::ProofRequest;
use dps::domain::minting::settings::MintSettings;
use dps::domain::minting::source::MintSource;
use serde_json::{Value, json};

use crate::minting::{Annotations, account, identity, with_settings};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const ACR: &str = "example.azurecr.io";
const GAR: &str = "europe-docker.pkg.dev";
const ROLE: &str = "arn:aws:iam::123456789012:role/pull";
const ID: &str = "11111111-2222-3333-4444-555555555555";

#[test]
fn spec_comes_before_annotations_and_each_cloud_has_its_audience() {
    let pool = "projects/123/locations/global/workloadIdentityPools/pool/providers/cluster";
    let rows: [(&str, Value, Annotations<'_>, &str, &str, u32); 8] = [
        (
            ECR,
            account("aws", json!({"roleArn": ROLE})),
            &[],
            ROLE,
            "sts.amazonaws.com",
            600,
        ),
        (
            ECR,
            account("aws", json!({})),
            &[
                ("eks.amazonaws.com/role-arn", ROLE),
                ("eks.amazonaws.com/audience", "mine"),
            ],
            ROLE,
            "mine",
            600,
        ),
        (
            ECR,
            account("aws", json!({"audience": "theirs"})),
            &[
                ("eks.amazonaws.com/role-arn", "arn:aws:iam::123456789012:role/other"),
                ("eks.amazonaws.com/ecr-role-arn", ROLE),
            ],
            ROLE,
            "theirs",
            600,
        ),
        (
            GAR,
            account("google", json!({"workloadIdentityProvider": pool})),
            &[],
            "ServiceAccount \"puller\"",
            &format!("//iam.googleapis.com/{pool}"),
            3600,
        ),
        (
            GAR,
            account("google", json!({"workloadIdentityProvider": pool})),
            &[("iam.gke.io/gcp-service-account", "pull@acme.iam.gserviceaccount.com")],
            "pull@acme.iam.gserviceaccount.com",
            &format!("//iam.googleapis.com/{pool}"),
            600,
        ),
        (
            ACR,
            account("azure", json!({"clientId": ID, "tenantId": ID})),
            &[],
            ID,
            "api://AzureADTokenExchange",
            600,
        ),
        (
            ACR,
            account("azure", json!({"audience": "api://AzureCRTokenExchange"})),
            &[
                ("azure.workload.identity/client-id", ID),
                ("kubernetes.azure.com/acr-tenant-id", ID),
            ],
            ID,
            "api://AzureCRTokenExchange",
            600,
        ),
        (
            "quay.example.com:8443",
            account("quay", json!({"robot": "acme+puller"})),
            &[],
            "acme+puller",
            "quay.example.com:8443",
            3600,
        ),
    ];
    for (registry, from, annotations, name, audience, seconds) in rows {
        let found = identity(registry, from, annotations).unwrap();
        assert_eq!(found.display(), name);
        let wanted = ProofRequest::Token {
            service_account: "puller".to_owned(),
            audience: audience.to_owned(),
            seconds,
        };
        assert_eq!(found.proof, wanted);
    }
}

#[test]
fn cluster_of_google_needs_no_provider() {
    let settings = MintSettings {
        gke_cluster: Some("projects/acme/locations/eu/clusters/prod".parse().unwrap()),
        ..MintSettings::default()
    };
    let found = with_settings(GAR, account("google", json!({})), &[], &settings).unwrap();
    let ProofRequest::Token { audience, .. } = found.proof else {
        panic!()
    };
    assert_eq!(audience, "acme.svc.id.goog");
}

/// A registry, a source, annotations of the ServiceAccount, and what is wrong with them.
type Refusal<'a> = (&'a str, Value, Annotations<'a>, Reason, &'a str);

fn are_refused(rows: &[Refusal<'_>]) {
    for (registry, from, annotations, reason, words) in rows {
        let problem = identity(registry, from.clone(), annotations).unwrap_err();
        assert_eq!(problem.reason, *reason, "{}", problem.message);
        assert!(problem.message.contains(words), "{}", problem.message);
    }
}

#[test]
fn audiences_of_api_servers_and_hosts_in_other_spellings_are_refused() {
    are_refused(&[
        (
            ECR,
            account("aws", json!({"roleArn": ROLE})),
            &[("eks.amazonaws.com/audience", "https://kubernetes.default.svc/")],
            Reason::AudienceRefused,
            "in the annotation eks.amazonaws.com/audience of ServiceAccount \"puller\" is that of an API server",
        ),
        (
            ECR,
            account("aws", json!({"roleArn": ROLE})),
            &[("eks.amazonaws.com/audience", "")],
            Reason::IdentityMissing,
            "must be printable",
        ),
        (
            "example.azurecr.io:443",
            account("azure", json!({"clientId": ID, "tenantId": ID})),
            &[],
            Reason::RegistryMismatch,
            "example.azurecr.io:443 is not an Azure Container Registry",
        ),
        (
            "example.azurecr.io./team",
            account("azure", json!({"clientId": ID, "tenantId": ID})),
            &[],
            Reason::InvalidRegistry,
            "example.azurecr.io.",
        ),
    ]);
}

#[test]
fn what_is_missing_or_does_not_fit_is_named_with_its_remedy() {
    are_refused(&[
        (
            ECR,
            account("aws", json!({})),
            &[],
            Reason::IdentityMissing,
            "annotate ServiceAccount \"puller\" with eks.amazonaws.com/role-arn",
        ),
        (
            ECR,
            account("aws", json!({})),
            &[("eks.amazonaws.com/role-arn", "pull")],
            Reason::IdentityMissing,
            "the annotation eks.amazonaws.com/role-arn of ServiceAccount \"puller\" is wrong",
        ),
        (
            ECR,
            account("aws", json!({"roleArn": "arn:aws-cn:iam::123456789012:role/pull"})),
            &[],
            Reason::RegistryMismatch,
            "the registry in aws",
        ),
        (
            "registry.example.com",
            account("aws", json!({"roleArn": ROLE})),
            &[],
            Reason::RegistryMismatch,
            "registry.example.com is not a registry of Amazon ECR",
        ),
        (
            "*.dkr.ecr.eu-west-1.amazonaws.com",
            account("aws", json!({"roleArn": ROLE})),
            &[],
            Reason::RegistryMismatch,
            "nothing was sent anywhere",
        ),
        (
            GAR,
            account("google", json!({})),
            &[],
            Reason::IdentityMissing,
            "--gke-cluster",
        ),
        (
            GAR,
            account("azure", json!({})),
            &[],
            Reason::RegistryMismatch,
            "is not an Azure Container Registry",
        ),
        (
            ACR,
            account("azure", json!({"clientId": ID})),
            &[],
            Reason::IdentityMissing,
            "azure.tenantId is missing",
        ),
        (
            ACR,
            account("azure", json!({"tenantId": ID})),
            &[("azure.workload.identity/client-id", "app")],
            Reason::IdentityMissing,
            "must be an id",
        ),
        (
            "*.example.com",
            account("quay", json!({"robot": "acme+puller"})),
            &[],
            Reason::RegistryMismatch,
            "one host",
        ),
        (
            ACR,
            account("google", json!({})),
            &[],
            Reason::RegistryMismatch,
            "is not a registry of Google",
        ),
    ]);
}

#[test]
fn rules_of_the_spec_are_sentences() {
    let rows = [
        (
            json!({"serviceAccountRef": {"name": "a"}}),
            "exactly one of aws, google, azure and quay",
        ),
        (
            json!({"serviceAccountRef": {"name": "a"}, "aws": {}, "google": {}}),
            "exactly one of aws, google, azure and quay",
        ),
        (json!({"aws": {}}), "exactly one of serviceAccountRef and staticKeyRef"),
        (
            json!({"serviceAccountRef": {"name": "a"}, "staticKeyRef": {"name": "b"}, "aws": {}}),
            "exactly one of serviceAccountRef and staticKeyRef",
        ),
        (
            json!({"staticKeyRef": {"name": "b"}, "quay": {"robot": "acme+puller"}}),
            "needs serviceAccountRef",
        ),
        (
            account("aws", json!({"roleArn": "arn:aws:iam::1:role/x"})),
            "must be the ARN of a role",
        ),
        (account("azure", json!({"clientId": "app"})), "azure.clientId"),
        (account("azure", json!({"repositories": ["team/*"]})), "knows no '*'"),
        (
            account("azure", json!({"repositories": ["team/app:1"]})),
            "without host and tag",
        ),
        (
            account(
                "google",
                json!({"workloadIdentityProvider": "projects/acme/locations/global/workloadIdentityPools/p/providers/q"}),
            ),
            "not its id",
        ),
        (
            account("google", json!({"serviceAccountEmail": "a/../b@x.y"})),
            "must be the address",
        ),
        (account("quay", json!({"robot": "puller"})), "acme+puller"),
        (
            account(
                "quay",
                json!({"robot": "acme+puller", "audience": "https://kubernetes.default.svc"}),
            ),
            "is that of an API server",
        ),
        (account("aws", json!({"audience": "a b"})), "printable"),
        (account("aws", json!({"audience": ""})), "printable"),
        (account("aws", json!({"audience": "a\nb"})), "printable"),
        (
            json!({"serviceAccountRef": {"name": "a/../b"}, "aws": {}}),
            "not a valid object name",
        ),
    ];
    for (from, words) in rows {
        let problem = MintSource::new(&serde_json::from_value(from).unwrap()).unwrap_err();
        assert!(problem.message.contains(words), "{}", problem.message);
    }
}

#[test]
fn host_in_capital_letters_and_with_a_path_is_the_same_registry() {
    for (registry, other, from) in [
        (
            ECR,
            "HTTPS://123456789012.DKR.ECR.EU-WEST-1.AmazonAWS.com/team",
            account("aws", json!({"roleArn": ROLE})),
        ),
        (
            ACR,
            "Example.AzureCR.IO",
            account("azure", json!({"clientId": ID, "tenantId": ID})),
        ),
        (
            "quay.io",
            "QUAY.io/acme",
            account("quay", json!({"robot": "acme+puller"})),
        ),
    ] {
        let of = |registry| identity(registry, from.clone(), &[]).unwrap();
        assert_eq!(of(other), of(registry));
    }
}
