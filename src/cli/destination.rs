//! Where `dps create` and `dps import` write logins and their resources.

use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{ApiResource, DeleteParams, DynamicObject, PostParams, Preconditions};
use kube::runtime::wait::await_condition;
use kube::{Api, ResourceExt as _};
use serde_json::Value;

use crate::api::{
    CLUSTER_DOCKER_PULL_SECRET, ClusterDockerPullSecret, DOCKER_PULL_SECRET, DockerPullSecret, DockerPullSecretStatus,
};
use crate::cli::cluster::Cluster;
use crate::cli::connection::ConnectionArguments;
use crate::cli::output::{report, write_lines};
use crate::domain::spec::declaration::Declaration;
use crate::form::objects::{Existing, Form, Objects, Scope, replaced_login, replaced_spec};

/// Who has written, in the objects' `managedFields`.
const MANAGER: &str = "dps";

/// The cluster to write to.
pub(crate) struct Destination {
    /// Its namespace is that of what is namespaced, unless the form names another.
    pub(crate) cluster: Cluster,
    replace: bool,
}

/// How an object was written.
enum WrittenObject {
    Created(Box<DynamicObject>),
    Replaced,
}

impl Destination {
    /// `replace`: whether what exists may be changed.
    pub(crate) async fn connect(
        connection: &ConnectionArguments,
        namespace: Option<&str>,
        replace: bool,
    ) -> Result<Self, String> {
        let cluster = connection.connect(namespace).await?;
        Ok(Self { cluster, replace })
    }

    /// Sends a request. `operation`: such as "reading Secret team/app".
    async fn call<T>(&self, operation: &str, request: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
        let answer = self.cluster.call(request).await;
        answer.map_err(|error| self.cluster.failed(operation, &error))
    }

    fn secrets(&self, scope: &Scope) -> Api<Secret> {
        let namespace = match scope {
            Scope::Namespace(_) => &self.cluster.namespace,
            Scope::Selected { login, .. } => login,
        };
        Api::namespaced(self.cluster.client.clone(), namespace)
    }

    fn resources(&self, kind: &str) -> Api<DynamicObject> {
        if kind == CLUSTER_DOCKER_PULL_SECRET {
            Api::all_with(
                self.cluster.client.clone(),
                &ApiResource::erase::<ClusterDockerPullSecret>(&()),
            )
        } else {
            let resource = ApiResource::erase::<DockerPullSecret>(&());
            Api::namespaced_with(self.cluster.client.clone(), &self.cluster.namespace, &resource)
        }
    }

    /// Refuses what exists, before anybody types a password for it.
    pub(crate) async fn look(&self, name: &str, login: Option<&str>, scope: &Scope) -> Result<(), String> {
        if self.replace {
            return Ok(());
        }
        let kind = match scope {
            Scope::Namespace(_) => DOCKER_PULL_SECRET,
            Scope::Selected { .. } => CLUSTER_DOCKER_PULL_SECRET,
        };
        let resources = self.resources(kind);
        let resource = self
            .call(&format!("reading {kind} {name}"), resources.get_metadata_opt(name))
            .await?;
        let mut existing = resource.map(|_| format!("{kind} {name:?}"));
        if let Some(login) = login {
            let secrets = self.secrets(scope);
            let secret = self
                .call(&format!("reading Secret {login}"), secrets.get_metadata_opt(login))
                .await?;
            existing = existing.or(secret.map(|_| format!("Secret {login:?}")));
        }
        match existing {
            None => Ok(()),
            Some(object) => Err(format!("{object} exists: --replace changes it")),
        }
    }

    /// How objects of the namespace stand to those that exist.
    pub(crate) async fn compare(&self, objects: &Objects) -> Result<Existing, String> {
        let name = &objects.declaration.key.name;
        let resources = self.resources(objects.declaration.kind);
        let resource = self
            .call(&format!("reading DockerPullSecret {name}"), resources.get_opt(name))
            .await?;
        let login = objects
            .login
            .as_ref()
            .and_then(|login| login["metadata"]["name"].as_str());
        let login = match login {
            Some(login) => self.login(login, &Scope::Namespace(None)).await?,
            None => None,
        };
        let spec = resource.as_ref().map(|resource| &resource.data["spec"]);
        Ok(objects.compare(spec, login.as_ref()))
    }

    /// A Secret with a login that exists.
    pub(crate) async fn login(&self, name: &str, scope: &Scope) -> Result<Option<Secret>, String> {
        let secrets = self.secrets(scope);
        self.call(&format!("reading Secret {name}"), secrets.get_opt(name))
            .await
    }

    /// Has the API server check both objects.
    pub(crate) async fn try_out(&self, objects: &Objects) -> Result<(), String> {
        if let Some(login) = &objects.login {
            self.put_login(login, true).await?;
        }
        self.put_resource(&objects.resource, true).await.map(drop)
    }

    /// Writes both objects, or none.
    pub(crate) async fn write(&self, objects: &Objects) -> Result<(), String> {
        let login = match &objects.login {
            Some(login) => Some(self.put_login(login, false).await?),
            None => None,
        };
        let Err(error) = self.put_resource(&objects.resource, false).await else {
            return Ok(());
        };
        if let Some(WrittenObject::Created(secret)) = login {
            self.take_back(&secret).await;
        }
        Err(error)
    }

    /// Deletes a Secret that nothing refers to.
    async fn take_back(&self, secret: &DynamicObject) {
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: secret.uid(),
                resource_version: secret.resource_version(),
            }),
            ..DeleteParams::default()
        };
        let (name, namespace) = (secret.name_any(), secret.namespace().unwrap_or_default());
        let secrets: Api<Secret> = Api::namespaced(self.cluster.client.clone(), &namespace);
        let operation = format!("Secret {namespace}/{name} was written and is left: deleting it");
        if let Err(error) = self.call(&operation, secrets.delete(&name, &params)).await {
            report(&error);
        }
    }

    async fn put_login(&self, login: &Value, dry_run: bool) -> Result<WrittenObject, String> {
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

    async fn put_resource(&self, resource: &Value, dry_run: bool) -> Result<WrittenObject, String> {
        let name = resource["metadata"]["name"].as_str().unwrap_or_default();
        let kind = resource["kind"].as_str().unwrap_or_default();
        let resources = self.resources(kind);
        let existing = if self.replace {
            let operation = format!("reading {kind} {name}");
            self.call(&operation, resources.get_opt(name)).await?
        } else {
            None
        };
        let replaced = existing.map(|mut existing| {
            existing.data["spec"] = replaced_spec(&existing.data["spec"], &resource["spec"]);
            serde_json::json!(existing)
        });
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
    ) -> Result<WrittenObject, String> {
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
        self.call(operation, objects.replace(name, &params, &object)).await?;
        Ok(WrittenObject::Replaced)
    }

    /// What was written, in a sentence.
    pub(crate) fn summary(&self, verb: &str, form: &Form) -> String {
        let (login, secret) = (form.login_secret(), form.pull_secret());
        match &form.scope {
            Scope::Namespace(_) => format!(
                "{verb} DockerPullSecret {} in namespace {}: it makes Secret {secret} of the login in Secret {login}.",
                form.name, self.cluster.namespace
            ),
            Scope::Selected { login: namespace, .. } => format!(
                "{verb} ClusterDockerPullSecret {}: it puts Secret {secret} into each selected namespace, made of the login in Secret {namespace}/{login}.",
                form.name
            ),
        }
    }

    /// Waits until the operator calls the resource ready.
    pub(crate) async fn wait(&self, declaration: &Declaration, limit: Duration) -> Result<ExitCode, String> {
        let (kind, name) = (declaration.kind, &declaration.key.name);
        let resources = self.resources(kind);
        let ends =
            |object: Option<&DynamicObject>| object.is_none_or(|object| verdict(object).is_some_and(|(ends, _)| ends));
        let waited = tokio::time::timeout(limit, await_condition(resources.clone(), name, ends)).await;
        let object = match waited {
            Ok(Ok(object)) => object,
            Ok(Err(error)) => return Err(format!("waiting for {kind} {name}: {error}")),
            Err(_) => {
                self.call(&format!("reading {kind} {name}"), resources.get_opt(name))
                    .await?
            }
        };
        let ready = object.as_ref().and_then(verdict).map(|(_, ready)| ready);
        let Some(ready) = ready else {
            report(&format!(
                "{kind} {name} has no status after {} s: `dps doctor` tells whether an operator runs",
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

type Condition = k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// What the operator says of the present spec, and whether it is the last word: `Ready` is true, or nothing changes by itself.
fn verdict(object: &DynamicObject) -> Option<(bool, Condition)> {
    let status = serde_json::from_value(object.data["status"].clone());
    let status: DockerPullSecretStatus = status.ok()?;
    if status.observed_generation < object.metadata.generation {
        return None;
    }
    let is_true = |kind: &str| {
        status
            .conditions
            .iter()
            .any(|one| one.type_ == kind && one.status == "True")
    };
    let ends = is_true("Ready") || is_true("Stalled");
    let ready = status.conditions.into_iter().find(|one| one.type_ == "Ready")?;
    Some((ends, ready))
}
