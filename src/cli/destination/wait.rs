//! Waits for the operator.

use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use kube::api::DynamicObject;

use crate::api::{ConditionType, DOCKER_PULL_SECRET, DockerPullSecretStatus, Reason, VERIFY_ANNOTATION};
use crate::cli::cluster::ClusterError;
use crate::cli::destination::Destination;
use crate::cli::output::{report, write_lines};
use crate::domain::status::conditions::condition;
use crate::form::objects::{Objects, Scope};

/// Time between two looks.
const AGAIN: Duration = Duration::from_millis(500);

/// Whether a request may succeed later. 401: credentials that have ended are not renewed by waiting.
fn is_transient(error: &ClusterError) -> bool {
    error.code().is_none_or(|code| code == 429 || code >= 500)
}

impl Destination {
    /// Waits until the operator calls the resource ready.
    pub(crate) async fn wait(&self, objects: &Objects, limit: Duration) -> Result<ExitCode, String> {
        let (kind, name) = (objects.declaration.kind, &objects.declaration.key.name);
        let resources = self.resources(kind);
        let ends =
            |object: Option<&DynamicObject>| object.is_none_or(|object| verdict(object).is_some_and(|(ends, _)| ends));
        let operation = format!("reading {kind} {name}");
        let ready = async {
            loop {
                match self.cluster.call(resources.get_opt(name)).await {
                    Ok(object) if ends(object.as_ref()) && self.tells_of(objects, object.as_ref()).await => {
                        return Ok(object);
                    }
                    Err(error) if !is_transient(&error) => return Err(self.cluster.failed(&operation, &error)),
                    // Also if the API server is away for a moment.
                    Ok(_) | Err(_) => tokio::time::sleep(AGAIN).await,
                }
            }
        };
        let waited = tokio::time::timeout(limit, ready).await;
        let object = match waited {
            Ok(read) => read?,
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

    /// Whether a status is about the login that was written. If nothing is verified and the spec is the same as before, only the
    /// generated Secret tells.
    async fn tells_of(&self, objects: &Objects, object: Option<&DynamicObject>) -> bool {
        let Some(object) = object.filter(|_| objects.declaration.kind == DOCKER_PULL_SECRET) else {
            return true;
        };
        let name = object.data["status"]["secretName"].as_str();
        let (Some(name), true) = (name, is_unverified(object)) else {
            return true;
        };
        let secret = self.login(name, &Scope::Namespace(None)).await;
        // Whoever may not read it has to believe the status.
        secret.map_or(true, |secret| secret.is_some_and(|secret| objects.are_in(&secret)))
    }
}

fn is_unverified(object: &DynamicObject) -> bool {
    object.data["spec"]["verification"]["mode"] == "Disabled"
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
    if is_unverified(object) {
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
