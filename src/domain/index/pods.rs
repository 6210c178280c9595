//! Which resources a pod concerns.

use crate::domain::index::{Key, ResourceIndex};
use crate::domain::pull_failures::failing_pods::FailingPod;
use crate::domain::pull_failures::relevance::{may_affect, repository};

impl ResourceIndex {
    /// The resources that may have to be told of a pod that cannot pull.
    pub fn concerned_by_pod(&self, namespace: &str, pod: &FailingPod) -> Vec<Key> {
        let repositories: Vec<String> = pod.containers.iter().map(|one| repository(&one.image)).collect();
        let claims = self.namespaces.get(namespace).into_iter().flat_map(|one| &one.claims);
        claims
            .filter(|(_, claim)| may_affect(&claim.target, claim.registry.as_ref(), &repositories, &pod.pull_secrets))
            .map(|(name, _)| (namespace.to_owned(), name.to_string()))
            .collect()
    }
}
