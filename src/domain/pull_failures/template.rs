//! What pods are made from: the object whose change gives all of them other pull secrets.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The label by which a Deployment tells its ReplicaSets apart. It is the end of their names, too.
pub const TEMPLATE_HASH: &str = "pod-template-hash";

/// An object with a template of pods that it replaces when the template changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodTemplate {
    /// Its kind.
    pub kind: TemplateKind,
    /// Its name.
    pub name: String,
}

/// Kinds of objects with a template. A Job is none of them: its template cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateKind {
    /// A Deployment, which owns the ReplicaSet that owns the pod.
    Deployment,
    /// A StatefulSet.
    StatefulSet,
    /// A DaemonSet.
    DaemonSet,
}

impl TemplateKind {
    /// As kubectl takes it.
    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
        }
    }
}

impl PodTemplate {
    /// What a pod is made from, if its metadata says so for certain.
    pub fn of(pod: &ObjectMeta) -> Option<Self> {
        let mut owners = pod.owner_references.iter().flatten();
        let owner = owners.find(|owner| owner.controller == Some(true))?;
        // Other groups have kinds of these names, too.
        if owner.api_version != "apps/v1" {
            return None;
        }
        let (kind, name) = match owner.kind.as_str() {
            "StatefulSet" => (TemplateKind::StatefulSet, owner.name.as_str()),
            "DaemonSet" => (TemplateKind::DaemonSet, owner.name.as_str()),
            "ReplicaSet" => {
                let hash = pod.labels.as_ref()?.get(TEMPLATE_HASH)?;
                let deployment = owner.name.strip_suffix(hash.as_str())?.strip_suffix('-')?;
                (TemplateKind::Deployment, deployment)
            }
            _ => return None,
        };
        Some(Self {
            kind,
            name: name.to_owned(),
        })
    }
}
