//! Which resources a pod concerns.

use super::{Claims, Key};
use crate::domain::pulls::relation::{may_be_told, repository};
use crate::domain::pulls::watchlist::Failing;

impl Claims {
    /// The resources of a namespace.
    pub fn of_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Key> {
        self.claims_of(namespace).map(|(key, _)| key)
    }

    fn claims_of<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a Key, &'a super::Claim)> {
        let from = (namespace.to_owned(), String::new());
        self.by_name
            .range(from..)
            .take_while(move |((at, _), _)| at == namespace)
    }

    /// The resources that may have to be told of a pod that cannot pull.
    pub fn concerned_by_pod(&self, namespace: &str, pod: &Failing) -> Vec<Key> {
        let repositories: Vec<String> = pod.containers.iter().map(|one| repository(&one.image)).collect();
        self.claims_of(namespace)
            .filter(|(_, claim)| may_be_told(&claim.target, claim.registry.as_ref(), &repositories, &pod.pull_secrets))
            .map(|(key, _)| key.clone())
            .collect()
    }
}
