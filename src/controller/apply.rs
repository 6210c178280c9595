//! Carries out the changes of a decision. Nothing else in the operator writes Secrets.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{PartialObjectMeta, Request};
use kube::{Api, Resource as _};

use crate::api::FIELD_MANAGER;
use crate::controller::context::{Context, now};
use crate::domain::names::{ObjectKey, ResourceRef};
use crate::domain::reconcile::change::{ApplySecret, Change};
use crate::domain::reconcile::refusal::{WriteRefusal, refusal};
use crate::domain::secret::desired::Desired;
use crate::domain::secret::precondition::Precondition;
use crate::kubernetes::request::{Error, call};

/// Makes the changes one after the other. `Some`: the API server refused one, which is for the user to solve; the rest
/// was not tried.
pub(crate) async fn apply(
    resource: &ResourceRef,
    changes: &[Change],
    ctx: &Context,
) -> Result<Option<WriteRefusal>, Error> {
    for change in changes {
        ctx.may_write()?;
        match change {
            Change::ApplySecret(change) => {
                if let Some(refusal) = apply_secret(resource, change, ctx).await? {
                    return Ok(Some(refusal));
                }
            }
            Change::DeleteSecret { secret, observed } => delete_secret(resource, secret, observed, ctx).await?,
        }
    }
    Ok(None)
}

/// Writes a Secret if it is still what was observed. One that appeared meanwhile is not touched.
async fn apply_secret(
    resource: &ResourceRef,
    change: &ApplySecret,
    ctx: &Context,
) -> Result<Option<WriteRefusal>, Error> {
    let key = change.desired.key();
    let written = match write(&change.desired, change.replaces.as_ref(), ctx).await {
        Ok(written) => written,
        Err(error) => {
            let refusal = error
                .answer()
                .and_then(|answer| refusal(answer.code, &answer.message, &key.name, &change.credentials));
            return refusal.map(Some).ok_or(error);
        }
    };
    tracing::info!(
        namespace = key.namespace,
        name = resource.key.name,
        secret = key.name,
        "wrote the pull secret"
    );
    ctx.own_writes()
        .expect(key.clone(), written.metadata.resource_version.unwrap_or_default());
    if change.changes_credentials {
        let now = now();
        ctx.memories()
            .update(&resource.uid, |memory| memory.credentials_changed_at = Some(now));
    }
    Ok(None)
}

/// Writes the copy in a namespace, if what it replaces is still what was observed.
pub(crate) async fn write_copy(
    desired: &Desired,
    replaces: Option<Precondition>,
    ctx: &Context,
) -> Result<PartialObjectMeta<Secret>, Error> {
    ctx.may_write()?;
    let written = write(desired, replaces.as_ref(), ctx).await?;
    let key = desired.key();
    tracing::debug!(namespace = key.namespace, secret = key.name, "wrote a copy");
    Ok(written)
}

/// Returns its metadata: nobody reads the rest.
async fn write(
    desired: &Desired,
    replaces: Option<&Precondition>,
    ctx: &Context,
) -> Result<PartialObjectMeta<Secret>, Error> {
    let mut secret = desired.secret();
    let mut params = PatchParams::apply(FIELD_MANAGER);
    if let Some(observed) = replaces {
        secret.metadata.uid.clone_from(&observed.uid);
        secret.metadata.resource_version.clone_from(&observed.resource_version);
        params = params.force();
    }
    let key = desired.key();
    let request = Request::new(Secret::url_path(&(), Some(&key.namespace)));
    let request = request.patch(&key.name, &params, &Patch::Apply(&secret));
    let request = async {
        let request = request.map_err(kube::Error::BuildRequest)?;
        ctx.client.request::<PartialObjectMeta<Secret>>(request).await
    };
    let written = call(|| format!("writing Secret {:?}", key.name), request).await?;
    ctx.shared.metrics.write("Secret");
    Ok(written)
}

/// Deletes a Secret that was generated under an earlier name, if it is still the one that was observed.
async fn delete_secret(
    resource: &ResourceRef,
    secret: &ObjectKey,
    observed: &Precondition,
    ctx: &Context,
) -> Result<(), Error> {
    if delete(secret, observed, ctx).await? {
        tracing::info!(
            namespace = secret.namespace,
            name = resource.key.name,
            secret = secret.name,
            "deleted the pull secret of an earlier spec.secretName"
        );
    }
    Ok(())
}

/// Deletes a copy that is not wanted any more, if it is still the one that was observed.
pub(crate) async fn delete_copy(secret: &ObjectKey, observed: &Precondition, ctx: &Context) -> Result<(), Error> {
    ctx.may_write()?;
    if delete(secret, observed, ctx).await? {
        tracing::debug!(namespace = secret.namespace, secret = secret.name, "deleted a copy");
    }
    Ok(())
}

/// Returns whether it was there.
async fn delete(secret: &ObjectKey, observed: &Precondition, ctx: &Context) -> Result<bool, Error> {
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: observed.uid.clone(),
            resource_version: observed.resource_version.clone(),
        }),
        ..DeleteParams::default()
    };
    let secrets = secrets(&secret.namespace, ctx);
    let deleted = call(
        || format!("deleting Secret {:?}", secret.name),
        secrets.delete(&secret.name, &params),
    );
    match deleted.await {
        Ok(_) => {
            ctx.shared.metrics.write("Secret");
            Ok(true)
        }
        // Somebody else deleted it.
        Err(error) if error.answer().is_some_and(kube::core::Status::is_not_found) => Ok(false),
        Err(error) => Err(error),
    }
}

fn secrets(namespace: &str, ctx: &Context) -> Api<Secret> {
    Api::namespaced(ctx.client.clone(), namespace)
}
