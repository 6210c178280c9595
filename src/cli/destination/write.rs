//! Writes logins and their resources.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{ApiResource, DeleteParams, DynamicObject, PostParams, Preconditions};
use kube::{Api, ResourceExt as _};
use serde_json::Value;

use crate::api::VERIFY_ANNOTATION;
use crate::cli::destination::Destination;
use crate::cli::terminal::Uninterrupted;
use crate::form::objects::{Objects, check_registry, replaced_login, replaced_spec};

/// Who has written, in the objects' `managedFields`.
const MANAGER: &str = "dps";

/// How often an object is read again that somebody else changed meanwhile: the operator writes its status at any time.
const ATTEMPTS: u32 = 5;

/// How an object was written.
enum WrittenObject {
    Created(Box<DynamicObject>),
    Replaced,
}

impl Destination {
    /// Has the API server check both objects.
    pub(crate) async fn try_out(&self, objects: &Objects) -> Result<(), String> {
        self.put_resource(&objects.resource, true).await?;
        match &objects.login {
            Some(login) => self.put_login(login, true).await.map(drop),
            None => Ok(()),
        }
    }

    /// Writes both objects, or none, as far as that can be known. Ctrl-C does not come between them.
    pub(crate) async fn write(&self, objects: &Objects) -> Result<(), String> {
        let _uninterrupted = Uninterrupted::begin();
        let login = match &objects.login {
            Some(login) => Some(self.put_login(login, false).await?),
            None => None,
        };
        let Err(mut error) = self.put_resource(&objects.resource, false).await else {
            return Ok(());
        };
        match login {
            Some(WrittenObject::Created(secret)) => {
                // An answer may have been lost: the resource may be there.
                let (kind, name) = (objects.declaration.kind, &objects.declaration.key.name);
                let resources = self.resources(kind);
                let operation = format!("reading {kind} {name}");
                let found = self.call(&operation, resources.get_metadata_opt(name)).await;
                if matches!(found, Ok(None)) {
                    error += &self
                        .take_back(&secret)
                        .await
                        .err()
                        .map(|why| format!(". {why}"))
                        .unwrap_or_default();
                } else {
                    error = format!(
                        "{error}. Secret {} with the login was written and has been kept",
                        secret.name_any()
                    );
                }
            }
            Some(WrittenObject::Replaced) => error += ". The Secret with the login has already been changed",
            None => {}
        }
        Err(error)
    }

    /// Deletes a Secret that nothing refers to.
    async fn take_back(&self, secret: &DynamicObject) -> Result<(), String> {
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: secret.uid(),
                resource_version: secret.resource_version(),
            }),
            ..DeleteParams::default()
        };
        let (name, namespace) = (secret.name_any(), secret.namespace().unwrap_or_default());
        let secrets: Api<Secret> = Api::namespaced(self.cluster.client.clone(), &namespace);
        let operation = format!("Secret {namespace}/{name} was written and could not be deleted");
        self.call(&operation, secrets.delete(&name, &params)).await.map(drop)
    }

    async fn put_login(&self, login: &Value, dry_run: bool) -> Result<WrittenObject, String> {
        retry_conflicts(|| self.try_put_login(login, dry_run)).await
    }

    async fn put_resource(&self, resource: &Value, dry_run: bool) -> Result<WrittenObject, String> {
        retry_conflicts(|| self.try_put_resource(resource, dry_run)).await
    }

    async fn try_put_login(&self, login: &Value, dry_run: bool) -> Result<WrittenObject, NotWritten> {
        let name = login["metadata"]["name"].as_str().unwrap_or_default();
        let namespace = login["metadata"]["namespace"]
            .as_str()
            .unwrap_or(&self.cluster.namespace);
        let secrets: Api<Secret> = Api::namespaced(self.cluster.client.clone(), namespace);
        let operation = format!("writing Secret {namespace}/{name}");
        let existing = if self.replace {
            let operation = format!("reading Secret {namespace}/{name}");
            self.call(&operation, secrets.get_opt(name)).await?
        } else {
            None
        };
        let replaced = existing.map(|existing| replaced_login(&existing, login)).transpose()?;
        let secrets = Api::namespaced_with(
            self.cluster.client.clone(),
            namespace,
            &ApiResource::erase::<Secret>(&()),
        );
        self.put(&secrets, name, login, replaced, dry_run, &operation).await
    }

    async fn try_put_resource(&self, resource: &Value, dry_run: bool) -> Result<WrittenObject, NotWritten> {
        let name = resource["metadata"]["name"].as_str().unwrap_or_default();
        let kind = resource["kind"].as_str().unwrap_or_default();
        let resources = self.resources(kind);
        let replaced = match self.replaced_resource(kind, name).await? {
            None => None,
            Some(mut existing) => {
                check_registry(&existing.data["spec"], &resource["spec"])
                    .map_err(|problem| format!("{kind} {name} {problem}"))?;
                existing.data["spec"] = replaced_spec(&existing.data["spec"], &resource["spec"]);
                // What the operator says of the resource now is about the login before.
                existing
                    .annotations_mut()
                    .insert(VERIFY_ANNOTATION.to_owned(), self.request.clone());
                Some(serde_json::json!(existing))
            }
        };
        self.put(
            &resources,
            name,
            resource,
            replaced,
            dry_run,
            &format!("writing {kind} {name}"),
        )
        .await
    }

    async fn put(
        &self,
        objects: &Api<DynamicObject>,
        name: &str,
        new: &Value,
        replaced: Option<Value>,
        dry_run: bool,
        operation: &str,
    ) -> Result<WrittenObject, NotWritten> {
        let params = PostParams {
            dry_run,
            field_manager: Some(MANAGER.to_owned()),
        };
        let is_new = replaced.is_none();
        let object = serde_json::from_value(replaced.unwrap_or_else(|| new.clone()));
        let object: DynamicObject = object.map_err(|_| format!("{operation}: no object"))?;
        if is_new {
            let created = self.call(operation, objects.create(&params, &object)).await?;
            return Ok(WrittenObject::Created(Box::new(created)));
        }
        let answer = self.cluster.call(objects.replace(name, &params, &object)).await;
        answer.map_err(|error| NotWritten {
            is_conflict: error.code() == Some(409),
            message: self.cluster.failed(operation, &error),
        })?;
        Ok(WrittenObject::Replaced)
    }
}

/// Why an object was not written.
struct NotWritten {
    /// Whether it changed after it was read.
    is_conflict: bool,
    message: String,
}

impl From<String> for NotWritten {
    fn from(message: String) -> Self {
        Self {
            is_conflict: false,
            message,
        }
    }
}

/// Reads and writes an object again when it changed in between.
async fn retry_conflicts<F>(write: impl Fn() -> F) -> Result<WrittenObject, String>
where
    F: Future<Output = Result<WrittenObject, NotWritten>>,
{
    let mut attempt = 1;
    loop {
        match write().await {
            Ok(written) => return Ok(written),
            Err(error) if error.is_conflict && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error.message),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails that way")]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicU64, Ordering};

    use http::{Method, Request, Response};
    use http_body_util::BodyExt as _;
    use kube::Client;
    use kube::client::Body;
    use serde_json::{Value, json};

    use crate::cli::cluster::Cluster;
    use crate::cli::destination::Destination;
    use crate::kubernetes::connect::Connection;

    const RESOURCE: &str = r#"{"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret",
        "metadata": {"name": "app"}, "spec": {"type": "DockerHub", "credentialsRef": {"name": "app-login"}}}"#;

    /// An API server in which somebody changes the object after each of the first reads.
    fn changed_meanwhile(times: u64) -> Client {
        let reads: &'static AtomicU64 = Box::leak(Box::default());
        let service = tower::service_fn(move |request: Request<Body>| async move {
            let is_read = request.method() == Method::GET;
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let reads = reads.fetch_add(u64::from(is_read), Ordering::Relaxed) + u64::from(is_read);
            let version = reads.min(times + 1);
            let mut object: Value = serde_json::from_str(RESOURCE).unwrap();
            object["metadata"]["resourceVersion"] = json!(version.to_string());
            let written = serde_json::from_slice::<Value>(&body).unwrap_or_default();
            let is_current =
                version > times && written["metadata"]["resourceVersion"] == object["metadata"]["resourceVersion"];
            let (code, answer) = if is_read || is_current {
                (200, object)
            } else {
                (
                    409,
                    json!({"kind": "Status", "code": 409, "reason": "Conflict", "message": "changed"}),
                )
            };
            let answer = Response::builder()
                .status(code)
                .body(Body::from(answer.to_string().into_bytes()));
            Ok::<_, Infallible>(answer.unwrap())
        });
        Client::new(service, "team")
    }

    async fn replace(client: Client) -> Result<(), String> {
        let server = "https://api.example.com".to_owned();
        let cluster = Cluster::new(Connection { client, server }, None, None);
        let resource: Value = serde_json::from_str(RESOURCE).unwrap();
        let destination = Destination::new(cluster, true);
        destination.put_resource(&resource, false).await.map(drop)
    }

    #[tokio::test]
    async fn resource_that_changes_after_it_was_read_is_read_again() {
        assert_eq!(replace(changed_meanwhile(3)).await, Ok(()));
        let error = replace(changed_meanwhile(100)).await.unwrap_err();
        assert!(
            error.contains("writing DockerPullSecret app") && error.contains("409"),
            "{error}"
        );
    }
}
