//! A sorted set for what mostly has one member: a B-tree would allocate eleven places for it.

use std::borrow::Borrow;

/// Members in order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SmallSortedSet<T>(Vec<T>);

impl<T> Default for SmallSortedSet<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> SmallSortedSet<T> {
    /// Adds a member; whether it is new.
    pub(crate) fn insert(&mut self, member: T) -> bool {
        let Err(place) = self.0.binary_search(&member) else {
            return false;
        };
        if self.0.is_empty() {
            self.0.reserve_exact(1);
        }
        self.0.insert(place, member);
        true
    }

    /// Takes a member out; whether there was one.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, member: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        let Ok(place) = self.0.binary_search_by(|one| one.borrow().cmp(member)) else {
            return false;
        };
        self.0.remove(place);
        true
    }

    /// The least member.
    pub(crate) fn first(&self) -> Option<&T> {
        self.0.first()
    }

    /// All members.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a, T> IntoIterator for &'a SmallSortedSet<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
