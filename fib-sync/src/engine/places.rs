//! How many learned routes the kernel is given at most, and which of them wait for a place.
//!
//! A place is taken when a route could be written and given back when it no longer could, so routes that are withheld
//! for another reason keep nobody out. Whoever has one keeps it; free ones go to the lowest prefix that waits. A new
//! route may be written before the old one whose place it took is deleted: new before old, as everywhere.

use super::Engine;
use crate::desired::{Reason, Target};
use crate::resolve::Resolved;
use ipnetwork::IpNetwork;
use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(super) struct Places {
    taken: usize,
    waiting: BTreeSet<IpNetwork>,
}

impl Places {
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// No longer wanted.
    pub(super) fn forget(&mut self, prefix: IpNetwork, placed: bool) {
        self.taken -= usize::from(placed);
        self.waiting.remove(&prefix);
    }
}

impl Engine {
    /// Who waits for a place that is free.
    pub(super) fn next_waiting(&self) -> Option<IpNetwork> {
        let first = self.places.waiting.first().copied().filter(|_| self.places.taken < self.config.max_routes);
        first.filter(|prefix| !self.flights.hold(*prefix))
    }

    /// There may be fewer places than are taken: the highest prefixes give theirs up.
    pub(super) fn limit_places(&mut self) {
        let over = self.places.taken.saturating_sub(self.config.max_routes);
        if over == 0 {
            return;
        }
        let mut placed: Vec<IpNetwork> =
            self.desired.iter().filter(|(_, entry)| entry.placed).map(|(prefix, _)| prefix).collect();
        placed.sort_unstable();
        for prefix in placed.into_iter().rev().take(over) {
            if let Some(entry) = self.desired.get_mut(prefix) {
                entry.placed = false;
                self.places.taken -= 1;
                self.dirty.insert(prefix);
            }
        }
    }

    /// A learned route that could be written takes a place or waits for one; any other needs none.
    pub(super) fn place(&mut self, prefix: IpNetwork, resolved: Resolved) -> Resolved {
        let places = &mut self.places;
        places.waiting.remove(&prefix);
        let Some(entry) = self.desired.get_mut(prefix) else { return resolved };
        let needs = matches!((&entry.target, &resolved), (Target::Via(_), Resolved::Form(_)));
        if needs && !entry.placed {
            let first = places.waiting.first().is_none_or(|other| prefix < *other);
            if !first || places.taken >= self.config.max_routes {
                places.waiting.insert(prefix);
                return Resolved::Withheld(Reason::NoPlace(self.config.max_routes));
            }
        }
        places.taken += usize::from(needs);
        places.taken -= usize::from(entry.placed);
        entry.placed = needs;
        resolved
    }
}
