//! Mints credentials, as [`crate::domain::minting`] says: creates tokens of ServiceAccounts, and has clouds exchange them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::api::Reason;
use crate::controller::context::{Context, lock, now};
use crate::controller::metrics::Metrics;
use crate::domain::minting::exchange::{Exchange, ExchangeStep, Minted};
use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::identity::MintIdentity;
use crate::domain::minting::judgement::Minting;
use crate::domain::minting::ledger::{MintKey, MintLedger};
use crate::domain::minting::minted::MintedCredentials;
use crate::domain::minting::settings::MintSettings;
use crate::domain::names::{ResourceRef, Uid};
use crate::domain::reconcile::decide::minting::MintOrder;
use crate::domain::time::Clocks;
use crate::domain::verification::address::Policy;
use crate::domain::verification::requester::Requester;
use crate::kubernetes::minting::prove;
use crate::registry_client::http::RegistryClients;
use crate::registry_client::resolver::Resolver;

/// Shortest time between two requests to one host: clouds limit them, and many resources may need credentials at once.
const SPACING: Duration = Duration::from_millis(200);

/// Credentials of one registry that are minted at a time. The others wait before they have a token, which would grow old.
const AT_ONCE: usize = 4;

/// Requests to one host.
struct Gate {
    /// Whoever is minting for this registry holds one.
    turns: Semaphore,
    /// The next request may be sent then; whoever holds the lock sends one.
    free_at: tokio::sync::Mutex<Instant>,
}

/// Mints for the whole process.
pub(crate) struct Minter {
    /// What the administrator says of clouds.
    pub(crate) settings: MintSettings,
    resolver: Resolver,
    metrics: Arc<Metrics>,
    ledger: Mutex<MintLedger>,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
    begun: Instant,
    clients: OnceLock<RegistryClients>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(AT_ONCE),
            free_at: tokio::sync::Mutex::new(Instant::now()),
        }
    }
}

impl Gate {
    /// Whether the next request could be sent now.
    fn is_idle(&self) -> bool {
        self.free_at.try_lock().is_ok_and(|free_at| *free_at <= Instant::now())
    }
}

impl Minter {
    pub(crate) fn new(settings: MintSettings, policy: Policy, metrics: Arc<Metrics>) -> Self {
        Self {
            settings,
            resolver: Resolver::new(Arc::new(policy)),
            metrics,
            ledger: Mutex::default(),
            gates: Mutex::default(),
            begun: Instant::now(),
            clients: OnceLock::new(),
        }
    }

    /// What is known of an identity, which a resource needs from now on.
    pub(crate) fn consult(
        &self,
        resource: &ResourceRef,
        (identity, key): (MintIdentity, MintKey),
        stored: Option<&MintedCredentials>,
    ) -> Minting {
        let clocks = self.clocks();
        let record = lock(&self.ledger).consult(resource, &key, stored, clocks);
        Minting {
            latest: record.latest(clocks),
            record,
            identity,
            key,
        }
    }

    /// Reads the clocks.
    fn clocks(&self) -> Clocks {
        Clocks {
            now: now(),
            uptime: self.begun.elapsed(),
        }
    }

    /// A ServiceAccount of this namespace has changed.
    pub(crate) fn review(&self, namespace: &str, ctx: &Context) {
        let users = lock(&self.ledger).users_in(namespace);
        ctx.trigger(&users);
    }

    /// A resource is gone, or needs nothing minted.
    pub(crate) fn forget(&self, resource: &Uid) {
        lock(&self.ledger).forget(resource);
    }

    /// Mints, unless that is under way already. The resources that wait are reconciled afterwards.
    pub(crate) fn start(self: &Arc<Self>, order: MintOrder, ctx: &Arc<Context>) {
        if ctx.may_write().is_err() || !lock(&self.ledger).start(&order.key) {
            return;
        }
        let (own, ctx) = (Arc::clone(self), Arc::clone(ctx));
        tokio::spawn(async move {
            let begun = Instant::now();
            let minting = {
                let (own, order, ctx) = (Arc::clone(&own), order.clone(), Arc::clone(&ctx));
                // A task of its own, so that a panic ends this attempt and no other.
                tokio::spawn(async move { own.mint(&order, &ctx).await })
            };
            let result = minting.await.unwrap_or_else(|_| {
                let message = "minting ended unexpectedly; this is a bug in the operator, please report it";
                Err(MintFailure::new(Reason::ExchangeMalformed, message))
            });
            own.conclude(&order, result, begun.elapsed(), &ctx);
        });
    }

    fn conclude(&self, order: &MintOrder, result: Result<Minted, MintFailure>, took: Duration, ctx: &Context) {
        let provider = order.identity.grant.provider().as_str();
        let reason = match &result {
            Ok(_) => Reason::Resolved,
            Err(failure) => failure.problem.reason,
        };
        self.metrics.minted(provider, reason.as_str(), took);
        let (namespace, identity) = (&order.key.namespace, order.identity.display());
        match &result {
            Ok(minted) => {
                let expires_at = minted.credentials.expires_at;
                tracing::info!(namespace, provider, identity, %expires_at, "minted credentials");
            }
            Err(failure) => {
                tracing::warn!(
                    namespace,
                    provider,
                    identity,
                    "no credentials were minted: {}",
                    failure.problem.message
                );
            }
        }
        let waiting = lock(&self.ledger).conclude(&order.key, result, self.clocks());
        ctx.trigger(&waiting);
    }

    async fn mint(&self, order: &MintOrder, ctx: &Context) -> Result<Minted, MintFailure> {
        let identity = &order.identity;
        let registry = self.gate(&identity.host);
        let _turn = registry.turns.acquire().await;
        let proof = prove(&ctx.client, &order.key.namespace, identity).await?;
        let clients = self.clients()?;
        let (mut exchange, mut request) = Exchange::begin(identity.clone(), proof, now())?;
        loop {
            let gate = self.gate(request.url.host_str().unwrap_or_default());
            let response = {
                let mut free_at = gate.free_at.lock().await;
                tokio::time::sleep_until(*free_at).await;
                let response = clients
                    .exchange(&request, exchange.who_answers(), Requester::Operator)
                    .await;
                *free_at = Instant::now() + SPACING;
                response?
            };
            request = match exchange.answer(&response, now())? {
                ExchangeStep::Done(minted) => return Ok(minted),
                ExchangeStep::Send(next) => next,
            };
        }
    }

    fn gate(&self, host: &str) -> Arc<Gate> {
        let mut gates = lock(&self.gates);
        gates.retain(|_, gate| Arc::strong_count(gate) > 1 || !gate.is_idle());
        Arc::clone(gates.entry(host.to_owned()).or_default())
    }

    fn clients(&self) -> Result<RegistryClients, MintFailure> {
        if let Some(clients) = self.clients.get() {
            return Ok(clients.clone());
        }
        let new = RegistryClients::new(&self.resolver, None);
        let new = new.map_err(|error| MintFailure::new(Reason::ExchangeUnreachable, error.to_string()))?;
        Ok(self.clients.get_or_init(|| new).clone())
    }
}
