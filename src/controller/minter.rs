//! Mints credentials, as [`crate::domain::minting`] says: creates tokens of ServiceAccounts, and has clouds exchange them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::Api;
use kube::api::PostParams;
use tokio::time::Instant;

use crate::api::Reason;
use crate::controller::context::{Context, lock, now};
use crate::controller::metrics::Metrics;
use crate::controller::observe::get;
use crate::domain::minting::exchange::{Exchange, ExchangeStep, Minted};
use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::identity::ProofRequest;
use crate::domain::minting::ledger::{MintKey, MintLedger, MintRecord};
use crate::domain::minting::settings::MintSettings;
use crate::domain::minting::static_key::{self, Proof};
use crate::domain::names::{ResourceRef, Uid};
use crate::domain::problem::Problem;
use crate::domain::reconcile::decide::minting::MintOrder;
use crate::domain::verification::address::Policy;
use crate::domain::verification::requester::Requester;
use crate::kubernetes::request::{Error, call};
use crate::registry_client::http::RegistryClients;
use crate::registry_client::resolver::Resolver;

/// Shortest time between two requests to one host: clouds limit them, and many resources may need credentials at once.
const SPACING: Duration = Duration::from_millis(200);

/// The next request to a host may be sent then; whoever holds the lock sends one.
type Gate = Arc<tokio::sync::Mutex<Instant>>;

/// Mints for the whole process.
pub(crate) struct Minter {
    /// What the administrator says of clouds.
    pub(crate) settings: MintSettings,
    resolver: Resolver,
    metrics: Arc<Metrics>,
    ledger: Mutex<MintLedger>,
    gates: Mutex<HashMap<String, Gate>>,
    clients: OnceLock<RegistryClients>,
}

impl Minter {
    pub(crate) fn new(settings: MintSettings, policy: Policy, metrics: Arc<Metrics>) -> Self {
        Self {
            settings,
            resolver: Resolver::new(Arc::new(policy)),
            metrics,
            ledger: Mutex::default(),
            gates: Mutex::default(),
            clients: OnceLock::new(),
        }
    }

    /// What is known of an identity, which a resource needs from now on.
    pub(crate) fn consult(&self, resource: &ResourceRef, key: &MintKey) -> MintRecord {
        lock(&self.ledger).consult(resource, key)
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
                tracing::warn!(namespace, provider, identity, "no credentials were minted: {}", failure.problem.message);
            }
        }
        let waiting = lock(&self.ledger).conclude(&order.key, result, order.end, now());
        ctx.trigger(&waiting);
    }

    async fn mint(&self, order: &MintOrder, ctx: &Context) -> Result<Minted, MintFailure> {
        let identity = &order.identity;
        let proof = prove(order, ctx).await?;
        let clients = self.clients()?;
        let (mut exchange, mut request) = Exchange::begin(identity.clone(), proof, now())?;
        loop {
            let gate = self.gate(request.url.host_str().unwrap_or_default());
            let response = {
                let mut free_at = gate.lock().await;
                tokio::time::sleep_until(*free_at).await;
                let response = clients.exchange(&request, exchange.who_answers(), Requester::Operator).await;
                *free_at = Instant::now() + SPACING;
                response?
            };
            request = match exchange.answer(&response, now())? {
                ExchangeStep::Done(minted) => return Ok(minted),
                ExchangeStep::Send(next) => next,
            };
        }
    }

    fn gate(&self, host: &str) -> Gate {
        let mut gates = lock(&self.gates);
        let new = || Arc::new(tokio::sync::Mutex::new(Instant::now()));
        Arc::clone(gates.entry(host.to_owned()).or_insert_with(new))
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

/// What proves the identity.
async fn prove(order: &MintOrder, ctx: &Context) -> Result<Proof, MintFailure> {
    let namespace = &order.key.namespace;
    match &order.identity.proof {
        ProofRequest::Token {
            service_account,
            audience,
            seconds,
        } => {
            let accounts = Api::<ServiceAccount>::namespaced(ctx.client.clone(), namespace);
            let request = TokenRequest {
                spec: TokenRequestSpec {
                    audiences: vec![audience.clone()],
                    expiration_seconds: Some(i64::from(*seconds)),
                    bound_object_ref: None,
                },
                ..TokenRequest::default()
            };
            let operation = || format!("creating a token of ServiceAccount {service_account:?}");
            let post = PostParams::default();
            let sent = call(operation, accounts.create_token_request(service_account, &post, &request)).await;
            let answer = sent.map_err(|error| account_problem(&error, service_account, namespace))?;
            let token = answer.status.map(|status| status.token).unwrap_or_default();
            Ok(Proof::Token(token.into()))
        }
        ProofRequest::Key { secret, keys } => {
            let secrets = Api::<Secret>::namespaced(ctx.client.clone(), namespace);
            let found = get(&secrets, secret).await;
            let found = found.map_err(|error| MintFailure::new(Reason::ExchangeUnreachable, error.to_string()))?;
            static_key::read(order.identity.grant.provider(), secret, keys, found.as_ref()).map_err(|problem| MintFailure {
                problem,
                retry_after: None,
            })
        }
    }
}

/// Why a ServiceAccount cannot be read or used.
fn account_problem(error: &Error, name: &str, namespace: &str) -> MintFailure {
    let problem = account_refusal(error, name, namespace);
    let problem = problem.unwrap_or_else(|| Problem::new(Reason::ExchangeUnreachable, error.to_string()));
    MintFailure {
        problem,
        retry_after: None,
    }
}

/// The problem, if the API server's answer is about this ServiceAccount.
pub(crate) fn account_refusal(error: &Error, name: &str, namespace: &str) -> Option<Problem> {
    let status = error.answer()?;
    if status.is_not_found() {
        let message = format!(
            "ServiceAccount {name:?} (spec.credentialsFrom.serviceAccountRef.name) does not exist in this namespace: create it"
        );
        return Some(Problem::new(Reason::ServiceAccountNotFound, message));
    }
    let message = format!(
        "the operator may not use ServiceAccount {name:?}: allow it in the chart (minting.serviceAccounts), or let namespace {namespace:?} consent with a Role for get on serviceaccounts and create on serviceaccounts/token with resourceNames [{name:?}]; the API server says: {}",
        status.message
    );
    status
        .is_forbidden()
        .then(|| Problem::new(Reason::ServiceAccountNotAllowed, message))
}
