//! Reads what a decision about one resource needs. Secrets are read by name and never stored.

mod minting;
pub(crate) mod pods;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;

use crate::api::CaBundleKind;
use crate::controller::context::{Context, now};
use crate::controller::observe::minting::{observe_minting, observe_shared_minting};
use crate::domain::attachment::assessment::AttachmentView;
use crate::domain::distribution::Name;
use crate::domain::index::IndexView;
use crate::domain::names::{ResourceRef, is_object_name};
use crate::domain::reconcile::decide::Subject;
use crate::domain::reconcile::decide::copies::version as version_of;
use crate::domain::reconcile::observed::{Observed, ObservedCopies};
use crate::domain::secret::ownership::controlling_resource;
use crate::domain::spec::declaration::{ClusterScope, Declaration};
use crate::domain::spec::validate::ValidatedSpec;
use crate::domain::verification::ca_bundle::{self, CaBundle, CaBundleSource};
use crate::domain::verification::verdict::Verdict;
use crate::kubernetes::request::{Error, call};

/// Reads everything that concerns a resource, but for pods; nothing if it is suspended.
pub(crate) async fn observe(subject: &Subject<'_>, ctx: &Context) -> Result<Observed, Error> {
    let Subject {
        reference,
        declaration,
        previous,
    } = subject;
    if declaration.suspended {
        return Ok(Observed::default());
    }
    if let Some(cluster) = &declaration.cluster {
        return observe_cluster(subject, cluster, ctx).await;
    }
    let target = &declaration.target;
    let own_namespace = [Name::from(reference.key.namespace.as_str())];
    let Ok(spec) = &declaration.spec else {
        let index = ctx.index().view(reference, target, None);
        return Ok(Observed {
            index,
            attachment: attachment(declaration, &own_namespace, ctx),
            ..Observed::default()
        });
    };
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &reference.key.namespace);
    let (source, existing) = futures::try_join!(source(spec, &secrets), get(&secrets, target))?;
    let controller = existing
        .as_ref()
        .and_then(|existing| controlling_resource(&existing.metadata));
    let index = ctx.index().view(reference, target, controller);
    let verified = previous
        .and_then(|status| status.verification.as_ref())
        .is_some_and(|verification| verification.secret_verified);
    let retained = match &index.retained_secret {
        Some(name) if verified && source.is_some() && existing.is_none() => get(&secrets, name).await?,
        _ => None,
    };
    let ca_bundle = ca_bundle(spec, source.as_ref(), &secrets, &reference.key.namespace, ctx).await?;
    let minting = Box::pin(observe_minting(
        reference,
        spec,
        source.as_ref(),
        existing.as_ref(),
        ctx,
    ))
    .await?;
    Ok(Observed {
        ca_bundle,
        minting,
        pods: None,
        source,
        target: existing,
        retained,
        index,
        attachment: attachment(declaration, &own_namespace, ctx),
        attaches_to_pods: ctx.shared.attaches_to_pods,
        evicts_pods: ctx.shared.evicts_pods,
        ..Observed::default()
    })
}

/// The same for a resource for many namespaces. Nothing is read in these.
async fn observe_cluster(subject: &Subject<'_>, cluster: &ClusterScope, ctx: &Context) -> Result<Observed, Error> {
    let (declaration, name) = (subject.declaration, &subject.reference.key.name);
    let (census, holders) = ctx.index().census(name);
    let allowed = ctx.shared.clusters.as_deref().unwrap_or_default();
    let observed = Observed {
        index: IndexView {
            retained_secret: (census.ready > 0).then(|| declaration.target.clone()),
            ..IndexView::default()
        },
        may_read_source: allowed.contains(&cluster.source_namespace),
        attachment: attachment(declaration, &holders, ctx),
        attaches_to_pods: ctx.shared.attaches_to_pods,
        evicts_pods: ctx.shared.evicts_pods,
        census,
        without_namespaces: without_namespaces(ctx),
        ..Observed::default()
    };
    let Some(spec) = declaration.spec.as_ref().ok().filter(|_| observed.may_read_source) else {
        return Ok(observed);
    };
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &cluster.source_namespace);
    let source = source(spec, &secrets).await?;
    let ca_bundle = ca_bundle(spec, source.as_ref(), &secrets, &cluster.source_namespace, ctx).await?;
    let (minting, distributed) = match Box::pin(observe_shared_minting(subject, spec, source.as_ref(), ctx)).await? {
        (None, _) => (None, distributed(subject, source.as_ref(), ctx).await?),
        minted => minted,
    };
    let (copies, retained) = distributed;
    Ok(Observed {
        source,
        minting,
        retained,
        copies,
        ca_bundle,
        ..observed
    })
}

/// Why the namespaces are not known yet, if they are not.
fn without_namespaces(ctx: &Context) -> Option<String> {
    let is_listed = ctx.index().distributions.namespaces.is_listed;
    (!is_listed).then(|| {
        let why = ctx.shared.readiness.failure("namespaces");
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        format!("the namespaces of the cluster are not listed yet{why}")
    })
}

/// What is distributed. A process that has just started learns it from one of the copies, if their version does not tell.
async fn distributed(
    subject: &Subject<'_>,
    source: Option<&Secret>,
    ctx: &Context,
) -> Result<(ObservedCopies, Option<Secret>), Error> {
    let Subject {
        reference, declaration, ..
    } = subject;
    let source = source.and_then(|source| source.metadata.resource_version.as_deref());
    let current = version_of(declaration.generation, source);
    if let Some(distributed) = distributed_here(reference, ctx) {
        return Ok(distributed);
    }
    let Some((namespace, version)) = sample(reference, &declaration.target, |known| *known == *current, ctx) else {
        return Ok(Default::default());
    };
    let is_current = version == current;
    let copies = ObservedCopies {
        version: Some(version),
        ..ObservedCopies::default()
    };
    if is_current {
        return Ok((copies, None));
    }
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &namespace);
    Ok((copies, get(&secrets, &declaration.target).await?))
}

/// A namespace with a copy that tells what was distributed, and the version there.
fn sample(
    reference: &ResourceRef,
    target: &str,
    is_wanted: impl Fn(&str) -> bool,
    ctx: &Context,
) -> Option<(String, String)> {
    let index = ctx.index();
    let one = index.distributions.get(&reference.key.name)?;
    let (namespace, version) = index.distributions.copies.sample(&one.uid, target, is_wanted)?;
    Some((namespace.to_string(), version.to_string()))
}

/// What this process distributes, if it knows already.
fn distributed_here(reference: &ResourceRef, ctx: &Context) -> Option<(ObservedCopies, Option<Secret>)> {
    let index = ctx.index();
    let content = index.distributions.get(&reference.key.name)?.content()?;
    let copies = ObservedCopies {
        version: Some(content.version.to_string()),
        is_trusted: true,
        identity: content.identity.clone(),
    };
    Some((copies, Some(content.copy_in("").secret())))
}

/// What becomes of the Secret in ServiceAccounts of these namespaces. `None` if the operator changes none.
fn attachment(declaration: &Declaration, namespaces: &[Name], ctx: &Context) -> Option<AttachmentView> {
    let Declaration {
        key,
        target,
        service_accounts,
        ..
    } = declaration;
    let attacher = ctx.attacher.as_ref().filter(|_| !service_accounts.is_empty())?;
    attacher
        .known()
        .view(namespaces, key.namespace().is_none(), service_accounts, target, now())
}

/// Gets a Secret, if it exists. Pods may name what no Secret can be called.
pub(crate) async fn get(secrets: &Api<Secret>, name: &str) -> Result<Option<Secret>, Error> {
    if !is_object_name(name) {
        return Ok(None);
    }
    call(|| format!("reading Secret {name:?}"), secrets.get_opt(name)).await
}

/// Reads the Secret with the credentials, if it exists.
async fn source(spec: &ValidatedSpec, secrets: &Api<Secret>) -> Result<Option<Secret>, Error> {
    match spec.source.secret_name() {
        Some(name) => get(secrets, name).await,
        None => Ok(None),
    }
}

/// Reads the certificates that a resource names, if it does. Without a source there are no credentials to verify.
async fn ca_bundle(
    spec: &ValidatedSpec,
    source: Option<&Secret>,
    secrets: &Api<Secret>,
    namespace: &str,
    ctx: &Context,
) -> Result<Result<Option<CaBundle>, Verdict>, Error> {
    let is_needed = spec.verification.enabled && source.is_some();
    let Some(reference) = spec.verification.ca.as_ref().filter(|_| is_needed) else {
        return Ok(Ok(None));
    };
    let name = &reference.name;
    let holder = match reference.kind {
        CaBundleKind::Secret => get(secrets, name).await?.map(CaBundleSource::Secret),
        CaBundleKind::ConfigMap => {
            let config_maps = Api::<ConfigMap>::namespaced(ctx.client.clone(), namespace);
            let found = call(|| format!("reading ConfigMap {name:?}"), config_maps.get_opt(name)).await?;
            found.map(CaBundleSource::ConfigMap)
        }
    };
    Ok(ca_bundle::read(reference, holder).map(Some))
}
