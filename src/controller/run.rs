//! `dps controller`: sets everything up, runs until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc;
use futures::future::{join_all, select_all};
use futures::{FutureExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{Config, Error as ControllerError};
use kube::runtime::{applier, reflector};
use kube::{Api, Client, ResourceExt as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::controller::context::{Context, Shared, reference};
use crate::controller::health_server;
use crate::controller::metrics::Metrics;
use crate::controller::readiness::Readiness;
use crate::controller::reconcile::{error_policy, reconcile};
use crate::controller::store::stored_resource::StoredResource;
use crate::controller::verifier::Verifier;
use crate::controller::watches::drive as watches;
use crate::controller::watches::pods::watch_pods;
use crate::domain::pull_failures::pod::Pod;
use crate::domain::verification::address::Policy;

/// How long a stop may take: less than the 30 s that a pod gets by default.
const STOP: Duration = Duration::from_secs(20);

/// What `dps controller` is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Namespaces to work in; none means all.
    pub namespaces: Vec<String>,
    /// Where `/livez`, `/readyz` and `/metrics` are served.
    pub health_address: SocketAddr,
    /// What checks of logins may talk to.
    pub policy: Policy,
    /// Most passes at a time, in each watched namespace or in the cluster.
    pub concurrency: u16,
}

/// Why the controller ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No cluster to talk to.
    #[error("cannot find out how to reach the cluster (neither in a pod nor by kubeconfig): {0}")]
    Config(String),
    /// The client cannot be built.
    #[error("cannot build a client for the cluster: {0}")]
    Client(String),
    /// The health address is taken or not allowed.
    #[error("cannot serve health checks on {0}: {1}")]
    Health(SocketAddr, std::io::Error),
    /// Signals cannot be handled.
    #[error("cannot listen for signals: {0}")]
    Signal(std::io::Error),
    /// The thread for checks of logins cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// Something that runs for ever did not.
    #[error("the controller ended by itself: this is a bug")]
    Ended,
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(options: Options) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Signal)?;
    let client = client().await?;
    let metrics = Arc::new(Metrics::default());
    let scopes = options.namespaces.len().max(1);
    let verifier = Verifier::new(options.policy, scopes, Arc::clone(&metrics)).map_err(Failure::Thread)?;
    let verifier = Arc::new(verifier);
    let shared = Arc::new(Shared {
        readiness: Readiness::default(),
        metrics,
        verifier: Arc::clone(&verifier),
    });
    let (stop, stopped) = watch::channel(false);

    let namespaces: Vec<Option<String>> = if options.namespaces.is_empty() {
        vec![None]
    } else {
        options.namespaces.iter().cloned().map(Some).collect()
    };
    let scopes = namespaces.into_iter().map(|namespace| {
        tokio::spawn(scope(
            client.clone(),
            namespace,
            options.concurrency,
            Arc::clone(&shared),
            stopped.clone(),
        ))
    });
    let scopes: Vec<_> = scopes.collect();
    let mut server = tokio::spawn(health_server::serve(options.health_address, shared));
    let aborts: Vec<_> = scopes.iter().map(JoinHandle::abort_handle).collect();
    let mut running = select_all(scopes);

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = &mut running => return Err(Failure::Ended),
        result = &mut server => {
            return Err(match result {
                Ok(Err(error)) => Failure::Health(options.health_address, error),
                _ => Failure::Ended,
            });
        }
    }
    tracing::info!("stopping: finishing what is in flight");
    stop.send_replace(true);
    if tokio::time::timeout(STOP, finish(running.into_inner(), &verifier))
        .await
        .is_err()
    {
        tracing::warn!("stopped with requests in flight: the API server did not answer in time");
        aborts.iter().for_each(tokio::task::AbortHandle::abort);
    }
    Ok(())
}

/// WaitingContainer for the passes and checks in flight. A verdict that nobody wrote down would make the next process log in again.
async fn finish(scopes: Vec<JoinHandle<Arc<Context>>>, verifier: &Verifier) {
    let (scopes, unsaid) = tokio::join!(join_all(scopes), verifier.drain());
    for ctx in scopes.into_iter().flatten() {
        for key in &unsaid {
            if let Some(resource) = ctx.store.get(&reference(key)) {
                // What fails here is found out again by the next process.
                let _ = reconcile(resource, Arc::clone(&ctx)).await;
            }
        }
    }
}

async fn client() -> Result<Client, Failure> {
    let mut config = kube::Config::infer()
        .await
        .map_err(|error| Failure::Config(error.to_string()))?;
    config.connect_timeout = Some(Duration::from_secs(5));
    // A watch is quiet for up to 290 s; a dead connection must not stay for ever.
    config.read_timeout = Some(Duration::from_mins(5));
    Client::try_from(config).map_err(|error| Failure::Client(error.to_string()))
}

/// One namespace, or the cluster: the watches and the passes that they trigger.
async fn scope(
    client: Client,
    namespace: Option<String>,
    concurrency: u16,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) -> Arc<Context> {
    let place = namespace.as_ref().map_or_else(
        || "all namespaces".to_owned(),
        |namespace| format!("namespace {namespace}"),
    );
    let resource_watch = format!("dockerpullsecrets in {place}");
    let secret_watch = format!("secrets in {place}");
    shared.readiness.expect(&resource_watch);
    shared.readiness.expect(&secret_watch);
    let config_map_watch = format!("configmaps in {place}");
    shared.readiness.expect(&config_map_watch);
    let pod_watch = format!("pods in {place}");
    shared.readiness.expect(&pod_watch);
    tracing::info!("watching {place}");

    let resources: Api<StoredResource> = api(&client, namespace.as_deref());
    let secrets: Api<PartialObjectMeta<Secret>> = api(&client, namespace.as_deref());
    let config_maps: Api<PartialObjectMeta<ConfigMap>> = api(&client, namespace.as_deref());
    let all_pods: Api<Pod> = api(&client, namespace.as_deref());
    let (store, writer) = reflector::store();
    let (queue, triggers) = mpsc::unbounded();
    let ctx = Arc::new(Context::new(client, shared, store.clone(), queue.clone()));
    let (resources_listed, resources_ready) = watch::channel(false);
    let (secrets_listed, secrets_ready) = watch::channel(false);
    let (pods_listed, pods_ready) = watch::channel(false);
    let watching = [
        tokio::spawn(watches::resources(
            resources,
            resource_watch,
            Arc::clone(&ctx),
            writer,
            queue.clone(),
            resources_listed,
        )),
        tokio::spawn(watches::secrets(
            secrets,
            secret_watch,
            Arc::clone(&ctx),
            queue.clone(),
            secrets_listed,
        )),
        tokio::spawn(watches::config_maps(
            config_maps,
            config_map_watch,
            Arc::clone(&ctx),
            queue,
        )),
        tokio::spawn(watches::resync(Arc::clone(&ctx))),
        tokio::spawn(watch_pods(all_pods, pod_watch, Arc::clone(&ctx), pods_listed)),
    ];

    let stop = wait_until_set(stopped.clone()).boxed();
    let listed = async {
        // Before the lists are complete nobody knows who wants a Secret, what was left behind and which pods fail.
        wait_until_set(resources_ready).await;
        wait_until_set(secrets_ready).await;
        wait_until_set(pods_ready).await;
    };
    tokio::select! {
        () = listed => {
            ctx.shared.verifier.listed(store.state().iter().filter_map(|resource| resource.uid()));
            let triggers = triggers.map(Ok::<_, std::convert::Infallible>).take_until(stop);
            let config = Config::default().concurrency(concurrency);
            let reconciler = |object, ctx| reconcile(object, ctx).boxed();
            applier(reconciler, error_policy, Arc::clone(&ctx), store, triggers, config)
                .for_each(|result| {
                    if let Err(error) = result {
                        log(&error);
                    }
                    futures::future::ready(())
                })
                .await;
        }
        () = wait_until_set(stopped) => {}
    }
    watching.iter().for_each(JoinHandle::abort);
    ctx
}

/// Ends when the flag is set, or nobody can set it any more.
async fn wait_until_set(mut flag: watch::Receiver<bool>) {
    let _ = flag.wait_for(|set| *set).await;
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
{
    namespace.map_or_else(
        || Api::all(client.clone()),
        |namespace| Api::namespaced(client.clone(), namespace),
    )
}

fn log<E, Q>(error: &ControllerError<E, Q>)
where
    E: std::error::Error + 'static,
    Q: std::error::Error + 'static,
{
    // A failed pass is logged where its retry is decided; a trigger for a resource that is gone is nothing.
    if let ControllerError::QueueError(error) = error {
        tracing::error!("{error}");
    }
}
