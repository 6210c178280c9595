//! Resources of one namespace whose registry keys overlap.

use crate::domain::index::ResourceIndex;
use crate::domain::names::ObjectKey;

impl ResourceIndex {
    /// How another resource of the namespace gets in the way of this one's credentials.
    pub fn overlap_warning(&self, resource: &ObjectKey) -> Option<String> {
        let namespace = self.namespaces.get(&resource.namespace)?;
        let registry = namespace.claims.get(&*resource.name)?.registry.as_ref()?;
        let covering = namespace.covering_docker_hub.first();
        if let Some((_, other)) = covering.filter(|_| registry.is_docker_hub()) {
            return Some(format!(
                "DockerPullSecret {other:?} takes precedence: its key also matches docker.io, and the kubelet uses Docker Hub credentials only if no other key matches. A pod that lists both Secrets never sends these credentials"
            ));
        }
        let (_, oldest) = namespace.by_registry.get(registry.as_str())?.first()?;
        (**oldest != *resource.name).then(|| {
            format!(
                "DockerPullSecret {oldest:?} has the same registry key: for a pod that lists both Secrets, the kubelet tries both credentials, in the order of imagePullSecrets"
            )
        })
    }
}
