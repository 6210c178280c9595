//! Many namespaces of one test, and a resource for them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dps::api::{ClusterDockerPullSecret, DockerPullSecretStatus};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::objects::{condition, secret};
use super::world::World;
use super::{DEADLINE, eventually, within};

/// The namespace that credentials for many namespaces are in.
pub const PLATFORM: &str = "platform";

/// The label that tells the namespaces of one test.
const LABEL: &str = "fleet";

/// Namespaces that are created at a time.
const AT_A_TIME: usize = 16;

/// Namespaces with the label of the test, and what selects them.
pub struct Fleet {
    /// The value of the label, and the beginning of each name.
    pub name: String,
    pub client: Client,
    pub resources: Api<ClusterDockerPullSecret>,
    pub namespaces: Api<Namespace>,
}

impl Fleet {
    pub async fn new(world: &World, purpose: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let client = world.admin().await;
        let fleet = Self {
            name: format!("{purpose}-{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            resources: Api::all(client.clone()),
            namespaces: Api::all(client.clone()),
            client,
        };
        let platform = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLATFORM}});
        let params = PatchParams::apply("test");
        fleet
            .namespaces
            .patch(PLATFORM, &params, &Patch::Apply(platform))
            .await
            .expect("a namespace");
        fleet
    }

    /// The namespace that ends so.
    pub fn namespace(&self, end: &str) -> String {
        format!("{}-{end}", self.name)
    }

    /// Whether a namespace is one of these.
    pub fn includes(&self, namespace: Option<&str>) -> bool {
        namespace.is_some_and(|name| name.starts_with(&self.namespace("")))
    }

    pub async fn add(&self, end: &str, metadata: Value) {
        let mut namespace = json!({"metadata": {"name": self.namespace(end), "labels": {LABEL: self.name}}});
        for (field, value) in metadata.as_object().into_iter().flatten() {
            namespace["metadata"][field] = value.clone();
        }
        let namespace = serde_json::from_value(namespace).expect("a namespace");
        self.namespaces
            .create(&PostParams::default(), &namespace)
            .await
            .expect("a namespace");
    }

    /// Adds namespaces that end with the numbers from 0 on, with their ServiceAccounts: the controller manager would make 20 a
    /// second.
    pub async fn add_many(&self, count: usize) {
        futures::stream::iter(0..count)
            .for_each_concurrent(AT_A_TIME, |number| async move {
                let end = number.to_string();
                self.add(&end, json!({})).await;
                let account = json!({"metadata": {"name": "default"}});
                let account = serde_json::from_value(account).expect("a ServiceAccount");
                // The controller manager may have been faster.
                let _ = self.accounts(&end).create(&PostParams::default(), &account).await;
            })
            .await;
    }

    pub async fn label(&self, end: &str, value: Value) {
        let patch = Patch::Merge(json!({"metadata": {"labels": {LABEL: value}}}));
        self.namespaces
            .patch(&self.namespace(end), &PatchParams::default(), &patch)
            .await
            .expect("labelled");
    }

    /// Deletes a namespace, waits until it is gone, and creates one of the same name.
    pub async fn replace(&self, end: &str) {
        let name = self.namespace(end);
        let deleted = self.namespaces.delete(&name, &DeleteParams::default()).await;
        deleted.expect("deleted");
        eventually(&format!("namespace {name} is gone"), || async {
            match self.namespaces.get_opt(&name).await {
                Ok(None) => Ok(()),
                other => Err(format!("{:?}", other.map(|one| one.map(|one| one.status)))),
            }
        })
        .await;
        self.add(end, json!({})).await;
    }

    pub fn secrets(&self, end: &str) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace(end))
    }

    pub fn accounts(&self, end: &str) -> Api<ServiceAccount> {
        Api::namespaced(self.client.clone(), &self.namespace(end))
    }

    /// Creates or replaces the login.
    pub async fn login(&self, username: &str, password: &str) {
        let login = secret(&self.name, "Opaque", &[("username", username), ("password", password)]);
        let platform = Api::<Secret>::namespaced(self.client.clone(), PLATFORM);
        let params = PatchParams::apply("test").force();
        platform
            .patch(&self.name, &params, &Patch::Apply(&login))
            .await
            .expect("a Secret");
    }

    /// Creates a resource for these namespaces. Its name and that of its Secret begin like theirs.
    pub async fn create(&self, end: &str, spec: Value) -> String {
        let name = self.namespace(end);
        self.try_create(&name, spec)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        name
    }

    pub async fn try_create(&self, name: &str, spec: Value) -> kube::Result<ClusterDockerPullSecret> {
        let mut all = json!({"type": "PrivateRegistry", "registryUrl": "registry.example.com",
            "credentialsRef": {"namespace": PLATFORM, "name": self.name},
            "namespaceSelector": {"matchLabels": {LABEL: self.name}}, "verification": {"mode": "Disabled"}});
        for (field, value) in spec.as_object().into_iter().flatten() {
            all[field] = value.clone();
        }
        let resource = json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "ClusterDockerPullSecret",
            "metadata": {"name": name}, "spec": all});
        let resource = serde_json::from_value(resource).expect("a resource");
        self.resources.create(&PostParams::default(), &resource).await
    }

    /// Merges into the spec of a resource.
    pub async fn change(&self, name: &str, spec: Value) {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.resources
            .patch(name, &PatchParams::default(), &patch)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    pub async fn delete(&self, name: &str) {
        let deleted = self.resources.delete(name, &DeleteParams::default()).await;
        deleted.expect("deleted");
    }

    /// Waits until the status, of the current generation, fits.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        fits: impl Fn(&DockerPullSecretStatus) -> bool,
    ) -> DockerPullSecretStatus {
        self.until_within(DEADLINE, name, what, fits).await
    }

    /// [`Self::until`], with another deadline.
    pub async fn until_within(
        &self,
        deadline: Duration,
        name: &str,
        what: &str,
        fits: impl Fn(&DockerPullSecretStatus) -> bool,
    ) -> DockerPullSecretStatus {
        within(deadline, &format!("{name} {what}"), || async {
            let resource = self.resources.get(name).await.map_err(|error| error.to_string())?;
            let status = resource.status.unwrap_or_default();
            if status.observed_generation == resource.metadata.generation && fits(&status) {
                Ok(status)
            } else {
                Err(format!("{status:?}"))
            }
        })
        .await
    }

    /// Waits until `Ready` has this reason, and so many of so many namespaces have the Secret.
    pub async fn stands(&self, name: &str, reason: &str, summary: &str) -> DockerPullSecretStatus {
        self.stands_within(DEADLINE, name, reason, summary).await
    }

    /// [`Self::stands`], with another deadline.
    pub async fn stands_within(
        &self,
        deadline: Duration,
        name: &str,
        reason: &str,
        summary: &str,
    ) -> DockerPullSecretStatus {
        self.until_within(deadline, name, &format!("{reason} {summary}"), |status| {
            let ready = condition(status, "Ready").is_some_and(|ready| ready.reason == reason);
            let namespaces = status.namespaces.as_ref();
            ready && namespaces.is_some_and(|namespaces| namespaces.summary == summary)
        })
        .await
    }

    /// Waits until a namespace has a Secret that fits.
    pub async fn has(&self, end: &str, secret: &str, fits: impl Fn(&Secret) -> bool) -> Secret {
        let secrets = self.secrets(end);
        eventually(&format!("Secret {}/{secret}", self.namespace(end)), || async {
            match secrets.get_opt(secret).await {
                Ok(Some(secret)) if fits(&secret) => Ok(secret),
                other => Err(format!("{:?}", other.map(|one| one.map(|one| one.metadata)))),
            }
        })
        .await
    }

    /// Waits until a namespace has no such Secret.
    pub async fn lacks(&self, end: &str, secret: &str) {
        let secrets = self.secrets(end);
        let what = format!("no Secret {}/{secret}", self.namespace(end));
        within(super::GARBAGE_COLLECTION, &what, || async {
            match secrets.get_opt(secret).await {
                Ok(None) => Ok(()),
                other => Err(format!("{:?}", other.map(|one| one.map(|one| one.metadata)))),
            }
        })
        .await;
    }
}
