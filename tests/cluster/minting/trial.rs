//! `dps mint`: a person tries what the operator would do.

mod keys;

use std::path::Path;

use dps::api::DockerPullSecret;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::minting::{account, clouds, operator, spec};
use crate::support::cloud::{Cloud, ECR, ROLE};
use crate::support::dps::{Output, dps_in};
use crate::support::objects::{Space, private, resource};
use crate::support::world::{World, scoped_world};

/// A namespace with the ServiceAccount, where no operator has any right.
async fn space(world: &World, purpose: &str) -> Space {
    world.install();
    let space = Space::new(world, purpose).await;
    account(&space, &json!({})).await;
    space
}

/// As a person who may do everything, with nothing but the clouds behind the proxy.
fn mint(world: &World, cloud: &Cloud, arguments: &[&str], stdin: &str) -> Output {
    mint_with(world.kubeconfig(), cloud, arguments, stdin)
}

fn mint_with(kubeconfig: &Path, cloud: &Cloud, arguments: &[&str], stdin: &str) -> Output {
    let output = cloud.dps(kubeconfig, &[&["mint"], arguments].concat(), stdin);
    for text in [&output.stdout, &output.stderr] {
        // Tokens of ServiceAccounts, of Entra and of registries are JWTs; those of Google begin with ya29.
        for mark in ["eyJ", "ya29.", "x-amz-security-token", "QVdTO"] {
            assert!(!text.contains(mark), "{mark} in {text}");
        }
    }
    output
}

fn manifest(name: &str, space: &Space, spec: &Value) -> Value {
    json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret",
        "metadata": {"name": name, "namespace": space.name}, "spec": spec})
}

#[tokio::test]
async fn each_cloud_is_asked_step_by_step_and_no_token_is_shown_and_nothing_is_written() {
    let world = scoped_world();
    let space = space(world, "trial").await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "puller")]);
    for (name, spec, username, route) in clouds() {
        let registry = spec["registryUrl"].as_str().unwrap().to_owned();
        space.create(name, spec.clone()).await;
        let output = mint(world, &cloud, &[&format!("dps/{name}"), "-n", &space.name], "");
        let Output { code, stdout, stderr } = &output;
        assert_eq!(*code, 0, "{stdout}{stderr}");
        assert!(
            stdout.starts_with(&format!(
                "DockerPullSecret {}/{name}: Minted: credentials of ",
                space.name
            )),
            "{stdout}"
        );
        for words in [&registry, username, "valid until", "the operator would renew them at"] {
            assert!(stdout.contains(words), "{words:?} in {stdout}");
        }
        let subject = format!("subject system:serviceaccount:{}:puller", space.name);
        for words in [
            "create a token of ServiceAccount \"puller\"",
            &subject,
            "it answered 200",
            "Nothing was written",
        ] {
            assert!(stderr.contains(words), "{words:?} in {stderr}");
        }
        assert_eq!(cloud.requests(&[route]).len(), 1, "{name}");
        let json = mint(world, &cloud, &[name, "-n", &space.name, "-o", "json"], "");
        let result: Value = serde_json::from_str(&json.stdout).unwrap();
        let result = &result["results"][0];
        assert_eq!(
            (&result["provider"], &result["username"]),
            (&json!(name), &json!(username))
        );
        // The same from a manifest, with the Secret that would be written.
        let manifest = manifest(&format!("{name}-new"), &space, &spec);
        let exported = mint(world, &cloud, &["-f", "-", "--export"], &manifest.to_string());
        assert_eq!(exported.code, 0, "{}", exported.stderr);
        assert!(
            exported.stdout.contains("kind: Secret") && exported.stdout.contains("********"),
            "{}",
            exported.stdout
        );
    }
    let secrets = space.secrets.list(&ListParams::default()).await.unwrap();
    assert_eq!(secrets.items.len(), 0);
    let written: Vec<DockerPullSecret> = space.resources.list(&ListParams::default()).await.unwrap().items;
    assert!(written.len() == 4 && written.iter().all(|one| one.status.is_none()));
}

#[tokio::test]
async fn what_is_refused_is_said_with_its_reason() {
    let world = scoped_world();
    let space = space(world, "trials").await;
    let cloud = Cloud::start(world, None);
    // Somebody else is trusted.
    cloud.trust(&[(&space.name, "other")]);
    let role = json!({"roleArn": ROLE});
    let subject = format!("system:serviceaccount:{}:puller", space.name);
    let rows = [
        (spec(ECR, "aws", role.clone()), 1, "TrustRefused", subject.as_str()),
        (
            spec(ECR, "aws", json!({})),
            1,
            "IdentityMissing",
            "eks.amazonaws.com/role-arn",
        ),
        (
            spec("1.dkr.ecr.us-east-1.amazonaws.com.evil.test", "aws", role.clone()),
            1,
            "RegistryMismatch",
            "nothing was sent anywhere",
        ),
        (
            spec(ECR, "aws", json!({"roleArn": "pull"})),
            1,
            "InvalidSpec",
            "the ARN of a role",
        ),
        (
            private("registry.example.com", "login"),
            3,
            "NothingToMint",
            "dps verify",
        ),
    ];
    for (spec, code, result, words) in rows {
        let manifest = manifest("app", &space, &spec);
        let output = mint(world, &cloud, &["-f", "-"], &manifest.to_string());
        assert_eq!(output.code, code, "{}{}", output.stdout, output.stderr);
        assert!(output.stdout.contains(&format!("app: {result}: ")), "{}", output.stdout);
        assert!(output.stdout.contains(words), "{words:?} in {}", output.stdout);
    }
    assert_eq!(cloud.exchanges(), 0);
    cloud.put("faults", &json!([{"route": "sts", "status": 503}]));
    let manifest = manifest("app", &space, &spec(ECR, "aws", role));
    let output = mint(world, &cloud, &["-f", "-"], &manifest.to_string());
    assert_eq!(output.code, 3, "{}", output.stdout);
    assert!(
        output.stdout.contains("ExchangeUnreachable: AWS STS answered 503")
            && output.stdout.contains("try again later"),
        "{}",
        output.stdout
    );
}

#[tokio::test]
async fn person_without_the_right_is_told_which_one_and_the_commands_grant_it() {
    let world = scoped_world();
    let space = space(world, "rights").await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "puller")]);
    let app = resource("app", &spec(ECR, "aws", json!({"roleArn": ROLE})));
    let manifest = manifest("app", &space, &json!(app.spec));
    let by_alice = || mint(world, &cloud, &["-f", "-", "--as", "alice"], &manifest.to_string());
    let output = by_alice();
    assert_eq!(output.code, 1, "{}{}", output.stdout, output.stderr);
    assert!(
        output
            .stdout
            .contains("ServiceAccountNotAllowed: alice may not use ServiceAccount \"puller\""),
        "{}",
        output.stdout
    );
    let commands: Vec<&str> = output
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("  kubectl "))
        .collect();
    assert_eq!(commands.len(), 4, "{}", output.stdout);
    for command in commands {
        world.kubectl(&command.split(' ').collect::<Vec<_>>());
    }
    let output = by_alice();
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    assert_eq!(cloud.exchanges(), 1);
}

#[tokio::test]
async fn doctor_says_that_no_cloud_reaches_the_issuer_and_repeats_what_is_refused() {
    let world = scoped_world();
    let space = space(world, "issuer").await;
    let cloud = Cloud::start(world, None);
    space.create("ecr", spec(ECR, "aws", json!({"roleArn": ROLE}))).await;
    let _operator = operator(&cloud, &space);
    // Nobody has consented.
    space.reason("ecr", "ServiceAccountNotAllowed").await;
    let variables = [("KUBECONFIG", world.kubeconfig().to_str().unwrap())];
    let output = dps_in(&variables, &["doctor", "-n", &space.name, "-o", "json"], "");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap().iter();
    let minting: Vec<String> = checks
        .filter(|check| check["category"] == "Minting")
        .map(Value::to_string)
        .collect();
    for words in [
        "https://kubernetes.default.svc.cluster.local, can be reached only from inside the cluster".to_owned(),
        format!("dps mint dps/ecr -n {}", space.name),
    ] {
        assert!(
            minting.iter().any(|check| check.contains(&words)),
            "{words}: {minting:#?}"
        );
    }
}
