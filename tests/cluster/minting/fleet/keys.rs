//! The same with a long-lived key, in a Secret of the namespace that the resource names.

use serde_json::{Value, json};

use super::{ENDS, everywhere, operator, shared, start};
use crate::minting::{are_hidden, password_in, sha256, static_keys};
use crate::support::cloud::{Cloud, ECR};
use crate::support::fleet::Fleet;
use crate::support::objects::{Space, condition, document};
use crate::support::operator::Operator;
use crate::support::world::{World, exclusive_world};

/// Access key ids and their secret access keys: one, its successor, and the successor with a secret that is not its own.
const FIRST: (&str, &str) = ("AKIAFIRST", "first/KEY+canary1234567890");
const SECOND: (&str, &str) = ("AKIASECOND", "second/KEY+canary1234567890");
const WRONG: (&str, &str) = ("AKIASECOND", "wrong/KEY+canary1234567890");

async fn store(space: &Space, (id, secret): (&str, &str)) {
    let data = [("accessKeyId", id), ("secretAccessKey", secret)];
    space.secret("static-aws-key", "Opaque", &data).await;
}

/// The cloud trusts both keys, and no ServiceAccount.
fn trust(cloud: &Cloud) {
    let keys = [FIRST, SECOND].map(|(id, secret)| {
        json!({"arn": "arn:aws:iam::123456789012:user/puller", "accessKeyId": id, "secretAccessKey": secret})
    });
    cloud.put("trust", &json!({"awsKeys": keys}));
}

/// The access key ids that credentials were requested with, one for each that were given.
fn given_to(cloud: &Cloud) -> Vec<Value> {
    let given = cloud.requests(&["ecr"]).into_iter();
    let given = given.filter(|request| request["status"] == 200);
    given
        .map(|request| request["credentials"]["accessKeyId"].clone())
        .collect()
}

/// Waits until every namespace has another password than this one. Returns it, and the UIDs of the Secrets.
async fn renewed(fleet: &Fleet, name: &str, before: &str) -> (String, Vec<String>) {
    for end in ENDS {
        fleet.has(end, name, |secret| password_in(secret, ECR) != before).await;
    }
    everywhere(fleet, name, ECR).await
}

#[tokio::test]
async fn one_exchange_with_a_key_serves_all_namespaces_and_a_changed_key_is_used_at_once() {
    let (_guard, world) = exclusive_world().await;
    let (space, cloud, fleet) = start(world, "keyed").await;
    trust(&cloud);
    let first = operator(world, &cloud, &space.name);
    let [(_, spec), ..] = static_keys::specs();
    let name = fleet.create("key", shared(&spec, &space.name)).await;
    let missing = fleet.stands(&name, "SecretNotFound", "0/3").await;
    let message = &condition(&missing, "Ready").unwrap().message;
    let place = format!(
        "\"static-aws-key\" (spec.credentialsFrom.staticKeyRef.name) does not exist in namespace {:?}",
        space.name
    );
    assert!(message.contains(&place), "{message}");

    store(&space, FIRST).await;
    fleet.stands(&name, "Ready", "3/3").await;
    let (password, uids) = everywhere(&fleet, &name, ECR).await;
    let given = cloud.requests(&["ecr"]);
    assert_eq!(given.len(), 1, "one exchange for all");
    assert_eq!(given[0]["issued"]["password"], sha256(&password));
    let log = first.log();
    assert!(first.stop().1 && !log.contains(FIRST.1) && !log.contains(&password));
    let second = operator(world, &cloud, &space.name);
    fleet.add("late", json!({})).await;
    let late = fleet.has("late", &name, |_| true).await;
    assert_eq!(password_in(&late, ECR), password);
    assert_eq!(given_to(&cloud), [sha256(FIRST.0)], "a restart changes nothing");

    store(&space, SECOND).await;
    let (successor, after) = renewed(&fleet, &name, &password).await;
    assert_eq!(after, uids, "they are the same Secrets");
    assert_eq!(given_to(&cloud), [FIRST, SECOND].map(|(id, _)| sha256(id)));
    store(&space, WRONG).await;
    let refused = fleet.stands(&name, "PermissionDenied", "4/4").await;
    let message = &condition(&refused, "Ready").unwrap().message;
    assert!(
        message.contains("the secret access key does not belong to the access key id"),
        "{message}"
    );
    assert_eq!(
        everywhere(&fleet, &name, ECR).await,
        (successor.clone(), after),
        "what pods pull with stays"
    );
    keys_are_hidden(world, &fleet, &name, &[password, successor], &second).await;
    store(&space, SECOND).await;
    fleet.stands(&name, "Ready", "4/4").await;
}

/// Neither keys nor passwords are anywhere but where they belong.
async fn keys_are_hidden(world: &World, fleet: &Fleet, name: &str, passwords: &[String], operator: &Operator) {
    let keys = [FIRST, SECOND, WRONG].map(|(_, secret)| secret.to_owned());
    let shown = world.kubectl(&["get", "clusterdockerpullsecrets,events", "-A", "-o", "json"]);
    assert!(shown.contains("PermissionDenied"), "{shown}");
    are_hidden(&[passwords, &keys].concat(), operator, [("resources", shown)]);
    for end in ENDS {
        let copy = fleet.secrets(end).get(name).await.unwrap();
        let text = format!("{:?} {}", copy.metadata, document(&copy));
        assert!(!text.contains("canary1234567890"), "{text}");
    }
}
