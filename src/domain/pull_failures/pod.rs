//! The parts of a pod that matter for image pulls.

use std::cmp::Reverse;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::Deserialize;

use crate::api::PullCode;
use crate::domain::names::Uid;
use crate::domain::pull_failures::classify::{is_free_text, read};
use crate::domain::pull_failures::error_class::ErrorClass;
use crate::domain::registry::image::Image;
use crate::domain::time::Timestamp;

/// A pod without the parts that nobody reads here.
#[derive(kube::Resource, Deserialize, Clone, Debug, Default)]
#[resource(inherit = "k8s_openapi::api::core::v1::Pod")]
pub struct Pod {
    /// Its metadata.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// Its spec.
    #[serde(default)]
    pub spec: PodSpec,
    /// What the kubelet reports.
    #[serde(default)]
    pub status: PodStatus,
}

/// The spec of a pod.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    ephemeral_containers: Vec<Container>,
    volumes: Vec<Volume>,
    image_pull_secrets: Vec<Named>,
    service_account_name: Option<String>,
}

/// What the kubelet reports of a pod.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
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
    state: ContainerState,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
struct ContainerState {
    waiting: Option<Waiting>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: String,
}

/// A container that waits for an image that it cannot get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingContainer {
    /// Its name.
    pub container: String,
    /// The image, as the pod names it: its own, or that of a volume.
    pub image: String,
    /// The reason that the kubelet gives.
    pub reason: String,
    /// The message that the kubelet gives.
    pub message: String,
}

impl WaitingContainer {
    /// The platform's code.
    pub fn code(&self) -> PullCode {
        let (inner, _) = crate::domain::text::unwrap(&self.message);
        PullCode::of(inner.unwrap_or(&self.reason))
    }

    /// Whether this reports an attempt, and not the pause after one.
    pub fn is_attempt(&self) -> bool {
        self.reason != "ImagePullBackOff"
    }
}

/// What replaces a pod that is gone, and counts it as nothing but missing.
const REPLACING: [(&str, &str); 4] = [
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("v1", "ReplicationController"),
];

impl Pod {
    /// The names in `imagePullSecrets`. Kubelets skip empty ones.
    pub fn pull_secrets(&self) -> impl Iterator<Item = &str> {
        let secrets = self.spec.image_pull_secrets.iter();
        secrets
            .map(|secret| secret.name.as_str())
            .filter(|name| !name.is_empty())
    }

    /// Every image that it needs, each with the container that needs it.
    pub fn images(&self) -> Vec<(&str, &str)> {
        let containers = self.containers();
        let images = containers.map(|container| (container.name.as_str(), container.image.as_str()));
        let mounted = self.containers().flat_map(|container| {
            let volumes = self.mounted_images(container);
            volumes.map(move |reference| (container.name.as_str(), reference))
        });
        images.chain(mounted).filter(|(_, image)| !image.is_empty()).collect()
    }

    /// Whether it exists in a cluster. Before, its `imagePullSecrets` are incomplete: the API server copies the list of the
    /// ServiceAccount when it creates the pod.
    pub fn exists(&self) -> bool {
        let metadata = &self.metadata;
        metadata.uid.is_some() || metadata.creation_timestamp.is_some() || self.status.phase.is_some()
    }

    /// Name of its ServiceAccount.
    pub fn service_account(&self) -> &str {
        match self.spec.service_account_name.as_deref() {
            None | Some("") => "default",
            Some(name) => name,
        }
    }

    /// Whether it needs no more images: it has finished or is being deleted.
    pub fn is_over(&self) -> bool {
        let has_finished = |phase: &str| matches!(phase, "Succeeded" | "Failed");
        self.metadata.deletion_timestamp.is_some() || self.status.phase.as_deref().is_some_and(has_finished)
    }

    /// UID of what controls it, if that is known to replace it when it is gone. A Job counts such a pod as failed, and so do
    /// others for which a pod is a step; the pods of a Node are its own files.
    pub fn owner(&self) -> Option<Uid> {
        let owners = self.metadata.owner_references.iter().flatten();
        let mut controllers = owners.filter(|owner| owner.controller == Some(true));
        let owner = controllers.next()?;
        let kind = (owner.api_version.as_str(), owner.kind.as_str());
        REPLACING.contains(&kind).then(|| Uid::new(&owner.uid))
    }

    /// Whether its containers have their images and run.
    pub fn is_running(&self) -> bool {
        self.status.phase.as_deref() == Some("Running")
    }

    /// When the kubelet accepted it.
    pub fn started(&self) -> Option<Timestamp> {
        self.status.start_time.as_ref().map(|time| time.0)
    }

    /// The containers that cannot get an image.
    pub fn waiting_containers(&self) -> Vec<WaitingContainer> {
        let statuses = [
            &self.status.init_container_statuses,
            &self.status.container_statuses,
            &self.status.ephemeral_container_statuses,
        ];
        let waiting = statuses.into_iter().flatten().filter_map(|status| {
            let waiting = status.state.waiting.as_ref()?;
            is_about_images(&waiting.reason).then(|| WaitingContainer {
                container: status.name.clone(),
                image: self.image_of(&status.name, &waiting.message).to_owned(),
                reason: waiting.reason.clone(),
                message: waiting.message.clone(),
            })
        });
        waiting.collect()
    }

    fn containers(&self) -> impl Iterator<Item = &Container> {
        let spec = &self.spec;
        let init = spec.init_containers.iter();
        init.chain(&spec.containers).chain(&spec.ephemeral_containers)
    }

    /// The images of volumes, each with the name of the volume.
    fn image_volumes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.spec.volumes.iter().filter_map(|volume| {
            let reference = volume.image.as_ref()?.reference.as_str();
            Some((volume.name.as_str(), reference))
        })
    }

    fn mounted_images(&self, container: &Container) -> impl Iterator<Item = &str> {
        let volumes = self.image_volumes();
        volumes
            .filter(|(volume, _)| container.volume_mounts.iter().any(|mount| mount.name == *volume))
            .map(|(_, reference)| reference)
    }

    /// The image that a kubelet's message about a container speaks of. A container also waits for the images of volumes.
    fn image_of(&self, container: &str, message: &str) -> &str {
        let Some(container) = self.containers().find(|candidate| candidate.name == container) else {
            return "";
        };
        let own = std::iter::once(container.image.as_str());
        let mounted = self.mounted_images(container);
        let volumes = self.image_volumes().map(|(_, reference)| reference);
        let candidates = own.chain(mounted).chain(volumes);
        // The first of equals is the container's own image.
        let best = candidates.min_by_key(|image| Reverse(Mention::of(image, message)));
        best.unwrap_or_default()
    }
}

/// How precisely a message names an image, with the length of the name. The most precise comes last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mention {
    None,
    /// Its registry: `lookup registry.example.com: no such host`.
    Host(usize),
    /// Its repository: `reading manifest 1 in registry.example.com/models/llm`.
    Repository(usize),
    /// The image as the pod names it, in quotes.
    Reference,
}

impl Mention {
    fn of(image: &str, message: &str) -> Self {
        if message.contains(&format!("\"{image}\"")) {
            return Self::Reference;
        }
        let Ok(image) = Image::parse(image) else {
            return Self::None;
        };
        let (host, path) = image.repository.split_once('/').unwrap_or((&image.repository, ""));
        let is_named = |name: &str| contains_name(message, name);
        if is_named(&image.repository) || is_named(&format!("{host}/v2/{path}")) {
            Self::Repository(image.repository.len())
        } else if is_named(host) {
            Self::Host(host.len())
        } else {
            Self::None
        }
    }
}

/// Whether a text contains a name that is not part of a longer one.
fn contains_name(text: &str, name: &str) -> bool {
    let continues = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.match_indices(name).any(|(begin, _)| {
        let (before, after) = (&text[..begin], &text[begin + name.len()..]);
        !before.ends_with(continues) && !after.starts_with(continues)
    })
}

/// Whether a waiting reason of a kubelet is about an image (`pkg/kubelet/images/types.go` in Kubernetes 1.37). Since 1.33
/// the reason can be the text of an error.
fn is_about_images(reason: &str) -> bool {
    match reason {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ImageInspectError"
        | "ErrImageNeverPull"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => true,
        text => is_free_text(text) && read(text, "", "").is_some_and(|report| *report.class == ErrorClass::MALFORMED),
    }
}
