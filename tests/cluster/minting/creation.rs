//! `dps create` of resources whose credentials the operator mints.

use k8s_openapi::api::rbac::v1::Role;
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::json;

use crate::minting::{account, clouds, consenting, operator};
use crate::support::cloud::{Cloud, ECR, ROLE};
use crate::support::dps::Output;
use crate::support::objects::Space;
use crate::support::world::{World, scoped_world};

fn create(world: &World, cloud: &Cloud, space: &Space, arguments: &[&str]) -> Output {
    let arguments = [&["create", "-n", &space.name], arguments].concat();
    cloud.dps(world.kubeconfig(), &arguments, "")
}

#[tokio::test]
async fn credentials_are_minted_and_accepted_before_a_resource_is_written_that_the_operator_mints_for() {
    let world = scoped_world();
    let space = consenting(world, "create-minted").await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "puller")]);
    let operator = operator(&cloud, &space);
    for (name, spec, username, _) in clouds() {
        let registry = spec["registryUrl"].as_str().unwrap();
        let mut arguments = vec![name, "--registry-url", registry, "--mint-as", "puller", "--wait"];
        let fields = spec["credentialsFrom"][name].as_object().unwrap();
        let fields: Vec<String> = fields
            .iter()
            .map(|(field, value)| format!("--mint-option={field}={}", value.as_str().unwrap()))
            .collect();
        arguments.extend(fields.iter().map(String::as_str));
        let made = create(world, &cloud, &space, &arguments);
        assert_eq!(made.code, 0, "{}{}", made.stdout, made.stderr);
        for words in ["  Minted: credentials of ", username, "  Accepted: "] {
            assert!(made.stderr.contains(words), "{words:?} in {}", made.stderr);
        }
        let wrote = format!(
            "Wrote DockerPullSecret {name} in namespace {}: it generates Secret {name} with credentials that the operator mints as ServiceAccount puller.",
            space.name
        );
        assert!(made.stdout.starts_with(&wrote), "{}", made.stdout);
        assert_eq!(
            json!(space.resources.get(name).await.unwrap().spec)["credentialsFrom"],
            spec["credentialsFrom"]
        );
        assert!(space.secrets.get(name).await.is_ok());
    }
    // Another login for the same resource takes the place of what was minted.
    let arguments = [
        "aws",
        "--registry-url",
        ECR,
        "--from-secret",
        "login",
        "--replace",
        "--no-verify",
    ];
    let replaced = create(world, &cloud, &space, &arguments);
    assert_eq!(replaced.code, 0, "{}", replaced.stderr);
    let spec = space.resources.get("aws").await.unwrap().spec;
    assert!(spec.credentials_from.is_none() && spec.credentials_ref.unwrap().name == "login");
    drop(operator);
}

#[tokio::test]
async fn nothing_is_written_of_what_a_cloud_refuses_and_a_person_without_the_right_decides() {
    let world = scoped_world();
    world.install();
    let space = Space::new(world, "create-refused").await;
    account(&space, &json!({})).await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "other")]);
    let role = format!("roleArn={ROLE}");
    let base = [
        "ecr",
        "--registry-url",
        ECR,
        "--mint-as",
        "puller",
        "--mint-option",
        &role,
    ];
    let refused = create(world, &cloud, &space, &base);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("  TrustRefused: ") && refused.stderr.ends_with("Nothing was written.\n"),
        "{}",
        refused.stderr
    );
    let missing = create(
        world,
        &cloud,
        &space,
        &["ecr", "--registry-url", ECR, "--mint-with-key", "aws-key"],
    );
    assert_eq!(missing.code, 1, "{}", missing.stderr);
    assert!(missing.stderr.contains("\"aws-key\""), "{}", missing.stderr);

    // Somebody who may name the ServiceAccount, but has no tokens of it.
    let user = format!("writer-{}", space.name);
    let role = json!({"metadata": {"name": "writer"}, "rules": [
        {"apiGroups": ["", "pullsecrets.dev"], "verbs": ["get", "create"],
            "resources": ["dockerpullsecrets", "secrets", "serviceaccounts"]},
        {"apiGroups": ["pullsecrets.dev"], "verbs": ["usefor"],
            "resources": ["serviceaccounts"], "resourceNames": ["puller"]},
    ]});
    let roles = Api::<Role>::namespaced(space.client.clone(), &space.name);
    let role = serde_json::from_value(role).unwrap();
    roles.create(&PostParams::default(), &role).await.unwrap();
    let (subject, namespace) = (format!("--user={user}"), &space.name);
    world.kubectl(&[
        "create",
        "rolebinding",
        "writer",
        "-n",
        namespace,
        "--role=writer",
        &subject,
    ]);
    let unknown = create(world, &cloud, &space, &[&base[..], &["--as", &user]].concat());
    assert_eq!(unknown.code, 3, "{}", unknown.stderr);
    for words in [
        "  ServiceAccountNotAllowed: ",
        "  kubectl ",
        "Use --no-verify to write without logging in.",
    ] {
        assert!(unknown.stderr.contains(words), "{words:?} in {}", unknown.stderr);
    }
    let written = space.resources.list(&ListParams::default()).await.unwrap();
    assert_eq!((written.items.len(), cloud.exchanges()), (0, 0));
    let unverified = create(
        world,
        &cloud,
        &space,
        &[&base[..], &["--as", &user, "--no-verify"]].concat(),
    );
    assert_eq!(unverified.code, 0, "{}", unverified.stderr);
}
