//! Reads what is known of credentials that are minted.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::Api;

use crate::controller::context::Context;
use crate::controller::minter::account_refusal;
use crate::domain::minting::identity::MintIdentity;
use crate::domain::minting::judgement::Minting;
use crate::domain::minting::ledger::MintKey;
use crate::domain::minting::minted::MintedCredentials;
use crate::domain::minting::source::{Asker, MintSource};
use crate::domain::minting::static_key;
use crate::domain::names::ResourceRef;
use crate::domain::problem::Problem;
use crate::domain::registry::key::RegistryKey;
use crate::domain::secret::desired::document_of;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};
use crate::kubernetes::request::{Error, call};

/// What is known; `None` if the credentials are not minted. `key`: the Secret with a long-lived key; `target`: the generated Secret.
pub(super) async fn observe_minting(
    reference: &ResourceRef,
    spec: &ValidatedSpec,
    key: Option<&Secret>,
    target: Option<&Secret>,
    ctx: &Context,
) -> Result<Option<Result<Minting, Problem>>, Error> {
    let minter = &ctx.shared.minter;
    let CredentialSource::Minted(source) = &spec.source else {
        minter.forget(&reference.uid);
        return Ok(None);
    };
    let identified = match identify(reference, source, key, &spec.registry, ctx).await? {
        Ok(identified) => identified,
        Err(problem) => {
            minter.forget(&reference.uid);
            return Ok(Some(Err(problem)));
        }
    };
    let (identity, key) = identified;
    let stored = target.and_then(|target| {
        MintedCredentials::stored(target, document_of(target)?, &key.identity, &spec.registry)
    });
    Ok(Some(Ok(Minting {
        record: minter.consult(reference, &key),
        identity,
        key,
        stored,
    })))
}

async fn identify(
    reference: &ResourceRef,
    source: &MintSource,
    key: Option<&Secret>,
    registry: &RegistryKey,
    ctx: &Context,
) -> Result<Result<(MintIdentity, MintKey), Problem>, Error> {
    let namespace = &reference.key.namespace;
    let (annotations, asker) = match &source.asker {
        Asker::ServiceAccount(name) => match account(name, namespace, ctx).await? {
            Err(problem) => return Ok(Err(problem)),
            Ok(account) => (
                account.metadata.annotations.unwrap_or_default(),
                account.metadata.uid.unwrap_or_default(),
            ),
        },
        Asker::StaticKey { secret, keys } => {
            if let Err(problem) = static_key::read(source.request.provider(), secret, keys, key) {
                return Ok(Err(problem));
            }
            let meta = key.map(|key| &key.metadata);
            let part = |part: Option<&Option<String>>| part.cloned().flatten().unwrap_or_default();
            let uid = part(meta.map(|meta| &meta.uid));
            let version = part(meta.map(|meta| &meta.resource_version));
            (BTreeMap::new(), format!("{uid}/{version}"))
        }
    };
    let identity = MintIdentity::new(source, registry, &annotations, &ctx.shared.minter.settings);
    Ok(identity.map(|identity| {
        let key = MintKey::new(namespace, &identity, &asker);
        (identity, key)
    }))
}

/// The ServiceAccount, or why it cannot be used.
async fn account(name: &str, namespace: &str, ctx: &Context) -> Result<Result<ServiceAccount, Problem>, Error> {
    let accounts = Api::<ServiceAccount>::namespaced(ctx.client.clone(), namespace);
    let read = call(|| format!("reading ServiceAccount {name:?}"), accounts.get(name)).await;
    match read {
        Ok(account) => Ok(Ok(account)),
        Err(error) => account_refusal(&error, name, namespace).map(Err).ok_or(error),
    }
}
