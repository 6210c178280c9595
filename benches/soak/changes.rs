//! What users and others do all the time.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use super::super::support::objects::resource;
use super::super::support::pods::{back_off, unauthorized};
use super::{Counts, NAMESPACES, RESOURCES_OF_NAMESPACE, Soak, login, name, user};

/// Between two changes.
const PAUSE: Duration = Duration::from_millis(100);

/// Longest time for one of them: the API server may be away.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Changes<'a> {
    soak: &'a Soak,
    random: fastrand::Rng,
    version: u32,
    made: Counts,
}

impl<'a> Changes<'a> {
    pub(crate) fn new(soak: &'a Soak, seed: u64) -> Self {
        Self {
            soak,
            random: fastrand::Rng::with_seed(seed),
            version: 0,
            made: Counts::default(),
        }
    }

    pub(crate) async fn until(mut self, end: Instant) -> Counts {
        while Instant::now() < end {
            self.version += 1;
            // What fails now is mended at the end.
            if let Ok(Ok(what)) = tokio::time::timeout(PATIENCE, self.change()).await {
                self.made.add(what);
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.made
    }

    async fn change(&mut self) -> kube::Result<&'static str> {
        let number = self.random.usize(0..NAMESPACES * RESOURCES_OF_NAMESPACE);
        let (space, index) = self.soak.place(number);
        let (name, login, version) = (name(index), login(index), self.version);
        let delete = DeleteParams::default();
        let merge = PatchParams::default();
        Ok(match self.random.u32(0..100) {
            0..35 => {
                set_password(self.soak, number, &format!("{}{version}", super::registries::GOOD)).await?;
                "passwords rotated"
            }
            35..40 => {
                set_password(self.soak, number, &format!("wrong-{version}")).await?;
                "passwords made wrong"
            }
            40..50 => {
                space.resources.delete(&name, &delete).await?;
                let gone = (user(space, index), Instant::now());
                self.soak.deleted.lock().unwrap().push(gone);
                "resources deleted"
            }
            50..65 => {
                let spec = self.soak.registries.spec(number);
                space
                    .resources
                    .create(&PostParams::default(), &resource(&name, &spec))
                    .await?;
                "resources created again"
            }
            65..72 => {
                space.secrets.delete(&name, &delete).await?;
                "generated Secrets deleted"
            }
            72..80 => {
                let drift = json!({"metadata": {"labels": null}, "data": {".dockerconfigjson": "e30="}});
                space.secrets.patch(&name, &merge, &Patch::Merge(&drift)).await?;
                "generated Secrets changed by others"
            }
            80..84 => {
                space.secrets.delete(&login, &delete).await?;
                "logins deleted"
            }
            84..87 => {
                let spec = json!({"spec": {"secretName": format!("{name}-{}", version % 3)}});
                space.resources.patch(&name, &merge, &Patch::Merge(&spec)).await?;
                "secretName changed"
            }
            87..94 => {
                self.fail(number).await?;
                "pods began to fail"
            }
            _ => {
                let pods: Api<Pod> = Api::namespaced(self.soak.client.clone(), &space.name);
                pods.delete(&format!("pod-{index}"), &delete.grace_period(0)).await?;
                "failing pods deleted"
            }
        })
    }

    /// A pod that a kubelet says cannot pull.
    async fn fail(&self, number: usize) -> kube::Result<()> {
        let (space, index) = self.soak.place(number);
        let pods: Api<Pod> = Api::namespaced(self.soak.client.clone(), &space.name);
        let spec = self.soak.registries.spec(number);
        let image = format!("{}/app:1", spec["registryUrl"].as_str().unwrap());
        let pod = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("pod-{index}")},
            "spec": {
                "automountServiceAccountToken": false, "imagePullSecrets": [{"name": name(index)}],
                "containers": [{"name": "app", "image": image}],
            },
        }));
        pods.create(&PostParams::default(), &pod.unwrap()).await?;
        let waiting = json!({"reason": "ImagePullBackOff", "message": back_off(&image, &unauthorized(&image))});
        let container = json!({
            "name": "app", "image": image, "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": waiting},
        });
        let status = json!({"status": {"phase": "Pending", "containerStatuses": [container]}});
        let params = PatchParams::default();
        pods.patch_status(&format!("pod-{index}"), &params, &Patch::Merge(&status))
            .await?;
        Ok(())
    }
}

/// Makes the login of a resource, or changes its password.
pub(crate) async fn set_password(soak: &Soak, number: usize, password: &str) -> kube::Result<()> {
    let (space, index) = soak.place(number);
    let login = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": login(index)}, "type": "Opaque",
        "stringData": {"username": user(space, index), "password": password},
    });
    let params = PatchParams::apply("soak").force();
    space
        .secrets
        .patch(&super::login(index), &params, &Patch::Apply(&login))
        .await?;
    Ok(())
}
