//! A resource that this operator's version cannot read.

use kube::core::DynamicObject;
use kube::{Api, ResourceExt as _};

use super::context::{Context, Guarded};
use super::error::{Error, call};
use super::status_writer;
use crate::api::{DockerPullSecret, DockerPullSecretStatus, Reason};
use crate::domain::plan::without_login;
use crate::domain::problem::Problem;
use crate::domain::status::{Check, Finding, Outcome, Pods};

/// Says in the status that a resource does not parse. What it said before has to be read in raw form.
pub(super) async fn publish(object: &Guarded, problem: &Problem, ctx: &Context) -> Result<Reason, Error> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let kind = kube::api::ApiResource::erase::<DockerPullSecret>(&());
    let raw = Api::<DynamicObject>::namespaced_with(ctx.client.clone(), &namespace, &kind);
    let Some(raw) = call(|| format!("reading {namespace}/{name}"), raw.get_opt(&name)).await? else {
        return Ok(problem.reason);
    };
    let old: Option<DockerPullSecretStatus> = raw
        .data
        .get("status")
        .and_then(|status| serde_json::from_value(status.clone()).ok());
    let kept = ctx
        .claims()
        .kept(&object.uid().unwrap_or_default(), &name)
        .map(str::to_owned);
    let outcome = Outcome {
        credentials: Err(problem.clone()),
        secret: Err(without_login(kept.as_deref())),
        check: Check::NoLogin,
        pods: Pods::Unseen,
        secret_name: kept,
        registry_key: None,
        warnings: Vec::new(),
    };
    match status_writer::publish(ctx, &raw.metadata, old.as_ref(), &Finding::Decided(outcome)).await {
        // The API server may refuse any write to an object that does not fit its schema; then only the log can tell.
        Err(error) if error.answer().is_some_and(kube::core::Status::is_invalid) => {
            tracing::warn!(namespace, name, "{}", problem.message);
            Ok(problem.reason)
        }
        result => result.map(|()| problem.reason),
    }
}
