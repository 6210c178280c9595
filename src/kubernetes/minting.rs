//! What the API server has to do with credentials that are minted: it knows the identity, and gives the proof of it.

use std::collections::BTreeMap;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client};

use crate::api::Reason;
use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::identity::{MintIdentity, ProofRequest};
use crate::domain::minting::ledger::MintKey;
use crate::domain::minting::settings::MintSettings;
use crate::domain::minting::source::{Asker, MintSource};
use crate::domain::minting::static_key::{self, Proof};
use crate::domain::problem::Problem;
use crate::domain::registry::key::RegistryKey;
use crate::kubernetes::request::{Error, call};

/// For whom credentials are minted, or why nobody can tell. `key`: the Secret with a long-lived key, if there is one.
pub(crate) async fn identify(
    client: &Client,
    namespace: &str,
    source: &MintSource,
    key: Option<&Secret>,
    registry: &RegistryKey,
    settings: &MintSettings,
) -> Result<Result<(MintIdentity, MintKey), Problem>, Error> {
    let (annotations, asker) = match &source.asker {
        Asker::ServiceAccount(name) => match account(client, name, namespace).await? {
            Err(problem) => return Ok(Err(problem)),
            Ok(account) => (
                account.metadata.annotations.unwrap_or_default(),
                account.metadata.uid.unwrap_or_default(),
            ),
        },
        Asker::StaticKey { secret, keys } => {
            if let Err(problem) = static_key::read(source.request.provider(), (namespace, secret), keys, key) {
                return Ok(Err(problem));
            }
            let meta = key.map(|key| &key.metadata);
            let part = |part: Option<&Option<String>>| part.cloned().flatten().unwrap_or_default();
            let uid = part(meta.map(|meta| &meta.uid));
            let version = part(meta.map(|meta| &meta.resource_version));
            (BTreeMap::new(), format!("{uid}/{version}"))
        }
    };
    let identity = MintIdentity::new(source, registry, &annotations, settings);
    Ok(identity.map(|identity| {
        let key = MintKey::new(namespace, &identity, &asker);
        (identity, key)
    }))
}

/// The ServiceAccount, or why it cannot be used.
async fn account(client: &Client, name: &str, namespace: &str) -> Result<Result<ServiceAccount, Problem>, Error> {
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    match call(|| format!("reading ServiceAccount {name:?}"), accounts.get(name)).await {
        Ok(account) => Ok(Ok(account)),
        Err(error) => refusal(&error, name, namespace).map(Err).ok_or(error),
    }
}

/// What proves the identity.
pub(crate) async fn prove(client: &Client, namespace: &str, identity: &MintIdentity) -> Result<Proof, MintFailure> {
    let unanswered = |error: Error| MintFailure::new(Reason::ExchangeUnreachable, error.to_string());
    match &identity.proof {
        ProofRequest::Token {
            service_account,
            audience,
            seconds,
        } => {
            let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
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
            let sent = call(
                operation,
                accounts.create_token_request(service_account, &post, &request),
            )
            .await;
            let answer = sent.map_err(|error| match refusal(&error, service_account, namespace) {
                Some(problem) => MintFailure::from(problem),
                None => unanswered(error),
            })?;
            let token = answer.status.map(|status| status.token).unwrap_or_default();
            Ok(Proof::Token(token.into()))
        }
        ProofRequest::Key { secret, keys } => {
            let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
            let found = call(|| format!("reading Secret {secret:?}"), secrets.get_opt(secret)).await;
            let found = found.map_err(unanswered)?;
            let provider = identity.grant.provider();
            static_key::read(provider, (namespace, secret), keys, found.as_ref()).map_err(MintFailure::from)
        }
    }
}

/// The problem, if the API server's answer is about this ServiceAccount.
fn refusal(error: &Error, name: &str, namespace: &str) -> Option<Problem> {
    let status = error.answer()?;
    if status.is_not_found() {
        let message = format!(
            "ServiceAccount {name:?} (spec.credentialsFrom.serviceAccountRef.name) does not exist in namespace {namespace:?}: create it"
        );
        return Some(Problem::new(Reason::ServiceAccountNotFound, message));
    }
    if status.is_forbidden() && status.message.contains("ValidatingAdmissionPolicy") {
        let message = format!(
            "an admission policy refuses a token of ServiceAccount {name:?}: if the audience is the one that your registry expects, add it to minting.audiences in the chart; the API server says: {}",
            status.message
        );
        return Some(Problem::new(Reason::AudienceRefused, message));
    }
    let message = format!(
        "the operator may not use ServiceAccount {name:?}: allow it in the chart (minting.serviceAccounts), or let namespace {namespace:?} consent with a Role for get on serviceaccounts and create on serviceaccounts/token with resourceNames [{name:?}]; the API server says: {}",
        status.message
    );
    status
        .is_forbidden()
        .then(|| Problem::new(Reason::ServiceAccountNotAllowed, message))
}
