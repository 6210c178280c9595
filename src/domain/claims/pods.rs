//! Which resources a pod concerns.

use super::{Claims, Key};
use crate::domain::pulls::relation::{may_be_told, repository};
use crate::domain::pulls::watchlist::Failing;

impl Claims {
    /// The resources that may have to be told of a pod that cannot pull.
    pub fn concerned_by_pod(&self, namespace: &str, pod: &Failing) -> Vec<Key> {
        let repositories: Vec<String> = pod.containers.iter().map(|one| repository(&one.image)).collect();
        let claims = self.namespaces.get(namespace).into_iter().flat_map(|one| &one.claims);
        claims
            .filter(|(_, claim)| may_be_told(&claim.target, claim.registry.as_ref(), &repositories, &pod.pull_secrets))
            .map(|(name, _)| (namespace.to_owned(), name.to_string()))
            .collect()
    }
}
