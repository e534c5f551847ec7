//! Numbered storage: a value keeps its `u32` for as long as it lives, numbers are used again.
//!
//! The table's parts point at each other with these numbers, four octets instead of eight, and no allocation per
//! value. Values stand in pages of a fixed size, so growth copies nothing: a `Vec` that doubles at a million paths
//! holds the table three times while it does. The first page alone grows as it is filled: an update group may have a few
//! entries, and there may be thousands of groups.

use std::ops::{Index, IndexMut};

/// "No value": never given out as a number.
pub(crate) const NONE: u32 = u32::MAX;

const PAGE_BITS: u32 = 10;
const PAGE: usize = 1 << PAGE_BITS;

/// See the module. A removed value's place holds `T::default()` until it is used again.
pub(crate) struct Slab<T> {
    pages: Vec<Vec<T>>,
    free: Vec<u32>,
    upper: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), free: Vec::new(), upper: 0 }
    }
}

impl<T: Default> Slab<T> {
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(id) = self.free.pop() {
            self[id] = value;
            return id;
        }
        let id = self.upper;
        if (id as usize).is_multiple_of(PAGE) {
            self.pages.push(Vec::with_capacity(if id == 0 { 0 } else { PAGE }));
        }
        self.pages[(id >> PAGE_BITS) as usize].push(value);
        self.upper += 1;
        id
    }

    /// Takes the value out. The caller holds no other copy of its number.
    pub(crate) fn remove(&mut self, id: u32) -> T {
        self.free.push(id);
        std::mem::take(&mut self[id])
    }
}

impl<T> Slab<T> {
    /// Values alive.
    pub(crate) fn len(&self) -> usize {
        self.upper as usize - self.free.len()
    }

    /// One more than the largest number ever given out. Free places between hold `T::default()`.
    pub(crate) fn upper(&self) -> u32 {
        self.upper
    }

    /// Octets of memory held.
    pub(crate) fn memory(&self) -> usize {
        let first = self.pages.first().map_or(0, Vec::capacity);
        (first + self.pages.len().saturating_sub(1) * PAGE) * size_of::<T>()
            + self.pages.capacity() * size_of::<Vec<T>>()
            + self.free.capacity() * size_of::<u32>()
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, id: u32) -> &T {
        &self.pages[(id >> PAGE_BITS) as usize][id as usize % PAGE]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, id: u32) -> &mut T {
        &mut self.pages[(id >> PAGE_BITS) as usize][id as usize % PAGE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_take_little() {
        let mut slab = Slab::default();
        assert_eq!(slab.memory(), 0);
        slab.insert(1);
        assert!(slab.memory() < 200, "{}", slab.memory());
    }

    #[test]
    fn numbers_stay_while_values_live_and_are_used_again_after() {
        let mut slab = Slab::default();
        let ids: Vec<u32> = (0..3000).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.remove(ids[1500]), 1500);
        assert_eq!((slab.len(), slab.upper()), (2999, 3000));
        assert_eq!(slab.insert(7), ids[1500]);
        assert!(slab.memory() < 3 * PAGE * 4 + 1000, "{}", slab.memory());
        assert!(ids.iter().all(|&id| slab[id] == if id == 1500 { 7 } else { id }));
    }
}
