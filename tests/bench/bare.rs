//! The baseline: a kube client that makes the requests of a first pass over each resource and decides nothing.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dps::api::DockerPullSecret;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::json;

use super::support::objects::secret;
use super::usage::Usage;
use super::{Measured, RESOURCES};

/// Runs this program as the bare client; `watching`: with the two watches that an operator needs.
pub(crate) fn measure(kubeconfig: &Path, prefix: &str, watching: bool) -> Measured {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([kubeconfig, Path::new(prefix), Path::new(&watching.to_string())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let took = Duration::from_secs_f64(line.trim().parse().unwrap());
    let usage = Usage::of(child.id());
    // It ends with its standard input.
    drop(child.stdin.take());
    child.wait().unwrap();
    Measured { took, usage }
}

/// The bare client itself.
pub(crate) async fn run(kubeconfig: &str, prefix: &str, watching: bool) {
    let config = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default())
        .await
        .unwrap();
    let client = Client::try_from(config).unwrap();
    let resources: Api<DockerPullSecret> = Api::all(client.clone());
    let mut resources = resources.list(&ListParams::default()).await.unwrap().items;
    resources.retain(|resource| resource.namespace().unwrap().starts_with(prefix));
    assert_eq!(resources.len(), RESOURCES);
    if watching {
        let watch = watcher::Config::default;
        let secrets = watcher::watcher(Api::<PartialObjectMeta<Secret>>::all(client.clone()), watch());
        let all = watcher::watcher(Api::<DockerPullSecret>::all(client.clone()), watch());
        tokio::spawn(secrets.for_each(|_| async {}));
        tokio::spawn(all.for_each(|_| async {}));
    }
    let begin = Instant::now();
    futures::stream::iter(resources)
        .for_each_concurrent(16, |resource| one(client.clone(), resource))
        .await;
    println!("{}", begin.elapsed().as_secs_f64());
    let _ = std::io::stdin().lock().read_line(&mut String::new());
}

async fn one(client: Client, resource: DockerPullSecret) {
    let (namespace, name) = (resource.namespace().unwrap(), resource.name_any());
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let resources: Api<DockerPullSecret> = Api::namespaced(client, &namespace);
    let (source, target) = futures::try_join!(secrets.get("login"), secrets.get_opt(&name)).unwrap();
    assert!(source.data.is_some() && target.is_none());
    let params = PatchParams::apply("bare");
    let document = r#"{"auths":{"r.example.com":{"username":"user","password":"word","auth":"dXNlcjp3b3Jk"}}}"#;
    let mut secret = secret(
        &name,
        "kubernetes.io/dockerconfigjson",
        &[(".dockerconfigjson", document)],
    );
    secret.metadata.owner_references = resource.controller_owner_ref(&()).map(|owner| vec![owner]);
    secret.metadata.labels = Some([("app.kubernetes.io/managed-by".to_owned(), "bare".to_owned())].into());
    secrets.patch(&name, &params, &Patch::Apply(&secret)).await.unwrap();
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "reason": kind, "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
            "message": "a sentence of about the same length as the operator writes into its conditions, in the mean"})
    };
    let status = json!({
        "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret",
        "status": {"observedGeneration": 1, "secretName": name, "conditions": [condition("A"), condition("B"), condition("C")]},
    });
    resources
        .patch_status(&name, &params.force(), &Patch::Apply(&status))
        .await
        .unwrap();
}
