//! A map for what there is one of for each route.
//!
//! Entries lie side by side as they came, and the table has but their places: it stays in the processor's caches and is grown
//! in a moment. In a plain map of 100,000 routes half of the planning was waiting for memory.
//!
//! A route's way through the engine is some ten looks at the same entry, and routes that came together mostly come
//! again together: so a look goes first to where the last one went and to the entry behind it, and only then to the table.

use crate::hash::RandomState;
use indexmap::IndexMap;
use ipnetwork::IpNetwork;
use std::cell::Cell;

#[derive(Debug, Clone)]
pub(crate) struct ByPrefix<V> {
    entries: IndexMap<IpNetwork, V, RandomState>,
    /// Where the last look went.
    near: Cell<usize>,
}

impl<V> Default for ByPrefix<V> {
    fn default() -> Self {
        ByPrefix { entries: IndexMap::default(), near: Cell::default() }
    }
}

impl<V> ByPrefix<V> {
    fn place(&self, prefix: IpNetwork) -> Option<usize> {
        let near = self.near.get();
        let is_there = |at: &usize| self.entries.get_index(*at).is_some_and(|(other, _)| *other == prefix);
        let place = [near, near + 1].into_iter().find(is_there).or_else(|| self.entries.get_index_of(&prefix))?;
        self.near.set(place);
        Some(place)
    }

    pub(crate) fn get(&self, prefix: IpNetwork) -> Option<&V> {
        self.entries.get_index(self.place(prefix)?).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, prefix: IpNetwork) -> Option<&mut V> {
        let place = self.place(prefix)?;
        self.entries.get_index_mut(place).map(|(_, value)| value)
    }

    /// Instead of what there was.
    pub(crate) fn insert(&mut self, prefix: IpNetwork, value: V) {
        self.near.set(self.entries.insert_full(prefix, value).0);
    }

    /// What there is of the prefix, or else the default, which is there from then on.
    pub(crate) fn get_or_default(&mut self, prefix: IpNetwork) -> &mut V
    where
        V: Default,
    {
        if let Some(place) = self.place(prefix) {
            return &mut self.entries[place];
        }
        self.near.set(self.entries.len());
        self.entries.entry(prefix).or_default()
    }

    /// The last entry takes its place.
    pub(crate) fn remove(&mut self, prefix: IpNetwork) -> Option<V> {
        let place = self.place(prefix)?;
        self.entries.swap_remove_index(place).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (IpNetwork, &V)> {
        self.entries.iter().map(|(prefix, value)| (*prefix, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (IpNetwork, &mut V)> {
        self.entries.iter_mut().map(|(prefix, value)| (*prefix, value))
    }
}

#[cfg(test)]
mod tests;
