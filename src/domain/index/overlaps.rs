//! What resources of one namespace do to each other's logins.

use crate::domain::index::{Key, ResourceIndex};

impl ResourceIndex {
    /// What another resource of the namespace does to the login of this one.
    pub fn warning(&self, resource: &Key) -> Option<String> {
        let namespace = self.namespaces.get(&resource.0)?;
        let registry = namespace.claims.get(&*resource.1)?.registry.as_ref()?;
        let group = namespace.by_registry.get(registry.as_str())?;
        let registry_of = |name: &str| namespace.claims.get(name)?.registry.as_ref();
        if let Some((_, other)) = group
            .iter()
            .find(|(_, name)| registry_of(name).is_some_and(|other| other != registry))
        {
            return Some(format!(
                "shadowed by DockerPullSecret {other:?}: its key also matches docker.io, and kubelets use the Docker Hub login only if no other key matches; a pod that lists both Secrets never sends this login"
            ));
        }
        let (_, oldest) = group.first()?;
        (**oldest != *resource.1).then(|| {
            format!(
                "DockerPullSecret {oldest:?} is for the same registry key: a pod that lists both Secrets tries both logins, in the order of its imagePullSecrets"
            )
        })
    }
}
