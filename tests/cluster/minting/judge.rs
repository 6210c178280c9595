//! Whether somebody else than fakecloud takes what the operator signs, and refuses what it should.
//!
//! MiniStack compares the `aud` of a token, which is a list in Kubernetes, only with `ForAnyValue`. It does not look at the
//! signature of a token.

use serde_json::{Value, json};

use crate::minting::{consenting, operator, password, spec, status};
use crate::support::cloud::{Cloud, ECR};
use crate::support::judge::Judge;
use crate::support::objects::{Space, condition, condition_of, with};
use crate::support::world::scoped_world;

/// The issuer of the world's tokens, without `https://`.
const ISSUER: &str = "kubernetes.default.svc.cluster.local";

/// What MiniStack gives as password to whoever may have one.
const PASSWORD: &str = "ministack-auth-token";

/// Seconds by which clocks differ, if they do.
const AHEAD: u32 = 20 * 60;

fn arn(kind: &str, name: &str) -> String {
    format!("arn:aws:iam::123456789012:{kind}/{name}")
}

fn policy(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// A role for a ServiceAccount.
fn role(name: &str, subject: &str) -> Value {
    let trust = json!({
        "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": arn("oidc-provider", ISSUER)},
        "Condition": {
            "StringEquals": {format!("{ISSUER}:sub"): subject},
            "ForAnyValue:StringEquals": {format!("{ISSUER}:aud"): "sts.amazonaws.com"},
        },
    });
    json!(["iam", "create_role", {"RoleName": name, "AssumeRolePolicyDocument": policy(&trust)}])
}

/// Makes the role `pull`, for the ServiceAccount of a namespace.
fn trust(judge: &Judge, space: &Space) {
    let subject = format!("system:serviceaccount:{}:puller", space.name);
    judge.ask(&json!([
        role("pull", &subject),
        allow("role", "pull", "ecr:GetAuthorizationToken", "*")
    ]));
}

/// Lets a role or a user do one thing.
fn allow(kind: &str, name: &str, action: &str, resource: &str) -> Value {
    let allowed = json!({"Effect": "Allow", "Action": action, "Resource": resource});
    let field = if kind == "role" { "RoleName" } else { "UserName" };
    let arguments = json!({field: name, "PolicyName": action.replace(':', "-"), "PolicyDocument": policy(&allowed)});
    json!(["iam", format!("put_{kind}_policy"), arguments])
}

/// A user who may have credentials of ECR, and the Secret `NAME-key` with a key of theirs.
async fn user(judge: &Judge, space: &Space, name: &str) -> String {
    let answers = judge.ask(&json!([
        ["iam", "create_user", {"UserName": name}],
        ["iam", "create_access_key", {"UserName": name}],
        allow("user", name, "ecr:GetAuthorizationToken", "*"),
    ]));
    let key = &answers[1]["AccessKey"];
    let (id, secret) = (
        key["AccessKeyId"].as_str().unwrap(),
        key["SecretAccessKey"].as_str().unwrap(),
    );
    store(space, &format!("{name}-key"), id, secret).await;
    id.to_owned()
}

async fn store(space: &Space, name: &str, id: &str, secret: &str) {
    let data = [("accessKeyId", id), ("secretAccessKey", secret)];
    space.secret(name, "Opaque", &data).await;
}

#[allow(clippy::needless_pass_by_value, reason = "what json! makes")]
fn keyed(secret: &str, fields: Value) -> Value {
    json!({"type": "PrivateRegistry", "registryUrl": ECR,
        "credentialsFrom": {"staticKeyRef": {"name": secret}, "aws": fields}})
}

/// Waits until the registry has accepted what was minted.
async fn accepted(space: &Space, name: &str) {
    let is_accepted = |status: &dps::api::DockerPullSecretStatus| {
        (condition(status, "CredentialsAccepted")?.reason == "Accepted").then_some(())
    };
    let resource = space.until(name, "accepted", is_accepted).await;
    assert_eq!(password(space, name, ECR).await, PASSWORD);
    let minted = status(&resource).minted.clone().unwrap();
    let life = minted.expires_at.unwrap().0.duration_since(minted.issued_at.unwrap().0);
    assert!((43190..=43210).contains(&life.as_secs()), "{life:?}");
}

/// Waits until it is refused for this reason, in these words.
async fn refused(space: &Space, name: &str, reason: &str, words: &[&str]) {
    let resource = space.reason(name, reason).await;
    let message = &condition_of(&resource, "Ready").message;
    for word in words {
        assert!(message.contains(word), "{word:?} in {message}");
    }
    assert!(
        space.secrets.get_opt(name).await.unwrap().is_none(),
        "no Secret: {message}"
    );
}

#[tokio::test]
async fn service_account_gets_what_its_role_may_and_others_get_nothing() {
    let Some(judge) = Judge::start(0) else { return };
    let world = scoped_world();
    let space = consenting(world, "judge-role").await;
    let subject = format!("system:serviceaccount:{}:puller", space.name);
    judge.ask(&json!([
        role("pull", &subject),
        allow("role", "pull", "ecr:GetAuthorizationToken", "*"),
        role("other", "system:serviceaccount:other:puller"),
        allow("role", "other", "ecr:GetAuthorizationToken", "*"),
        role("poor", &subject),
        allow("role", "poor", "ecr:BatchGetImage", "*"),
    ]));
    let cloud = Cloud::before(world, &judge);
    let _operator = operator(&cloud, &space);
    for name in ["pull", "other", "poor", "absent"] {
        let role = json!({"roleArn": arn("role", name)});
        space.create(name, spec(ECR, "aws", role)).await;
    }
    accepted(&space, "pull").await;
    let three = [
        format!("\"{ISSUER}:sub\": \"{subject}\""),
        format!("\"{ISSUER}:aud\": \"sts.amazonaws.com\""),
        format!("the OIDC provider of {ISSUER}"),
    ];
    for name in ["other", "absent"] {
        let role = arn("role", name);
        let words: Vec<&str> = three.iter().map(String::as_str).chain([role.as_str()]).collect();
        refused(&space, name, "TrustRefused", &words).await;
    }
    let words = [
        "403",
        "AccessDeniedException",
        "role/poor ecr:GetAuthorizationToken on \"*\"",
    ];
    refused(&space, "poor", "PermissionDenied", &words).await;
    // An audience that the role does not trust.
    let fields = json!({"roleArn": arn("role", "pull"), "audience": "api://AzureADTokenExchange"});
    space.create("audience", spec(ECR, "aws", fields)).await;
    refused(&space, "audience", "TrustRefused", &["api://AzureADTokenExchange"]).await;
}

#[tokio::test]
async fn static_key_signs_as_aws_wants_it_and_a_wrong_one_is_named() {
    let Some(judge) = Judge::start(0) else { return };
    let world = scoped_world();
    let space = consenting(world, "judge-key").await;
    let id = user(&judge, &space, "robot").await;
    let trust = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": arn("user", "robot")}});
    judge.ask(&json!([
        allow("user", "robot", "sts:AssumeRole", &arn("role", "mine")),
        ["iam", "create_role", {"RoleName": "mine", "AssumeRolePolicyDocument": policy(&trust)}],
        allow("role", "mine", "ecr:GetAuthorizationToken", "*"),
        role("theirs", "system:serviceaccount:other:puller"),
    ]));
    let secret = "wrong/SECRET+canary1234567890";
    store(&space, "wrong-key", &id, secret).await;
    store(&space, "unknown-key", "AKIAUNKNOWN", secret).await;
    let cloud = Cloud::before(world, &judge);
    let operator = operator(&cloud, &space);
    let mine = || json!({"roleArn": arn("role", "mine")});
    for (name, spec) in [
        ("key", keyed("robot-key", json!({}))),
        ("role", keyed("robot-key", mine())),
        ("theirs", keyed("robot-key", json!({"roleArn": arn("role", "theirs")}))),
        ("wrong", keyed("wrong-key", json!({}))),
        ("wrong-role", keyed("wrong-key", mine())),
        ("unknown", keyed("unknown-key", json!({}))),
        ("unknown-role", keyed("unknown-key", mine())),
    ] {
        space.create(name, spec).await;
    }
    accepted(&space, "key").await;
    accepted(&space, "role").await;
    let words = ["sts:AssumeRole on arn:aws:iam::123456789012:role/theirs"];
    refused(&space, "theirs", "TrustRefused", &words).await;
    for name in ["wrong", "wrong-role"] {
        let words = ["the secret access key does not belong to the access key id"];
        refused(&space, name, "PermissionDenied", &words).await;
    }
    for name in ["unknown", "unknown-role"] {
        refused(&space, name, "PermissionDenied", &["AWS does not know this access key"]).await;
    }
    // The key as it should be is used at once.
    let right = space.secrets.get("robot-key").await.unwrap().data.unwrap();
    let right = String::from_utf8(right["secretAccessKey"].0.clone()).unwrap();
    store(&space, "wrong-key", &id, &right).await;
    accepted(&space, "wrong").await;
    accepted(&space, "wrong-role").await;
    assert!(!operator.log().contains("SECRET+canary") && !operator.log().contains(&right));
}

#[tokio::test]
async fn clock_that_differs_from_that_of_aws_is_corrected() {
    let Some(judge) = Judge::start(AHEAD) else { return };
    let world = scoped_world();
    let space = consenting(world, "judge-clock").await;
    user(&judge, &space, "robot").await;
    trust(&judge, &space);
    let cloud = Cloud::before(world, &judge);
    let _operator = operator(&cloud, &space);
    space.create("key", keyed("robot-key", json!({}))).await;
    space
        .create("role", spec(ECR, "aws", json!({"roleArn": arn("role", "pull")})))
        .await;
    for name in ["key", "role"] {
        accepted(&space, name).await;
        let resource = space.resources.get(name).await.unwrap();
        let warnings = &status(&resource).warnings;
        let is_told = |warning: &String| {
            warning.starts_with("ClockSkew: ") && warning.contains("minutes behind that of Amazon ECR")
        };
        assert!(warnings.iter().any(is_told), "{warnings:?}");
    }
    let signed: Vec<Value> = cloud
        .requests(&["ecr"])
        .iter()
        .map(|request| request["status"].clone())
        .collect();
    assert_eq!(signed.iter().filter(|status| **status == 200).count(), 2, "{signed:?}");
    assert_eq!(signed.len(), 3, "one request was signed twice: {signed:?}");
}

#[tokio::test]
async fn clock_that_something_between_tells_wrong_is_refused() {
    let Some(judge) = Judge::start(0) else { return };
    let world = scoped_world();
    let space = consenting(world, "judge-date").await;
    trust(&judge, &space);
    let cloud = Cloud::before(world, &judge);
    cloud.put("faults", &json!([{"route": "*", "dateOffset": AHEAD}]));
    let _operator = operator(&cloud, &space);
    let resource = spec(ECR, "aws", json!({"roleArn": arn("role", "pull")}));
    space
        .create("app", with(resource, json!({"verification": {"mode": "Disabled"}})))
        .await;
    refused(&space, "app", "ClockSkew", &["set the clock"]).await;
    let refusals = cloud.requests(&["ecr"]);
    assert!(refusals.iter().all(|request| request["status"] == 400), "{refusals:?}");
    assert_eq!(refusals.len(), 2, "signed once more, and no more");
}
