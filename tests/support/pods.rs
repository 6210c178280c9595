//! Pods without a node: the test says what a kubelet would say of them.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::eventually;
use super::objects::Space;

/// What containerd 2 reports of a wrong password at a registry with basic auth.
pub fn unauthorized(image: &str) -> String {
    format!(
        "failed to pull and unpack image \"{image}\": failed to resolve image: unexpected status from HEAD request to https://registry/v2/app/manifests/1?ns=hidden: 401 Unauthorized"
    )
}

/// What it reports when it has no credentials.
pub fn not_sent(image: &str) -> String {
    format!(
        "failed to pull and unpack image \"{image}\": failed to resolve image: pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials"
    )
}

/// The report in back-off, since Kubernetes 1.32.
pub fn back_off(image: &str, report: &str) -> String {
    format!("Back-off pulling image \"{image}\": ErrImagePull: {report}")
}

pub struct Pods {
    pub api: Api<Pod>,
}

impl Pods {
    /// Waits until pods can be created: the namespace needs its ServiceAccount.
    pub async fn of(space: &Space) -> Self {
        let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
            Api::namespaced(space.client.clone(), &space.name);
        eventually("the default ServiceAccount", || async {
            accounts
                .get("default")
                .await
                .map(|_| ())
                .map_err(|error| error.to_string())
        })
        .await;
        Self {
            api: Api::namespaced(space.client.clone(), &space.name),
        }
    }

    /// Creates a pod with one container `app`.
    pub async fn create(&self, name: &str, image: &str, pull_secrets: &[&str]) {
        self.create_with(
            name,
            json!({"containers": [{"name": "app", "image": image}]}),
            pull_secrets,
        )
        .await;
    }

    pub async fn create_with(&self, name: &str, mut spec: Value, pull_secrets: &[&str]) {
        let secrets: Vec<Value> = pull_secrets.iter().map(|name| json!({"name": name})).collect();
        spec["imagePullSecrets"] = json!(secrets);
        self.try_create(name, spec)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    pub async fn try_create(&self, name: &str, mut spec: Value) -> kube::Result<Pod> {
        spec["automountServiceAccountToken"] = json!(false);
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
        let pod = serde_json::from_value(pod).expect("a pod");
        self.api.create(&PostParams::default(), &pod).await
    }

    /// Says of the container `app` that it waits.
    pub async fn waits(&self, name: &str, reason: &str, message: &str) {
        self.status(
            name,
            "containerStatuses",
            "app",
            &json!({"waiting": {"reason": reason, "message": message}}),
        )
        .await;
    }

    /// Says that it runs.
    pub async fn runs(&self, name: &str) {
        self.status(name, "containerStatuses", "app", &json!({"running": {}}))
            .await;
    }

    /// One attempt that fails, and the pause after it.
    pub async fn fails(&self, name: &str, image: &str, report: &str) {
        self.waits(name, "ErrImagePull", report).await;
        self.waits(name, "ImagePullBackOff", &back_off(image, report)).await;
    }

    /// Says something of a container; `list` is the kind of status.
    pub async fn status(&self, name: &str, list: &str, container: &str, state: &Value) {
        let phase = if state.get("running").is_some() {
            "Running"
        } else {
            "Pending"
        };
        let status = json!({"status": {"phase": phase, list: [{
            "name": container, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state,
        }]}});
        self.api
            .patch_status(name, &PatchParams::default(), &Patch::Merge(status))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Another image for the container `app`.
    pub async fn set_image(&self, name: &str, image: &str) {
        let patch = json!({"spec": {"containers": [{"name": "app", "image": image}]}});
        self.api
            .patch(name, &PatchParams::default(), &Patch::Strategic(patch))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    pub async fn delete(&self, name: &str) {
        self.api
            .delete(name, &DeleteParams::default().grace_period(0))
            .await
            .expect("deleted");
    }
}
