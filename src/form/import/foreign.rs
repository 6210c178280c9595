//! Objects of other tools that stand for pull secrets, as far as one of ours says the same.

pub mod rapyuta;
mod shared;
mod template;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::domain::registry::key::RegistryKey;
use crate::domain::text::shown_key;
use crate::form::field::ChosenRegistry;
use crate::form::import::foreign::rapyuta::rapyuta;
use crate::form::import::{Found, FoundLogin, PULL_SECRETS, stored};

/// Cluster-scoped kinds of other operators: group, version, kind and plural.
pub const SHARED_KINDS: [[&str; 4]; 3] = [
    ["ops.alexellis.io", "v1", "ClusterPullSecret", "clusterpullsecrets"],
    ["images.cisco.com", "v1alpha1", "ImagePullSecret", "imagepullsecrets"],
    // Before version 0.4.0.
    [
        "images.banzaicloud.io",
        "v1alpha1",
        "ImagePullSecret",
        "imagepullsecrets",
    ],
];

/// What imagepullsecret-patcher calls itself, in an annotation (`secret.go` there).
const PATCHER: (&str, &str) = ("app.kubernetes.io/managed-by", "imagepullsecret-patcher");

/// An object that may stand for a pull secret.
#[derive(Clone, Debug)]
pub struct ForeignObject {
    /// The file that it is from.
    file: Option<String>,
    kind: ForeignKind,
    manifest: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ForeignKind {
    /// Of rapyuta.io.
    Secret,
    /// Of External Secrets.
    ExternalSecret,
    /// Of registry-creds.
    ClusterPullSecret,
    /// Of imps.
    ImagePullSecret,
}

/// What is known beside an object.
#[derive(Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// The Secret that it names, if that can be read.
    pub secret: Option<&'a Secret>,
    /// All namespaces; `None`: they are not known.
    pub namespaces: Option<&'a [ObjectMeta]>,
    /// The namespace to import to; `None`: the one to which the objects are applied.
    pub target: Option<&'a str>,
}

impl ForeignObject {
    /// `None`: it is no such object. `file`: where it is from; `None`: the cluster.
    pub fn read(file: Option<&str>, manifest: Value) -> Option<Self> {
        let group = manifest["apiVersion"].as_str()?.split_once('/')?.0;
        let kind = match (group, manifest["kind"].as_str()?) {
            ("apiextensions.rapyuta.io" | "api.rapyuta.io", "Secret") => ForeignKind::Secret,
            ("external-secrets.io", "ExternalSecret") => ForeignKind::ExternalSecret,
            ("ops.alexellis.io", "ClusterPullSecret") => ForeignKind::ClusterPullSecret,
            ("images.cisco.com" | "images.banzaicloud.io", "ImagePullSecret") => ForeignKind::ImagePullSecret,
            _ => return None,
        };
        Some(Self {
            file: file.map(str::to_owned),
            kind,
            manifest,
        })
    }

    /// Namespace and name of the Secret that it names. Namespace `None`: the one to import to.
    pub fn secret(&self) -> Option<(Option<&str>, &str)> {
        let spec = &self.manifest["spec"];
        match self.kind {
            ForeignKind::Secret => None,
            ForeignKind::ExternalSecret => Some((self.namespace(), self.target())),
            ForeignKind::ClusterPullSecret => reference(&spec["secretRef"]),
            ForeignKind::ImagePullSecret => match spec["registry"]["credentials"].as_array()?.as_slice() {
                [only] => reference(only),
                _ => None,
            },
        }
    }

    /// Whether it has to be known which namespaces there are.
    pub fn needs_namespaces(&self) -> bool {
        self.kind == ForeignKind::ClusterPullSecret
    }

    /// The logins that it stands for; none, if it is for something else.
    pub fn logins(&self, around: Surroundings<'_>) -> Vec<Found> {
        let found = match self.kind {
            ForeignKind::Secret => {
                let file = self.file.as_deref().unwrap_or_default();
                return rapyuta(file, &self.manifest).into_iter().collect();
            }
            ForeignKind::ExternalSecret => self.external_secret(around),
            ForeignKind::ClusterPullSecret => self.cluster_pull_secret(around),
            ForeignKind::ImagePullSecret => self.image_pull_secret(around),
        };
        found.unwrap_or_else(|why| vec![self.found("its login", None, FoundLogin::Unusable(why))])
    }

    fn name(&self) -> &str {
        self.manifest["metadata"]["name"].as_str().unwrap_or_default()
    }

    fn namespace(&self) -> Option<&str> {
        self.manifest["metadata"]["namespace"].as_str()
    }

    /// As messages name it.
    fn title(&self) -> String {
        let kind = self.manifest["kind"].as_str().unwrap_or_default();
        format!("{kind} {}", shown_key(self.name()))
    }

    fn place(&self) -> String {
        match &self.file {
            Some(file) => format!("{file}: {}", self.title()),
            None => self.title(),
        }
    }

    fn found(&self, key: &str, registry: Option<ChosenRegistry>, login: FoundLogin) -> Found {
        Found {
            place: self.place(),
            key: shown_key(key),
            registry,
            login,
            email: None,
            pull_secret: None,
            shared: None,
        }
    }

    /// The Secret that an ExternalSecret writes.
    fn target(&self) -> &str {
        self.manifest["spec"]["target"]["name"].as_str().unwrap_or(self.name())
    }

    /// The operator refers to the Secret that External Secrets writes.
    fn external_secret(&self, around: Surroundings<'_>) -> Result<Vec<Found>, String> {
        let template = &self.manifest["spec"]["target"]["template"];
        if !template["type"]
            .as_str()
            .is_some_and(|kind| PULL_SECRETS.contains(&kind))
        {
            return Ok(Vec::new());
        }
        if let Some(namespace) = self.namespace()
            && around.target != Some(namespace)
        {
            return Err(format!(
                "it is in namespace {}, where the DockerPullSecret has to be too: import it with -n {0}",
                shown_key(namespace)
            ));
        }
        if let Some(secret) = around.secret {
            return stored(&self.place(), secret);
        }
        let secret = self.target();
        let documents = [".dockerconfigjson", ".dockercfg"].map(|key| template["data"][key].as_str());
        let Some(registries) = documents.into_iter().flatten().find_map(template::registries) else {
            return Err(format!(
                "its template says the registry only when it is filled in: import Secret {0} once External Secrets has written it, with --from-secret {0}",
                shown_key(secret)
            ));
        };
        let found = registries.iter().map(|key| {
            let registry = RegistryKey::of_config_entry(key).map(ChosenRegistry::of);
            let login = match registry {
                None => FoundLogin::Unusable("the kubelet never matches this key".to_owned()),
                Some(_) => FoundLogin::Stored {
                    secret: secret.to_owned(),
                    credentials: None,
                },
            };
            self.found(key, registry, login)
        });
        Ok(found.collect())
    }
}

/// A Secret that is named with its namespace.
fn reference(reference: &Value) -> Option<(Option<&str>, &str)> {
    let field = |name: &str| reference[name].as_str().filter(|text| !text.is_empty());
    Some((Some(field("namespace")?), field("name")?))
}

/// If another operator hands a Secret to many namespaces: what to import instead.
pub(super) fn other_writer(meta: &ObjectMeta) -> Option<String> {
    let annotation = meta.annotations.as_ref().and_then(|all| all.get(PATCHER.0));
    if annotation.is_some_and(|value| value == PATCHER.1) {
        return Some(
            "imagepullsecret-patcher writes this Secret into many namespaces: put the login into one Secret, run dps create with --from-secret and --namespace-selector, and remove the patcher".to_owned(),
        );
    }
    let owner = meta.owner_references.iter().flatten().find(|owner| {
        let group = owner.api_version.split('/').next();
        SHARED_KINDS
            .iter()
            .any(|[of, _, kind, _]| *kind == owner.kind && Some(*of) == group)
    })?;
    Some(format!(
        "{} {} writes this Secret into many namespaces: import that with --other-operators",
        owner.kind,
        shown_key(&owner.name)
    ))
}
