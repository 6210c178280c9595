//! One pass over one resource: read, decide, write what differs, say what was found.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::runtime::controller::Action;
use kube::{Api, Resource as _, ResourceExt as _};

use super::backoff::{pause, spread};
use super::cached::Cached;
use super::context::Context;
use super::error::Error;
use super::{pods, pulls, secrets, status_writer, unparsable, verification};
use crate::api::{DockerPullSecret, DockerPullSecretStatus, OnRejected, Reason, VerificationResult};
use crate::domain::claims::Key;
use crate::domain::ownership::{Asking, Verdict, decide};
use crate::domain::plan::{Plan, plan};
use crate::domain::problem::{self, Problem};
use crate::domain::spec::{Validated, target_of, validate};
use crate::domain::status::{Check, Finding, Outcome, Pods};
use crate::domain::verification::advice::held_back;

/// Longest time for which the write of a changed login waits for the verdict on it.
const HOLD: Duration = Duration::from_secs(20);

/// Retry of a write that the API server refuses: nothing tells when a quota has room again.
const REFUSED: Duration = Duration::from_mins(1);

/// Failures in a row after which the status says so. A short hiccup of the API server is not worth a write for each
/// resource.
const PUBLISH_FAILURES_FROM: u32 = 3;

/// The pass as the controller calls it.
pub(crate) async fn reconcile(object: Arc<Cached>, ctx: Arc<Context>) -> Result<Action, Error> {
    let uid = object.uid().unwrap_or_default();
    if object.meta().deletion_timestamp.is_some() {
        // The garbage collector removes the Secret.
        return Ok(Action::await_change());
    }
    let result = pass(&object, &ctx).await;
    ctx.shared.verifier.seen(&uid);
    match &result {
        Ok(Passed { reason, again }) => {
            ctx.failures.forget(&uid);
            ctx.shared.metrics.pass(reason.as_str());
            let refused = (*reason == Reason::WriteRefused).then(|| spread(REFUSED, &uid));
            let next = [*again, refused].into_iter().flatten().min();
            Ok(next.map_or_else(Action::await_change, Action::requeue))
        }
        Err(error) => {
            ctx.shared.metrics.pass("Error");
            if ctx.failures.count(&uid) >= PUBLISH_FAILURES_FROM
                && let Ok(resource) = object.parse()
            {
                let finding = Finding::Failing(error.to_string());
                // It cannot be told when the API server is the one that fails.
                let _ = status_writer::publish(&ctx, &resource.metadata, resource.status.as_ref(), &finding).await;
            }
            result.map(|_| Action::await_change())
        }
    }
}

/// When to try again after an error of the platform.
#[allow(clippy::needless_pass_by_value, reason = "the controller calls it so")]
pub(crate) fn error_policy(object: Arc<Cached>, error: &Error, ctx: Arc<Context>) -> Action {
    let uid = object.uid().unwrap_or_default();
    let pause = spread(pause(ctx.failures.get(&uid)), &uid);
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    tracing::warn!(namespace, name, retry_in = ?pause, "{error}");
    Action::requeue(pause)
}

/// How a pass ended.
struct Passed {
    /// Of the `Ready` condition.
    reason: Reason,
    /// When the next one is due, if something is.
    again: Option<Duration>,
}

async fn pass(object: &Cached, ctx: &Context) -> Result<Passed, Error> {
    let resource = &match object.parse() {
        Ok(resource) => resource,
        Err(error) => {
            let reason = unparsable::publish(object, &problem::unparsable(&error), ctx).await?;
            return Ok(Passed { reason, again: None });
        }
    };
    let (finding, again) = if resource.spec.suspend {
        (Finding::Suspended, None)
    } else {
        match decide_and_write(resource, ctx).await? {
            Decided::Held(again) => {
                return Ok(Passed {
                    reason: Reason::Pending,
                    again: Some(again),
                });
            }
            Decided::Now(now) => {
                let Now {
                    mut outcome,
                    again,
                    secret,
                } = *now;
                let previous = previous(resource, ctx);
                let (pods, soon) = pulls::look(resource, previous.as_ref(), &outcome, secret.as_ref(), ctx).await?;
                outcome.pods = pods;
                (Finding::Decided(outcome), [again, soon].into_iter().flatten().min())
            }
        }
    };
    status_writer::publish(ctx, &resource.metadata, resource.status.as_ref(), &finding).await?;
    let reason = reason_of(&finding);
    Ok(Passed { reason, again })
}

/// What a pass came to.
enum Decided {
    /// This.
    Now(Box<Now>),
    /// A verdict is waited for, at most so long.
    Held(Duration),
}

/// What a pass came to, but for the pods.
struct Now {
    outcome: Outcome,
    /// When the next pass is due.
    again: Option<Duration>,
    /// The Secret of the wanted name, as it is after this pass.
    secret: Option<Secret>,
}

impl Decided {
    fn now(outcome: Outcome, again: Option<Duration>, secret: Option<Secret>) -> Self {
        Self::Now(Box::new(Now { outcome, again, secret }))
    }
}

/// The status as this process knows it: the watch may bring later what was written.
fn previous(resource: &DockerPullSecret, ctx: &Context) -> Option<DockerPullSecretStatus> {
    let written = ctx.written(&resource.uid().unwrap_or_default());
    written
        .map(|written| written.status)
        .or_else(|| resource.status.clone())
}

fn reason_of(finding: &Finding) -> Reason {
    match finding {
        Finding::Suspended => Reason::Suspended,
        Finding::Failing(_) => Reason::RetryingAfterError,
        Finding::Decided(outcome) => {
            let problem = outcome.credentials.as_ref().err().or(outcome.secret.as_ref().err());
            let refused = match &outcome.check {
                Check::Done(status, _) => status.result.filter(|result| result.refuses()),
                _ => None,
            };
            let reason = problem.map(|problem| problem.reason);
            reason
                .or(refused.map(VerificationResult::reason))
                .unwrap_or(Reason::Ready)
        }
    }
}

async fn decide_and_write(resource: &DockerPullSecret, ctx: &Context) -> Result<Decided, Error> {
    let namespace = resource.namespace().unwrap_or_default();
    let (key, uid): (Key, String) = (
        (namespace.clone(), resource.name_any()),
        resource.uid().unwrap_or_default(),
    );
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &namespace);
    let spec = match validate(resource) {
        Ok(spec) => spec,
        Err(problem) => return Ok(Decided::now(without(resource, ctx, problem, None), None, None)),
    };
    let (source, existing) = futures::try_join!(
        secrets::get(&secrets, &spec.source),
        secrets::get(&secrets, &spec.target)
    )?;
    let mut warnings = spec.warnings.clone();
    warnings.extend(ctx.claims().warning(&key));
    let plan = match plan(resource, &spec, source.as_ref()) {
        Ok(plan) => plan,
        Err(problem) => {
            let mut outcome = without(resource, ctx, problem, Some(&spec));
            outcome.warnings = warnings;
            return Ok(Decided::now(outcome, None, existing));
        }
    };
    // There is no plan without it.
    let source = source.unwrap_or_default();
    warnings.extend(plan.warnings.iter().cloned());
    let previous = previous(resource, ctx);
    let ca = verification::ca_bundle(&spec, &namespace, ctx).await?;
    let looked = verification::look(resource, previous.as_ref(), &spec, &source, &plan.login, ca, ctx);
    // An accepted login stands in the Secret, and another one is to replace it.
    let replaces_accepted = previous.is_some_and(|status| status.verification.is_some_and(|one| one.secret_accepted))
        && existing
            .as_ref()
            .is_some_and(|existing| !plan.desired.same_document(existing));
    if let Some(login) = looked.awaited.filter(|_| replaces_accepted)
        && spec.verification.on_rejected == OnRejected::KeepLastAccepted
    {
        let left = HOLD.saturating_sub(ctx.held_for(&uid, login));
        if !left.is_zero() {
            return Ok(Decided::Held(left));
        }
    } else {
        ctx.release(&uid);
    }
    let secret = match held_back(spec.verification.on_rejected, replaces_accepted, looked.known.as_ref()) {
        Some(problem) => Err(problem),
        None => write(resource, &spec, &plan, existing.as_ref(), &secrets, ctx).await?,
    };
    let outcome = Outcome {
        credentials: Ok(plan.credentials),
        secret_name: match &secret {
            Ok(_) => Some(spec.target.clone()),
            Err(_) => ctx.claims().kept(&namespace, &uid, &spec.target),
        },
        secret,
        check: looked.check,
        pods: Pods::Unseen,
        registry_key: Some(spec.registry.as_str().to_owned()),
        warnings,
    };
    let secret = if outcome.secret.is_ok() {
        Some(plan.desired.secret())
    } else {
        existing
    };
    Ok(Decided::now(outcome, looked.again, secret))
}

/// The outcome without a login; an earlier Secret stays as it is.
fn without(resource: &DockerPullSecret, ctx: &Context, problem: Problem, spec: Option<&Validated>) -> Outcome {
    let uid = resource.uid().unwrap_or_default();
    let namespace = resource.namespace().unwrap_or_default();
    let kept = ctx.claims().kept(&namespace, &uid, &target_of(resource));
    Outcome::without_login(problem, kept, spec.map(|spec| spec.registry.as_str().to_owned()))
}

async fn write(
    resource: &DockerPullSecret,
    spec: &Validated,
    plan: &Plan,
    existing: Option<&Secret>,
    secrets: &Api<Secret>,
    ctx: &Context,
) -> Result<Result<String, Problem>, Error> {
    let (namespace, name, uid) = (
        resource.namespace().unwrap_or_default(),
        resource.name_any(),
        resource.uid().unwrap_or_default(),
    );
    let target: Key = (namespace.clone(), spec.target.clone());
    let verdict = {
        let claims = ctx.claims();
        let asking = Asking {
            name: &name,
            uid: &uid,
            adopt: spec.adopt,
        };
        let winner = claims.winner(&target).unwrap_or(&name);
        decide(asking, &plan.desired, existing, winner, |owner| {
            claims.wants(owner, &target)
        })
    };
    let over = match (verdict, existing) {
        (Err(problem), _) => return Ok(Err(problem)),
        (Ok(Verdict::Create), _) => None,
        (Ok(Verdict::Update), existing) => existing.map(|existing| &existing.metadata),
    };
    if !existing.is_some_and(|existing| plan.desired.is_satisfied_by(existing)) {
        match secrets::apply(secrets, &plan.desired, over, &plan.login).await? {
            Ok(written) => {
                ctx.expect_echo(target, written.resource_version().unwrap_or_default());
                if existing.is_some_and(|existing| !plan.desired.same_document(existing)) {
                    ctx.set_rotated(&uid, pods::now());
                }
            }
            Err(problem) => return Ok(Err(problem)),
        }
        ctx.shared.metrics.write("Secret");
        tracing::info!(
            namespace,
            name,
            secret = spec.target,
            registry = spec.registry.as_str(),
            "wrote the pull secret"
        );
    }
    let strays = ctx.claims().strays(&namespace, &uid, &spec.target);
    for (stray, seen) in strays {
        secrets::delete(secrets, &stray, &seen).await?;
        ctx.shared.metrics.write("Secret");
        tracing::info!(
            namespace,
            name,
            secret = stray,
            "deleted the pull secret of an earlier spec.secretName"
        );
    }
    Ok(Ok(format!(
        "Secret {:?} holds the login for {}",
        spec.target,
        spec.registry.as_str()
    )))
}
