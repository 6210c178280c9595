//! Resources for many namespaces: in which of them they generate a Secret, and why not in the others.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::{DockerPullSecretStatus, VerificationResult};
use crate::domain::distribution::standing::Standing;
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::context::PullContext;
use crate::domain::pull_failures::relevance::repository;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::secret::ownership::controlling_resource;
use crate::domain::spec::declaration::Declaration;
use crate::domain::spec::selection::NamespaceSelection;
use crate::domain::text::cut;
use crate::explain::bundle::Bundle;

/// Longest selector that is shown, in characters.
const SELECTOR_LENGTH: usize = 200;

/// A resource for many namespaces.
pub(crate) struct SharedResource {
    resource: Resource,
    /// `None`: nobody can tell, since it is invalid.
    selection: Option<NamespaceSelection>,
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
        let Some(cluster) = &declaration.cluster else {
            self.index.add(declaration);
            self.resources.push(resource);
            return Ok(());
        };
        self.index.distributions.insert(declaration);
        let failing = status.iter().flat_map(|status| &status.failures);
        self.shared.push(SharedResource {
            resource,
            selection: cluster.selection.clone(),
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

    /// What to know of a resource for many namespaces that has credentials for an image, and generates no Secret in the
    /// namespace of the pod.
    pub(crate) fn not_selecting(&self, image: &str, context: PullContext<'_>) -> Option<String> {
        let (namespace, repository) = (context.namespace, repository(image));
        let may_help = |one: &&SharedResource| {
            one.resource.serves(&repository) && !one.resource.verified.is_some_and(VerificationResult::is_refusal)
        };
        let mut helpful = self.shared.iter().filter(may_help);
        helpful.find_map(|one| {
            let (why, remedy) = self.why_not(namespace, one)?;
            let Resource { secret, .. } = &one.resource;
            let is_listed = context.secrets.iter().any(|listed| listed.name == *secret);
            let also = if is_listed || one.resource.attaches_to_pods {
                ""
            } else {
                ", and list that Secret in imagePullSecrets"
            };
            Some(format!(
                "{} has credentials for this registry, but does not put Secret {secret:?} into namespace {namespace:?}: {why}. {remedy}{also}",
                one.resource
            ))
        })
    }

    /// Why a resource does not select a namespace, and what to do; `None` if it does, or if its credentials are there.
    fn why_not(&self, namespace: &str, one: &SharedResource) -> Option<(String, &'static str)> {
        let Some(known) = self.index.distributions.namespaces.get(namespace) else {
            let look = "Compare them with spec.namespaceSelector";
            let why = "its labels could not be read, so it is unknown whether it is selected".to_owned();
            return (!self.has_copy(namespace, &one.resource)).then_some((why, look));
        };
        let (selection, wanted) = (
            one.selection.as_ref()?,
            self.index.distributions.get(&one.resource.name)?,
        );
        if wanted.selects(namespace, known)? || wanted.is_source(namespace) {
            return None;
        }
        if known.is_excluded {
            let why = "the namespace has the annotation pullsecrets.dev/exclude: \"true\"".to_owned();
            return Some((why, "Remove the annotation"));
        }
        if selection.excludes(namespace) {
            let why = "spec.excludeNamespaces names it".to_owned();
            return Some((why, "Take it out of that list"));
        }
        let selector = cut(&selection.selector(), SELECTOR_LENGTH);
        let why = format!("its labels are not those that spec.namespaceSelector requires ({selector})");
        Some((why, "Label the namespace accordingly, or change the selector"))
    }
}
