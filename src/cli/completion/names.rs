//! Names of the cluster and of the kubeconfig, for completion. Where there is no cluster there are none, soon and silently.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use clap_complete::{ArgValueCandidates, CompletionCandidate};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::ListParams;
use kube::config::Kubeconfig;
use kube::{Api, Client, Resource};

use crate::api::{ClusterDockerPullSecret, DockerPullSecret};
use crate::cli::completion::KUBECTL_COMMAND;
use crate::cli::runtime::block_on;
use crate::domain::text::invisible::is_invisible;
use crate::kubernetes::connect::connect;
use crate::kubernetes::kubeconfig::ConnectOptions;

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

/// Names of namespaces.
pub(crate) fn namespaces() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let question = |client, _| async move { list(&Api::<Namespace>::all(client), "").await };
        candidates(ask(question))
    })
}

/// Names of ServiceAccounts.
pub(crate) fn service_accounts() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        candidates(ask(|client, namespace| async move {
            list(&namespaced::<ServiceAccount>(client, namespace.as_deref()), "").await
        }))
    })
}

/// Names of DockerPullSecrets, and of ClusterDockerPullSecrets with their kind.
pub(crate) fn resources() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        candidates(ask(|client, namespace| async move {
            let own = namespaced::<DockerPullSecret>(client.clone(), namespace.as_deref());
            let shared = Api::<ClusterDockerPullSecret>::all(client);
            let (own, shared) = tokio::join!(list(&own, ""), list(&shared, "clusterdockerpullsecret/"));
            own.into_iter().chain(shared).collect()
        }))
    })
}

/// What `dps explain` explains: pods, or an image.
pub(crate) fn subjects() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let pods =
            ask(
                |client, namespace| async move { list(&namespaced::<Pod>(client, namespace.as_deref()), "pod/").await },
            );
        candidates(pods.into_iter().chain(["image".to_owned()]).collect())
    })
}

/// No shell gets what a terminal obeys.
fn candidates(names: Vec<String>) -> Vec<CompletionCandidate> {
    let names = names.into_iter().filter(|name| !name.contains(is_invisible));
    names.map(CompletionCandidate::new).collect()
}

fn namespaced<K>(client: Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::default_namespaced(client),
    }
}

/// The names of a kind, each behind a word.
async fn list<K>(api: &Api<K>, prefix: &str) -> Vec<String>
where
    K: Resource + Clone + serde::de::DeserializeOwned + Debug,
{
    let listed = api.list_metadata(&ListParams::default().limit(NAMES)).await;
    let names = listed
        .into_iter()
        .flat_map(|listed| listed.items)
        .filter_map(|object| object.metadata.name);
    names.map(|name| format!("{prefix}{name}")).collect()
}

/// Asks the cluster that was typed, for a limited time.
fn ask<F>(question: impl FnOnce(Client, Option<String>) -> F + Send + 'static) -> Vec<String>
where
    F: Future<Output = Vec<String>>,
{
    let (sender, answer) = channel();
    // The process does not wait for it.
    std::thread::spawn(move || {
        let typed = Typed::now();
        let names = block_on(async {
            let connection = connect(&typed.options).await.map_err(|error| error.to_string())?;
            Ok(question(connection.client, typed.namespace).await)
        });
        let _ = sender.send(names.unwrap_or_default());
    });
    answer.recv_timeout(PATIENCE).unwrap_or_default()
}

/// What was typed so far of the flags that choose a cluster.
#[derive(Default)]
struct Typed {
    options: ConnectOptions,
    namespace: Option<String>,
}

impl Typed {
    fn now() -> Self {
        let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        let words = words.skip_while(|word| word != "--" && word != KUBECTL_COMMAND).skip(1);
        Self::of(words)
    }

    fn of(words: impl Iterator<Item = String>) -> Self {
        let mut typed = Self::default();
        typed.options.is_silent = true;
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let (flag, joined) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => match word.strip_prefix("-n") {
                    Some(value) if !value.is_empty() => ("-n", Some(value.to_owned())),
                    _ => (word.as_str(), None),
                },
            };
            let slot = match flag {
                "--kubeconfig" => {
                    let value = joined.or_else(|| words.next());
                    typed.options.kubeconfig = value.map(PathBuf::from);
                    continue;
                }
                "--context" => &mut typed.options.context,
                "--cluster" => &mut typed.options.cluster,
                "--user" => &mut typed.options.user,
                "-n" | "--namespace" => &mut typed.namespace,
                _ => continue,
            };
            let value = joined.or_else(|| words.next());
            *slot = value.filter(|value| !value.is_empty());
        }
        typed
    }
}

#[cfg(test)]
mod tests {
    use super::Typed;

    #[test]
    fn flags_that_choose_a_cluster_are_read_as_far_as_they_are_typed() {
        for (line, context, namespace) in [
            ("dps list", None, None),
            ("dps list -n team --context=b", Some("b"), Some("team")),
            ("dps verify --namespace team --context b x", Some("b"), Some("team")),
            ("dps list -nteam", None, Some("team")),
            ("dps list --context", None, None),
            ("dps list --namespace=", None, None),
        ] {
            let typed = Typed::of(line.split(' ').map(str::to_owned));
            let found = (typed.options.context.as_deref(), typed.namespace.as_deref());
            assert_eq!(found, (context, namespace), "{line}");
        }
    }
}
