//! Names of the cluster and of the kubeconfig, for completion. Where there is no cluster there are none, soon and silently.

mod typed;

use std::fmt::Debug;
use std::sync::mpsc::channel;
use std::time::Duration;

use clap_complete::{ArgValueCandidates, CompletionCandidate};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, ServiceAccount};
use kube::api::ListParams;
use kube::config::Kubeconfig;
use kube::{Api, Client, Resource};

use crate::api::{ClusterDockerPullSecret, DockerPullSecret};
use crate::cli::completion::names::typed::Typed;
use crate::cli::runtime::block_on;
use crate::domain::text::invisible::is_invisible;
use crate::form::import::PULL_SECRETS;
use crate::kubernetes::connect::connect;

/// Nobody waits longer for a completion.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Most names of a kind.
const NAMES: u32 = 500;

/// Names of contexts.
pub(crate) fn contexts() -> ArgValueCandidates {
    of_kubeconfig(|kubeconfig| kubeconfig.contexts.into_iter().map(|named| named.name).collect())
}

/// Names of clusters.
pub(crate) fn clusters() -> ArgValueCandidates {
    of_kubeconfig(|kubeconfig| kubeconfig.clusters.into_iter().map(|named| named.name).collect())
}

/// Names of users.
pub(crate) fn users() -> ArgValueCandidates {
    of_kubeconfig(|kubeconfig| kubeconfig.auth_infos.into_iter().map(|named| named.name).collect())
}

fn of_kubeconfig(names: fn(Kubeconfig) -> Vec<String>) -> ArgValueCandidates {
    ArgValueCandidates::new(move || candidates(Typed::now().options.read().map(names).unwrap_or_default()))
}

/// Types of Secrets that hold no login; there may be more of these than of others.
const NO_LOGIN: [&str; 4] = [
    "kubernetes.io/service-account-token",
    "kubernetes.io/tls",
    "bootstrap.kubernetes.io/token",
    "helm.sh/release.v1",
];

/// Names of namespaces.
pub(crate) fn namespaces() -> ArgValueCandidates {
    of_cluster(|client, _| async move { list(&Api::<Namespace>::all(client), "", "").await })
}

/// Names of ServiceAccounts.
pub(crate) fn service_accounts() -> ArgValueCandidates {
    of_cluster(|client, typed| async move { list(&namespaced::<ServiceAccount>(client, &typed), "", "").await })
}

/// Names of Secrets that may hold a login.
pub(crate) fn logins() -> ArgValueCandidates {
    of_cluster(|client, typed| async move {
        let others = NO_LOGIN.map(|kind| format!("type!={kind}")).join(",");
        list(&namespaced::<Secret>(client, &typed), "", &others).await
    })
}

/// Names of pull secrets.
pub(crate) fn pull_secrets() -> ArgValueCandidates {
    of_cluster(|client, typed| async move {
        let secrets = namespaced::<Secret>(client, &typed);
        let [first, second] = PULL_SECRETS.map(|kind| format!("type={kind}"));
        let (mut names, more) = tokio::join!(list(&secrets, "", &first), list(&secrets, "", &second));
        names.extend(more);
        names
    })
}

/// Names of DockerPullSecrets, and of ClusterDockerPullSecrets with their kind.
pub(crate) fn resources() -> ArgValueCandidates {
    of_cluster(|client, typed| async move {
        let own = namespaced::<DockerPullSecret>(client.clone(), &typed);
        let shared = Api::<ClusterDockerPullSecret>::all(client);
        let (own, shared) = tokio::join!(list(&own, "", ""), list(&shared, "clusterdockerpullsecret/", ""));
        own.into_iter().chain(shared).collect()
    })
}

/// Names that `dps create --replace` can be about; without it, nobody wants one that exists.
pub(crate) fn replaceable() -> ArgValueCandidates {
    of_cluster(|client, typed| async move {
        match (typed.replaces, typed.selects) {
            (false, _) => Vec::new(),
            (true, false) => list(&namespaced::<DockerPullSecret>(client, &typed), "", "").await,
            (true, true) => list(&Api::<ClusterDockerPullSecret>::all(client), "", "").await,
        }
    })
}

/// What `dps explain` explains: pods, or an image.
pub(crate) fn subjects() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let pods = ask(|client, typed| async move { list(&namespaced::<Pod>(client, &typed), "pod/", "").await });
        candidates(pods.into_iter().chain(["image".to_owned()]).collect())
    })
}

fn of_cluster<F>(question: fn(Client, Typed) -> F) -> ArgValueCandidates
where
    F: Future<Output = Vec<String>> + 'static,
{
    ArgValueCandidates::new(move || candidates(ask(question)))
}

/// No shell gets what a terminal obeys.
fn candidates(names: Vec<String>) -> Vec<CompletionCandidate> {
    let names = names.into_iter().filter(|name| !name.contains(is_invisible));
    names.map(CompletionCandidate::new).collect()
}

/// A kind in the namespace that was typed.
fn namespaced<K>(client: Client, typed: &Typed) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match typed.namespace() {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::default_namespaced(client),
    }
}

/// The names of a kind, each behind a word. `fields`: which of them.
async fn list<K>(api: &Api<K>, prefix: &str, fields: &str) -> Vec<String>
where
    K: Resource + Clone + serde::de::DeserializeOwned + Debug,
{
    let params = ListParams::default().limit(NAMES).fields(fields);
    let listed = api.list_metadata(&params).await;
    let names = listed
        .into_iter()
        .flat_map(|listed| listed.items)
        .filter_map(|object| object.metadata.name);
    names.map(|name| format!("{prefix}{name}")).collect()
}

/// Asks the cluster that was typed, for a limited time.
fn ask<F>(question: impl FnOnce(Client, Typed) -> F + Send + 'static) -> Vec<String>
where
    F: Future<Output = Vec<String>>,
{
    let (sender, answer) = channel();
    // The process does not wait for it.
    std::thread::spawn(move || {
        let typed = Typed::now();
        let names = block_on(async {
            let connection = connect(&typed.options).await.map_err(|error| error.to_string())?;
            Ok(question(connection.client, typed).await)
        });
        let _ = sender.send(names.unwrap_or_default());
    });
    answer.recv_timeout(PATIENCE).unwrap_or_default()
}
