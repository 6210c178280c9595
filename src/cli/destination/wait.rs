//! Waits for the operator.

use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use kube::runtime::wait::await_condition;

use crate::api::{ConditionType, DockerPullSecretStatus, Reason, VERIFY_ANNOTATION};
use crate::cli::destination::Destination;
use crate::cli::output::{report, write_lines};
use crate::domain::spec::declaration::Declaration;
use crate::domain::status::conditions::condition;

impl Destination {
    /// Waits until the operator calls the resource ready.
    pub(crate) async fn wait(&self, declaration: &Declaration, limit: Duration) -> Result<ExitCode, String> {
        let (kind, name) = (declaration.kind, &declaration.key.name);
        let resources = self.resources(kind);
        let ends =
            |object: Option<&DynamicObject>| object.is_none_or(|object| verdict(object).is_some_and(|(ends, _)| ends));
        let operation = format!("reading {kind} {name}");
        let waited = tokio::time::timeout(limit, await_condition(resources.clone(), name, ends)).await;
        let object = match waited {
            Ok(Ok(object)) => object,
            Ok(Err(error)) => return Err(format!("waiting for {kind} {name}: {error}")),
            Err(_) => self.call(&operation, resources.get_opt(name)).await?,
        };
        if object.is_none() {
            return Err(format!("{kind} {name} was deleted"));
        }
        let ready = object.as_ref().and_then(verdict).map(|(_, ready)| ready);
        let Some(ready) = ready else {
            report(&format!(
                "The operator has not reported on {kind} {name} within {} s: run `dps doctor` to see whether an operator is running",
                limit.as_secs()
            ));
            return Ok(ExitCode::FAILURE);
        };
        write_lines([format!(
            "Ready is {}: {}: {}",
            ready.status, ready.reason, ready.message
        )])?;
        Ok(if ready.status == "True" {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// What the operator says of the present spec, and whether it is the last word: `Ready` is true, or nothing changes by itself.
fn verdict(object: &DynamicObject) -> Option<(bool, Condition)> {
    let status = serde_json::from_value(object.data["status"].clone());
    let status: DockerPullSecretStatus = status.ok()?;
    let requested = object.annotations().get(VERIFY_ANNOTATION);
    if status.observed_generation < object.metadata.generation || (requested.is_some() && !is_verified(object, &status))
    {
        return None;
    }
    let is_true = |kind| condition(&status, kind).is_some_and(|one| one.status == "True");
    let ends = is_true(ConditionType::Ready) || is_true(ConditionType::Stalled);
    let ready = condition(&status, ConditionType::Ready)?.clone();
    Some((ends, ready))
}

/// Whether the verification that was requested last is over: until then, the status is about the login before.
fn is_verified(object: &DynamicObject, status: &DockerPullSecretStatus) -> bool {
    if object.data["spec"]["verification"]["mode"] == "Disabled" {
        return true;
    }
    let accepted = condition(status, ConditionType::CredentialsAccepted);
    let is_pending = accepted.is_some_and(|one| one.reason == Reason::Pending.as_str());
    let requested = object.annotations().get(VERIFY_ANNOTATION);
    let is_over = status.verification.as_ref().is_some_and(|verification| {
        verification.handled_request.as_ref() == requested
            && verification.attempt.is_none()
            && verification.result.is_some()
    });
    is_over && !is_pending
}
