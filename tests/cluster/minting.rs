//! Credentials that the operator mints, at clouds that check every token against the API server's keys.

mod creation;
mod faults;
mod fleet;
mod judge;
mod node;
mod static_keys;
mod trial;

use std::fmt::Write as _;
use std::time::Duration;

use dps::api::{DockerPullSecret, DockerPullSecretStatus};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::support::cloud::{ACR, Cloud, ECR, GAR, ID, POOL, QUAY, ROBOT, ROLE};
use crate::support::objects::{Space, condition, condition_of, document, with};
use crate::support::operator::Operator;
use crate::support::world::{OPERATOR, World, scoped_world};
use crate::support::{eventually, within};

/// A namespace whose ServiceAccount the operator may use.
async fn consenting(world: &World, purpose: &str) -> Space {
    world.install();
    let space = Space::new(world, purpose).await;
    account(&space, &json!({})).await;
    let accounts: &[&[&str]] = &[
        &[
            "role",
            "minting",
            "--verb=get",
            "--resource=serviceaccounts",
            "--resource-name=puller",
        ],
        &[
            "role",
            "tokens",
            "--verb=create",
            "--resource=serviceaccounts/token",
            "--resource-name=puller",
        ],
    ];
    let operator = format!("--serviceaccount={OPERATOR}:{OPERATOR}");
    for what in accounts {
        world.kubectl(&[&["create", "-n", &space.name], *what].concat());
        let role = format!("--role={}", what[1]);
        world.kubectl(&["create", "-n", &space.name, "rolebinding", what[1], &role, &operator]);
    }
    world.allow_audience(QUAY);
    let kubeconfig = world.install();
    eventually("the policy allows the audience of Quay", || async {
        let mut command = std::process::Command::new(world.bin().join("kubectl"));
        command.arg("--kubeconfig").arg(&kubeconfig);
        command.args([
            "create",
            "token",
            "puller",
            "-n",
            &space.name,
            "--audience",
            QUAY,
            "--duration=10m",
        ]);
        let output = command.output().map_err(|error| error.to_string())?;
        let refusal = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or(refusal)
    })
    .await;
    space
}

async fn account(space: &Space, annotations: &Value) -> ServiceAccount {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "puller", "annotations": annotations}});
    let accounts: Api<ServiceAccount> = Api::namespaced(space.client.clone(), &space.name);
    let params = PatchParams::apply("test").force();
    accounts
        .patch("puller", &params, &Patch::Apply(&account))
        .await
        .unwrap()
}

fn operator(cloud: &Cloud, space: &Space) -> Operator {
    operator_of(scoped_world(), cloud, space)
}

fn operator_of(world: &World, cloud: &Cloud, space: &Space) -> Operator {
    let variables = [&cloud.variables()[..], &[("RUST_LOG", "trace")]].concat();
    let operator = Operator::start_in(world, &world.install(), &["--namespace", &space.name], &variables);
    operator.wait_until_ready();
    operator
}

#[allow(clippy::needless_pass_by_value, reason = "what json! makes")]
fn spec(registry: &str, provider: &str, fields: Value) -> Value {
    json!({"type": "PrivateRegistry", "registryUrl": registry,
        "credentialsFrom": {"serviceAccountRef": {"name": "puller"}, provider: fields}})
}

/// A name, a spec, the user name, and the route that gives the password.
fn clouds() -> [(&'static str, Value, &'static str, &'static str); 4] {
    let ids = json!({"clientId": ID, "tenantId": ID});
    [
        ("aws", spec(ECR, "aws", json!({"roleArn": ROLE})), "AWS", "ecr"),
        (
            "azure",
            spec(ACR, "azure", ids),
            "00000000-0000-0000-0000-000000000000",
            "acr-exchange",
        ),
        (
            "google",
            spec(GAR, "google", json!({"workloadIdentityProvider": POOL})),
            "oauth2accesstoken",
            "google-sts",
        ),
        ("quay", spec(QUAY, "quay", json!({"robot": ROBOT})), ROBOT, "quay"),
    ]
}

fn sha256(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

async fn password(space: &Space, name: &str, registry: &str) -> String {
    password_in(&space.secrets.get(name).await.unwrap(), registry)
}

fn password_in(secret: &Secret, registry: &str) -> String {
    let document = document(secret);
    document["auths"][registry]["password"].as_str().unwrap().to_owned()
}

/// Whether the last good credentials serve on.
fn fails_to_renew(status: &DockerPullSecretStatus) -> bool {
    let mut warnings = status.warnings.iter();
    warnings.any(|warning| warning.starts_with("RefreshFailing: "))
        && condition(status, "Ready").is_some_and(|ready| ready.status == "True")
}

/// Looks for passwords and tokens in what an operator shows, and in `places`.
fn are_hidden<const N: usize>(passwords: &[String], operator: &Operator, places: [(&str, String); N]) {
    let own = [("log", operator.log()), ("metrics", operator.get("/metrics").1)];
    for (place, text) in own.into_iter().chain(places) {
        assert!(
            !passwords.iter().any(|password| text.contains(password.as_str())),
            "a password is in the {place}"
        );
        // Tokens of ServiceAccounts and of Entra are JWTs.
        assert!(!text.contains("eyJhbGciOi"), "a token is in the {place}");
        assert!(
            !text.contains("x-amz-security-token:"),
            "a signed request is in the {place}"
        );
    }
}

fn status(resource: &DockerPullSecret) -> &DockerPullSecretStatus {
    resource.status.as_ref().unwrap()
}

#[tokio::test]
async fn each_cloud_gives_credentials_that_its_registry_accepts_and_no_token_is_seen_elsewhere() {
    let world = scoped_world();
    let space = consenting(world, "minting").await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "puller")]);
    let operator = operator(&cloud, &space);
    let mut secrets = Vec::new();
    for (name, spec, username, route) in clouds() {
        let registry = spec["registryUrl"].as_str().unwrap().to_owned();
        space.create(name, spec).await;
        let resource = space
            .until(name, "accepted", |status| {
                (condition(status, "CredentialsAccepted")?.reason == "Accepted").then_some(())
            })
            .await;
        assert_eq!(condition_of(&resource, "Ready").status, "True");
        let minted = status(&resource).minted.clone().unwrap();
        assert_eq!((minted.provider.as_str(), minted.failures), (name, 0));
        assert!(minted.expires_at > minted.next_refresh_time && minted.next_refresh_time > minted.issued_at);
        let password = password(&space, name, &registry).await;
        let document = document(&space.secrets.get(name).await.unwrap());
        assert_eq!(document["auths"][&registry]["username"], username);
        let given = cloud.requests(&[route]);
        let issued = given[0]["issued"].as_object().unwrap();
        assert!(issued.values().any(|hash| *hash == sha256(&password)), "{issued:?}");
        assert_eq!(
            (&given[0]["namespace"], &given[0]["name"]),
            (&json!(space.name), &json!("puller"))
        );
        secrets.push(password);
    }
    let shown = world.kubectl(&["get", "dockerpullsecrets,events", "-n", &space.name, "-o", "json"]);
    let command_line = std::fs::read_to_string(format!("/proc/{}/cmdline", operator.pid())).unwrap();
    are_hidden(
        &secrets,
        &operator,
        [("resources", shown), ("command line", command_line)],
    );
    let verified = cloud.dps(world.kubeconfig(), &["verify", "dps/aws", "-n", &space.name], "");
    let output = format!("{}{}", verified.stdout, verified.stderr);
    assert!(verified.code == 0 && output.contains("Accepted"), "{output}");
    assert_eq!(
        operator.count("dps_mints_total{provider=\"aws\",result=\"Resolved\"}"),
        1
    );
}

#[tokio::test]
async fn restart_mints_nothing_and_what_somebody_changes_comes_back_without_an_exchange() {
    const COUNT: usize = 500;
    let world = scoped_world();
    let space = consenting(world, "restart").await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "puller")]);
    let first = operator(&cloud, &space);
    // All of them have one identity.
    let unverified = with(
        spec(ECR, "aws", json!({"roleArn": ROLE})),
        json!({"verification": {"mode": "Disabled"}}),
    );
    let names: Vec<String> = (0..COUNT).map(|number| format!("app-{number}")).collect();
    let created = futures::stream::iter(&names).map(|name| space.create(name, unverified.clone()));
    created.buffer_unordered(16).for_each(|_| async {}).await;
    for number in 0..COUNT {
        space.ready(&format!("app-{number}")).await;
    }
    assert_eq!(cloud.exchanges(), 1, "one identity, one exchange");
    let before = password(&space, "app-0", ECR).await;
    assert!(first.stop().1);
    let second = operator(&cloud, &space);
    eventually("all were looked at", || async {
        let looked = second.count("dps_reconciliations_total");
        (looked >= COUNT)
            .then_some(())
            .ok_or_else(|| format!("{looked} reconciles"))
    })
    .await;
    space.delete_secret("app-0").await;
    space.secret_until("app-0", "is back", |_| true).await;
    assert_eq!(password(&space, "app-0", ECR).await, before);
    // Somebody else's document in it.
    let patch = json!({"data": {".dockerconfigjson": "e30="}});
    space
        .secrets
        .patch("app-1", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
    space
        .secret_until("app-1", "is as it was", |secret| {
            document(secret)["auths"][ECR].is_object()
        })
        .await;
    assert_eq!(password(&space, "app-1", ECR).await, before);
    assert_eq!(second.count("dps_mints_total"), 0);
    assert_eq!(cloud.exchanges(), 1);
}

#[tokio::test]
async fn what_is_missing_is_said_and_heals() {
    let world = scoped_world();
    world.install();
    let space = Space::new(world, "consent").await;
    let cloud = Cloud::start(world, None);
    let _operator = operator(&cloud, &space);
    let resource = spec(ECR, "aws", json!({}));
    space.create("app", resource).await;
    let refused = space.reason("app", "ServiceAccountNotAllowed").await;
    let message = &condition_of(&refused, "Ready").message;
    assert!(message.contains("resourceNames [\"puller\"]"), "{message}");

    let operator_account = format!("--serviceaccount={OPERATOR}:{OPERATOR}");
    for (name, verb, resource) in [
        ("read", "get", "serviceaccounts"),
        ("tokens", "create", "serviceaccounts/token"),
    ] {
        let (verb, resource) = (format!("--verb={verb}"), format!("--resource={resource}"));
        world.kubectl(&[
            "create",
            "-n",
            &space.name,
            "role",
            name,
            &verb,
            &resource,
            "--resource-name=puller",
        ]);
        world.kubectl(&[
            "create",
            "-n",
            &space.name,
            "rolebinding",
            name,
            &format!("--role={name}"),
            &operator_account,
        ]);
    }
    space.reason("app", "ServiceAccountNotFound").await;
    account(&space, &json!({})).await;
    let missing = space.reason("app", "IdentityMissing").await;
    assert!(
        condition_of(&missing, "Ready")
            .message
            .contains("eks.amazonaws.com/role-arn")
    );
    // Somebody else is trusted.
    cloud.trust(&[(&space.name, "other")]);
    account(&space, &json!({"eks.amazonaws.com/role-arn": ROLE})).await;
    let untrusted = space.reason("app", "TrustRefused").await;
    let message = &condition_of(&untrusted, "Ready").message;
    let subject = format!("system:serviceaccount:{}:puller", space.name);
    assert!(message.contains(&subject) && message.contains(ROLE), "{message}");
    assert_eq!(condition_of(&untrusted, "Stalled").status, "True");
    cloud.trust(&[(&space.name, "puller")]);
    // Nothing tells the operator, but for a change of the resource.
    space
        .change(
            "app",
            json!({"credentialsFrom": {"aws": {"roleArn": ROLE, "audience": "sts.amazonaws.com"}}}),
        )
        .await;
    within(Duration::from_mins(3), "Ready", || async {
        let resource = space.resources.get("app").await.map_err(|error| error.to_string())?;
        let ready = condition_of(&resource, "Ready");
        if ready.status == "True" {
            Ok(())
        } else {
            Err(ready.message.clone())
        }
    })
    .await;
    // The same name, another ServiceAccount: what was minted for the first one is not used for the second.
    let exchanges = cloud.exchanges();
    let accounts: Api<ServiceAccount> = Api::namespaced(space.client.clone(), &space.name);
    accounts.delete("puller", &DeleteParams::default()).await.unwrap();
    account(&space, &json!({})).await;
    space
        .change("app", json!({"secretTemplate": {"labels": {"a": "b"}}}))
        .await;
    eventually("minted anew", || async {
        let now = cloud.exchanges();
        (now > exchanges)
            .then_some(())
            .ok_or_else(|| format!("{now} exchanges"))
    })
    .await;
}

#[tokio::test]
async fn last_good_credentials_stay_until_they_expire_and_it_heals_by_itself() {
    let world = scoped_world();
    let space = consenting(world, "expiry").await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "puller")]);
    cloud.put("lifetimes", &json!({"ecr": 40}));
    let _operator = operator(&cloud, &space);
    let resource = with(
        spec(ECR, "aws", json!({"roleArn": ROLE})),
        json!({"verification": {"mode": "Disabled"}}),
    );
    space.create("app", resource).await;
    space.ready("app").await;
    let first = password(&space, "app", ECR).await;
    let uid = space.secrets.get("app").await.unwrap().metadata.uid;
    eventually("renewed", || async {
        let now = password(&space, "app", ECR).await;
        (now != first)
            .then_some(())
            .ok_or_else(|| "the first password".to_owned())
    })
    .await;
    cloud.put("faults", &json!([{"route": "ecr", "status": 503}]));
    let failing = space
        .until("app", "cannot be renewed", |status| {
            fails_to_renew(status).then_some(())
        })
        .await;
    assert!(status(&failing).minted.as_ref().unwrap().failures > 0);
    let expired = space.reason("app", "Expired").await;
    let events = world.kubectl(&["get", "events", "-n", &space.name, "-o", "json"]);
    let events: Value = serde_json::from_str(&events).unwrap();
    let soon = events["items"].as_array().unwrap().iter();
    let soon: Vec<&Value> = soon.filter(|event| event["reason"] == "ExpiresSoon").collect();
    assert_eq!(soon.len(), 1, "{soon:?}");
    assert_eq!(
        (&soon[0]["type"], &soon[0]["series"]),
        (&json!("Warning"), &Value::Null)
    );
    assert_eq!(condition_of(&expired, "SecretSynced").reason, "Stale");
    assert!(space.secrets.get("app").await.is_ok(), "the Secret stays");
    cloud.put("faults", &json!([]));
    space.ready("app").await;
    assert_eq!(
        space.secrets.get("app").await.unwrap().metadata.uid,
        uid,
        "it is the same Secret"
    );
}

#[tokio::test]
async fn host_that_only_looks_like_a_clouds_gets_no_token() {
    let world = scoped_world();
    let space = consenting(world, "spoof").await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "puller")]);
    let operator = operator(&cloud, &space);
    let rows = [
        (
            "example.azurecr.io.evil.test",
            "azure",
            json!({"clientId": ID, "tenantId": ID}),
        ),
        (
            "1.dkr.ecr.us-east-1.amazonaws.com.evil.test",
            "aws",
            json!({"roleArn": ROLE}),
        ),
        (
            "example.azurecr.io:8443",
            "azure",
            json!({"clientId": ID, "tenantId": ID}),
        ),
        ("gcr.io.evil.test", "google", json!({"workloadIdentityProvider": POOL})),
    ];
    for (number, (host, provider, fields)) in rows.into_iter().enumerate() {
        let name = format!("spoof-{number}");
        space.create(&name, spec(host, provider, fields)).await;
        space.reason(&name, "RegistryMismatch").await;
    }
    assert_eq!(cloud.requests(&[]), Vec::<Value>::new());
    assert_eq!(operator.count("dps_mints_total"), 0);
}

#[tokio::test]
async fn rules_of_the_api_refuse_with_a_sentence() {
    let world = scoped_world();
    let space = consenting(world, "rules").await;
    let both = with(
        spec(ECR, "aws", json!({})),
        json!({"credentialsRef": {"name": "login"}}),
    );
    let rows = [
        (
            json!({"type": "PrivateRegistry", "registryUrl": ECR}),
            "exactly one of credentialsRef and credentialsFrom",
        ),
        (both, "exactly one of credentialsRef and credentialsFrom"),
        (
            json!({"type": "DockerHub", "credentialsFrom": {"serviceAccountRef": {"name": "a"}, "aws": {}}}),
            "not for type DockerHub",
        ),
        (
            with(
                spec(ECR, "aws", json!({})),
                json!({"credentialsFrom": {"serviceAccountRef": {"name": "a"}}}),
            ),
            "exactly one of aws, google, azure and quay",
        ),
        (
            with(spec(ECR, "aws", json!({})), json!({"credentialsFrom": {"aws": {}}})),
            "exactly one of serviceAccountRef and staticKeyRef",
        ),
        (
            with(
                spec(QUAY, "quay", json!({})),
                json!({"credentialsFrom": {"staticKeyRef": {"name": "a"}, "quay": {"robot": ROBOT}}}),
            ),
            "quay needs serviceAccountRef",
        ),
        (
            spec(ECR, "aws", json!({"roleArn": "role/pull"})),
            "must be the ARN of a role",
        ),
        (spec(ACR, "azure", json!({"clientId": "app"})), "must be ids such as"),
        (spec(ACR, "azure", json!({"repositories": ["team/*"]})), "knows no '*'"),
        (spec(QUAY, "quay", json!({"robot": "puller"})), "acme+puller"),
        (
            with(
                spec(ECR, "aws", json!({})),
                json!({"credentialsFrom": {"serviceAccountRef": {"name": "A"}, "aws": {}}}),
            ),
            "must name a ServiceAccount or a Secret",
        ),
        (
            with(
                spec(ECR, "aws", json!({})),
                json!({"credentialsFrom": {"staticKeyRef": {"name": "app"}, "aws": {}}}),
            ),
            "staticKeyRef.name is also the name of the Secret to generate",
        ),
    ];
    for (spec, words) in rows {
        let resource = crate::support::objects::resource("app", &spec);
        let refused = space.resources.create(&PostParams::default(), &resource).await;
        let message = refused.expect_err(words).to_string();
        assert!(message.contains(words), "{words:?} in {message}");
    }
}
