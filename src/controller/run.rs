//! `dps controller`: sets everything up, runs until a signal ends it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{join_all, select_all};
use futures::{FutureExt as _, StreamExt as _};
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::controller::attach::attach;
use crate::controller::context::{Context, Shared};
use crate::controller::distribute;
use crate::controller::health_server;
use crate::controller::heartbeat::heartbeat;
use crate::controller::lease::Leader;
use crate::controller::metrics::Metrics;
use crate::controller::minter::Minter;
use crate::controller::readiness::Readiness;
use crate::controller::reconcile::{reconcile, reconcile_current};
use crate::controller::signals::EndSignals;
use crate::controller::verification::{News, Verifier};
use crate::controller::watches::start::Watches;
use crate::domain::minting::settings::MintSettings;
use crate::domain::names::{ObjectKey, ResourceRef};
use crate::domain::verification::address::Policy;
use crate::kubernetes::connect::{self, ConnectError};

/// How long a stop may take: less than the 30 s that a pod gets by default.
const STOP: Duration = Duration::from_secs(20);

/// The settings of `dps controller`.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Options {
    /// Namespaces to work in; none means all.
    pub namespaces: Vec<String>,
    /// Where `/livez`, `/readyz` and `/metrics` are served.
    pub health_address: SocketAddr,
    /// What login attempts may talk to.
    pub policy: Policy,
    /// What is to be known for minting credentials.
    pub minting: MintSettings,
    /// Most reconciles at a time, in each watched namespace or in the cluster.
    pub concurrency: u16,
    /// Whether metrics name resources.
    pub resource_metrics: bool,
    /// Whether ServiceAccounts may be changed.
    pub attaches_to_accounts: bool,
    /// Whether an admission policy attaches Secrets to pods.
    pub attaches_to_pods: bool,
    /// Whether pods may be evicted.
    pub evicts_pods: bool,
    /// Namespaces that credentials for many namespaces may be read from; `None`: there are no resources for many namespaces. If none
    /// is named, it is the operator's own.
    pub clusters: Option<Vec<String>>,
    /// The Lease to hold while working, where there are several replicas.
    pub lease: Option<ObjectKey>,
}

/// Why the controller ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no client for the API server.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The health address is taken or not allowed.
    #[error("cannot serve health checks on {0}: {1}")]
    Health(SocketAddr, std::io::Error),
    /// Signals cannot be handled.
    #[error("cannot listen for signals: {0}")]
    Signal(std::io::Error),
    /// The thread for login attempts cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// Something that runs for ever did not.
    #[error("the controller stopped unexpectedly; this is a bug")]
    Ended,
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(options: Options) -> Result<(), StartError> {
    let mut signals = EndSignals::listen().map_err(StartError::Signal)?;
    // Container runtimes may start with a soft limit of 1,024. What cannot be raised is enough for most.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let metrics = Arc::new(Metrics::default());
    let client = connect::observed_client(metrics.observer()).await?;
    let scopes = options.namespaces.len().max(1);
    let leader = Arc::new(Leader::new(options.lease.is_some()));
    let minter = Minter::new(options.minting, options.policy.clone(), Arc::clone(&metrics));
    let verifier = Verifier::start(options.policy, scopes, Arc::clone(&metrics), Arc::clone(&leader));
    let verifier = verifier.map_err(StartError::Thread)?;
    let shared = Arc::new(Shared {
        readiness: Readiness::default(),
        metrics: Arc::clone(&metrics),
        verifier: Arc::clone(&verifier),
        minter: Arc::new(minter),
        leader: Arc::clone(&leader),
        resource_metrics: options.resource_metrics,
        attaches_to_accounts: options.attaches_to_accounts,
        attaches_to_pods: options.attaches_to_pods,
        evicts_pods: options.evicts_pods,
        clusters: options.clusters.map(|named| {
            if named.is_empty() {
                vec![client.default_namespace().to_owned()]
            } else {
                named
            }
        }),
        scopes: Mutex::default(),
        recoveries: Mutex::default(),
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
    let lease = match options.lease {
        // A connection of its own: requests that hang must not delay it.
        Some(key) => Some((connect::observed_client(metrics.observer()).await?, key)),
        None => None,
    };
    let mut holds = tokio::spawn(hold(Arc::clone(&leader), lease.clone()));
    let heartbeat = tokio::spawn(heartbeat(client, Arc::clone(&shared)));
    let mut server = tokio::spawn(health_server::serve(options.health_address, shared));
    let aborts: Vec<_> = scopes.iter().map(JoinHandle::abort_handle).collect();
    let mut running = select_all(scopes);

    tokio::select! {
        () = signals.received() => {}
        ended = &mut holds => {
            ended.map_err(|_| StartError::Ended)?;
            tracing::warn!("another replica holds the Lease; exiting, to restart as a standby");
            return Ok(());
        }
        _ = &mut running => return Err(StartError::Ended),
        result = &mut server => {
            return Err(match result {
                Ok(Err(error)) => StartError::Health(options.health_address, error),
                _ => StartError::Ended,
            });
        }
    }
    heartbeat.abort();
    tracing::info!("stopping; finishing requests in flight");
    stop.send_replace(true);
    if tokio::time::timeout(STOP, Box::pin(finish(running.into_inner(), &verifier)))
        .await
        .is_err()
    {
        tracing::warn!("stopped with requests in flight; the API server did not answer in time");
        aborts.iter().for_each(tokio::task::AbortHandle::abort);
    }
    holds.abort();
    if let Some((client, key)) = lease {
        leader.release(client, &key).await;
    }
    Ok(())
}

/// Holds the Lease, if there is one. Ends when another process has it.
async fn hold(leader: Arc<Leader>, lease: Option<(Client, ObjectKey)>) {
    match lease {
        Some((client, key)) => leader.hold(client, &key).await,
        None => std::future::pending().await,
    }
}

/// Waits for the reconciles and login attempts in flight. A verdict that no status says would make the next process log
/// in again.
async fn finish(scopes: Vec<JoinHandle<Arc<Context>>>, verifier: &Verifier) {
    let (scopes, ()) = tokio::join!(join_all(scopes), verifier.drain());
    for ctx in scopes.into_iter().flatten() {
        let unpublished = ctx.memories().with_unpublished_verdict();
        for resource in ctx.store.all() {
            if resource
                .reference()
                .is_some_and(|resource| unpublished.contains(&resource.uid))
            {
                // What fails here is found out again by the next process.
                let _ = reconcile_current(&resource.key(), &ctx).await;
            }
        }
    }
}

/// One namespace, or the cluster: the watches, and the reconciles that they trigger.
async fn scope(
    client: Client,
    namespace: Option<String>,
    concurrency: u16,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) -> Arc<Context> {
    let ctx = Arc::new(Context::new(client, shared));
    let notified = Arc::downgrade(&ctx);
    ctx.shared.add_scope(&ctx);
    let notify = move |resource: &ResourceRef, news: News| {
        if let Some(ctx) = notified.upgrade() {
            match news {
                News::Verdict => ctx.verdict_reached(resource),
                News::Turn => ctx.trigger([&resource.key]),
            }
        }
    };
    ctx.shared.verifier.subscribe(namespace.clone(), Box::new(notify));
    let watches = Watches::start(&ctx, namespace.as_deref());
    let (watching, listed) = (watches.tasks, join_all(watches.listed.into_iter().map(wait_until_set)));
    let stop = || wait_until_set(stopped.clone()).boxed();
    let leads = wait_until_set(ctx.shared.leader.leads());
    tokio::select! {
        (_, ()) = async { tokio::join!(listed, leads) } => {
            ctx.shared.verifier.begin();
            let attaching = tokio::spawn(attach(Arc::clone(&ctx), stop()));
            let distributing = tokio::spawn(distribute::run(Arc::clone(&ctx), stop()));
            let listed = ctx.store.all();
            let listed = listed.iter().filter_map(|object| Some(object.reference()?.uid));
            ctx.shared.verifier.scope_listed(listed);
            let triggered = Arc::clone(&ctx).triggered().take_until(stop());
            let reconcile = |key| reconcile(key, Arc::clone(&ctx)).boxed();
            triggered.for_each_concurrent(usize::from(concurrency), reconcile).await;
            let _ = tokio::join!(attaching, distributing);
        }
        () = stop() => {}
    }
    watching.iter().for_each(JoinHandle::abort);
    ctx
}

/// Ends when the flag is set, or nobody can set it any more.
async fn wait_until_set(mut flag: watch::Receiver<bool>) {
    let _ = flag.wait_for(|set| *set).await;
}
