//! Reads what is known of credentials that are minted.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use crate::controller::context::Context;
use crate::controller::observe::{distributed_here, get, sample};
use crate::domain::credential_source::identity::CredentialIdentity;
use crate::domain::minting::identity::MintIdentity;
use crate::domain::minting::judgement::Minting;
use crate::domain::minting::ledger::{MintKey, MintRecord};
use crate::domain::minting::minted::{MintedCredentials, minted_for};
use crate::domain::names::ResourceRef;
use crate::domain::problem::Problem;
use crate::domain::reconcile::decide::Subject;
use crate::domain::reconcile::decide::copies::is_version_of;
use crate::domain::reconcile::observed::ObservedCopies;
use crate::domain::registry::key::RegistryKey;
use crate::domain::secret::desired::{document_of, written_by_operator};
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};
use crate::kubernetes::minting::identify;
use crate::kubernetes::request::Error;

/// What is known of minted credentials, or why nothing can be minted; `None` if they are not minted.
type MintKnowledge = Option<Result<Minting, Problem>>;

/// What is known. `key`: the Secret with a long-lived key; `target`: the generated Secret.
pub(super) async fn observe_minting(
    reference: &ResourceRef,
    spec: &ValidatedSpec,
    key: Option<&Secret>,
    target: Option<&Secret>,
    ctx: &Context,
) -> Result<MintKnowledge, Error> {
    let identified = identified(reference, &reference.key.namespace, spec, key, ctx).await?;
    Ok(identified.map(|identified| {
        let identified = identified?;
        let stored = target.and_then(|target| stored(target, &identified.1, &spec.registry));
        Ok(ctx.shared.minter.consult(reference, identified, stored.as_ref()))
    }))
}

/// The same for a resource for many namespaces, with what it distributes. A process that has just started learns from one of the
/// copies what was minted. Anybody in its namespace may have written that, so nothing counts but what the status tells of.
pub(super) async fn observe_shared_minting(
    subject: &Subject<'_>,
    spec: &ValidatedSpec,
    key: Option<&Secret>,
    ctx: &Context,
) -> Result<(MintKnowledge, (ObservedCopies, Option<Secret>)), Error> {
    let (reference, declaration) = (subject.reference, subject.declaration);
    let namespace = declaration.source_namespace();
    let identified = match identified(reference, namespace, spec, key, ctx).await? {
        Some(Ok((identity, key))) => (identity, key.for_many_namespaces()),
        Some(Err(problem)) => return Ok((Some(Err(problem)), distributed_here(reference, ctx).unwrap_or_default())),
        None => return Ok((None, Default::default())),
    };
    let minter = &ctx.shared.minter;
    let minting = minter.consult(reference, identified.clone(), None);
    if let Some(distributed) = distributed_here(reference, ctx) {
        return Ok((Some(Ok(minting)), distributed));
    }
    let digest = subject
        .previous
        .and_then(|status| status.minted.as_ref()?.digest.as_deref());
    let digest = digest.unwrap_or_default();
    let is_wanted = |known: &str| is_version_of(known, digest);
    let Some((namespace, version)) = sample(reference, &declaration.target, is_wanted, ctx) else {
        return Ok((Some(Ok(minting)), Default::default()));
    };
    let secret = if minting.record == MintRecord::default() && is_version_of(&version, digest) {
        let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &namespace);
        get(&secrets, &declaration.target).await?
    } else {
        None
    };
    let secret = secret.filter(|secret| minted_for(secret.metadata.annotations.as_ref()) == Some(digest));
    let key = &minting.key;
    let stored = secret.as_ref().and_then(|secret| stored(secret, key, &spec.registry));
    let copies = ObservedCopies {
        version: Some(version),
        is_trusted: stored.is_some(),
        identity: stored
            .is_some()
            .then(|| CredentialIdentity::of_minted(&key.identity, &spec.registry)),
    };
    let minting = minter.consult(reference, identified, stored.as_ref());
    Ok((Some(Ok(minting)), (copies, secret.filter(|_| stored.is_some()))))
}

/// For whom credentials are minted, if they are. `namespace`: where the ServiceAccount or the key is.
async fn identified(
    reference: &ResourceRef,
    namespace: &str,
    spec: &ValidatedSpec,
    key: Option<&Secret>,
    ctx: &Context,
) -> Result<Option<Result<(MintIdentity, MintKey), Problem>>, Error> {
    let minter = &ctx.shared.minter;
    let CredentialSource::Minted(source) = &spec.source else {
        minter.forget(&reference.uid);
        return Ok(None);
    };
    let identified = identify(&ctx.client, namespace, source, key, &spec.registry, &minter.settings).await?;
    if identified.is_err() {
        minter.forget(&reference.uid);
    }
    Ok(Some(identified))
}

/// The minted credentials in a Secret, unless somebody has changed them.
fn stored(secret: &Secret, key: &MintKey, registry: &RegistryKey) -> Option<MintedCredentials> {
    let secret = Some(secret).filter(|secret| written_by_operator(secret))?;
    MintedCredentials::stored(secret, document_of(secret)?, &key.identity, registry)
}
