//! What a resource declares, whatever its kind: all that the rest of the core knows of its metadata and spec.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Deserializer};

use crate::api::{
    CLUSTER_DOCKER_PULL_SECRET, CaBundleRef, ClusterDockerPullSecret, DOCKER_PULL_SECRET, DockerPullSecret,
    DockerPullSecretSpec, VERIFY_ANNOTATION,
};
use crate::domain::names::{ObjectKey, ResourceRef, Uid};
use crate::domain::problem::Problem;
use crate::domain::registry::key::RegistryKey;
use crate::domain::spec::selection::NamespaceSelection;
use crate::domain::spec::validate::{
    ValidatedSpec, attached_accounts, check_namespace, target_of, validate, validate_shared,
};

/// A resource without its status. The names in it are there whether its spec is valid or not, since other resources and
/// Secrets have to do with it all the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// Its kind, such as `DockerPullSecret`.
    pub kind: &'static str,
    /// Its namespace and name; the namespace may be empty if it was read from a file.
    pub key: ObjectKey,
    /// Its UID; `None` if it was read from a file.
    pub uid: Option<Uid>,
    /// When it was created, in seconds since 1970; `None` if it was read from a file.
    pub created: Option<i64>,
    /// The generation of its spec.
    pub generation: Option<i64>,
    /// `spec.suspend`.
    pub suspended: bool,
    /// The value of the annotation that requests a verification.
    pub requested_verification: Option<String>,
    /// Name of the Secret that holds its credentials; `None` if they come from elsewhere.
    pub source: Option<String>,
    /// What only a resource for many namespaces has.
    pub cluster: Option<ClusterScope>,
    /// Name of the Secret that it wants to generate.
    pub target: String,
    /// ServiceAccounts that are to list that Secret: names, with `*` for any text.
    pub service_accounts: Vec<String>,
    /// The certificates that it names.
    pub ca_bundle: Option<CaBundleRef>,
    /// Its registry key; `None` if that is invalid.
    pub registry: Option<RegistryKey>,
    /// Its spec, or the first rule that it breaks.
    pub spec: Result<ValidatedSpec, Problem>,
}

/// Where a resource for many namespaces finds credentials, and where it puts them.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterScope {
    /// The namespace of the credentials, or of who asks for them.
    pub source_namespace: String,
    /// The namespaces that are to have the Secret; `None` if nobody can tell, since that is invalid.
    pub selection: Option<NamespaceSelection>,
}

impl Declaration {
    /// Namespace of what it reads: Secrets, and certificates.
    pub fn source_namespace(&self) -> &str {
        let cluster = self.cluster.as_ref();
        cluster.map_or(&self.key.namespace, |cluster| &cluster.source_namespace)
    }

    /// Of an object of a kind, as the API server has it. The error is the parser's.
    pub fn read<'de, D: Deserializer<'de>>(kind: &str, metadata: ObjectMeta, spec: D) -> Result<Self, D::Error> {
        Ok(if kind == CLUSTER_DOCKER_PULL_SECRET {
            let (spec, status) = (Deserialize::deserialize(spec)?, None);
            Self::from(&ClusterDockerPullSecret { metadata, spec, status })
        } else {
            let (spec, status) = (Deserialize::deserialize(spec)?, None);
            Self::from(&DockerPullSecret { metadata, spec, status })
        })
    }

    /// The resource in a cluster; `None` if it was read from a file.
    pub fn reference(&self) -> Option<ResourceRef> {
        Some(ResourceRef {
            kind: self.kind,
            key: self.key.clone(),
            uid: self.uid.clone()?,
        })
    }
}

/// Name of the Secret that a spec reads, valid or not.
fn source_of(spec: &DockerPullSecretSpec) -> Option<String> {
    let credentials = spec.credentials_ref.as_ref().map(|reference| &reference.name);
    let key = || {
        spec.credentials_from
            .as_ref()?
            .static_key_ref
            .as_ref()
            .map(|key| &key.name)
    };
    credentials.or_else(key).cloned()
}

impl From<&DockerPullSecret> for Declaration {
    fn from(resource: &DockerPullSecret) -> Self {
        let (meta, spec) = (&resource.metadata, &resource.spec);
        let annotations = meta.annotations.as_ref();
        let validated = validate(resource);
        let registry = match &validated {
            Ok(validated) => Some(validated.registry.clone()),
            // Another rule may be the one that is broken.
            Err(_) => RegistryKey::new(spec.registry_type, spec.registry_url.as_deref()).ok(),
        };
        let tls = spec
            .verification
            .as_ref()
            .and_then(|verification| verification.tls.as_ref());
        Self {
            kind: DOCKER_PULL_SECRET,
            key: ObjectKey::of(meta),
            uid: meta.uid.as_deref().map(Uid::new),
            created: meta.creation_timestamp.as_ref().map(|time| time.0.as_second()),
            generation: meta.generation,
            suspended: spec.suspend,
            requested_verification: annotations.and_then(|all| all.get(VERIFY_ANNOTATION)).cloned(),
            source: source_of(spec),
            cluster: None,
            target: target_of(resource),
            service_accounts: attached_accounts(resource).to_vec(),
            ca_bundle: tls.and_then(|tls| tls.ca_bundle_ref.clone()),
            registry,
            spec: validated,
        }
    }
}

impl From<&ClusterDockerPullSecret> for Declaration {
    fn from(resource: &ClusterDockerPullSecret) -> Self {
        let (spec, one) = (&resource.spec, resource.in_one_namespace());
        let reference = spec.credentials_ref.as_ref().map(|reference| &reference.namespace);
        let minting = spec.credentials_from.as_ref().map(|from| &from.namespace);
        let reference = reference.map(|namespace| ("spec.credentialsRef.namespace", namespace));
        let place = reference.or(minting.map(|namespace| ("spec.credentialsFrom.namespace", namespace)));
        let source_namespace = place.map(|(_, namespace)| namespace.clone()).unwrap_or_default();
        let selection = NamespaceSelection::new(&spec.namespace_selector, &spec.exclude_namespaces);
        let validated = place
            .map_or(Ok(()), |(field, namespace)| check_namespace(field, namespace))
            .and_then(|()| validate_shared(&one))
            .and_then(|validated| selection.as_ref().map(|_| validated).map_err(Clone::clone));
        Self {
            kind: CLUSTER_DOCKER_PULL_SECRET,
            key: ObjectKey::new("", resource.metadata.name.clone().unwrap_or_default()),
            spec: validated.map(|validated| validated.in_namespace(&source_namespace)),
            cluster: Some(ClusterScope {
                source_namespace,
                selection: selection.ok(),
            }),
            ..Self::from(&one)
        }
    }
}
