//! What one receiver holds: a bit a prefix, and how often it was told.

use std::ops::Range;

/// The prefixes a receiver holds.
#[derive(Debug, Clone, Default)]
pub struct Held {
    bits: Vec<u64>,
    count: usize,
    own: Range<usize>,
    /// Announcements of prefixes.
    pub announced: u64,
    /// Withdrawals of prefixes.
    pub withdrawn: u64,
}

impl Held {
    /// Nothing yet of `prefixes`; its own do not count, whether it is told of them or not.
    pub fn new(prefixes: usize, own: Range<usize>) -> Held {
        Held { bits: vec![0; prefixes.div_ceil(64)], own, ..Held::default() }
    }

    /// A prefix is announced.
    pub fn announce(&mut self, index: usize) {
        self.announced += 1;
        let bit = 1 << (index % 64);
        let word = &mut self.bits[index / 64];
        if *word & bit == 0 && !self.own.contains(&index) {
            *word |= bit;
            self.count += 1;
        }
    }

    /// A prefix is withdrawn.
    pub fn withdraw(&mut self, index: usize) {
        self.withdrawn += 1;
        let bit = 1 << (index % 64);
        let word = &mut self.bits[index / 64];
        if *word & bit != 0 {
            *word &= !bit;
            self.count -= 1;
        }
    }

    /// How many it holds.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether it holds a prefix that is not its own.
    pub fn holds(&self, index: usize) -> bool {
        self.bits[index / 64] & 1 << (index % 64) != 0
    }

    /// Its own prefixes.
    pub fn own(&self) -> &Range<usize> {
        &self.own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_counts_once_and_an_own_one_never() {
        let mut held = Held::new(130, 64..66);
        for index in [0, 63, 64, 65, 66, 129, 129, 0] {
            held.announce(index);
        }
        assert_eq!((held.count(), held.announced), (4, 8));
        assert!(held.holds(129) && !held.holds(64) && !held.holds(1));
        for index in [129, 129, 64, 5] {
            held.withdraw(index);
        }
        assert_eq!((held.count(), held.withdrawn), (3, 4));
    }
}
