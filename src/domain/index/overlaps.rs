//! Resources of one namespace whose registry keys overlap.

use crate::domain::index::ResourceIndex;
use crate::domain::names::ObjectKey;

impl ResourceIndex {
    /// How another resource of the namespace gets in the way of this one's credentials.
    pub fn overlap_warning(&self, resource: &ObjectKey) -> Option<String> {
        let namespace = self.namespaces.get(&resource.namespace)?;
        let registry = namespace.claims.get(&*resource.name)?.registry.as_ref()?;
        let group = namespace.by_registry.get(registry.as_str())?;
        let registry_of = |name: &str| namespace.claims.get(name)?.registry.as_ref();
        if let Some((_, other)) = group
            .iter()
            .find(|(_, name)| registry_of(name).is_some_and(|other| other != registry))
        {
            return Some(format!(
                "DockerPullSecret {other:?} takes precedence: its key also matches docker.io, and the kubelet uses Docker Hub credentials only if no other key matches. A pod that lists both Secrets never sends these credentials"
            ));
        }
        let (_, oldest) = group.first()?;
        (**oldest != *resource.name).then(|| {
            format!(
                "DockerPullSecret {oldest:?} has the same registry key: for a pod that lists both Secrets, the kubelet tries both credentials, in the order of imagePullSecrets"
            )
        })
    }
}
