//! The baseline: a kube client that makes the requests of a first pass over each resource and decides nothing.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dps::api::{DockerPullSecret, FIELD_MANAGER};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::{Value, json};

use super::support::objects::secret;
use super::usage::Usage;
use super::{Measured, RESOURCES};

/// Runs this program as a bare client; one measurement for each line that it [tells](tell).
pub(crate) fn measure(operations: usize, arguments: &[&str], variables: &[(&str, &str)]) -> Vec<Measured> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(arguments)
        .envs(variables.iter().copied())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let lines = output.lines().map(|line| {
        let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let [took, cpu, peak_mib] = numbers.as_slice() else {
            panic!("{line}")
        };
        Measured {
            operations,
            took: Duration::from_secs_f64(*took),
            usage: Usage {
                cpu: Duration::from_secs_f64(*cpu),
                peak_mib: *peak_mib,
            },
        }
    });
    lines.collect()
}

/// What [`measure`] reads: how long it took since `begin`, and what CPU time this process used beyond `before`.
pub(crate) fn tell(begin: Instant, before: Duration) {
    let (took, now) = (begin.elapsed(), Usage::of(std::process::id()));
    let cpu = now.cpu.saturating_sub(before);
    println!("{} {} {}", took.as_secs_f64(), cpu.as_secs_f64(), now.peak_mib);
}

/// A client, and the resources of a prefix.
pub(crate) async fn resources(kubeconfig: &str, prefix: &str) -> (Client, Vec<DockerPullSecret>) {
    let config = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default())
        .await
        .unwrap();
    let client = Client::try_from(config).unwrap();
    let resources: Api<DockerPullSecret> = Api::all(client.clone());
    let mut resources = resources.list(&ListParams::default()).await.unwrap().items;
    resources.retain(|resource| resource.namespace().unwrap().starts_with(prefix));
    assert_eq!(resources.len(), RESOURCES);
    (client, resources)
}

/// The bare client itself; `watching`: with the two watches that an operator needs.
pub(crate) async fn run(kubeconfig: &str, prefix: &str, watching: bool) {
    let before = Duration::ZERO;
    let (client, resources) = resources(kubeconfig, prefix).await;
    if watching {
        watch(&client);
    }
    let begin = Instant::now();
    futures::stream::iter(resources)
        .for_each_concurrent(16, |resource| {
            let client = client.clone();
            async move { first_pass(&client, &resource, &json!({})).await }
        })
        .await;
    tell(begin, before);
}

/// The two watches that an operator needs.
pub(crate) fn watch(client: &Client) {
    let watch = watcher::Config::default;
    let secrets = watcher::watcher(Api::<PartialObjectMeta<Secret>>::all(client.clone()), watch());
    let all = watcher::watcher(Api::<DockerPullSecret>::all(client.clone()), watch());
    tokio::spawn(secrets.for_each(|_| async {}));
    tokio::spawn(all.for_each(|_| async {}));
}

/// Reads both Secrets, writes one and the status, which has `more` than every status has.
pub(crate) async fn first_pass(client: &Client, resource: &DockerPullSecret, more: &Value) {
    let (namespace, name) = (resource.namespace().unwrap(), resource.name_any());
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    assert!(!read(&secrets, resource).await);
    let document = r#"{"auths":{"r.example.com":{"username":"user","password":"word","auth":"dXNlcjp3b3Jk"}}}"#;
    let mut secret = secret(
        &name,
        "kubernetes.io/dockerconfigjson",
        &[(".dockerconfigjson", document)],
    );
    secret.metadata.owner_references = resource.controller_owner_ref(&()).map(|owner| vec![owner]);
    secret.metadata.labels = Some([("app.kubernetes.io/managed-by".to_owned(), FIELD_MANAGER.to_owned())].into());
    let params = PatchParams::apply("bare");
    secrets.patch(&name, &params, &Patch::Apply(&secret)).await.unwrap();
    write_status(client, resource, more).await;
}

/// Whether the generated Secret is there beside the referenced one.
pub(crate) async fn read(secrets: &Api<Secret>, resource: &DockerPullSecret) -> bool {
    let source = resource.spec.credentials_ref.as_ref().map(|reference| &reference.name);
    let (source, target) = (source.expect("a Secret"), resource.name_any());
    let (source, target) = futures::try_join!(secrets.get(source), secrets.get_opt(&target)).unwrap();
    assert!(source.data.is_some());
    target.is_some()
}

/// As large as the operator's: what the API server does for a write depends on it.
pub(crate) async fn write_status(client: &Client, resource: &DockerPullSecret, more: &Value) {
    let name = resource.name_any();
    let conditions = ["A", "B", "C", "D", "E"].map(|kind| {
        json!({"type": kind, "status": "True", "reason": kind, "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
            "message": "a sentence as long as those in the operator's conditions, in the mean"})
    });
    let mut status = json!({
        "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "status": {
            "observedGeneration": 1, "secretName": name, "registryKey": resource.spec.registry_url, "failingPods": 0, "conditions": conditions,
        },
    });
    let more = more.as_object().unwrap().clone();
    status["status"].as_object_mut().unwrap().extend(more);
    Api::<DockerPullSecret>::namespaced(client.clone(), &resource.namespace().unwrap())
        .patch_status(&name, &PatchParams::apply("bare").force(), &Patch::Apply(&status))
        .await
        .unwrap();
}
