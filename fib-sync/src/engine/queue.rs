//! Prefixes in line, each once, first come first served: of a table, neighbours handed in together stay together.

use crate::hash::HashSet;
use ipnetwork::IpNetwork;
use std::collections::VecDeque;

/// So many that have left may stand in the line, whatever its length.
const SLACK: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// With some that have left it.
    line: VecDeque<IpNetwork>,
    waiting: HashSet<IpNetwork>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// At the end, unless it is in line already.
    pub(super) fn insert(&mut self, prefix: IpNetwork) {
        if !self.waiting.insert(prefix) {
            return;
        }
        if self.line.len() >= SLACK + 2 * self.waiting.len() {
            let mut kept = HashSet::default();
            self.line.retain(|prefix| self.waiting.contains(prefix) && kept.insert(*prefix));
            if kept.contains(&prefix) {
                // It had left, and its old place is its new one.
                return;
            }
        }
        self.line.push_back(prefix);
    }

    /// Leaves the line.
    pub(super) fn remove(&mut self, prefix: IpNetwork) {
        if !self.waiting.is_empty() {
            self.waiting.remove(&prefix);
        }
    }

    /// The first in line.
    pub(super) fn pop_first(&mut self) -> Option<IpNetwork> {
        loop {
            let prefix = self.line.pop_front()?;
            if self.waiting.remove(&prefix) {
                return Some(prefix);
            }
        }
    }
}

impl Extend<IpNetwork> for Queue {
    fn extend<I: IntoIterator<Item = IpNetwork>>(&mut self, prefixes: I) {
        prefixes.into_iter().for_each(|prefix| self.insert(prefix));
    }
}

#[cfg(test)]
mod tests;
