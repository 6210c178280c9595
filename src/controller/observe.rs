//! Reads what a decision about one resource needs. Secrets are read by name and never stored.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;

use crate::api::CaBundleKind;
use crate::controller::context::Context;
use crate::controller::kubelet_reports;
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret};
use crate::domain::names::{ObjectKey, is_object_name};
use crate::domain::pull_failures::failing_pods::FailingPod;
use crate::domain::pull_failures::relevance::concerning;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::reconcile::decide::Subject;
use crate::domain::reconcile::observed::{Observed, ObservedPods};
use crate::domain::secret::ownership::controlling_resource;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec, target_of};
use crate::domain::verification::ca_bundle::{self, CaBundle, CaBundleSource};
use crate::domain::verification::verdict::Verdict;
use crate::kubernetes::request::{Error, call};

/// Most Secrets that one reconcile reads because failing pods name them.
const FOREIGN_SECRETS: usize = 20;

/// Reads everything that concerns a resource, but for pods; nothing if it is suspended.
pub(crate) async fn observe(subject: &Subject<'_>, ctx: &Context) -> Result<Observed, Error> {
    let Subject {
        reference,
        resource,
        spec,
        previous,
    } = subject;
    if resource.spec.suspend {
        return Ok(Observed::default());
    }
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &reference.key.namespace);
    let target_name = target_of(resource);
    let source = async {
        match spec {
            Ok(spec) => match &spec.source {
                CredentialSource::Secret(reference) => get(&secrets, &reference.name).await,
            },
            Err(_) => Ok(None),
        }
    };
    let (source, target) = futures::try_join!(source, get(&secrets, &target_name))?;
    let controller = target
        .as_ref()
        .and_then(|target| controlling_resource(&target.metadata));
    let index = ctx.index().view(reference, &target_name, controller);
    let verified = previous
        .and_then(|status| status.verification.as_ref())
        .is_some_and(|verification| verification.secret_verified);
    let retained = match &index.retained_secret {
        Some(name) if verified && target.is_none() => get(&secrets, name).await?,
        _ => None,
    };
    let ca_bundle = match spec {
        Ok(spec) => ca_bundle(spec, &secrets, &reference.key.namespace, ctx).await?,
        Err(_) => Ok(None),
    };
    Ok(Observed {
        ca_bundle,
        pods: None,
        source,
        target,
        retained,
        index,
        refusal: None,
    })
}

/// Gets a Secret, if it exists. Pods may name what no Secret can be called.
async fn get(secrets: &Api<Secret>, name: &str) -> Result<Option<Secret>, Error> {
    if !is_object_name(name) {
        return Ok(None);
    }
    call(|| format!("reading Secret {name:?}"), secrets.get_opt(name)).await
}

/// Reads the certificates that a resource names, if it does.
async fn ca_bundle(
    spec: &ValidatedSpec,
    secrets: &Api<Secret>,
    namespace: &str,
    ctx: &Context,
) -> Result<Result<Option<CaBundle>, Verdict>, Error> {
    let Some(reference) = spec.verification.ca.as_ref().filter(|_| spec.verification.enabled) else {
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

/// The failing pods that may have to do with a resource, and what is behind their lists of pull secrets. `None`: pods are
/// not listed yet, or the resource is suspended.
pub(crate) async fn observe_pods(subject: &Subject<'_>, ctx: &Context) -> Result<Option<ObservedPods>, Error> {
    let Subject {
        reference, resource, ..
    } = subject;
    if resource.spec.suspend || !ctx.pods_are_listed() {
        return Ok(None);
    }
    let namespace = reference.key.namespace.as_str();
    let Some(own) = Resource::of(resource) else {
        return Ok(Some(ObservedPods::default()));
    };
    let failing = concerning(&own, ctx.failing_pods().of_namespace(namespace));
    if failing.is_empty() {
        return Ok(Some(ObservedPods::default()));
    }
    let failing = kubelet_reports::enrich(failing, namespace, ctx).await;
    let secrets = Api::namespaced(ctx.client.clone(), namespace);
    Ok(Some(ObservedPods {
        pull_secrets: pull_secrets(&failing, &target_of(resource), &secrets).await?,
        others: others(&reference.key, ctx),
        failing,
    }))
}

/// The other resources of the namespace.
fn others(own: &ObjectKey, ctx: &Context) -> Vec<Resource> {
    let names: Vec<String> = ctx.index().of_namespace(&own.namespace).map(str::to_owned).collect();
    let others = names.into_iter().filter(|name| *name != own.name);
    let others = others.filter_map(|name| {
        let resource = ctx.stored(&ObjectKey::new(&own.namespace, name))?;
        Resource::of(&resource.parse().ok()?)
    });
    others.collect()
}

/// The Secrets that the pods' lists name, but for `target`.
async fn pull_secrets(
    failing: &[(String, Arc<FailingPod>)],
    target: &str,
    secrets: &Api<Secret>,
) -> Result<HashMap<String, PullSecret>, Error> {
    let mut known = HashMap::new();
    let mut seen = HashSet::new();
    let names = failing.iter().flat_map(|(_, pod)| &pod.pull_secrets);
    for name in names.filter(|name| *name != target && seen.insert(name.as_str())) {
        let unreadable = || PullSecret {
            name: name.clone(),
            content: Content::Unreadable,
        };
        let secret = if known.len() >= FOREIGN_SECRETS {
            unreadable()
        } else {
            match get(secrets, name).await {
                Ok(secret) => PullSecret::new(name, secret.as_ref()),
                // Somebody took this right away; what is found out without it is worth something too.
                Err(error) if error.answer().is_some_and(kube::core::Status::is_forbidden) => unreadable(),
                Err(error) => return Err(error),
            }
        };
        known.insert(name.clone(), secret);
    }
    Ok(known)
}
