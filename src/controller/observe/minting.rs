//! Reads what is known of credentials that are minted.

use k8s_openapi::api::core::v1::Secret;

use crate::controller::context::Context;
use crate::domain::minting::judgement::Minting;
use crate::domain::minting::minted::MintedCredentials;
use crate::domain::names::ResourceRef;
use crate::domain::problem::Problem;
use crate::domain::secret::desired::{document_of, written_by_operator};
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};
use crate::kubernetes::minting::identify;
use crate::kubernetes::request::Error;

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
    let (namespace, registry) = (&reference.key.namespace, &spec.registry);
    let (identity, key) = match identify(&ctx.client, namespace, source, key, registry, &minter.settings).await? {
        Ok(identified) => identified,
        Err(problem) => {
            minter.forget(&reference.uid);
            return Ok(Some(Err(problem)));
        }
    };
    let own = target.filter(|target| written_by_operator(target));
    let stored =
        own.and_then(|target| MintedCredentials::stored(target, document_of(target)?, &key.identity, registry));
    let clocks = minter.clocks();
    let record = minter.consult(reference, &key, stored.as_ref(), clocks);
    Ok(Some(Ok(Minting {
        latest: record.latest(clocks),
        record,
        identity,
        key,
    })))
}
