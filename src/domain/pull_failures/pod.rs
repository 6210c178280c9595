//! What matters of a pod.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::Deserialize;

use crate::api::PullCode;
use crate::domain::pull_failures::classify::{ErrorClass, is_free_text, read};

/// A pod without the parts that nobody reads here.
#[derive(kube::Resource, Deserialize, Clone, Debug, Default)]
#[resource(inherit = "k8s_openapi::api::core::v1::Pod")]
pub struct Pod {
    /// Its metadata.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What it asks for.
    #[serde(default)]
    pub spec: Spec,
    /// What a kubelet says of it.
    #[serde(default)]
    pub status: Status,
}

/// What a pod asks for.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    ephemeral_containers: Vec<Container>,
    volumes: Vec<Volume>,
    image_pull_secrets: Vec<Named>,
    /// Name of the ServiceAccount.
    pub service_account_name: Option<String>,
}

/// What a kubelet says of a pod.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    phase: Option<String>,
    start_time: Option<Time>,
    container_statuses: Vec<ContainerStatus>,
    init_container_statuses: Vec<ContainerStatus>,
    ephemeral_container_statuses: Vec<ContainerStatus>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    name: String,
    image: String,
    volume_mounts: Vec<Named>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
struct Named {
    name: String,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
struct Volume {
    name: String,
    image: Option<ImageVolume>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
struct ImageVolume {
    reference: String,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
struct ContainerStatus {
    name: String,
    state: State,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: String,
}

/// A container that waits for an image which cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingContainer {
    /// Its name.
    pub container: String,
    /// The image, as the pod names it: its own, or that of a volume.
    pub image: String,
    /// The kubelet's word.
    pub reason: String,
    /// The kubelet's sentence.
    pub message: String,
}

impl WaitingContainer {
    /// The platform's code.
    pub fn code(&self) -> PullCode {
        let (inner, _) = crate::domain::text::unwrap(&self.message);
        PullCode::of(inner.unwrap_or(&self.reason))
    }

    /// Whether this tells of a new attempt, and not of the pause after one.
    pub fn is_attempt(&self) -> bool {
        self.reason != "ImagePullBackOff"
    }
}

impl Pod {
    /// The names in `imagePullSecrets`; kubelets skip empty ones.
    pub fn pull_secrets(&self) -> impl Iterator<Item = &str> {
        let names = self.spec.image_pull_secrets.iter().map(|one| one.name.as_str());
        names.filter(|name| !name.is_empty())
    }

    /// Every image that it needs, with the container that needs it.
    pub fn images(&self) -> Vec<(&str, &str)> {
        let containers = self.containers().map(|one| (one.name.as_str(), one.image.as_str()));
        let volumes = self.containers().flat_map(|one| {
            self.image_volumes(one)
                .map(move |reference| (one.name.as_str(), reference))
        });
        containers
            .chain(volumes)
            .filter(|(_, image)| !image.is_empty())
            .collect()
    }

    /// Whether a cluster has it: a manifest is not complete before, since the list of its ServiceAccount is not copied.
    pub fn exists(&self) -> bool {
        let meta = &self.metadata;
        meta.uid.is_some() || meta.creation_timestamp.is_some() || self.status.phase.is_some()
    }

    /// Name of its ServiceAccount.
    pub fn account(&self) -> &str {
        match self.spec.service_account_name.as_deref() {
            None | Some("") => "default",
            Some(name) => name,
        }
    }

    /// Whether it needs no image any more: it has ended, or is about to.
    pub fn is_over(&self) -> bool {
        let ended = |phase: &str| matches!(phase, "Succeeded" | "Failed");
        self.metadata.deletion_timestamp.is_some() || self.status.phase.as_deref().is_some_and(ended)
    }

    /// When the kubelet took it on, in seconds since 1970.
    pub fn started(&self) -> Option<i64> {
        Some(self.status.start_time.as_ref()?.0.as_second())
    }

    /// Containers that cannot get an image.
    pub fn waits(&self) -> Vec<WaitingContainer> {
        let statuses = [
            &self.status.init_container_statuses,
            &self.status.container_statuses,
            &self.status.ephemeral_container_statuses,
        ];
        let waiting = statuses.into_iter().flatten().filter_map(|status| {
            let waiting = status.state.waiting.as_ref()?;
            is_about_images(&waiting.reason).then_some((status.name.as_str(), waiting))
        });
        waiting
            .map(|(container, waiting)| WaitingContainer {
                container: container.to_owned(),
                image: self.image_of(container, &waiting.message),
                reason: waiting.reason.clone(),
                message: waiting.message.clone(),
            })
            .collect()
    }

    fn containers(&self) -> impl Iterator<Item = &Container> {
        let spec = &self.spec;
        let init = spec.init_containers.iter();
        init.chain(&spec.containers).chain(&spec.ephemeral_containers)
    }

    fn image_volumes(&self, container: &Container) -> impl Iterator<Item = &str> {
        let mounts = container.volume_mounts.iter();
        mounts.filter_map(|mount| {
            let volume = self.spec.volumes.iter().find(|volume| volume.name == mount.name)?;
            Some(volume.image.as_ref()?.reference.as_str())
        })
    }

    /// The image that a message is about: a container also waits for the images of the volumes that it mounts.
    fn image_of(&self, container: &str, message: &str) -> String {
        let Some(container) = self.containers().find(|one| one.name == container) else {
            return String::new();
        };
        let quoted = |image: &&str| message.contains(&format!("\"{image}\""));
        let volume = self.image_volumes(container).find(quoted);
        match volume {
            Some(reference) if !quoted(&container.image.as_str()) => reference.to_owned(),
            _ => container.image.clone(),
        }
    }
}

/// Waiting reasons of kubelets that are about an image (domain.md D1). Since 1.33 the reason can be an error's text.
fn is_about_images(reason: &str) -> bool {
    matches!(
        reason,
        "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ImageInspectError"
            | "ErrImageNeverPull"
            | "RegistryUnavailable"
            | "SignatureValidationFailed"
    ) || (is_free_text(reason)
        && read(reason, "", "").is_some_and(|classification| classification.class == ErrorClass::Malformed))
}
