//! What the RIB costs, part by part.
//!
//! Every figure is kept or follows from a capacity: asking walks over groups, their members and their few slices, never
//! over prefixes, paths or attribute sets. `benches/memory.rs` holds them against an allocator that counts.

use crate::group::Group;
use crate::rib::Rib;

/// How many of something there are, and the octets of memory they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// So many.
    pub count: usize,
    /// Octets, free places included.
    pub bytes: usize,
}

/// Memory, by part. The parts do not overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryView {
    /// Prefixes: what is decided about each, and the queues of those to decide and to tell the kernel's side.
    pub dests: Held,
    /// Finding a prefix.
    pub index: Held,
    /// Paths of all peers and our own.
    pub paths: Held,
    /// Distinct attribute sets, their lists included.
    pub attrs: Held,
    /// Distinct next hops.
    pub next_hops: Held,
    /// Distinct targets of kernel routes.
    pub targets: Held,
    /// Entries in the logs of the update groups: what is announced, and tombstones.
    pub log: Held,
    /// Written slices that update groups keep for the next member.
    pub slices: Held,
    /// Members of update groups.
    pub members: Held,
    /// Peers.
    pub peers: Held,
    /// Attribute sets that arrived and were here already.
    pub attr_hits: u64,
    /// Attribute sets that arrived and were new.
    pub attr_misses: u64,
}

impl MemoryView {
    /// Octets of all parts.
    pub fn bytes(&self) -> usize {
        let Self { dests, index, paths, attrs, next_hops, targets, log, slices, members, peers, .. } = self;
        [dests, index, paths, attrs, next_hops, targets, log, slices, members, peers]
            .iter()
            .map(|part| part.bytes)
            .sum()
    }
}

impl Rib {
    /// What the RIB costs.
    pub fn memory(&self) -> MemoryView {
        let core = &self.core;
        let (attr_hits, attr_misses) = core.attrs.hits_and_misses();
        let table = core.table.memory();
        let queues = (core.dirty.capacity() + core.fib_dirty.capacity()) * size_of::<u32>();
        let groups = || self.groups.iter().flatten();
        let sum = |part: fn(&Group) -> Held| {
            groups()
                .map(part)
                .fold(Held::default(), |sum, one| Held { count: sum.count + one.count, bytes: sum.bytes + one.bytes })
        };
        let mut log = sum(|group| group.log.memory());
        for left in &self.dissolving {
            log.bytes += left.memory().bytes;
        }
        MemoryView {
            dests: Held { bytes: table.dests.bytes + queues, ..table.dests },
            index: table.index,
            paths: table.paths,
            attrs: core.attrs.memory(),
            next_hops: core.next_hops.memory(),
            targets: core.fib.memory(),
            log,
            slices: sum(|group| group.ring.memory()),
            members: sum(Group::members_memory),
            peers: core.peers.memory(),
            attr_hits,
            attr_misses,
        }
    }
}
