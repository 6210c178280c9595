//! `dps mint` with long-lived keys, and for many namespaces.

use dps::api::ClusterDockerPullSecret;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::{manifest, mint, space};
use crate::minting::fleet::shared;
use crate::minting::{spec, static_keys};
use crate::support::cloud::{Cloud, ECR, ROLE};
use crate::support::dps::Output;
use crate::support::fleet::Fleet;
use crate::support::objects::Space;
use crate::support::world::{World, scoped_world};

/// A namespace, and clouds that trust its ServiceAccount and the keys.
async fn trusted(world: &World, purpose: &str) -> (Space, Cloud) {
    let space = space(world, purpose).await;
    let cloud = Cloud::start(world, None);
    cloud.put(
        "trust",
        &static_keys::trusted(cloud.trusting(&[(&space.name, "puller")])),
    );
    (space, cloud)
}

/// What came out, without a byte of a key.
fn hidden(output: Output, code: i32) -> Output {
    let Output { stdout, stderr, .. } = &output;
    static_keys::are_hidden(stdout);
    static_keys::are_hidden(stderr);
    assert_eq!(output.code, code, "{stdout}{stderr}");
    output
}

fn says(output: &Output, stdout: &str, stderr: &[&str]) {
    assert!(output.stdout.starts_with(stdout), "{stdout:?} in {}", output.stdout);
    for words in stderr {
        assert!(output.stderr.contains(words), "{words:?} in {}", output.stderr);
    }
}

/// The Secret with the key of one of the clouds, as a manifest.
fn key(cloud: &str, space: &Space) -> Value {
    let data = static_keys::data(cloud).into_iter();
    let data: Value = data.map(|(key, value)| (key, Value::from(value))).collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("{cloud}-key"), "namespace": space.name},
        "stringData": data})
}

/// Names and versions of the Secrets of a namespace.
async fn secrets(space: &Space) -> Vec<(String, Option<String>)> {
    let secrets = space.secrets.list(&ListParams::default()).await.unwrap().items;
    let secrets = secrets.into_iter();
    secrets
        .map(|secret| (secret.name_any(), secret.resource_version()))
        .collect()
}

#[tokio::test]
async fn a_key_is_taken_from_the_cluster_or_the_input_and_shown_nowhere() {
    let world = scoped_world();
    let (space, cloud) = trusted(world, "trial-keys").await;
    for (name, spec) in static_keys::specs() {
        let secret = format!("{name}-key");
        static_keys::store(&space, &secret, name).await;
        space.create(name, spec.clone()).await;
        let before = secrets(&space).await;
        let exchanges = || static_keys::exchanges(&cloud.requests(&[]), name);
        let read = format!("get Secret \"{secret}\" in namespace \"{}\"", space.name);
        let minted = |name: &str| format!("DockerPullSecret {}/{name}: Minted: credentials of ", space.name);

        let output = hidden(mint(world, &cloud, &[&format!("dps/{name}"), "-n", &space.name], ""), 0);
        says(
            &output,
            &minted(name),
            &[&read, "it answered 200", "Nothing was written"],
        );
        assert!(!output.stderr.contains("ServiceAccount"), "{}", output.stderr);
        assert_eq!(exchanges(), 1, "{name}");
        let document = hidden(mint(world, &cloud, &[name, "-n", &space.name, "-o", "json"], ""), 0);
        let document: Value = serde_json::from_str(&document.stdout).unwrap();
        assert_eq!(document["results"][0]["provider"], name.trim_start_matches("static-"));

        let manifest = manifest("new", &space, &spec);
        let output = hidden(mint(world, &cloud, &["-f", "-"], &manifest.to_string()), 0);
        says(&output, &minted("new"), &[&read]);
        assert_eq!((secrets(&space).await, exchanges()), (before, 3), "{name}");

        // Nobody reads it in the cluster if it is in the input, with the Secret that would be written.
        space.delete_secret(&secret).await;
        let input = format!("{manifest}\n---\n{}", key(name, &space));
        let output = hidden(mint(world, &cloud, &["-f", "-", "--export"], &input), 0);
        says(&output, "", &[&minted("new")]);
        assert!(!output.stderr.contains(&read), "{}", output.stderr);
        assert!(
            output.stdout.contains("name: new") && output.stdout.contains("********"),
            "{}",
            output.stdout
        );
        let output = hidden(mint(world, &cloud, &[name, "-n", &space.name], ""), 1);
        let missing = format!(
            "DockerPullSecret {}/{name}: SecretNotFound: Secret \"{secret}\"",
            space.name
        );
        says(&output, &missing, &[&read]);
        assert_eq!(exchanges(), 4, "{name}");
    }
    assert_eq!(secrets(&space).await, []);
    let resources = space.resources.list(&ListParams::default()).await.unwrap().items;
    assert!(resources.len() == 3 && resources.iter().all(|one| one.status.is_none()));
}

#[tokio::test]
async fn a_resource_for_many_namespaces_is_tried_in_its_source_namespace_and_written_nowhere() {
    let world = scoped_world();
    let (space, cloud) = trusted(world, "trial-source").await;
    let fleet = Fleet::new(world, "trial-fleet").await;
    fleet.add("a", json!({})).await;
    static_keys::store(&space, "static-aws-key", "static-aws").await;
    let before = secrets(&space).await;
    let [(_, keyed), ..] = static_keys::specs();
    let place = format!("in namespace \"{}\"", space.name);
    let mut names = Vec::new();
    for (end, spec, read) in [
        ("key", keyed, "get Secret \"static-aws-key\""),
        (
            "account",
            spec(ECR, "aws", json!({"roleArn": ROLE})),
            "get ServiceAccount \"puller\"",
        ),
    ] {
        let name = fleet.create(end, shared(&spec, &space.name)).await;
        let minted = |name: &str| format!("ClusterDockerPullSecret {name}: Minted: credentials of ");
        let read = format!("{read} {place}");
        let before = cloud.exchanges();
        for kind in ["clusterdockerpullsecret", "cdps"] {
            let output = hidden(mint(world, &cloud, &[&format!("{kind}/{name}")], ""), 0);
            says(&output, &minted(&name), &[&read, "Nothing was written"]);
        }
        let mut manifest = json!(fleet.resources.get(&name).await.unwrap());
        manifest["metadata"] = json!({"name": "new"});
        let output = hidden(mint(world, &cloud, &["-f", "-"], &manifest.to_string()), 0);
        says(&output, &minted("new"), &[&read]);
        let output = hidden(mint(world, &cloud, &["-f", "-", "--export"], &manifest.to_string()), 0);
        assert!(output.stdout.contains("********"), "{}", output.stdout);
        assert_eq!(cloud.exchanges(), before + 4, "{end}");
        names.push(name);
    }
    // Nobody trusts them any more.
    cloud.put("trust", &json!({}));
    for (name, why) in names.iter().zip(["PermissionDenied: ", "TrustRefused: "]) {
        let output = hidden(mint(world, &cloud, &[&format!("cdps/{name}")], ""), 1);
        says(&output, &format!("ClusterDockerPullSecret {name}: {why}"), &[&place]);
    }
    assert_eq!(secrets(&space).await, before);
    assert_eq!(fleet.secrets("a").list(&ListParams::default()).await.unwrap().items, []);
    let resources: Api<ClusterDockerPullSecret> = Api::all(space.client.clone());
    for name in names {
        assert!(resources.get(&name).await.unwrap().status.is_none());
        fleet.delete(&name).await;
    }
}
