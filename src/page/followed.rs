//! Which lists a page follows, and how each stands. Who may not list all namespaces names those that they may.

use std::collections::BTreeMap;

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
    /// Somebody waits for the first answer, or for another one than a refusal.
    Asked,
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
pub struct FollowedLists(BTreeMap<FollowedList, ListStanding>);

impl Default for FollowedLists {
    /// Those that everybody wants.
    fn default() -> Self {
        let lists = [FollowedList::AllNamespaces, FollowedList::Shared];
        Self(lists.map(|list| (list, ListStanding::Asked)).into())
    }
}

impl FollowedLists {
    /// Adds those of a namespace. Returns whether that is news.
    pub fn add(&mut self, namespace: &str) -> bool {
        let list = FollowedList::Namespace(namespace.to_owned());
        let is_new = !self.0.contains_key(&list);
        if is_new {
            self.0.insert(list, ListStanding::Asked);
        }
        is_new
    }

    /// Whether a list is followed.
    pub fn has(&self, list: &FollowedList) -> bool {
        self.0.contains_key(list)
    }

    /// Takes note of how a list stands. Returns whether that is news. Whoever may list all namespaces names none.
    pub fn set(&mut self, list: &FollowedList, standing: ListStanding) -> bool {
        if *list == FollowedList::AllNamespaces && standing == ListStanding::Followed {
            self.0.retain(|list, _| !matches!(list, FollowedList::Namespace(_)));
        }
        match self.0.get_mut(list) {
            Some(known) if *known != standing => {
                *known = standing;
                true
            }
            _ => false,
        }
    }

    /// Somebody wants to know again what was refused. Returns whether anything was.
    pub fn ask_again(&mut self) -> bool {
        let refused =
            |standing: &&mut ListStanding| matches!(standing, ListStanding::Forbidden(_) | ListStanding::Unknown(_));
        let mut is_any = false;
        for standing in self.0.values_mut().filter(refused) {
            *standing = ListStanding::Asked;
            is_any = true;
        }
        is_any
    }

    /// Whether somebody waits for an answer.
    pub fn is_asking(&self) -> bool {
        self.0.values().any(|standing| *standing == ListStanding::Asked)
    }

    /// Whether namespaces have to be named.
    pub fn is_limited(&self) -> bool {
        matches!(
            self.0.get(&FollowedList::AllNamespaces),
            Some(ListStanding::Forbidden(_))
        )
    }

    /// Whether what is shown is all that the user may see.
    pub fn is_known(&self) -> bool {
        let mut own = self.0.iter().filter(|(list, _)| **list != FollowedList::Shared);
        let is_failed = |standing: &ListStanding| matches!(standing, ListStanding::Failed(_) | ListStanding::Asked);
        own.any(|(_, standing)| *standing == ListStanding::Followed) && !self.0.values().any(is_failed)
    }

    /// What is not shown, and why.
    pub fn obstacles(&self) -> Vec<String> {
        let obstacles = self.0.iter().filter_map(|(list, standing)| match (list, standing) {
            (_, ListStanding::Asked | ListStanding::Followed) => None,
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
        let followed = self.0.iter().filter_map(|(list, standing)| match (list, standing) {
            (FollowedList::Namespace(name), ListStanding::Followed) => Some(name.as_str()),
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
