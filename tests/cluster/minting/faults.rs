//! Clouds that answer something else than they should, or something between that does.

use std::collections::BTreeMap;

use dps::api::DockerPullSecretStatus;
use dps::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::minting::{clouds, consenting, operator, password, spec, static_keys};
use crate::support::cloud::{ACR, Cloud, ECR, EXCHANGES, GAR, ID, QUAY, ROLE};
use crate::support::objects::{Space, condition, condition_of, with};
use crate::support::world::scoped_world;

/// Seconds by which a clock is wrong.
const WRONG: i32 = 20 * 60;

/// Specs for one identity of each cloud that is nobody else's.
fn identities(number: usize) -> [(&'static str, Value); 4] {
    let id = format!("{number:08}-2222-3333-4444-555555555555");
    let pool = format!("projects/{number}/locations/global/workloadIdentityPools/pool/providers/cluster");
    [
        ("aws", spec(ECR, "aws", json!({"roleArn": format!("{ROLE}-{number}")}))),
        ("azure", spec(ACR, "azure", json!({"clientId": id, "tenantId": ID}))),
        ("google", spec(GAR, "google", json!({"workloadIdentityProvider": pool}))),
        (
            "quay",
            spec(QUAY, "quay", json!({"robot": format!("acme+puller{number}")})),
        ),
    ]
}

#[tokio::test]
async fn answers_that_are_none_are_named_and_lead_nowhere() {
    let world = scoped_world();
    let space = consenting(world, "answers").await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "puller")]);
    let operator = operator(&cloud, &space);
    let rows = [
        (json!({"huge": 1_048_576}), "ExchangeMalformed", "is larger than 64 KiB"),
        (
            json!({"truncate": true}),
            "ExchangeMalformed",
            "end of file before message length reached",
        ),
        (
            json!({"body": "<html>Welcome</html>"}),
            "ExchangeMalformed",
            "cannot be read",
        ),
        (
            json!({"redirect": "https://evil.test/"}),
            "ExchangeMalformed",
            "where no token is sent",
        ),
        (
            json!({"redirect": "http://127.0.0.1:1/", "status": 302}),
            "ExchangeMalformed",
            "where no token is sent",
        ),
        (
            json!({"status": 503, "retryAfter": "86400000"}),
            "ExchangeUnreachable",
            "answered 503",
        ),
    ];
    for (number, (fault, reason, words)) in rows.into_iter().enumerate() {
        cloud.put("faults", &json!([with(fault, json!({"route": "*"}))]));
        for (name, spec) in identities(number) {
            let name = format!("{name}-{number}");
            space.create(&name, spec).await;
            let refused = space.reason(&name, reason).await;
            let message = &condition_of(&refused, "Ready").message;
            assert!(message.contains(words), "{words:?} in {message}");
            assert!(space.secrets.get_opt(&name).await.unwrap().is_none(), "{message}");
        }
    }
    let requests = cloud.requests(&[]);
    assert!(
        requests
            .iter()
            .all(|request| request["route"] != "unknown" && request["host"] != "evil.test"),
        "{requests:?}"
    );
    assert_eq!(
        operator.count("dps_mints_total{provider=\"quay\",result=\"Resolved\"}"),
        0
    );
}

#[tokio::test]
async fn credentials_that_ended_before_they_came_are_not_minted_in_a_loop() {
    let world = scoped_world();
    let space = consenting(world, "dead").await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "puller")]);
    let lives: BTreeMap<&str, i32> = EXCHANGES.iter().map(|route| (*route, -3600)).collect();
    cloud.put("lifetimes", &json!(lives));
    let _operator = operator(&cloud, &space);
    for (name, spec, ..) in clouds() {
        space.create(name, spec).await;
        space.reason(name, "ExchangeMalformed").await;
    }
    for round in 0..5 {
        for (name, ..) in clouds() {
            let template = json!({"secretTemplate": {"labels": {"round": round.to_string()}}});
            space.change(name, template).await;
            space.reason(name, "ExchangeMalformed").await;
        }
    }
    for route in EXCHANGES {
        let asked = cloud.requests(&[route]).len();
        assert!((1..=3).contains(&asked), "{route}: {asked} times");
    }
}

#[tokio::test]
async fn pause_that_a_cloud_asks_for_is_kept() {
    let world = scoped_world();
    let space = consenting(world, "pause").await;
    let cloud = Cloud::start(world, None);
    cloud.trust(&[(&space.name, "puller")]);
    cloud.put("lifetimes", &json!({"ecr": 20}));
    let _operator = operator(&cloud, &space);
    let resource = spec(ECR, "aws", json!({"roleArn": ROLE}));
    space
        .create("app", with(resource, json!({"verification": {"mode": "Disabled"}})))
        .await;
    space.ready("app").await;
    let first = password(&space, "app", ECR).await;
    // Otherwise it would be a tenth of what is left of these 20 seconds.
    cloud.put(
        "faults",
        &json!([{"route": "ecr", "status": 429, "retryAfter": "12", "times": 1}]),
    );
    let is_limited = |status: &DockerPullSecretStatus| {
        let mut warnings = status.warnings.iter();
        warnings
            .any(|warning| warning.contains("limits requests (429)"))
            .then_some(())
    };
    space.until("app", "is limited", is_limited).await;
    space
        .secret_until("app", "is renewed", |secret| {
            crate::support::objects::password(secret).as_ref() != Some(&first)
        })
        .await;
    let requests = cloud.requests(&["ecr"]);
    let limited = requests.iter().position(|request| request["status"] == 429).unwrap();
    let at = |index: usize| requests[index]["time"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let pause = at(limited + 1).duration_since(at(limited));
    assert!(pause.as_secs() >= 12, "{pause:?}");
}

/// Waits until it is ready, with a warning about the clock.
async fn skewed(space: &Space, name: &str, words: &str) {
    let is_told = |status: &DockerPullSecretStatus| {
        let mut warnings = status.warnings.iter();
        let is_told = warnings.any(|warning| warning.starts_with("ClockSkew: ") && warning.contains(words));
        (is_told && condition(status, "Ready")?.status == "True").then_some(())
    };
    space.until(name, words, is_told).await;
}

#[tokio::test]
async fn clocks_of_clouds_may_differ_as_long_as_tokens_are_valid() {
    let world = scoped_world();
    let space = consenting(world, "clocks").await;
    let cloud = Cloud::start(world, None);
    cloud.put(
        "trust",
        &static_keys::trusted(cloud.trusting(&[(&space.name, "puller")])),
    );
    let _operator = operator(&cloud, &space);
    for (number, (offset, words)) in [(WRONG, "minutes behind"), (-WRONG, "minutes ahead of")]
        .into_iter()
        .enumerate()
    {
        cloud.put("faults", &json!([{"route": "*", "dateOffset": offset}]));
        for (cloud, mut spec) in static_keys::specs() {
            // Another Secret is another identity.
            let (name, key) = (format!("{cloud}-{number}"), format!("{cloud}-{number}-key"));
            static_keys::store(&space, &key, cloud).await;
            spec["credentialsFrom"]["staticKeyRef"]["name"] = json!(key);
            space.create(&name, spec).await;
            skewed(&space, &name, words).await;
        }
        // A token of a ServiceAccount lives for ten minutes only.
        for (cloud, spec) in [&clouds()[0], &clouds()[1]].map(|(name, spec, ..)| (*name, spec.clone())) {
            let name = format!("{cloud}-{number}");
            // What is asked for in the other round does not count.
            let spec = with(spec, json!({"registryUrl": other_host(cloud, number)}));
            space.create(&name, spec).await;
            space.reason(&name, "ClockSkew").await;
        }
    }
}

/// A registry of the same cloud, which makes another identity.
fn other_host(cloud: &str, number: usize) -> String {
    match cloud {
        "aws" => format!("{:012}.dkr.ecr.eu-west-1.amazonaws.com", number + 1),
        _ => format!("example{number}.azurecr.io"),
    }
}
