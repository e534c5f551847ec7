//! Adj-RIB-Out of one update group: a table whose entries are also a list in order of last change.
//!
//! A member of the group is a cursor into that list. The initial dump, a route refresh and a peer that fell behind are
//! therefore the same act: walk from the cursor to the tail. What changed twice stands in the list once, at its last
//! change, so a slow peer gets the last word and costs no memory.
//!
//! The list is a queue of entry numbers; an entry's place in it is a position that only grows. An entry that changes
//! leaves a hole and moves to the tail; holes are closed when they outnumber the entries, and the cursors are told.
//! Four octets a place, read in order, where links would cost eight and a cache miss per step.
//!
//! An entry whose path is gone stays as a tombstone until every cursor has passed it.

use std::collections::VecDeque;

use bgp_proto::PathId;
use hashbrown::{HashMap, hash_map};

use super::heads::Heads;
use crate::attrs::AttrId;
use crate::memory::Held;
use crate::peer::PeerId;
use crate::slab::{NONE, Slab};

/// What members are told about one (prefix, path id).
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) dest: u32,
    pub(crate) path_id: PathId,
    /// [`AttrId::NONE`]: gone.
    pub(crate) attrs: AttrId,
    /// The peer the path came from.
    pub(crate) source: PeerId,
    /// The next entry of the same dest.
    next: u32,
    /// Some member may still hold a path of another source: then the source itself must be told to drop it.
    pub(crate) mixed: bool,
    /// MED was set by policy.
    pub(crate) keep_med: bool,
    /// The place in the list.
    pub(crate) pos: u64,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            dest: NONE,
            path_id: PathId::NONE,
            attrs: AttrId::NONE,
            source: PeerId::LOCAL,
            next: NONE,
            mixed: false,
            keep_med: false,
            pos: 0,
        }
    }
}

impl Entry {
    pub(crate) fn is_gone(&self) -> bool {
        self.attrs == AttrId::NONE
    }
}

/// What an entry is to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct News {
    pub(crate) path_id: PathId,
    pub(crate) attrs: AttrId,
    pub(crate) source: PeerId,
    pub(crate) keep_med: bool,
}

/// See the module. Attribute counts and dest holds are the caller's business; it is told what to give back.
#[derive(Default)]
pub(crate) struct Log {
    entries: Slab<Entry>,
    /// The first entry of each dest.
    heads: Heads,
    order: VecDeque<u32>,
    /// Position of the first place in `order`.
    base: u64,
    holes: usize,
    live: usize,
    /// Positions at which entries died; some came back since.
    tombstones: VecDeque<u64>,
    /// No cursor is before this position; it may lag behind the lowest one.
    passed: u64,
    /// Entries that are not gone, by where they come from; none are zero.
    by_source: HashMap<PeerId, u32, foldhash::fast::RandomState>,
}

impl Log {
    /// One behind the last position.
    pub(crate) fn tail(&self) -> u64 {
        self.base + self.order.len() as u64
    }

    /// Entries that are not gone.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Those of one peer.
    pub(crate) fn live_of(&self, source: PeerId) -> usize {
        self.by_source.get(&source).map_or(0, |&count| count as usize)
    }

    pub(crate) fn has_tombstones(&self) -> bool {
        !self.tombstones.is_empty()
    }

    /// Whether [`Log::sweep`] has something left to forget.
    pub(crate) fn has_tombstones_before(&self, passed: u64) -> bool {
        self.tombstones.front().is_some_and(|&pos| pos < passed)
    }

    /// Entries that are gone and not forgotten.
    pub(crate) fn dead(&self) -> usize {
        self.entries.len() - self.live
    }

    pub(crate) fn memory(&self) -> Held {
        let lists = self.order.capacity() * size_of::<u32>() + self.tombstones.capacity() * size_of::<u64>();
        let indices = self.heads.memory() + self.by_source.allocation_size();
        Held { count: self.entries.len(), bytes: self.entries.memory() + lists + indices }
    }

    pub(crate) fn entry(&self, id: u32) -> &Entry {
        &self.entries[id]
    }

    /// The entries of a dest, tombstones included.
    pub(crate) fn entries_of(&self, dest: u32) -> impl Iterator<Item = u32> {
        let mut at = self.heads.find(dest).unwrap_or(NONE);
        std::iter::from_fn(move || {
            let id = (at != NONE).then_some(at)?;
            at = self.entries[id].next;
            Some(id)
        })
    }

    pub(crate) fn find(&self, dest: u32, path_id: PathId) -> Option<u32> {
        self.entries_of(dest).find(|&id| self.entries[id].path_id == path_id)
    }

    /// The first position from `from` on that holds an entry, or the tail.
    pub(crate) fn skip_holes(&self, from: u64) -> u64 {
        let from = from.max(self.base);
        let holes = self.order.iter().skip((from - self.base) as usize).take_while(|&&id| id == NONE).count();
        from + holes as u64
    }

    /// Entries with their positions, from a position to the tail.
    pub(crate) fn walk(&self, from: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let from = from.max(self.base);
        let places = self.order.iter().skip((from - self.base) as usize).zip(from..);
        places.filter(|(id, _)| **id != NONE).map(|(id, pos)| (pos, &self.entries[*id]))
    }

    /// A path for something members were told nothing about.
    pub(crate) fn insert(&mut self, dest: u32, news: News) {
        let News { path_id, attrs, source, keep_med } = news;
        let next = self.heads.find(dest).unwrap_or(NONE);
        let pos = self.tail();
        let id = self.entries.insert(Entry { dest, path_id, attrs, source, next, mixed: false, keep_med, pos });
        self.order.push_back(id);
        self.live += 1;
        self.count(source, true);
        self.heads.set(dest, id);
    }

    /// Another path, or a path again, at the tail. Returns the attributes no longer named and the position left.
    pub(crate) fn announce(&mut self, id: u32, news: News) -> (AttrId, u64) {
        let passed = self.passed;
        let entry = &mut self.entries[id];
        if entry.is_gone() || entry.source != news.source {
            entry.mixed = true;
        } else if entry.pos < passed {
            entry.mixed = false; // everybody has seen this source's path and dropped the other's
        }
        let (was_gone, former) = (entry.is_gone(), entry.source);
        let old = std::mem::replace(&mut entry.attrs, news.attrs);
        (entry.source, entry.keep_med) = (news.source, news.keep_med);
        self.live += usize::from(was_gone);
        if was_gone || former != news.source {
            self.count(news.source, true);
            if !was_gone {
                self.count(former, false);
            }
        }
        (old, self.move_to_tail(id))
    }

    /// The same outgoing bytes by other attributes: nothing moves. Returns the attributes no longer named.
    pub(crate) fn replace(&mut self, id: u32, news: News) -> AttrId {
        let entry = &mut self.entries[id];
        entry.keep_med = news.keep_med;
        std::mem::replace(&mut entry.attrs, news.attrs)
    }

    /// The path is gone. Returns its attributes and the position left.
    pub(crate) fn withdraw(&mut self, id: u32) -> (AttrId, u64) {
        let attrs = std::mem::replace(&mut self.entries[id].attrs, AttrId::NONE);
        self.live -= 1;
        self.count(self.entries[id].source, false);
        let left = self.move_to_tail(id);
        self.tombstones.push_back(self.entries[id].pos);
        (attrs, left)
    }

    /// Forgets up to `limit` of the tombstones before `passed`, the lowest cursor; `freed` is told each entry's dest.
    /// Returns the position behind the last one forgotten: bytes written before it must not be given to a new member,
    /// who would never hear that the path is gone.
    pub(crate) fn sweep(&mut self, passed: u64, limit: usize, mut freed: impl FnMut(u32)) -> Option<u64> {
        self.passed = self.passed.max(passed);
        let mut last = None;
        for _ in 0..limit {
            let Some(pos) = self.tombstones.pop_front_if(|pos| *pos < passed) else { break };
            let Some(place) = pos.checked_sub(self.base).and_then(|at| self.order.get_mut(at as usize)) else {
                continue;
            };
            let id = *place;
            if id == NONE || !self.entries[id].is_gone() {
                continue; // it came back
            }
            *place = NONE;
            self.holes += 1;
            let dest = self.entries[id].dest;
            self.unlink(id);
            freed(dest);
            last = Some(pos + 1);
        }
        while self.order.front() == Some(&NONE) {
            self.order.pop_front();
            self.base += 1;
            self.holes -= 1;
        }
        last
    }

    /// Whether it is time to [`Log::compact`].
    pub(crate) fn is_sparse(&self) -> bool {
        self.holes > self.entries.len() + 64
    }

    /// Closes the holes. Positions change: `positions` are moved along, each to the place of the same entry. The tail
    /// stays where it is.
    pub(crate) fn compact(&mut self, positions: Vec<&mut u64>) {
        let mut positions = positions;
        positions.push(&mut self.passed);
        positions.sort_unstable_by_key(|pos| **pos);
        let tail = self.base + self.order.len() as u64;
        let base = tail - (self.order.len() - self.holes) as u64;
        let mut waiting = positions.into_iter().peekable();
        let mut order = VecDeque::with_capacity(self.order.len() - self.holes);
        self.tombstones.clear();
        for (&id, old) in self.order.iter().zip(self.base..) {
            let new = base + order.len() as u64;
            while let Some(pos) = waiting.next_if(|pos| **pos <= old) {
                *pos = new;
            }
            if id == NONE {
                continue;
            }
            self.entries[id].pos = new;
            if self.entries[id].is_gone() {
                self.tombstones.push_back(new);
            }
            order.push_back(id);
        }
        for pos in waiting {
            // "Not yet" (u64::MAX) stays what it is.
            if *pos != u64::MAX {
                *pos = tail;
            }
        }
        (self.order, self.base, self.holes) = (order, base, 0);
    }

    /// Takes out up to `limit` entries of a log that is of no use any more, and tells `freed` the attributes and the
    /// dest of each; says whether there are more.
    pub(crate) fn drain(&mut self, limit: usize, mut freed: impl FnMut(AttrId, u32)) -> bool {
        for _ in 0..limit {
            let Some(id) = self.order.pop_front() else { break };
            if id != NONE {
                freed(self.entries[id].attrs, self.entries[id].dest);
            }
        }
        !self.order.is_empty()
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.walk(self.base).map(|(_, entry)| entry)
    }

    fn move_to_tail(&mut self, id: u32) -> u64 {
        let left = self.entries[id].pos;
        self.order[(left - self.base) as usize] = NONE;
        self.holes += 1;
        self.entries[id].pos = self.base + self.order.len() as u64;
        self.order.push_back(id);
        left
    }

    fn count(&mut self, source: PeerId, one_more: bool) {
        match self.by_source.entry(source) {
            hash_map::Entry::Occupied(mut count) if one_more => *count.get_mut() += 1,
            hash_map::Entry::Occupied(count) if *count.get() == 1 => drop(count.remove()),
            hash_map::Entry::Occupied(mut count) => *count.get_mut() -= 1,
            hash_map::Entry::Vacant(place) => drop(place.insert(1)),
        }
    }

    fn unlink(&mut self, id: u32) {
        let Entry { dest, next, .. } = self.entries[id];
        let head = self.heads.find(dest);
        if head == Some(id) && next != NONE {
            self.heads.set(dest, next);
        } else if head == Some(id) {
            self.heads.remove(dest);
        } else if let Some(mut at) = head {
            while self.entries[at].next != id {
                at = self.entries[at].next;
            }
            self.entries[at].next = next;
        }
        self.entries.remove(id);
    }
}

#[cfg(test)]
mod tests;
