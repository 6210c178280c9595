//! The generated Secret of one resource: what one pass makes of it.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _};

use crate::api::{DockerPullSecret, DockerPullSecretStatus, OnRejected};
use crate::controller::context::Context;
use crate::controller::secrets;
use crate::controller::verification;
use crate::controller::watches::pods;
use crate::domain::index::Key;
use crate::domain::problem::Problem;
use crate::domain::secret::ownership::{Claimant, SecretAction, authorize_write};
use crate::domain::secret::plan::{Plan, plan};
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec, target_of, validate};
use crate::domain::status::build::Outcome;
use crate::domain::status::pods::Pods;
use crate::domain::verification::schedule::held_back;
use crate::kubernetes::request::Error;

/// Longest time for which the write of a changed login waits for the verdict on it.
const HOLD: Duration = Duration::from_secs(20);

/// What a pass came to.
pub(crate) enum Decided {
    /// This.
    Now(Box<Now>),
    /// A verdict is waited for, at most so long.
    Held(Duration),
}

/// What a pass came to, but for the pods.
pub(crate) struct Now {
    /// Of the login and the Secret.
    pub(crate) outcome: Outcome,
    /// When the next pass is due.
    pub(crate) again: Option<Duration>,
    /// The Secret of the wanted name, as it is after this pass.
    pub(crate) secret: Option<Secret>,
}

impl Decided {
    fn now(outcome: Outcome, again: Option<Duration>, secret: Option<Secret>) -> Self {
        Self::Now(Box::new(Now { outcome, again, secret }))
    }
}

/// The status as this process knows it: the watch may bring later what was written.
pub(crate) fn previous(resource: &DockerPullSecret, ctx: &Context) -> Option<DockerPullSecretStatus> {
    let written = ctx.written(&resource.uid().unwrap_or_default());
    written
        .map(|written| written.status)
        .or_else(|| resource.status.clone())
}

/// Reads what a resource is about, decides, and writes the Secret if it differs.
pub(crate) async fn decide_and_write(resource: &DockerPullSecret, ctx: &Context) -> Result<Decided, Error> {
    let namespace = resource.namespace().unwrap_or_default();
    let key: Key = (namespace.clone(), resource.name_any());
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &namespace);
    let spec = match validate(resource) {
        Ok(spec) => spec,
        Err(problem) => return Ok(Decided::now(without(resource, ctx, problem, None), None, None)),
    };
    let CredentialSource::Secret(reference) = &spec.source;
    let (source, existing) = futures::try_join!(
        secrets::get(&secrets, &reference.name),
        secrets::get(&secrets, &spec.targets.secret_name)
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
    warnings.extend(plan.warnings.iter().cloned());
    let read = Read {
        spec,
        plan,
        existing,
        warnings,
    };
    check_and_write(resource, read, &secrets, ctx).await
}

/// A valid resource with a login, and what it is about.
struct Read {
    spec: ValidatedSpec,
    plan: Plan,
    /// The Secret of the wanted name.
    existing: Option<Secret>,
    warnings: Vec<String>,
}

async fn check_and_write(
    resource: &DockerPullSecret,
    read: Read,
    secrets: &Api<Secret>,
    ctx: &Context,
) -> Result<Decided, Error> {
    let Read { spec, plan, .. } = &read;
    let (namespace, uid) = (
        resource.namespace().unwrap_or_default(),
        resource.uid().unwrap_or_default(),
    );
    let previous = previous(resource, ctx);
    let ca = verification::ca_bundle(spec, &namespace, ctx).await?;
    let looked = verification::look(
        resource,
        previous.as_ref(),
        spec,
        &plan.identity,
        &plan.credentials,
        ca,
        ctx,
    );
    let accepted = previous.is_some_and(|status| status.verification.is_some_and(|one| one.secret_verified));
    let kept = |target: &str| ctx.claims().retained_secret(&namespace, &uid, target);
    let earlier = if accepted
        && read.existing.is_none()
        && let Some(kept) = kept(&spec.targets.secret_name)
    {
        // Under an earlier spec.secretName.
        secrets::get(secrets, &kept).await?
    } else {
        None
    };
    let standing = read.existing.as_ref().or(earlier.as_ref());
    let replaces = !standing.is_some_and(|standing| plan.desired.same_document(standing));
    let replaces_accepted = accepted && standing.is_some() && replaces;
    if let Some(login) = looked.awaited.filter(|_| replaces_accepted)
        && spec.verification.on_rejected == OnRejected::KeepLastAccepted
    {
        // While no check begins, none can be late.
        let held = ctx.held_for(&uid, login).min(ctx.shared.verifier.open_for());
        let left = HOLD.saturating_sub(held);
        if !left.is_zero() {
            return Ok(Decided::Held(left));
        }
    } else {
        ctx.release(&uid);
    }
    let secret = match held_back(spec.verification.on_rejected, replaces_accepted, looked.known.as_ref()) {
        Some(problem) => Err(problem),
        None => write(resource, &read, secrets, ctx).await?,
    };
    let holder = if secret.is_ok() {
        Some(plan.desired.secret())
    } else {
        read.existing
    };
    let outcome = Outcome {
        credentials: Ok(read.plan.origin),
        secret_name: match &secret {
            Ok(_) => Some(read.spec.targets.secret_name.clone()),
            Err(_) => kept(&read.spec.targets.secret_name),
        },
        replaced: secret.is_ok() && replaces,
        secret,
        check: looked.check,
        pods: Pods::Unseen,
        registry_key: Some(read.spec.registry.as_str().to_owned()),
        warnings: read.warnings,
    };
    Ok(Decided::now(outcome, looked.again, holder))
}

/// The outcome without a login; an earlier Secret stays as it is.
fn without(resource: &DockerPullSecret, ctx: &Context, problem: Problem, spec: Option<&ValidatedSpec>) -> Outcome {
    let uid = resource.uid().unwrap_or_default();
    let namespace = resource.namespace().unwrap_or_default();
    let kept = ctx.claims().retained_secret(&namespace, &uid, &target_of(resource));
    Outcome::without_login(problem, kept, spec.map(|spec| spec.registry.as_str().to_owned()))
}

async fn write(
    resource: &DockerPullSecret,
    read: &Read,
    secrets: &Api<Secret>,
    ctx: &Context,
) -> Result<Result<String, Problem>, Error> {
    let (spec, plan, existing) = (&read.spec, &read.plan, read.existing.as_ref());
    let (namespace, name, uid) = (
        resource.namespace().unwrap_or_default(),
        resource.name_any(),
        resource.uid().unwrap_or_default(),
    );
    let target: Key = (namespace.clone(), spec.targets.secret_name.clone());
    let verdict = {
        let claims = ctx.claims();
        let asking = Claimant {
            name: &name,
            uid: &uid,
            adopt: spec.targets.adopt,
        };
        let oldest_claimant = claims.oldest_claimant(&target).unwrap_or(&name);
        authorize_write(asking, &plan.desired, existing, oldest_claimant, |owner| {
            claims.wants(owner, &target)
        })
    };
    let over = match (verdict, existing) {
        (Err(problem), _) => return Ok(Err(problem)),
        (Ok(SecretAction::Create), _) => None,
        (Ok(SecretAction::Update), existing) => existing.map(|existing| &existing.metadata),
    };
    if !existing.is_some_and(|existing| plan.desired.is_satisfied_by(existing)) {
        match secrets::apply(secrets, &plan.desired, over, &plan.credentials).await? {
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
            secret = spec.targets.secret_name,
            registry = spec.registry.as_str(),
            "wrote the pull secret"
        );
    }
    let orphans = ctx.claims().orphans(&namespace, &uid, &spec.targets.secret_name);
    for (stray, seen) in orphans {
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
        spec.targets.secret_name,
        spec.registry.as_str()
    )))
}
