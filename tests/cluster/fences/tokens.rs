//! What the operator's own account may have tokens of ServiceAccounts for.

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::minting::minted;
use super::refusal;
use crate::support::dps::dps_in;
use crate::support::helm::install_templates;
use crate::support::objects::Space;
use crate::support::world::{OPERATOR, World, scoped_world};
use crate::support::{audit, eventually, repository};

const AWS: &str = "sts.amazonaws.com";

/// ServiceAccounts of a namespace, with the operator's own token.
struct Accounts {
    space: Space,
    api: Api<ServiceAccount>,
}

impl Accounts {
    async fn new(purpose: &str) -> Self {
        let world = scoped_world();
        let client = World::client(&world.install()).await;
        let space = Space::new(world, purpose).await;
        world.kubectl(&["create", "serviceaccount", "other", "-n", &space.name]);
        let api = Api::namespaced(client, &space.name);
        Self { space, api }
    }

    async fn token(&self, account: &str, spec: &Value) -> kube::Result<TokenRequest> {
        let request = serde_json::from_value(json!({ "spec": spec })).unwrap();
        self.api
            .create_token_request(account, &PostParams::default(), &request)
            .await
    }

    async fn soon(&self, account: &str) {
        eventually("the Role is in force", || async {
            let request = json!({"audiences": [AWS], "expirationSeconds": 600});
            match self.token(account, &request).await {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    /// Neither the ServiceAccount nor a token of it.
    async fn has_no_right_on(&self, account: &str) {
        let request = json!({"audiences": [AWS], "expirationSeconds": 600});
        for (answer, words) in [
            (self.api.get(account).await.map(drop), "cannot get resource"),
            (
                self.token(account, &request).await.map(drop),
                "cannot create resource \"serviceaccounts/token\"",
            ),
        ] {
            let (code, message) = refusal(account, answer);
            assert!(code == 403 && message.contains(words), "{account}: {code} {message}");
        }
    }
}

/// Requests that the operator never makes, and what refuses them.
fn refused() -> Vec<(Value, &'static str)> {
    let request = |audiences: &[&str], seconds: i64| json!({"audiences": audiences, "expirationSeconds": seconds});
    let bound = json!({"audiences": [AWS], "expirationSeconds": 600,
        "boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "login"}});
    vec![
        (request(&[AWS, "quay.io"], 600), "for exactly one audience"),
        (request(&[AWS, AWS], 600), "for exactly one audience"),
        // The API server takes its own.
        (request(&[], 600), "the operator creates no tokens for"),
        (
            request(&["https://kubernetes.default.svc"], 600),
            "no tokens for an API server",
        ),
        (
            request(&["quay.io"], 600),
            "no tokens for the audience quay.io: it is not in minting.audiences",
        ),
        (
            request(&["sts.amazonaws.com.evil.example"], 600),
            "no tokens for the audience sts.amazonaws.com.evil.example",
        ),
        (
            request(&["evil.example/sts.amazonaws.com"], 600),
            "no tokens for the audience evil.example/sts",
        ),
        (request(&["svc.id.goog"], 600), "no tokens for the audience svc.id.goog"),
        (request(&[AWS], 3601), "for an hour at most"),
        (request(&[AWS], 7200), "for an hour at most"),
        (bound, "bound to an object"),
    ]
}

#[tokio::test]
async fn the_operators_own_token_creates_none_but_what_clouds_take() {
    let world = scoped_world();
    let accounts = Accounts::new("tokens").await;
    let space = &accounts.space;
    space.credentials("login", "user", "word").await;
    let consent = repository().join("deploy/samples/short-lived/consent.yaml");
    world.kubectl(&["apply", "-n", &space.name, "-f", &consent.display().to_string()]);
    accounts.soon("image-puller").await;
    eventually("the policy is in force", || async {
        match accounts
            .token("image-puller", &json!({"audiences": ["evil.example"]}))
            .await
        {
            Err(kube::Error::Api(status)) if status.code == 403 => Ok(()),
            other => Err(format!("{:?}", other.map(drop))),
        }
    })
    .await;

    for (request, words) in refused() {
        let answer = accounts.token("image-puller", &request).await.map(drop);
        let (code, message) = refusal(words, answer);
        assert!(code == 403 && message.contains(words), "{words}: {code} {message}");
    }
    let user = format!("system:serviceaccount:{OPERATOR}:{OPERATOR}");
    let reported = |request: &audit::Request| request.object_ref.namespace == space.name && request.is_fenced();
    assert!(
        audit::of_user(world, &user).iter().any(reported),
        "the audit log has refused tokens"
    );

    for (audience, seconds) in [
        (AWS, 600),
        ("api://AzureADTokenExchange", 600),
        (
            "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b",
            3600,
        ),
        ("project.svc.id.goog", 3600),
    ] {
        let request = json!({"audiences": [audience], "expirationSeconds": seconds});
        let answer = accounts.token("image-puller", &request).await.unwrap();
        assert!(!answer.status.unwrap().token.is_empty(), "{audience}");
    }
    accounts.has_no_right_on("other").await;
    accounts.has_no_right_on("default").await;

    // The policy is about the operator only.
    let request = [
        "create",
        "token",
        "image-puller",
        "-n",
        &space.name,
        "--audience=evil.example",
        "--duration=2h",
    ];
    world.kubectl(&request);
}

#[tokio::test]
async fn the_charts_role_is_for_the_named_service_accounts_only() {
    let world = scoped_world();
    let accounts = Accounts::new("minting-role").await;
    let space = &accounts.space;
    for name in ["puller", "builder"] {
        world.kubectl(&["create", "serviceaccount", name, "-n", &space.name]);
    }
    accounts.has_no_right_on("puller").await;
    let name = |index: usize, name: &str| {
        let account = format!("minting.serviceAccounts[{index}]");
        format!("{account}.namespace={},{account}.name={name}", space.name)
    };
    let values = format!("{},{}", name(0, "puller"), name(1, "builder"));
    install_templates(world, &space.name, &values, &["templates/minting.yaml"]);
    for account in ["puller", "builder"] {
        accounts.soon(account).await;
        accounts.api.get(account).await.unwrap();
    }
    accounts.has_no_right_on("other").await;
    accounts.has_no_right_on("default").await;

    // Which `dps doctor` tells for the ServiceAccounts that resources name.
    let who = format!("system:serviceaccount:{OPERATOR}:{OPERATOR}");
    space.create("app", minted("puller")).await;
    let allowed = format!(
        "{who} may use the ServiceAccount of spec.credentialsFrom: {}/puller",
        space.name
    );
    is_told(world, &space.name, "OK", &allowed);
    space.create("more", minted("other")).await;
    let refused = format!(
        "{who} may not use ServiceAccount {}/other of spec.credentialsFrom",
        space.name
    );
    is_told(world, &space.name, "WARN", &refused);
}

fn is_told(world: &World, namespace: &str, result: &str, words: &str) {
    let kubeconfig = [("KUBECONFIG", world.kubeconfig().to_str().unwrap())];
    let output = dps_in(&kubeconfig, &["doctor", "-o", "json", "-n", namespace], "");
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.stderr));
    let checks = report["checks"].as_array().unwrap();
    let is_it = |check: &Value| check["result"] == result && check["message"].as_str().unwrap().starts_with(words);
    assert!(checks.iter().any(is_it), "{words}: {checks:#?}");
}
