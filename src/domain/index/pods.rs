//! Which resources a failing pod may affect.

use crate::domain::index::ResourceIndex;
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::failing_pods::FailingPod;
use crate::domain::pull_failures::relevance::{may_affect, repository};

impl ResourceIndex {
    /// The resources whose status a failing pod may change.
    pub fn affected_by_pod(&self, namespace: &str, pod: &FailingPod) -> Vec<ObjectKey> {
        let repositories: Vec<String> = pod.containers.iter().map(|one| repository(&one.image)).collect();
        let claims = self.namespaces.get(namespace).into_iter().flat_map(|one| &one.claims);
        claims
            .filter(|(_, claim)| may_affect(&claim.target, claim.registry.as_ref(), &repositories, &pod.pull_secrets))
            .map(|(name, _)| ObjectKey::new(namespace, &**name))
            .chain(
                self.distributions
                    .which(|one| may_affect(&one.target, one.registry.as_ref(), &repositories, &pod.pull_secrets)),
            )
            .collect()
    }
}
