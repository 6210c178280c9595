//! Reading and writing Secrets: bodies by name only.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};

use crate::api::{FIELD_MANAGER, Reason};
use crate::domain::credentials::{RegistryCredentials, redact};
use crate::domain::index::Generated;
use crate::domain::names::is_object_name;
use crate::domain::problem::Problem;
use crate::domain::secret::desired::Desired;
use crate::kubernetes::request::{Error, call};

/// Gets a Secret, if it exists. Pods may name what no Secret can be called.
pub(crate) async fn get(secrets: &Api<Secret>, name: &str) -> Result<Option<Secret>, Error> {
    if !is_object_name(name) {
        return Ok(None);
    }
    call(|| format!("reading Secret {name:?}"), secrets.get_opt(name)).await
}

/// Writes the Secret. `over` is the one that exists: it is replaced only if it is still as it was read. Without it, a
/// Secret that appeared meanwhile is not touched. A refusal of the API server is the user's to solve.
pub(crate) async fn apply(
    secrets: &Api<Secret>,
    desired: &Desired,
    over: Option<&ObjectMeta>,
    login: &RegistryCredentials,
) -> Result<Result<Secret, Problem>, Error> {
    let mut secret = desired.secret();
    let mut params = PatchParams::apply(FIELD_MANAGER);
    if let Some(over) = over {
        secret.metadata.uid.clone_from(&over.uid);
        secret.metadata.resource_version.clone_from(&over.resource_version);
        params = params.force();
    }
    let name = secret.metadata.name.clone().unwrap_or_default();
    let written = call(
        || format!("writing Secret {name:?}"),
        secrets.patch(&name, &params, &Patch::Apply(&secret)),
    )
    .await;
    match written {
        Ok(secret) => Ok(Ok(secret)),
        Err(error) => match error.answer() {
            Some(answer) if matches!(answer.code, 400 | 403 | 413 | 422) => Ok(Err(Problem::new(
                Reason::WriteRefused,
                format!(
                    "the API server refuses to store Secret {name:?}: {}",
                    redact(&answer.message, login)
                ),
            ))),
            _ => Err(error),
        },
    }
}

/// Deletes a generated Secret that is no longer wanted, if it is still the one that was seen.
pub(crate) async fn delete(secrets: &Api<Secret>, name: &str, seen: &Generated) -> Result<(), Error> {
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(seen.uid.to_string()),
            resource_version: Some(seen.resource_version.to_string()),
        }),
        ..DeleteParams::default()
    };
    match call(|| format!("deleting Secret {name:?}"), secrets.delete(name, &params)).await {
        Ok(_) => Ok(()),
        // Somebody else deleted it.
        Err(error) if error.answer().is_some_and(kube::core::Status::is_not_found) => Ok(()),
        Err(error) => Err(error),
    }
}
