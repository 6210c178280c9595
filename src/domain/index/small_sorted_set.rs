//! A sorted set for what mostly has one member: a B-tree would allocate eleven places for it.

use std::borrow::Borrow;
use std::collections::BTreeSet;

/// Most members that are kept in a row. Of many, each change would move half.
const IN_A_ROW: usize = 64;

/// Members in order, each once.
#[derive(Clone, Debug)]
pub(crate) enum SmallSortedSet<T> {
    Row(Vec<T>),
    Tree(BTreeSet<T>),
}

impl<T> Default for SmallSortedSet<T> {
    fn default() -> Self {
        Self::Row(Vec::new())
    }
}

impl<T: Ord> SmallSortedSet<T> {
    /// Adds a member; whether it is new.
    pub(crate) fn insert(&mut self, member: T) -> bool {
        let row = match self {
            Self::Tree(tree) => return tree.insert(member),
            Self::Row(row) => row,
        };
        let Err(place) = row.binary_search(&member) else {
            return false;
        };
        if row.is_empty() {
            row.reserve_exact(1);
        }
        row.insert(place, member);
        if row.len() > IN_A_ROW {
            *self = Self::Tree(std::mem::take(row).into_iter().collect());
        }
        true
    }

    /// Takes a member out; whether there was one.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, member: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        let row = match self {
            Self::Tree(tree) => return tree.remove(member),
            Self::Row(row) => row,
        };
        let Ok(place) = row.binary_search_by(|one| one.borrow().cmp(member)) else {
            return false;
        };
        row.remove(place);
        true
    }

    /// The least member.
    pub(crate) fn first(&self) -> Option<&T> {
        match self {
            Self::Row(row) => row.first(),
            Self::Tree(tree) => tree.first(),
        }
    }

    /// All members.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let (row, tree) = match self {
            Self::Row(row) => (row.as_slice(), None),
            Self::Tree(tree) => (&[][..], Some(tree)),
        };
        row.iter().chain(tree.into_iter().flatten())
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Row(row) => row.is_empty(),
            Self::Tree(tree) => tree.is_empty(),
        }
    }
}
