//! Namespaces, resources and Secrets of one test.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dps::api::{DockerPullSecret, DockerPullSecretStatus};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::world::{OPERATOR, World};
use super::{DEADLINE, GARBAGE_COLLECTION, audit, eventually, within};

/// A fresh namespace and handles to what is in it.
pub struct Space {
    pub name: String,
    pub client: Client,
    pub resources: Api<DockerPullSecret>,
    pub secrets: Api<Secret>,
    pub audit_log: PathBuf,
}

impl Space {
    pub async fn new(world: &World, purpose: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let client = world.admin().await;
        let name = format!("{purpose}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        Api::<Namespace>::all(client.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .expect("a namespace");
        Self {
            resources: Api::namespaced(client.clone(), &name),
            secrets: Api::namespaced(client.clone(), &name),
            client,
            name,
            audit_log: world.audit_log().to_owned(),
        }
    }

    /// Creates or replaces credentials with the keys `username` and `password`.
    pub async fn credentials(&self, name: &str, username: &str, password: &str) {
        self.secret(name, "Opaque", &[("username", username), ("password", password)])
            .await;
    }

    /// Creates or updates a Secret; keys that are not given go away.
    pub async fn secret(&self, name: &str, secret_type: &str, data: &[(&str, &str)]) -> Secret {
        let secret = secret(name, secret_type, data);
        let params = PatchParams::apply("test").force();
        self.secrets
            .patch(name, &params, &Patch::Apply(&secret))
            .await
            .expect("a Secret")
    }

    /// Creates a resource with this spec.
    pub async fn create(&self, name: &str, spec: Value) -> DockerPullSecret {
        self.try_create(name, spec)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub async fn try_create(&self, name: &str, spec: Value) -> kube::Result<DockerPullSecret> {
        self.resources
            .create(&PostParams::default(), &resource(name, &spec))
            .await
    }

    /// Merges into the spec of a resource.
    pub async fn change(&self, name: &str, spec: Value) -> DockerPullSecret {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.resources
            .patch(name, &PatchParams::default(), &patch)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub async fn delete(&self, name: &str) {
        self.resources
            .delete(name, &DeleteParams::default())
            .await
            .expect("deleted");
    }

    pub async fn delete_secret(&self, name: &str) {
        self.secrets
            .delete(name, &DeleteParams::default())
            .await
            .expect("deleted");
    }

    /// Waits until `Ready` has this reason for the resource's current generation.
    pub async fn reason(&self, name: &str, reason: &str) -> DockerPullSecret {
        self.until(name, reason, |status| {
            let ready = condition(status, "Ready")?;
            (ready.reason == reason).then_some(())
        })
        .await
    }

    pub async fn ready(&self, name: &str) -> DockerPullSecret {
        self.reason(name, "Ready").await
    }

    /// Waits until the status, of the current generation, fits.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        fits: impl Fn(&DockerPullSecretStatus) -> Option<()>,
    ) -> DockerPullSecret {
        self.until_within(DEADLINE, name, what, fits).await
    }

    /// The same with another deadline.
    pub async fn until_within(
        &self,
        deadline: Duration,
        name: &str,
        what: &str,
        fits: impl Fn(&DockerPullSecretStatus) -> Option<()>,
    ) -> DockerPullSecret {
        within(deadline, &format!("{}/{name} {what}", self.name), || async {
            let resource = self.resources.get(name).await.map_err(|error| error.to_string())?;
            let status = resource.status.clone().unwrap_or_default();
            match (status.observed_generation == resource.metadata.generation)
                .then(|| fits(&status))
                .flatten()
            {
                Some(()) => Ok(resource),
                None => Err(format!("{status:?}")),
            }
        })
        .await
    }

    /// Waits until a Secret fits.
    pub async fn secret_until(&self, name: &str, what: &str, fits: impl Fn(&Secret) -> bool) -> Secret {
        eventually(&format!("Secret {}/{name} {what}", self.name), || async {
            match self.secrets.get_opt(name).await {
                Ok(Some(secret)) if fits(&secret) => Ok(secret),
                Ok(Some(secret)) => Err(format!("{:?}", secret.metadata)),
                Ok(None) => Err("does not exist".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
    }

    pub async fn gone(&self, secret: &str) {
        within(
            GARBAGE_COLLECTION,
            &format!("Secret {}/{secret} gone", self.name),
            || async {
                match self.secrets.get_opt(secret).await {
                    Ok(None) => Ok(()),
                    other => Err(format!(
                        "{:?}",
                        other.map(|secret| secret.map(|secret| secret.metadata))
                    )),
                }
            },
        )
        .await;
    }

    /// Allows the operator a Lease in this namespace, as the chart's Role does.
    pub fn allow_lease(&self, world: &World) {
        let account = format!("--serviceaccount={OPERATOR}:{OPERATOR}");
        for what in [
            &["role", "lease", "--verb=get,create,update", "--resource=leases"][..],
            &["rolebinding", "lease", "--role=lease", &account],
        ] {
            world.kubectl(&[&["create", "-n", &self.name], what].concat());
        }
    }

    /// Waits until the operator has handled everything that happened before, and its writes are in the audit log: it
    /// makes another resource ready.
    pub async fn settle(&self) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("barrier-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.credentials(&format!("{name}-login"), "barrier", "barrier").await;
        self.create(&name, private(&format!("{name}.example"), &format!("{name}-login")))
            .await;
        self.ready(&name).await;
        let last = format!("patch dockerpullsecrets/{name}/status");
        audit::logged(&self.audit_log, &self.name, &last).await;
    }
}

pub fn resource(name: &str, spec: &Value) -> DockerPullSecret {
    let mut resource: DockerPullSecret = serde_json::from_value(json!({
        "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": name}, "spec": spec,
    }))
    .expect("a resource");
    resource.status = None;
    resource
}

/// A Secret to create.
pub fn secret(name: &str, secret_type: &str, data: &[(&str, &str)]) -> Secret {
    let data: BTreeMap<String, ByteString> = data
        .iter()
        .map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())))
        .collect();
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        type_: Some(secret_type.to_owned()),
        data: Some(data),
        ..Secret::default()
    }
}

/// A spec for a private registry whose credentials are not verified.
pub fn private(url: &str, source: &str) -> Value {
    with(
        private_verified(url, source),
        json!({"verification": {"mode": "Disabled"}}),
    )
}

/// A spec for a private registry.
pub fn private_verified(url: &str, source: &str) -> Value {
    json!({"type": "PrivateRegistry", "registryUrl": url, "credentialsRef": {"name": source}})
}

/// A spec for Docker Hub whose credentials are not verified.
pub fn docker_hub(source: &str) -> Value {
    json!({"type": "DockerHub", "credentialsRef": {"name": source}, "verification": {"mode": "Disabled"}})
}

/// A spec with some fields replaced.
pub fn with(mut spec: Value, fields: Value) -> Value {
    let (Value::Object(spec_fields), Value::Object(fields)) = (&mut spec, fields) else {
        panic!("objects")
    };
    spec_fields.extend(fields);
    spec
}

pub fn condition<'a>(status: &'a DockerPullSecretStatus, kind: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind)
}

pub fn condition_of<'a>(resource: &'a DockerPullSecret, kind: &str) -> &'a Condition {
    let status = resource.status.as_ref().expect("a status");
    condition(status, kind).unwrap_or_else(|| panic!("no {kind} in {status:?}"))
}

/// The docker config in a generated Secret.
pub fn document(secret: &Secret) -> Value {
    let data = secret.data.as_ref().expect("data");
    serde_json::from_slice(&data[".dockerconfigjson"].0).expect("JSON")
}

/// Password in the only entry of a generated Secret.
pub fn password(secret: &Secret) -> Option<String> {
    let document = document(secret);
    Some(
        document["auths"].as_object()?.values().next()?["password"]
            .as_str()?
            .to_owned(),
    )
}

pub fn uid(object: &impl kube::ResourceExt) -> String {
    object.uid().expect("a UID")
}
