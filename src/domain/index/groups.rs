//! Resources whose status depends on which of them is the first.

use std::collections::HashMap;

use crate::domain::index::Name;
use crate::domain::index::small_sorted_set::SmallSortedSet;
use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::matching::host_matches;

/// Age first: of two resources that want the same, the older one wins; equal age is decided by name.
pub(crate) type Rank = (i64, Name);

/// Which resources they are.
pub(crate) enum RankedGroup {
    /// Those that want this Secret.
    Target(Name),
    /// Those with this registry key.
    Registry(Name),
}

/// Whether a kubelet that looks for Docker Hub finds this wildcard first.
pub(crate) fn covers_docker_hub(registry: &RegistryKey) -> bool {
    let host = registry.as_str().split('/').next().unwrap_or_default();
    !registry.is_docker_hub() && host_matches(host, "docker.io")
}

/// Changes a group; whether another member is the first then.
pub(crate) fn change(
    groups: &mut HashMap<Name, SmallSortedSet<Rank>>,
    group: &Name,
    with: impl FnOnce(&mut SmallSortedSet<Rank>) -> bool,
) -> bool {
    let ranks = groups.entry(Name::clone(group)).or_default();
    let is_other = changes_first(ranks, with);
    if ranks.is_empty() {
        groups.remove(group);
    }
    is_other
}

/// Changes a set; whether another member is the first then.
pub(crate) fn changes_first(
    ranks: &mut SmallSortedSet<Rank>,
    with: impl FnOnce(&mut SmallSortedSet<Rank>) -> bool,
) -> bool {
    let before = ranks.first().cloned();
    with(ranks);
    ranks.first() != before.as_ref()
}
