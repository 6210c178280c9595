//! What one pass finds out about the pods that have to do with its resource.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::{Api, ResourceExt as _};

use crate::api::{DockerPullSecret, DockerPullSecretStatus, Reason, VerificationResult};
use crate::controller::context::{Context, reference};
use crate::controller::kubelet_reports;
use crate::controller::secrets;
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret};
use crate::domain::pull_failures::failing_pods::FailingPod;
use crate::domain::pull_failures::relevance::concerning;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::pull_failures::summary::same_cause;
use crate::domain::pull_failures::survey::{SurveyInput, SurveyResult, survey};
use crate::domain::secret::ownership::is_own;
use crate::domain::status::build::{Check, Outcome};
use crate::domain::status::pods::Pods;
use crate::kubernetes::request::Error;

/// Most Secrets of others that one pass reads.
const FOREIGN: usize = 20;

/// Looks at the failing pods. Also returns when the next look is due, if one is.
pub(crate) async fn look(
    resource: &DockerPullSecret,
    previous: Option<&DockerPullSecretStatus>,
    outcome: &Outcome,
    written: Option<&Secret>,
    ctx: &Context,
) -> Result<(Pods, Option<Duration>), Error> {
    if !ctx.pods_are_listed() {
        return Ok((Pods::Unseen, None));
    }
    let namespace = resource.namespace().unwrap_or_default();
    let Some(mut own) = Resource::of(resource) else {
        return Ok((Pods::Seen(Box::default()), None));
    };
    own.verified = verified(outcome, previous);
    if let Some(secret) = written {
        own.owns = is_own(secret, &resource.uid().unwrap_or_default());
    }
    let failing = concerning(&own, ctx.watchlist().of_namespace(&namespace));
    if failing.is_empty() {
        ctx.paces().calm(&resource.uid().unwrap_or_default());
        return Ok((Pods::Seen(Box::default()), None));
    }
    let failing = kubelet_reports::enrich(failing, &namespace, ctx).await;
    let secrets = pull_secrets(&own, &failing, written, &namespace, ctx).await?;
    let uid = resource.uid().unwrap_or_default();
    let old = previous.map_or(&[][..], |status| &status.pull_failures);
    let input = SurveyInput {
        namespace: &namespace,
        own: &own,
        others: &others(&own, &namespace, ctx),
        failing: &failing,
        pull_secrets: &secrets,
        credentials_changed_at: ctx.rotated(&uid).and_then(|at| Timestamp::from_millisecond(at).ok()),
        previous: old,
    };
    let SurveyResult { summary: pulls, next } = survey(&input, Timestamp::now());
    let published = previous
        .is_some_and(|status| status.failing_pods == pulls.failing_pods && status.pull_failures == pulls.failures);
    if pulls.problem.is_none() {
        ctx.paces().calm(&uid);
    } else if !same_cause(&pulls.failures, old) {
        ctx.paces().begin(&uid);
    } else if !published && let Some(pause) = ctx.paces().pause(&uid) {
        let next = next.map_or(pause, |next| next.min(pause));
        return Ok((Pods::Same { fault: pulls.fault }, Some(next)));
    }
    Ok((Pods::Seen(Box::new(pulls)), next))
}

/// What the registry said of the login that is in the Secret after this pass.
fn verified(outcome: &Outcome, previous: Option<&DockerPullSecretStatus>) -> Option<VerificationResult> {
    let stands = previous
        .and_then(|status| status.verification.as_ref())
        .is_some_and(|verification| verification.secret_verified);
    match (&outcome.secret, &outcome.check) {
        (Ok(_), Check::Done(status, _)) => status.of_login(),
        (Err(problem), _) if stands || problem.reason == Reason::HeldBack => Some(VerificationResult::Accepted),
        _ => None,
    }
}

/// What the pods' lists name. Most pods name the same.
async fn pull_secrets(
    own: &Resource,
    failing: &[(String, Arc<FailingPod>)],
    written: Option<&Secret>,
    namespace: &str,
    ctx: &Context,
) -> Result<HashMap<String, PullSecret>, Error> {
    // A pass that stopped early has not looked: the Secret may be there all the same.
    let seen = written.map(|secret| (own.secret.clone(), PullSecret::new(&own.secret, Some(secret))));
    let mut known: HashMap<String, PullSecret> = seen.into_iter().collect();
    for (_, failing) in failing {
        read(&failing.pull_secrets, &mut known, namespace, ctx).await?;
    }
    Ok(known)
}

/// The other resources of the namespace.
fn others(own: &Resource, namespace: &str, ctx: &Context) -> Vec<Resource> {
    let names: Vec<String> = ctx.claims().of_namespace(namespace).map(str::to_owned).collect();
    let others = names.into_iter().filter(|name| *name != own.name);
    let others = others.filter_map(|name| {
        let resource = ctx.store.get(&reference(&(namespace.to_owned(), name)))?;
        Resource::of(&resource.parse().ok()?)
    });
    others.collect()
}

/// The Secrets of a list, each read once in a pass.
async fn read(
    names: &[String],
    known: &mut HashMap<String, PullSecret>,
    namespace: &str,
    ctx: &Context,
) -> Result<(), Error> {
    let api = Api::<Secret>::namespaced(ctx.client.clone(), namespace);
    for name in names {
        if known.contains_key(name) {
            continue;
        }
        let unseen = PullSecret {
            name: name.clone(),
            content: Content::Unreadable,
        };
        let secret = if known.len() > FOREIGN {
            unseen
        } else {
            match secrets::get(&api, name).await {
                Ok(secret) => PullSecret::new(name, secret.as_ref()),
                // Somebody took this right away; what is found out without it is worth something too.
                Err(error) if error.answer().is_some_and(kube::core::Status::is_forbidden) => unseen,
                Err(error) => return Err(error),
            }
        };
        known.insert(name.clone(), secret);
    }
    Ok(())
}
