//! Credentials that are minted once for many namespaces.

mod keys;

use dps::api::DockerPullSecretStatus;
use k8s_openapi::ByteString;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{are_hidden, clouds, consenting, fails_to_renew, password, password_in, sha256};
use crate::support::audit;
use crate::support::cloud::{Cloud, ECR, ROLE};
use crate::support::fleet::Fleet;
use crate::support::objects::{Space, condition, document};
use crate::support::operator::Operator;
use crate::support::world::{World, exclusive_world};

const ENDS: [&str; 3] = ["a", "b", "c"];

/// What somebody would have every namespace pull with.
const FORGED: &str = "forged-by-a-tenant";

/// A namespace with a ServiceAccount that the operator may use, a cloud that trusts it, and namespaces that are selected.
async fn start(world: &World, purpose: &str) -> (Space, Cloud, Fleet) {
    let space = consenting(world, purpose).await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "puller")]);
    let fleet = Fleet::new(world, purpose).await;
    for end in ENDS {
        fleet.add(end, json!({})).await;
    }
    (space, cloud, fleet)
}

fn operator(world: &World, cloud: &Cloud, source: &str) -> Operator {
    let variables = [&cloud.variables()[..], &[("RUST_LOG", "trace")]].concat();
    let arguments = ["--cluster-resources", "--credentials-namespace", source];
    let operator = Operator::start_in(world, &world.install(), &arguments, &variables);
    operator.wait_until_ready();
    operator
}

/// The spec of a DockerPullSecret, for many namespaces.
pub(super) fn shared(spec: &Value, source: &str) -> Value {
    let mut fields = spec.clone();
    fields["credentialsFrom"]["namespace"] = source.into();
    fields["credentialsRef"] = Value::Null;
    fields
}

fn ecr() -> Value {
    json!({"type": "PrivateRegistry", "registryUrl": ECR,
        "credentialsFrom": {"serviceAccountRef": {"name": "puller"}, "aws": {"roleArn": ROLE}}})
}

/// The password that all namespaces have, and the UIDs of their Secrets.
async fn everywhere(fleet: &Fleet, name: &str, registry: &str) -> (String, Vec<String>) {
    let (mut passwords, mut uids) = (Vec::new(), Vec::new());
    for end in ENDS {
        let secret = fleet.secrets(end).get(name).await.unwrap();
        passwords.push(password_in(&secret, registry));
        uids.push(secret.uid().unwrap());
    }
    passwords.dedup();
    assert_eq!(passwords.len(), 1, "all have the same");
    (passwords.remove(0), uids)
}

#[tokio::test]
async fn one_exchange_of_each_cloud_serves_all_namespaces_also_after_a_restart() {
    let (_guard, world) = exclusive_world().await;
    let (space, cloud, fleet) = start(world, "shared").await;
    let first = operator(world, &cloud, &space.name);
    let (mut passwords, mut names) = (Vec::new(), Vec::new());
    for (cloud_name, spec, username, route) in clouds() {
        let registry = spec["registryUrl"].as_str().unwrap().to_owned();
        let mut fields = shared(&spec, &space.name);
        fields["verification"] = json!({});
        let name = fleet.create(cloud_name, fields).await;
        let status = fleet.stands(&name, "Ready", "3/3").await;
        let minted = status.minted.unwrap();
        assert!(minted.provider == cloud_name && minted.digest.is_some() && minted.next_refresh_time.is_some());
        let (password, _) = everywhere(&fleet, &name, &registry).await;
        let copy = fleet.secrets("a").get(&name).await.unwrap();
        assert_eq!(document(&copy)["auths"][&registry]["username"], username);
        let given = cloud.requests(&[route]);
        assert_eq!(given.len(), 1, "{cloud_name}: one exchange for all");
        let issued = given[0]["issued"].as_object().unwrap();
        assert!(issued.values().any(|hash| *hash == sha256(&password)), "{issued:?}");
        passwords.push(password);
        names.push((name, registry));
    }
    let verified = cloud.dps(world.kubeconfig(), &["verify", &format!("cdps/{}", names[0].0)], "");
    let output = format!("{}{}", verified.stdout, verified.stderr);
    assert!(verified.code == 0 && output.contains("Accepted"), "{output}");
    let shown = world.kubectl(&["get", "clusterdockerpullsecrets,events", "-A", "-o", "json"]);
    let places = [("resources", shown), ("output of dps verify", output)];
    are_hidden(&passwords, &first, places);
    restart_mints_nothing(world, first, &cloud, &space, &fleet, &names, &passwords).await;
}

/// A namespace that comes later gets what the others have, and these keep it as it is.
async fn restart_mints_nothing(
    world: &World,
    first: Operator,
    cloud: &Cloud,
    space: &Space,
    fleet: &Fleet,
    names: &[(String, String)],
    passwords: &[String],
) {
    let exchanges = cloud.exchanges();
    let versions = async || {
        let mut versions = Vec::new();
        for (name, _) in names {
            for end in ENDS {
                versions.push(fleet.secrets(end).get(name).await.unwrap().resource_version());
            }
        }
        versions
    };
    let before = versions().await;
    assert!(first.stop().1);
    let known = audit::of_operator(world).len();
    let second = operator(world, cloud, &space.name);
    fleet.add("late", json!({})).await;
    for ((name, registry), password) in names.iter().zip(passwords) {
        let late = fleet.has("late", name, |_| true).await;
        assert_eq!(&password_in(&late, registry), password);
        fleet.stands(name, "Ready", "4/4").await;
    }
    assert_eq!((cloud.exchanges(), second.count("dps_mints_total")), (exchanges, 0));
    assert_eq!(versions().await, before, "nothing is written that is right");
    let requests = audit::of_operator(world).split_off(known);
    let read = requests
        .iter()
        .filter(|request| request.verb == "get" && request.object_ref.resource == "secrets");
    assert!(read.count() <= names.len(), "one Secret of each is read");
}

#[tokio::test]
async fn renewals_reach_all_namespaces_in_place_and_an_outage_ends_as_it_does_for_one() {
    let (_guard, world) = exclusive_world().await;
    let (space, cloud, fleet) = start(world, "renewed").await;
    cloud.put("lifetimes", &json!({"ecr": 40}));
    let _operator = operator(world, &cloud, &space.name);
    let name = fleet.create("ecr", shared(&ecr(), &space.name)).await;
    fleet.stands(&name, "Ready", "3/3").await;
    let (first, uids) = everywhere(&fleet, &name, ECR).await;
    for end in ENDS {
        fleet.has(end, &name, |secret| password_in(secret, ECR) != first).await;
    }
    assert_eq!(cloud.exchanges(), 2, "one for each renewal");
    cloud.put("faults", &json!([{"route": "ecr", "status": 503}]));
    let failing = fleet.until(&name, "cannot be renewed", fails_to_renew).await;
    assert!(failing.minted.unwrap().failures > 0);
    let is_expired =
        |status: &DockerPullSecretStatus| condition(status, "Ready").is_some_and(|ready| ready.reason == "Expired");
    let expired = fleet.until(&name, "is expired", is_expired).await;
    assert_eq!(condition(&expired, "SecretSynced").unwrap().reason, "Stale");
    let (dead, _) = everywhere(&fleet, &name, ECR).await;
    cloud.put("faults", &json!([]));
    fleet.stands(&name, "Ready", "3/3").await;
    // The status comes a moment before the copies.
    for end in ENDS {
        fleet.has(end, &name, |secret| password_in(secret, ECR) != dead).await;
    }
    let (alive, after) = everywhere(&fleet, &name, ECR).await;
    assert_ne!(alive, dead);
    assert_eq!(after, uids, "they are the same Secrets");
}

#[tokio::test]
async fn copy_that_a_tenant_forged_before_a_restart_spreads_to_nobody() {
    let (_guard, world) = exclusive_world().await;
    let (space, cloud, fleet) = start(world, "forged").await;
    let first = operator(world, &cloud, &space.name);
    let name = fleet.create("ecr", shared(&ecr(), &space.name)).await;
    fleet.stands(&name, "Ready", "3/3").await;
    let (before, _) = everywhere(&fleet, &name, ECR).await;
    assert!(first.stop().1);
    // As the operator would write it, in every namespace but one.
    for end in ["a", "b"] {
        let copy = fleet.secrets(end).get(&name).await.unwrap();
        let document = json!({"auths": {ECR: {"username": "AWS", "password": FORGED}}}).to_string();
        let forged = json!({"apiVersion": "v1", "kind": "Secret", "type": copy.type_, "metadata": {"name": name,
            "labels": copy.labels(), "annotations": copy.annotations(), "ownerReferences": copy.owner_references()},
            "data": {".dockerconfigjson": ByteString(document.into_bytes())}});
        let params = PatchParams::apply("docker-pull-secret-operator").force();
        let patched = fleet.secrets(end).patch(&name, &params, &Patch::Apply(&forged)).await;
        patched.unwrap();
    }
    let exchanges = cloud.exchanges();
    let second = operator(world, &cloud, &space.name);
    fleet.add("late", json!({})).await;
    let late = fleet.has("late", &name, |_| true).await;
    let minted = password_in(&late, ECR);
    assert!(minted != FORGED && minted != before, "it was minted anew");
    for end in ENDS {
        fleet.has(end, &name, |secret| password_in(secret, ECR) == minted).await;
    }
    assert_eq!(cloud.exchanges(), exchanges + 1);
    assert!(!second.log().contains(FORGED));
}

#[tokio::test]
async fn source_namespace_and_service_account_have_to_be_right() {
    let (_guard, world) = exclusive_world().await;
    let (space, cloud, fleet) = start(world, "sources").await;
    let operator = operator(world, &cloud, &space.name);
    let elsewhere = fleet.create("elsewhere", shared(&ecr(), &fleet.namespace("a"))).await;
    let refused = fleet.stands(&elsewhere, "NotAllowed", "0/3").await;
    let message = &condition(&refused, "Ready").unwrap().message;
    assert!(
        message.contains("spec.credentialsFrom.namespace")
            && message.contains("clusterResources.credentialsNamespaces"),
        "{message}"
    );
    world.kubectl(&["delete", "serviceaccount", "puller", "-n", &space.name]);
    let name = fleet.create("ecr", shared(&ecr(), &space.name)).await;
    let missing = fleet.stands(&name, "ServiceAccountNotFound", "0/3").await;
    let message = &condition(&missing, "Ready").unwrap().message;
    assert!(message.contains(&format!("namespace {:?}", space.name)), "{message}");
    assert_eq!((cloud.exchanges(), operator.count("dps_mints_total")), (0, 0));

    world.kubectl(&["create", "serviceaccount", "puller", "-n", &space.name]);
    let twin = fleet.create("twin", shared(&ecr(), &space.name)).await;
    fleet.change(&name, json!({"email": "ci@example.com"})).await;
    for name in [&name, &twin] {
        fleet.stands(name, "Ready", "3/3").await;
    }
    assert_eq!(cloud.exchanges(), 1, "one identity, one exchange");
    // In a Secret of one namespace may be anything, so its credentials are never those of many.
    let (of_many, _) = everywhere(&fleet, &twin, ECR).await;
    space.create("own", ecr()).await;
    space.ready("own").await;
    assert_ne!(password(&space, "own", ECR).await, of_many);
    assert_eq!(cloud.exchanges(), 2);
}

#[tokio::test]
async fn rules_of_the_api_hold_for_many_namespaces_as_well() {
    let (_guard, world) = exclusive_world().await;
    world.install();
    let fleet = Fleet::new(world, "rules").await;
    let from = |field: &str, value: Value| {
        let mut spec = shared(&ecr(), "platform");
        spec["credentialsFrom"][field] = value;
        spec
    };
    let mut both = shared(&ecr(), "platform");
    both["credentialsRef"] = json!({"namespace": "platform", "name": "login"});
    for (spec, words) in [
        (
            json!({"credentialsRef": null}),
            "exactly one of credentialsRef and credentialsFrom",
        ),
        (both, "exactly one of credentialsRef and credentialsFrom"),
        (from("namespace", json!("a.b")), "is not a valid namespace"),
        (from("aws", Value::Null), "exactly one of aws, google, azure and quay"),
        (
            from("serviceAccountRef", Value::Null),
            "exactly one of serviceAccountRef and staticKeyRef",
        ),
        (
            from("aws", json!({"roleArn": "role/pull"})),
            "must be the ARN of a role",
        ),
    ] {
        let refused = fleet.try_create(&fleet.namespace("x"), spec).await;
        let message = refused.expect_err(words).to_string();
        assert!(message.contains(words), "{words:?} in {message}");
    }
}
