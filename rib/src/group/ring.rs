//! Encoded slices of a group's log, kept for the next member that stands where they begin.
//!
//! Members at the head of the log ask one after the other for the same slice: the first has it written, the others clone
//! a [`Bytes`]. Slots are few and of bounded size, so a group costs a constant; a member that falls off is served slices
//! written for it alone.
//!
//! Three rules keep an old slice from doing harm. A slice most of whose entries have changed since is dropped: who has not
//! read the interim paths need not. And a slice older than a forgotten tombstone is dropped: it may announce what the log
//! no longer knows to withdraw. And a member that reads from the beginning again takes none that is older than its wish:
//! it may be the source of what the slice announces from somebody else, and was told to drop that long ago.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::memory::Held;
use crate::peer::PeerId;

/// Slices kept per group.
const SLOTS: usize = 32;

/// A slice of the log in bytes. The parts stand in this order, whole messages each:
///
/// 1. `only`: for one member each, by member;
/// 2. for all;
/// 3. `all_but`: for all but one member each, by member.
///
/// So a member's share is at most three pieces, and one piece for who is neither named nor excluded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    /// The first position covered.
    pub(crate) from: u64,
    /// One behind the last position covered.
    pub(crate) to: u64,
    /// The log's tail when it was written.
    pub(crate) written_at: u64,
    pub(crate) entries: u32,
    pub(crate) bytes: Bytes,
    /// Where the part for all begins.
    pub(crate) common: usize,
    /// Members with a part of their own: (member, begin, end), by member.
    pub(crate) only: Vec<(PeerId, usize, usize)>,
    /// Members with a part that is not for them, likewise.
    pub(crate) all_but: Vec<(PeerId, usize, usize)>,
    /// Tombstones the member need not know were left out, so it is of no use to others.
    pub(crate) private: bool,
}

impl Chunk {
    /// What the member gets.
    pub(crate) fn share(&self, peer: PeerId) -> SmallVec<[Bytes; 2]> {
        let find = |parts: &[(PeerId, usize, usize)]| {
            let at = parts.binary_search_by_key(&peer, |part| part.0).ok()?;
            Some((parts[at].1, parts[at].2))
        };
        let end = self.bytes.len();
        let (gap, rest) = find(&self.all_but).unwrap_or((end, end));
        let own = find(&self.only).unwrap_or((0, 0));
        let pieces = [own, (self.common, gap), (rest, end)];
        pieces.into_iter().filter(|(from, to)| from < to).map(|(from, to)| self.bytes.slice(from..to)).collect()
    }
}

#[derive(Default)]
struct Slot {
    chunk: Chunk,
    outdated: u32,
    used: u64,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Ring {
    slots: Vec<Slot>,
    /// Where the last hit was: members at the head ask for the same slice one after the other.
    last: usize,
    /// No slice begins before this position.
    low: u64,
    clock: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

impl Ring {
    /// The slice that begins at a position, if it was written when the log's tail was at `fresh` or later; an older one
    /// is dropped, for the caller is going to write it anew.
    pub(crate) fn find(&mut self, from: u64, fresh: u64) -> Option<&Chunk> {
        self.clock += 1;
        let here = |slot: &Slot| slot.chunk.from == from;
        if !self.slots.get(self.last).is_some_and(here) {
            self.last = self.slots.iter().position(here).unwrap_or(usize::MAX);
        }
        if self.slots.get(self.last).is_some_and(|slot| slot.chunk.written_at < fresh) {
            self.slots.swap_remove(self.last);
            self.last = usize::MAX;
        }
        let Some(slot) = self.slots.get_mut(self.last) else {
            self.misses += 1;
            return None;
        };
        self.hits += 1;
        slot.used = self.clock;
        Some(&slot.chunk)
    }

    /// Keeps a slice in place of the one that was longest of no use.
    pub(crate) fn insert(&mut self, chunk: Chunk) {
        let slot = Slot { chunk, outdated: 0, used: self.clock };
        if self.slots.len() < SLOTS {
            self.slots.push(slot);
        } else if let Some(oldest) = self.slots.iter_mut().min_by_key(|slot| slot.used) {
            *oldest = slot;
        }
        self.low = self.slots.iter().map(|slot| slot.chunk.from).min().unwrap_or(0);
    }

    /// The entry at a position has changed.
    pub(crate) fn outdate(&mut self, pos: u64) {
        if pos < self.low {
            return; // most changes are of entries that nobody was told of lately
        }
        let covers = |slot: &Slot| (slot.chunk.from..slot.chunk.to).contains(&pos);
        // Slices may overlap where members stood at different places.
        let mut at = 0;
        while at < self.slots.len() {
            let slot = &mut self.slots[at];
            if covers(slot) {
                slot.outdated += 1;
                if slot.outdated * 2 > slot.chunk.entries {
                    self.slots.swap_remove(at);
                    continue;
                }
            }
            at += 1;
        }
    }

    /// A tombstone before `pos` was forgotten.
    pub(crate) fn forget_before(&mut self, pos: u64) {
        self.slots.retain(|slot| slot.chunk.written_at >= pos);
    }

    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }

    pub(crate) fn memory(&self) -> Held {
        let part = size_of::<(PeerId, usize, usize)>();
        let heap = |chunk: &Chunk| chunk.bytes.len() + (chunk.only.capacity() + chunk.all_but.capacity()) * part;
        let bytes: usize = self.slots.iter().map(|slot| heap(&slot.chunk)).sum();
        Held { count: self.slots.len(), bytes: bytes + self.slots.capacity() * size_of::<Slot>() }
    }
}
