//! Numbers found by the hash of what they stand for, in many hash tables that grow at different times.
//!
//! A hash table that doubles moves all it holds at once, and to hash an entry anew is to fetch it from where it stands in
//! memory: with a million prefixes that took up to 126 ms, in which nobody was answered (`tests/bench R3-asked`). So
//! there are many small ones, and the hash says which. They are of unequal size on purpose: hashes are spread so evenly
//! that equal ones would be full at the same time, and all of them double in the same turn.
//!
//! Why not one that is divided bit by bit as it grows (linear hashing): its parts must have room for four times their
//! least, which is 12 octets a number where these have 6 to 11. And why not an old and a new table side by side until
//! all has moved: each search would look into both.

use hashbrown::HashTable;

/// Small ones. The largest is two in so many of all.
const PARTS: usize = 256;

/// See the module. It gives back no memory when numbers are removed.
pub(crate) struct Index {
    parts: Box<[HashTable<u32>; PARTS]>,
    len: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { parts: Box::new([const { HashTable::new() }; PARTS]), len: 0 }
    }
}

impl Index {
    /// Numbers in it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number with this hash that `is_it`.
    pub(crate) fn find(&self, hash: u64, is_it: impl FnMut(&u32) -> bool) -> Option<u32> {
        self.parts[part(hash)].find(hash, is_it).copied()
    }

    /// One more, which is not in it yet. `hash_of` is asked for the hashes of numbers that move.
    pub(crate) fn insert(&mut self, hash: u64, id: u32, hash_of: impl Fn(&u32) -> u64) {
        self.parts[part(hash)].insert_unique(hash, id, hash_of);
        self.len += 1;
    }

    /// One less; says whether it was in it.
    pub(crate) fn remove(&mut self, hash: u64, id: u32) -> bool {
        let Ok(found) = self.parts[part(hash)].find_entry(hash, |&other| other == id) else { return false };
        found.remove();
        self.len -= 1;
        true
    }

    /// Octets of memory held.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(&*self.parts) + self.parts.iter().map(HashTable::allocation_size).sum::<usize>()
    }
}

/// The lesser of two octets of the hash: the first part has 511 in 65,536 of all, the last one 1. Hashbrown goes by other
/// bits, the lowest and the uppermost seven.
fn part(hash: u64) -> usize {
    let [_, _, _, _, a, b, _, _] = hash.to_le_bytes();
    usize::from(a.min(b))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::BuildHasher;

    use foldhash::fast::FixedState;

    use super::*;

    const MANY: u32 = 300_000;

    fn full(hash_of: impl Fn(&u32) -> u64) -> Index {
        let mut index = Index::default();
        (0..MANY).for_each(|id| index.insert(hash_of(&id), id, &hash_of));
        index
    }

    #[test]
    fn growing_moves_few_numbers_at_once_and_at_different_times() {
        let (hasher, moved) = (FixedState::with_seed(7), Cell::new(0_usize));
        let hash_of = |id: &u32| {
            moved.set(moved.get() + 1);
            hasher.hash_one(id)
        };
        let mut index = Index::default();
        // A turn of the owner takes in some thousand prefixes.
        for turn in 1..=MANY / 5_000 {
            moved.set(0);
            for id in (turn - 1) * 5_000..turn * 5_000 {
                index.insert(hasher.hash_one(id), id, hash_of);
            }
            assert!(moved.get() <= 15_000, "{} of {} were moved in a turn", moved.get(), index.len());
        }
    }

    #[test]
    fn what_is_in_it_is_found_and_what_was_removed_is_not() {
        let hasher = FixedState::with_seed(7);
        let hash_of = |id: &u32| hasher.hash_one(id);
        let mut index = full(hash_of);
        assert!((0..MANY).filter(|id| id % 3 == 0).all(|id| index.remove(hash_of(&id), id)));
        assert!(!index.remove(hash_of(&0), 0), "it is gone");
        let find = |id: u32| index.find(hash_of(&id), |&other| other == id);
        assert!((0..MANY + 9).all(|id| find(id) == (id < MANY && id % 3 != 0).then_some(id)));
        assert_eq!(index.len(), MANY as usize / 3 * 2);
    }

    #[test]
    fn a_number_costs_as_much_as_in_one_table() {
        let hasher = FixedState::with_seed(7);
        assert!(Index::default().memory() < 10_000);
        let each = full(|id| hasher.hash_one(id)).memory() as f64 / f64::from(MANY);
        assert!((5.0..11.0).contains(&each), "{each} octets");
    }
}
