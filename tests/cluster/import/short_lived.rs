//! Logins in pull secrets that end after hours: what is said of them, and that it is right.

use std::collections::BTreeSet;

use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::json;

use super::import;
use crate::support::canary::CANARY;
use crate::support::dps::Output;
use crate::support::objects::Space;
use crate::support::operator::operator;
use crate::support::world::world;

const PULL_SECRET: &str = "kubernetes.io/dockerconfigjson";

/// A pull secret, its registry and its user, how long the login lives, and what the manifest has instead.
const LOGINS: [[&str; 5]; 3] = [
    [
        "ecr",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "AWS",
        "12 hours",
        "aws: {roleArn: \"arn:aws:iam::123456789012:role/ROLE\"}",
    ],
    [
        "acr",
        "example.azurecr.io",
        "00000000-0000-0000-0000-000000000000",
        "3 hours",
        "azure: {clientId: CLIENT_ID, tenantId: TENANT_ID}",
    ],
    [
        "gar",
        "europe-docker.pkg.dev",
        "oauth2accesstoken",
        "1 hour",
        "google: {workloadIdentityProvider: projects/PROJECT_NUMBER/",
    ],
];

/// What a person fills in.
const FILLED_IN: [(&str, &str); 7] = [
    ("SERVICE_ACCOUNT", "puller"),
    ("role/ROLE", "role/pull"),
    ("CLIENT_ID", "11111111-2222-3333-4444-555555555555"),
    ("TENANT_ID", "11111111-2222-3333-4444-555555555555"),
    ("PROJECT_NUMBER", "123"),
    ("POOL", "pool"),
    ("PROVIDER", "cluster"),
];

/// A namespace with these pull secrets.
async fn space(purpose: &str) -> Space {
    operator();
    let space = Space::new(world(), purpose).await;
    for [name, registry, username, ..] in LOGINS {
        let document = json!({"auths": {registry: {"username": username, "password": CANARY}}}).to_string();
        space
            .secret(name, PULL_SECRET, &[(".dockerconfigjson", &document)])
            .await;
    }
    space
}

fn says(output: &Output, code: i32, words: &[&str]) {
    let Output {
        code: ended,
        stdout,
        stderr,
    } = output;
    assert!(*ended == code && stdout.is_empty(), "{ended}: {stdout}{stderr}");
    for words in words {
        assert!(stderr.contains(words), "{words:?} in {stderr}");
    }
}

/// The manifests in an output.
fn manifests(output: &Output) -> Vec<String> {
    let parts = output.stderr.split("  Fill in what is in capital letters:\n").skip(1);
    let manifest = |part: &str| {
        let lines = part.lines().map_while(|line| line.strip_prefix("    "));
        lines.collect::<Vec<_>>().join("\n")
    };
    parts.map(manifest).collect()
}

async fn resources(space: &Space) -> BTreeSet<String> {
    let resources = space.resources.list(&ListParams::default()).await.unwrap();
    resources.items.iter().map(ResourceExt::name_any).collect()
}

#[tokio::test]
async fn what_ends_after_hours_is_left_and_the_manifest_instead_of_it_is_accepted() {
    let space = space("lasting").await;
    let lasting = json!({"auths": {"registry.invalid": {"username": "robot", "password": CANARY}}}).to_string();
    space
        .secret("lasting", PULL_SECRET, &[(".dockerconfigjson", &lasting)])
        .await;
    let output = import(&space, &["--pull-secrets", "--all", "--no-verify"], "");
    says(&output, 0, &["registry.invalid: wrote DockerPullSecret"]);
    for [name, registry, username, lifetime, instead] in LOGINS {
        let hint = format!(
            "{registry} in Secret {name}: logins of user {username} at this registry expire after {lifetime}: have the operator mint"
        );
        says(&output, 0, &[&hint, instead]);
    }
    assert!(
        output.stderr.contains("--allow-short-lived imports it anyway"),
        "{}",
        output.stderr
    );
    assert_eq!(resources(&space).await, BTreeSet::from(["registry-invalid".to_owned()]));

    let manifests = manifests(&output);
    assert_eq!(manifests.len(), 3, "{}", output.stderr);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("instead.yaml");
    for manifest in manifests {
        let fill = |text: String, (place, value): (&str, &str)| text.replace(place, value);
        let filled_in = FILLED_IN.into_iter().fold(manifest, fill);
        std::fs::write(&path, filled_in).unwrap();
        world().kubectl(&["apply", "-f", path.to_str().unwrap()]);
    }
    let minted = |registry: &str| registry.replace('.', "-");
    for [_, registry, ..] in LOGINS {
        let resource = space.reason(&minted(registry), "ServiceAccountNotAllowed").await;
        assert_eq!(resource.spec.registry_url.as_deref(), Some(registry));
    }
}

#[tokio::test]
async fn pull_secret_of_one_login_that_ends_is_taken_over_only_if_told_to() {
    let space = space("ending").await;
    for [name, registry, _, lifetime, instead] in LOGINS {
        let hint = format!("{registry} in Secret {name}: logins of user");
        let from = ["--from-secret", name, "--all", "--adopt", "--no-verify"];
        let output = import(&space, &from, "");
        let words = [hint.as_str(), lifetime, "There is nothing to import.", instead];
        says(&output, 1, &words);
        let metadata = format!("    metadata: {{name: {name}, namespace: {}}}\n", space.name);
        assert!(output.stderr.contains(&metadata), "{}", output.stderr);
        assert_eq!(resources(&space).await, BTreeSet::new());

        let output = import(
            &space,
            &[&from[..], &["--allow-short-lived", "--dry-run=server"]].concat(),
            "",
        );
        let warning = format!("{registry}: warning: logins of user");
        says(
            &output,
            0,
            &[&warning, &format!("{registry}: would write DockerPullSecret {name}")],
        );
        assert_eq!(resources(&space).await, BTreeSet::new());
    }
}
