//! Which lists a page follows, and how each stands. Who may not list all namespaces names those that they may.

use std::collections::{BTreeMap, BTreeSet};

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FollowedList {
    /// The `DockerPullSecrets` of all namespaces.
    AllNamespaces,
    /// Those of a namespace, for who may not list all.
    Namespace(String),
    /// The `ClusterDockerPullSecrets`.
    Shared,
}

impl FollowedList {
    /// Whether a resource of its kind is in it. Those for many namespaces have an empty one.
    pub fn has(&self, namespace: &str) -> bool {
        match self {
            Self::AllNamespaces | Self::Shared => true,
            Self::Namespace(own) => own == namespace,
        }
    }
}

/// How a list stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListStanding {
    /// It is being read: what is shown of it is not all.
    Reading,
    /// It was read, and is followed.
    Followed,
    /// This user may not read it: what the API server says. Somebody may give them the right.
    Forbidden(String),
    /// The cluster does not know the kind: what the API server says. Somebody may install it.
    Unknown(String),
    /// What is shown may be out of date, and why. It is tried again by itself.
    Failed(String),
}

/// All of them.
#[derive(Clone, Debug)]
pub struct FollowedLists {
    standings: BTreeMap<FollowedList, ListStanding>,
    /// Those that were refused, and for which somebody waits for another answer.
    asked: BTreeSet<FollowedList>,
}

impl Default for FollowedLists {
    /// Those that everybody wants.
    fn default() -> Self {
        let lists = [FollowedList::AllNamespaces, FollowedList::Shared];
        Self {
            standings: lists.map(|list| (list, ListStanding::Reading)).into(),
            asked: BTreeSet::new(),
        }
    }
}

impl FollowedLists {
    /// Adds those of a namespace. Returns whether that is news.
    pub fn add(&mut self, namespace: &str) -> bool {
        let list = FollowedList::Namespace(namespace.to_owned());
        let is_new = !self.has(&list);
        if is_new {
            self.standings.insert(list, ListStanding::Reading);
        }
        is_new
    }

    /// Whether a list is followed.
    pub fn has(&self, list: &FollowedList) -> bool {
        self.standings.contains_key(list)
    }

    /// Takes note of how a list stands. Returns whether somebody has to know. Whoever may list all namespaces names none.
    pub fn set(&mut self, list: &FollowedList, standing: ListStanding) -> bool {
        if *list == FollowedList::AllNamespaces && standing == ListStanding::Followed {
            let is_namespace = |list: &FollowedList| matches!(list, FollowedList::Namespace(_));
            self.standings.retain(|list, _| !is_namespace(list));
            self.asked.retain(|list| !is_namespace(list));
        }
        let is_awaited = self.asked.remove(list);
        match self.standings.get_mut(list) {
            Some(known) if *known != standing => {
                *known = standing;
                true
            }
            _ => is_awaited,
        }
    }

    /// Somebody wants to know again what was refused. Returns whether anything was.
    pub fn ask_again(&mut self) -> bool {
        let is_refused =
            |standing: &ListStanding| matches!(standing, ListStanding::Forbidden(_) | ListStanding::Unknown(_));
        let refused = self.standings.iter().filter(|(_, standing)| is_refused(standing));
        self.asked = refused.map(|(list, _)| list.clone()).collect();
        self.is_asking()
    }

    /// Whether somebody waits for another answer than a refusal.
    pub fn is_asking(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Whether there is more to be shown than what was read until now.
    pub fn is_reading(&self) -> bool {
        let mut standings = self.standings.values();
        standings.any(|standing| *standing == ListStanding::Reading)
    }

    /// Whether namespaces have to be named.
    pub fn is_limited(&self) -> bool {
        matches!(
            self.standings.get(&FollowedList::AllNamespaces),
            Some(ListStanding::Forbidden(_))
        )
    }

    /// Whether what is shown is all that the user may see.
    pub fn is_known(&self) -> bool {
        let lists = || self.standings.iter();
        let mut own = lists().filter(|(list, _)| **list != FollowedList::Shared);
        let is_partial = |standing: &ListStanding| matches!(standing, ListStanding::Failed(_) | ListStanding::Reading);
        own.any(|(_, standing)| *standing == ListStanding::Followed)
            && !lists().any(|(_, standing)| is_partial(standing))
    }

    /// What is not shown, and why.
    pub fn obstacles(&self) -> Vec<String> {
        let obstacles = self
            .standings
            .iter()
            .filter_map(|(list, standing)| match (list, standing) {
                (_, ListStanding::Reading | ListStanding::Followed) => None,
                (FollowedList::AllNamespaces, ListStanding::Forbidden(_)) => Some(self.limit()),
                (FollowedList::Namespace(name), ListStanding::Forbidden(why)) => Some(format!(
                    "You may not list the DockerPullSecrets of namespace {name}: {why}"
                )),
                (_, ListStanding::Forbidden(why) | ListStanding::Unknown(why) | ListStanding::Failed(why)) => {
                    Some(why.clone())
                }
            });
        obstacles.collect()
    }

    fn limit(&self) -> String {
        let followed = self
            .standings
            .iter()
            .filter_map(|(list, standing)| match (list, standing) {
                (FollowedList::Namespace(name), ListStanding::Reading | ListStanding::Followed) => Some(name.as_str()),
                _ => None,
            });
        let followed: Vec<&str> = followed.collect();
        let shown = match followed.as_slice() {
            [] => "none are shown".to_owned(),
            [one] => format!("those of namespace {one} are shown"),
            more => format!("those of namespaces {} are shown", more.join(", ")),
        };
        format!(
            "You may not list the DockerPullSecrets of all namespaces: {shown}. To see those of another one, type its name above."
        )
    }
}
