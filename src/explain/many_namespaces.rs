//! Resources for many namespaces: in which of them they generate a Secret, and why not in the others.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::DockerPullSecretStatus;
use crate::domain::distribution::exclusion::Exclusion;
use crate::domain::distribution::standing::Standing;
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::elsewhere::Elsewhere;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::secret::ownership::controlling_resource;
use crate::domain::spec::declaration::Declaration;
use crate::explain::bundle::Bundle;

/// A resource for many namespaces.
pub(crate) struct SharedResource {
    resource: Resource,
    /// Namespaces where something is in its way, as its status says.
    failing: Vec<String>,
}

impl Bundle {
    /// Adds a resource of either kind. The error says why it cannot be taken into account.
    pub fn add_resource(
        &mut self,
        declaration: &Declaration,
        status: Option<&DockerPullSecretStatus>,
    ) -> Result<(), &'static str> {
        let resource = Resource::of(declaration, status).ok_or("its registry is invalid")?;
        if declaration.cluster.is_none() {
            self.index.add(declaration);
            let spec = declaration.spec.as_ref().ok().cloned();
            self.specs.extend(spec.map(|spec| (declaration.key.clone(), spec)));
            self.resources.push(resource);
            return Ok(());
        }
        self.index.distributions.insert(declaration);
        let failing = status.iter().flat_map(|status| &status.failures);
        self.shared.push(SharedResource {
            resource,
            failing: failing.map(|failure| failure.namespace.clone()).collect(),
        });
        Ok(())
    }

    /// Adds a Namespace.
    pub fn add_namespace(&mut self, meta: &ObjectMeta) {
        self.index.distributions.namespaces.observe(meta);
    }

    /// Whether there are resources for many namespaces, so that labels of Namespaces count.
    pub fn needs_namespaces(&self) -> bool {
        !self.shared.is_empty()
    }

    /// Resources for many namespaces that generate a Secret in this one.
    pub(crate) fn shared_in(&self, namespace: &str) -> impl Iterator<Item = Resource> {
        let in_it = self.shared.iter().filter(move |one| self.generates_in(namespace, one));
        in_it.map(move |one| Resource {
            owns: one.resource.owns && !one.failing.iter().any(|failing| failing == namespace),
            ..one.resource.clone()
        })
    }

    fn generates_in(&self, namespace: &str, one: &SharedResource) -> bool {
        if self.index.distributions.namespaces.get(namespace).is_none() {
            return self.has_copy(namespace, &one.resource);
        }
        let (standing, _) = self.index.standing(&one.resource.name, &Arc::from(namespace));
        matches!(standing, Standing::Ready | Standing::Pending)
    }

    /// Whether the Secret of a resource is in a namespace.
    fn has_copy(&self, namespace: &str, resource: &Resource) -> bool {
        let secret = self.secrets.get(&ObjectKey::new(namespace, &*resource.secret));
        let owner = secret.and_then(|secret| controlling_resource(&secret.metadata));
        owner.is_some_and(|owner| owner.kind == resource.kind && owner.name == resource.name)
    }

    /// Those that generate none there, though they could.
    pub(crate) fn shared_elsewhere(&self, namespace: &str) -> impl Iterator<Item = Elsewhere> {
        self.shared.iter().filter_map(move |one| {
            let exclusion = self.index.distributions.exclusion(&one.resource.name, namespace)?;
            let is_there = exclusion == Exclusion::Unknown && self.has_copy(namespace, &one.resource);
            (!is_there).then(|| Elsewhere {
                resource: one.resource.clone(),
                exclusion,
            })
        })
    }
}
