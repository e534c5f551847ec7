//! The table: every path of every peer, by prefix and by peer. It is the Adj-RIB-In of all peers and the Loc-RIB at once.
//!
//! A [`Dest`] is a prefix with a chain of [`Path`]s; a path stands in its dest's chain and in its peer's list, both made
//! of numbers inside the path (40 octets a path, 36 a dest, plus 6–11 for the index). So a session's end, a refresh or a
//! new import policy costs what the peer announced, not what the table holds.
//!
//! In R3 of `tests/bench` (two million paths) 43 % of the processor time is apply, and 27 % [`Table::find_or_insert`]:
//! waiting for memory at a place that a hash has chosen. An array by prefix would be larger than all paths together.
//!
//! Paths that import refuses stay, marked with the reason: a changed policy needs no route refresh, and `show route`
//! can say why.
//!
//! A dest lives while it has paths or somebody still has its number: an update group's log, the dirty queue, the
//! pending kernel changes.

use std::hash::BuildHasher;

use bgp_proto::{Family, PathId, Prefix};

use crate::attrs::AttrId;
use crate::import::Rejection;
use crate::index::Index;
use crate::memory::Held;
use crate::peer::PeerId;
use crate::slab::{NONE, Slab};

/// A prefix and what is decided about it.
#[derive(Clone, Copy)]
pub(crate) struct Dest {
    pub(crate) prefix: Prefix,
    /// Waits to be decided.
    pub(crate) dirty: bool,
    pub(crate) facts: DestFacts,
    /// First path of the chain.
    pub(crate) head: u32,
    /// The path that won the last decision. Valid while the dest is not dirty.
    pub(crate) best: u32,
    /// What the kernel is to have: a number of [`crate::fib::FibStore`].
    pub(crate) fib: u32,
    /// Log entries that name this dest.
    pub(crate) holds: u32,
}

impl Default for Dest {
    fn default() -> Self {
        let prefix = Prefix::V4 { addr: [0; 4], len: 0 };
        Self { prefix, dirty: false, facts: DestFacts::default(), head: NONE, best: NONE, fib: NONE, holds: 0 }
    }
}

/// Small facts of a dest, in one octet.
#[derive(Clone, Copy, Default)]
pub(crate) struct DestFacts(u8);

impl DestFacts {
    const FIB_DIRTY: u8 = 1;
    const MIXED_MED: u8 = 2;

    /// Its kernel route changed and was not fetched yet.
    pub(crate) fn is_fib_dirty(self) -> bool {
        self.0 & Self::FIB_DIRTY != 0
    }

    pub(crate) fn set_fib_dirty(&mut self, dirty: bool) {
        self.set(Self::FIB_DIRTY, dirty);
    }

    /// The last decision saw more than one MED: which path is the best then hangs on all of them (RFC 4271 §9.1.2.2 c),
    /// and not on each one's comparison with the best.
    pub(crate) fn has_mixed_med(self) -> bool {
        self.0 & Self::MIXED_MED != 0
    }

    pub(crate) fn set_mixed_med(&mut self, mixed: bool) {
        self.set(Self::MIXED_MED, mixed);
    }

    fn set(&mut self, fact: u8, on: bool) {
        self.0 = if on { self.0 | fact } else { self.0 & !fact };
    }
}

/// One peer's offer for a prefix.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    pub(crate) dest: u32,
    /// The next one for the same prefix.
    pub(crate) next: u32,
    pub(crate) peer_prev: u32,
    pub(crate) peer_next: u32,
    pub(crate) peer: PeerId,
    /// As the peer sent it.
    pub(crate) path_id: PathId,
    /// As received.
    pub(crate) raw: AttrId,
    /// After import; the same set as `raw` unless the policy changed something.
    pub(crate) attrs: AttrId,
    pub(crate) rejected: Option<Rejection>,
    pub(crate) marks: Marks,
}

/// Small facts of a path.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The session that announced it is gone; kept by graceful restart (RFC 4724 §4.2).
    pub(crate) stale: bool,
    /// Not repeated yet since the peer began a refresh (RFC 7313 §4).
    pub(crate) refreshing: bool,
    /// The kernel discards what no longer prefix matches: originated here, or asked for by BLACKHOLE (RFC 7999).
    pub(crate) blackhole: bool,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            dest: NONE,
            next: NONE,
            peer_prev: NONE,
            peer_next: NONE,
            peer: PeerId::LOCAL,
            path_id: PathId::NONE,
            raw: AttrId::NONE,
            attrs: AttrId::NONE,
            rejected: None,
            marks: Marks::default(),
        }
    }
}

/// Paths of one peer in one family.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct PathCount {
    /// All of them.
    pub received: u32,
    /// Those import let through.
    pub accepted: u32,
    /// Those kept from a session that is gone.
    pub stale: u32,
    /// Those that are the best of their prefix.
    pub best: u32,
}

/// How large the table of a family is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct TableSize {
    /// Prefixes with a path.
    pub prefixes: usize,
    /// Paths that import let through.
    pub paths: usize,
}

#[derive(Clone, Copy)]
struct PeerList {
    head: u32,
    counts: [PathCount; 2],
}

impl Default for PeerList {
    fn default() -> Self {
        Self { head: NONE, counts: [PathCount::default(); 2] }
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) dests: Slab<Dest>,
    pub(crate) paths: Slab<Path>,
    index: Index,
    /// The dest found last.
    near: u32,
    hasher: foldhash::fast::RandomState,
    /// By [`list_of`].
    peers: Vec<PeerList>,
    /// Prefixes with a path, by [`family_index`].
    reached: [usize; 2],
}

/// What the table costs.
pub(crate) struct TableMemory {
    pub(crate) dests: Held,
    pub(crate) index: Held,
    pub(crate) paths: Held,
}

/// Where the peer's list stands; the local pseudo-peer is first.
fn list_of(peer: PeerId) -> usize {
    if peer.is_local() { 0 } else { peer.0 as usize + 1 }
}

pub(crate) fn family_index(family: Family) -> usize {
    usize::from(family == Family::IPV6_UNICAST)
}

impl Table {
    pub(crate) fn find(&self, prefix: &Prefix) -> Option<u32> {
        self.index.find(self.hasher.hash_one(prefix), |&id| self.dests[id].prefix == *prefix)
    }

    pub(crate) fn find_or_insert(&mut self, prefix: Prefix) -> u32 {
        let id = self.find_near(prefix).or_else(|| self.find(&prefix)).unwrap_or_else(|| self.insert(prefix));
        self.near = id;
        id
    }

    fn insert(&mut self, prefix: Prefix) -> u32 {
        let id = self.dests.insert(Dest { prefix, ..Dest::default() });
        let (dests, hasher) = (&self.dests, &self.hasher);
        self.index.insert(hasher.hash_one(prefix), id, |&id| hasher.hash_one(dests[id].prefix));
        id
    }

    /// The dest behind the one found last, if it is that: what came together mostly comes again together, and stands in a
    /// row. A full table that is announced again is taken in without a look into the index.
    fn find_near(&self, prefix: Prefix) -> Option<u32> {
        // Free places hold the default.
        let is_there = |id: &u32| *id < self.dests.upper() && self.dests[*id].prefix == prefix;
        (prefix != Dest::default().prefix).then(|| self.near.wrapping_add(1)).filter(is_there)
    }

    /// Forgets a dest that nobody needs any more; says whether it did.
    pub(crate) fn try_remove(&mut self, id: u32) -> bool {
        let dest = &self.dests[id];
        if dest.head != NONE || dest.holds > 0 || dest.dirty || dest.facts.is_fib_dirty() || dest.fib != NONE {
            return false;
        }
        let hash = self.hasher.hash_one(dest.prefix);
        if self.index.remove(hash, id) {
            self.dests.remove(id);
        }
        true
    }

    /// A log entry names the dest from now on.
    pub(crate) fn hold(&mut self, dest: u32) {
        self.dests[dest].holds += 1;
    }

    /// A log entry that named the dest is gone.
    pub(crate) fn unhold(&mut self, dest: u32) {
        self.dests[dest].holds -= 1;
        self.try_remove(dest);
    }

    /// A peer's path for a prefix.
    pub(crate) fn find_path(&self, dest: u32, peer: PeerId, path_id: PathId) -> Option<u32> {
        self.paths_of(dest).find(|&id| self.paths[id].peer == peer && self.paths[id].path_id == path_id)
    }

    /// The chain of a dest, in no meaningful order.
    pub(crate) fn paths_of(&self, dest: u32) -> impl Iterator<Item = u32> {
        let mut at = self.dests[dest].head;
        std::iter::from_fn(move || {
            let id = (at != NONE).then_some(at)?;
            at = self.paths[id].next;
            Some(id)
        })
    }

    /// All paths of a peer.
    pub(crate) fn paths_of_peer(&self, peer: PeerId) -> impl Iterator<Item = u32> {
        self.paths_of_peer_from(peer, None)
    }

    /// The paths of a peer from one of them on.
    pub(crate) fn paths_of_peer_from(&self, peer: PeerId, from: Option<u32>) -> impl Iterator<Item = u32> {
        let mut at = from.unwrap_or_else(|| self.peers.get(list_of(peer)).map_or(NONE, |list| list.head));
        std::iter::from_fn(move || {
            let id = (at != NONE).then_some(at)?;
            at = self.paths[id].peer_next;
            Some(id)
        })
    }

    /// Puts a path into its dest's chain and its peer's list.
    pub(crate) fn insert_path(&mut self, mut path: Path) -> u32 {
        let list = list_of(path.peer);
        if self.peers.len() <= list {
            self.peers.resize(list + 1, PeerList::default());
        }
        path.next = self.dests[path.dest].head;
        path.peer_prev = NONE;
        path.peer_next = self.peers[list].head;
        let (dest, second) = (path.dest, path.peer_next);
        if path.next == NONE {
            self.reached[family_index(self.dests[dest].prefix.family())] += 1;
        }
        let id = self.paths.insert(path);
        self.dests[dest].head = id;
        self.peers[list].head = id;
        if second != NONE {
            self.paths[second].peer_prev = id;
        }
        self.count(&path, 1);
        id
    }

    /// Takes a path out of both; its attributes' counts pass to the caller.
    pub(crate) fn remove_path(&mut self, id: u32) -> Path {
        let dest = self.paths[id].dest;
        let mut before = None;
        if self.dests[dest].head != id {
            before = self.paths_of(dest).find(|&at| self.paths[at].next == id);
        }
        self.take_out(id, before)
    }

    /// Takes a peer's path for a prefix out, if there is one: the chain is walked once.
    pub(crate) fn remove_path_of(&mut self, dest: u32, peer: PeerId, path_id: PathId) -> Option<Path> {
        let (mut before, mut at) = (None, self.dests[dest].head);
        while at != NONE {
            let path = &self.paths[at];
            if path.peer == peer && path.path_id == path_id {
                return Some(self.take_out(at, before));
            }
            (before, at) = (Some(at), path.next);
        }
        None
    }

    /// `before` is the path in front of it in its dest's chain.
    fn take_out(&mut self, id: u32, before: Option<u32>) -> Path {
        let path = self.paths.remove(id);
        self.count(&path, u32::MAX);
        match path.peer_prev {
            NONE => self.peers[list_of(path.peer)].head = path.peer_next,
            prev => self.paths[prev].peer_next = path.peer_next,
        }
        if path.peer_next != NONE {
            self.paths[path.peer_next].peer_prev = path.peer_prev;
        }
        if self.dests[path.dest].best == id {
            self.dests[path.dest].best = NONE;
            self.best_of(&path).best -= 1;
        }
        let dest = &mut self.dests[path.dest];
        match before {
            None => dest.head = path.next,
            Some(before) => self.paths[before].next = path.next,
        }
        if dest.head == NONE {
            self.reached[family_index(dest.prefix.family())] -= 1;
        }
        path
    }

    /// From now on this path of the dest is its best; `NONE` for no path.
    pub(crate) fn set_best(&mut self, dest: u32, best: u32) {
        let old = std::mem::replace(&mut self.dests[dest].best, best);
        if old == best {
            return;
        }
        if old != NONE {
            let path = self.paths[old];
            self.best_of(&path).best -= 1;
        }
        if best != NONE {
            let path = self.paths[best];
            self.best_of(&path).best += 1;
        }
    }

    fn best_of(&mut self, path: &Path) -> &mut PathCount {
        let family = family_index(self.dests[path.dest].prefix.family());
        &mut self.peers[list_of(path.peer)].counts[family]
    }

    /// Prefixes with a path, and paths that import let through.
    pub(crate) fn size(&self, family: Family) -> TableSize {
        let family = family_index(family);
        let paths = self.peers.iter().map(|list| list.counts[family].accepted as usize).sum();
        TableSize { prefixes: self.reached[family], paths }
    }

    /// Changes a path where it stands, keeping the peer's counts right.
    pub(crate) fn update_path(&mut self, id: u32, change: impl FnOnce(&mut Path)) {
        let before = self.paths[id];
        self.count(&before, u32::MAX);
        change(&mut self.paths[id]);
        let after = self.paths[id];
        self.count(&after, 1);
    }

    /// Paths of a peer, in all families.
    pub(crate) fn received(&self, peer: PeerId) -> u32 {
        self.peers.get(list_of(peer)).map_or(0, |list| list.counts.iter().map(|count| count.received).sum())
    }

    pub(crate) fn counts(&self, peer: PeerId, family: Family) -> PathCount {
        self.peers.get(list_of(peer)).map(|list| list.counts[family_index(family)]).unwrap_or_default()
    }

    pub(crate) fn memory(&self) -> TableMemory {
        let lists = self.peers.capacity() * size_of::<PeerList>();
        TableMemory {
            dests: Held { count: self.dests.len(), bytes: self.dests.memory() },
            index: Held { count: self.index.len(), bytes: self.index.memory() },
            paths: Held { count: self.paths.len(), bytes: self.paths.memory() + lists },
        }
    }

    /// `by` is 1, or `u32::MAX` for minus one.
    fn count(&mut self, path: &Path, by: u32) {
        let family = family_index(self.dests[path.dest].prefix.family());
        let count = &mut self.peers[list_of(path.peer)].counts[family];
        let add = |field: &mut u32, when: bool| *field = field.wrapping_add(if when { by } else { 0 });
        add(&mut count.received, true);
        add(&mut count.accepted, path.rejected.is_none());
        add(&mut count.stale, path.marks.stale);
    }
}

#[cfg(test)]
mod tests;
