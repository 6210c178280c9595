//! Reads what a decision needs to know of failing pods.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use crate::controller::context::Context;
use crate::controller::kubelet_reports;
use crate::controller::observe::get;
use crate::domain::distribution::exclusion::Exclusion;
use crate::domain::distribution::standing::Standing;
use crate::domain::distribution::{Distribution, Name};
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret};
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::elsewhere::Elsewhere;
use crate::domain::pull_failures::failing_pods::FailingPod;
use crate::domain::pull_failures::relevance::{concerning, repository};
use crate::domain::pull_failures::resource::Resource;
use crate::domain::reconcile::decide::Subject;
use crate::domain::reconcile::observed::{ObservedPods, PodsOfNamespace};
use crate::domain::registry::matching::serves;
use crate::kubernetes::request::Error;

/// Longest time for reading what failing pods list.
const PODS: Duration = Duration::from_secs(5);

/// Most Secrets of one namespace that one reconcile reads because failing pods name them.
const FOREIGN_SECRETS: usize = 20;

/// The same for all namespaces together.
const ALL_FOREIGN_SECRETS: usize = 200;

/// Most namespaces in which one reconcile asks for Events.
const ASKED: usize = 3;

/// Namespaces after which others get their turn.
const PLACES: usize = 50;

/// The failing pods that may have to do with a resource, and what is behind their lists of pull secrets. `None`: pods are
/// not listed yet, or the resource is suspended. What takes too long or fails must not keep the Secret from being written.
pub(crate) async fn observe_pods(subject: &Subject<'_>, ctx: &Context) -> Option<ObservedPods> {
    let Subject {
        reference,
        declaration,
        previous,
    } = subject;
    if declaration.suspended || !ctx.pods_are_listed() {
        return None;
    }
    let Some(own) = Resource::of(declaration, *previous) else {
        return Some(ObservedPods::default());
    };
    let mut places = places(&own, &reference.key, ctx);
    if places.is_empty() {
        return Some(ObservedPods::default());
    }
    let read = async {
        // A resource with an invalid spec does not read its own Secret.
        let own = declaration.spec.as_ref().ok().map(|_| own.secret.as_str());
        let (mut left_in_all, mut known) = (ALL_FOREIGN_SECRETS, HashMap::new());
        for (number, place) in places.iter_mut().enumerate() {
            if number < ASKED {
                place.failing =
                    kubelet_reports::enrich(std::mem::take(&mut place.failing), &place.namespace, ctx).await;
            }
            let share = FOREIGN_SECRETS.min(left_in_all);
            let mut left = share;
            // Where it is not the resource's own, somebody else's may be there.
            let own = own.filter(|_| place.has_secret);
            place.pull_secrets = pull_secrets(&place.failing, own, &place.namespace, &mut left, ctx).await?;
            left_in_all -= share - left;
            place.accounts = accounts(&place.failing, &place.namespace, ctx);
            place.others = others(&reference.key, &place.namespace, &mut known, ctx);
            place.elsewhere = elsewhere(place, &mut known, ctx);
            if number % PLACES == PLACES - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok::<_, Error>(())
    };
    let why = match tokio::time::timeout(PODS, read).await {
        Ok(Ok(())) => {
            return Some(ObservedPods {
                incomplete: false,
                places,
            });
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} seconds", PODS.as_secs()),
    };
    let key = &reference.key;
    tracing::warn!(
        namespace = key.namespace,
        name = key.name,
        "reading what failing pods list: {why}"
    );
    Some(ObservedPods {
        incomplete: true,
        ..ObservedPods::default()
    })
}

/// The failing pods that may concern a resource, by namespace.
fn places(own: &Resource, resource: &ObjectKey, ctx: &Context) -> Vec<PodsOfNamespace> {
    let place = |namespace: &str, has_secret: bool| {
        let failing = concerning(own, ctx.failing_pods().of_namespace(namespace));
        (!failing.is_empty()).then(|| PodsOfNamespace {
            namespace: namespace.to_owned(),
            has_secret,
            failing,
            ..PodsOfNamespace::default()
        })
    };
    if let Some(namespace) = resource.namespace() {
        return place(namespace, true).into_iter().collect();
    }
    let namespaces = ctx.failing_pods().namespaces();
    let places = namespaces.into_iter().filter_map(|namespace| {
        let (standing, _) = ctx.index().standing(&resource.name, &Name::from(namespace.as_str()));
        standing
            .is_wanted()
            .then(|| place(&namespace, standing == Standing::Ready))
            .flatten()
    });
    places.collect()
}

/// What the ServiceAccounts of pods list, as far as it is known.
fn accounts(failing: &[(String, Arc<FailingPod>)], namespace: &str, ctx: &Context) -> HashMap<String, Vec<String>> {
    let Some(attacher) = &ctx.attacher else {
        return HashMap::new();
    };
    let known = attacher.known();
    let accounts: HashSet<&String> = failing.iter().map(|(_, pod)| &pod.account).collect();
    let listed = accounts.into_iter().filter_map(|account| {
        let secrets = known.get(&ObjectKey::new(namespace, account.as_str()))?;
        Some((account.clone(), secrets.listed.clone()))
    });
    listed.collect()
}

/// The other resources that generate Secrets in a namespace. `known`: those that were parsed before.
fn others(
    own: &ObjectKey,
    namespace: &str,
    known: &mut HashMap<ObjectKey, Option<Resource>>,
    ctx: &Context,
) -> Vec<Resource> {
    let all: Vec<ObjectKey> = {
        let index = ctx.index();
        let own_ones = index
            .of_namespace(namespace)
            .map(|name| ObjectKey::new(namespace, name));
        let copied = index.distributions.concerning(namespace).into_iter();
        own_ones
            .chain(copied.map(|copy| ObjectKey::new("", copy.name)))
            .collect()
    };
    let others = all.into_iter().filter(|key| key != own);
    let others = others.filter_map(|key| parsed(key, known, ctx));
    others.collect()
}

fn parsed(key: ObjectKey, known: &mut HashMap<ObjectKey, Option<Resource>>, ctx: &Context) -> Option<Resource> {
    let parse = |key: &ObjectKey| {
        let resource = ctx.stored(key)?;
        Resource::of(&resource.declaration().ok()?, resource.status().as_ref())
    };
    known.entry(key).or_insert_with_key(parse).clone()
}

/// The resources for many namespaces that have credentials for an image of failing pods, and keep them out of their namespace.
fn elsewhere(
    place: &PodsOfNamespace,
    known: &mut HashMap<ObjectKey, Option<Resource>>,
    ctx: &Context,
) -> Vec<Elsewhere> {
    let containers = place.failing.iter().flat_map(|(_, pod)| &pod.containers);
    let repositories: HashSet<String> = containers.map(|one| repository(&one.image)).collect();
    let excluding: Vec<(ObjectKey, Exclusion)> = {
        let index = ctx.index();
        let serves = |one: &Distribution| {
            let registry = one.registry.as_ref();
            registry.is_some_and(|registry| repositories.iter().any(|image| serves(registry.as_str(), image)))
        };
        let serving = index.distributions.which(serves).into_iter();
        serving
            .filter_map(|key| {
                let exclusion = index.distributions.exclusion(&key.name, &place.namespace)?;
                Some((key, exclusion))
            })
            .collect()
    };
    let excluding = excluding.into_iter().filter_map(|(key, exclusion)| {
        let resource = parsed(key, known, ctx)?;
        Some(Elsewhere { resource, exclusion })
    });
    excluding.collect()
}

/// The Secrets that the pods' lists name, but for the resource's own. `left`: how many more may be read.
async fn pull_secrets(
    failing: &[(String, Arc<FailingPod>)],
    own: Option<&str>,
    namespace: &str,
    left: &mut usize,
    ctx: &Context,
) -> Result<HashMap<String, PullSecret>, Error> {
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), namespace);
    let mut known = HashMap::new();
    let mut seen = HashSet::new();
    let names = failing.iter().flat_map(|(_, pod)| &pod.pull_secrets);
    for name in names.filter(|name| own != Some(name.as_str()) && seen.insert(name.as_str())) {
        let unreadable = || PullSecret {
            name: name.clone(),
            content: Content::Unreadable,
        };
        let secret = if *left == 0 {
            unreadable()
        } else {
            *left -= 1;
            match get(&secrets, name).await {
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
