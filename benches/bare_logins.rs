//! The baseline for checks of logins: a client that has the same conversations, one at a time, and decides nothing.

use std::time::{Duration, Instant};

use dps::api::DockerPullSecret;
use dps::domain::verification::queue::AT_ONE_RECEIVER;
use futures::StreamExt as _;
use futures::channel::mpsc;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt as _};
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use super::bare::{first_pass, read, resources, tell, watch, write_status};
use super::usage::Usage;
use super::{PASSWORD, RESOURCES};

/// The bare client itself; with a kubeconfig and a prefix it also has an operator's watches,
/// makes the requests of the passes before and after a login, and tells also when the last login was over.
pub(crate) async fn run(registry: &str, cluster: Option<(&str, &str)>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let password = std::env::var(PASSWORD).unwrap();
    // As the operator does.
    let http = reqwest::Client::builder()
        .redirect(Policy::none())
        .http1_only()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(15))
        .pool_idle_timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let url = format!("https://{registry}/v2/");
    let Some((kubeconfig, prefix)) = cluster else {
        let (begin, before) = (Instant::now(), Duration::ZERO);
        for number in 0..RESOURCES {
            log_in(&http, &url, &format!("user-{number}"), &password).await;
        }
        return tell(begin, before);
    };
    let (client, resources) = resources(kubeconfig, prefix).await;
    watch(&client);
    let warning = "a sentence of about the same length as the one about registries with a path: ".repeat(2);
    let with_warning = json!({"warnings": [warning]});
    let mut verified = with_warning.clone();
    verified["verification"] = json!({
        "result": "Accepted", "lastVerifiedTime": "2026-01-01T00:00:00Z",
        "credentialsVersion": format!("{}/1000 {url}", "00000000-0000-0000-0000-000000000000"),
    });
    futures::stream::iter(&resources)
        .for_each_concurrent(16, |resource| first_pass(&client, resource, &with_warning))
        .await;
    let mut announced = with_warning.clone();
    announced["verification"] = json!({"attempt": {
        "startTime": "2026-01-01T00:00:00Z", "credentialsVersion": verified["verification"]["credentialsVersion"],
    }});
    let (begin, before) = (Instant::now(), Usage::of(std::process::id()).cpu);
    let (sender, checked) = mpsc::unbounded();
    let logins = async {
        let (client, status) = (&client, &announced);
        let announced = futures::stream::iter(&resources).map(|resource| async move {
            pass(client, resource, status).await;
            resource
        });
        // As many at a time as the operator announces.
        let mut announced = announced.buffered(AT_ONE_RECEIVER);
        while let Some(resource) = announced.next().await {
            log_in(&http, &url, &resource.name_any(), &password).await;
            sender.unbounded_send(resource).unwrap();
        }
        sender.close_channel();
        tell(begin, before);
    };
    let passes = checked.for_each_concurrent(16, |resource| pass(&client, resource, &verified));
    futures::join!(logins, passes);
    tell(begin, before);
}

async fn log_in(http: &reqwest::Client, url: &str, user: &str, password: &str) {
    let response = http.get(url).send().await.unwrap();
    assert_eq!(response.status(), 401);
    response.bytes().await.unwrap();
    let response = http.get(url).basic_auth(user, Some(password)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap();
}

async fn pass(client: &Client, resource: &DockerPullSecret, status: &Value) {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &resource.namespace().unwrap());
    assert!(read(&secrets, resource).await);
    write_status(client, resource, status).await;
}
