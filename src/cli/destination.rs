//! Where `dps create` and `dps import` write logins and their resources.

mod wait;
mod write;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use serde_json::Value;

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, ClusterDockerPullSecret, DockerPullSecret};
use crate::cli::cluster::Cluster;
use crate::cli::connection::ConnectionArguments;
use crate::domain::problem::unparsable;
use crate::domain::secret::ownership::is_labelled;
use crate::domain::spec::declaration::Declaration;
use crate::domain::time::Timestamp;
use crate::form::objects::{Existing, Form, Login, Objects, Scope, replaced_spec};

/// The cluster to write to.
pub(crate) struct Destination {
    /// Its namespace is that of what is namespaced, unless the form names another.
    pub(crate) cluster: Cluster,
    replace: bool,
    /// What requests a verification of a login that is replaced: unlike any other request.
    request: String,
}

/// Why a name cannot be used.
pub(crate) enum Taken {
    /// The resource or the Secret with the login exists, such as `Secret "app-login"`.
    ByObject(String),
    /// A Secret that the operator did not make has the name of the one that it is to make.
    BySecret(String),
}

impl Taken {
    /// What is in the way.
    pub(crate) fn problem(&self) -> String {
        match self {
            Self::ByObject(object) => format!("{object} already exists"),
            Self::BySecret(name) => {
                format!("Secret {name:?} exists, and the operator does not change what others made")
            }
        }
    }
}

impl Destination {
    /// `replace`: whether what exists may be changed.
    pub(crate) async fn connect(
        connection: &ConnectionArguments,
        namespace: Option<&str>,
        replace: bool,
    ) -> Result<Self, String> {
        Ok(Self::new(connection.connect(namespace).await?, replace))
    }

    pub(crate) fn new(cluster: Cluster, replace: bool) -> Self {
        let request = Timestamp::now().to_string();
        Self {
            cluster,
            replace,
            request,
        }
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

    /// Looks for what exists, before anybody types a password for it.
    /// `pull_secret`: the Secret that is to be generated and must not be there yet.
    pub(crate) async fn look(
        &self,
        name: &str,
        login: Option<&str>,
        pull_secret: Option<&str>,
        scope: &Scope,
    ) -> Result<Option<Taken>, String> {
        if self.replace {
            return Ok(None);
        }
        if let (Some(name), Scope::Namespace(_)) = (pull_secret, scope) {
            let secrets = self.secrets(scope);
            let operation = format!("reading Secret {name}");
            let secret = self.call(&operation, secrets.get_metadata_opt(name)).await?;
            if secret.is_some_and(|secret| !is_labelled(&secret.metadata)) {
                return Ok(Some(Taken::BySecret(name.to_owned())));
            }
        }
        let kind = scope.kind();
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
        Ok(existing.map(Taken::ByObject))
    }

    async fn resource(&self, kind: &str, name: &str) -> Result<Option<DynamicObject>, String> {
        let resources = self.resources(kind);
        self.call(&format!("reading {kind} {name}"), resources.get_opt(name))
            .await
    }

    /// The resource that is to be replaced; `None` if there is none.
    async fn replaced_resource(&self, kind: &str, name: &str) -> Result<Option<DynamicObject>, String> {
        if self.replace {
            self.resource(kind, name).await
        } else {
            Ok(None)
        }
    }

    /// Its spec.
    pub(crate) async fn replaced(&self, kind: &str, name: &str) -> Result<Option<Value>, String> {
        let existing = self.replaced_resource(kind, name).await?;
        Ok(existing.map(|mut existing| existing.data["spec"].take()))
    }

    /// The resource as it will be.
    pub(crate) async fn merged(&self, objects: &Objects) -> Result<Declaration, String> {
        let declaration = &objects.declaration;
        let name = &declaration.key.name;
        let Some(existing) = self.replaced(declaration.kind, name).await? else {
            return Ok(declaration.clone());
        };
        let spec = replaced_spec(&existing, &objects.resource["spec"]);
        let metadata = ObjectMeta {
            name: Some(name.clone()),
            ..ObjectMeta::default()
        };
        Declaration::read(declaration.kind, metadata, spec).map_err(|error| unparsable(&error.to_string()).message)
    }

    /// How objects of the namespace stand to those that exist.
    pub(crate) async fn compare(&self, objects: &Objects) -> Result<Existing, String> {
        let Declaration { kind, key, .. } = &objects.declaration;
        let resource = self.resource(kind, &key.name).await?;
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

    /// What was written, in a sentence.
    pub(crate) fn summary(&self, verb: &str, form: &Form) -> String {
        let secret = form.pull_secret();
        let in_namespace = |name: &str| match &form.scope {
            Scope::Namespace(_) => name.to_owned(),
            Scope::Selected { login, .. } => format!("{login}/{name}"),
        };
        let (how, name) = match &form.login {
            Login::New { .. } | Login::Existing { .. } => ("from the login in Secret", form.login_secret()),
            Login::Minted(from) => match &from.service_account_ref {
                Some(account) => (
                    "with credentials that the operator mints as ServiceAccount",
                    Some(account.name.clone()),
                ),
                None => (
                    "with credentials that the operator mints with the key in Secret",
                    from.static_key_ref.as_ref().map(|key| key.name.clone()),
                ),
            },
        };
        let source = format!("{how} {}", in_namespace(&name.unwrap_or_default()));
        match &form.scope {
            Scope::Namespace(_) => format!(
                "{verb} DockerPullSecret {} in namespace {}: it generates Secret {secret} {source}.",
                form.name, self.cluster.namespace
            ),
            Scope::Selected { .. } => format!(
                "{verb} ClusterDockerPullSecret {}: it puts Secret {secret} into each selected namespace, {source}.",
                form.name
            ),
        }
    }
}
