//! What every part of the RIB reads and the owner alone changes: configuration, peers, table and the stores behind it.
//!
//! It stands apart from the groups so that a group can be fed from it while being changed itself.

use std::cmp::Ordering;
use std::collections::VecDeque;

use bgp_proto::RouterId;
use bgp_proto::attr::PathAttrs;
use smallvec::SmallVec;

use crate::attrs::{AttrId, AttrStore};
use crate::changes::Changes;
use crate::config::RibConfig;
use crate::decide::{Candidate, Med, Step, compare};
use crate::fib::FibStore;
use crate::import::Rejection;
use crate::next_hop::NextHops;
use crate::peer::{PeerId, Peers};
use crate::slab::NONE;
use crate::table::{Marks, Path, Table, family_index};

/// See the module.
pub(crate) struct Core {
    pub(crate) config: RibConfig,
    pub(crate) table: Table,
    pub(crate) attrs: AttrStore,
    pub(crate) next_hops: NextHops,
    pub(crate) peers: Peers,
    /// Clusters of clients beside the configuration's own. One stays when its last client goes: paths that carry it came
    /// through here.
    pub(crate) clusters: Vec<RouterId>,
    pub(crate) fib: FibStore,
    /// Update groups whose members are told more than the best path, by family.
    pub(crate) add_path_groups: [usize; 2],
    /// Dests to decide; each stands here once.
    pub(crate) dirty: VecDeque<u32>,
    /// Dests whose kernel route changed; each stands here once.
    pub(crate) fib_dirty: Vec<u32>,
    /// The next path to look at for next hops that changed, while that goes on.
    pub(crate) scan: Option<u32>,
    /// The next dest to decide again because the configuration changed, while that goes on.
    pub(crate) redecide: Option<u32>,
    pub(crate) changes: Changes,
}

/// What becomes of an offered path.
pub(crate) struct Offer {
    pub(crate) raw: AttrId,
    /// What import made of `raw`; counted once more for the path.
    pub(crate) attrs: AttrId,
    pub(crate) rejected: Option<Rejection>,
    pub(crate) blackhole: bool,
}

impl Core {
    pub(crate) fn new(config: RibConfig) -> Self {
        Self {
            config,
            table: Table::default(),
            attrs: AttrStore::default(),
            next_hops: NextHops::default(),
            peers: Peers::default(),
            clusters: Vec::new(),
            fib: FibStore::default(),
            add_path_groups: [0; 2],
            dirty: VecDeque::new(),
            fib_dirty: Vec::new(),
            scan: None,
            redecide: None,
            changes: Changes::default(),
        }
    }

    pub(crate) fn mark_dirty(&mut self, dest: u32) {
        if !std::mem::replace(&mut self.table.dests[dest].dirty, true) {
            self.dirty.push_back(dest);
        }
    }

    /// Whether a path has passed a cluster of ours. RFC 4456 §8
    pub(crate) fn has_own_cluster(&self, attrs: &PathAttrs) -> bool {
        attrs.cluster_list.iter().any(|id| *id == self.config.cluster_id || self.clusters.contains(id))
    }

    /// Puts a peer's path for a dest in place, new or instead of its former one.
    pub(crate) fn put(&mut self, dest: u32, peer: PeerId, path_id: bgp_proto::PathId, offer: Offer) {
        self.attrs.retain(offer.raw);
        let marks = Marks { blackhole: offer.blackhole, ..Marks::default() };
        let Some(id) = self.table.find_path(dest, peer, path_id) else {
            let Offer { raw, attrs, rejected, .. } = offer;
            let path = Path { dest, peer, path_id, raw, attrs, rejected, marks, ..Path::default() };
            self.table.insert_path(path);
            if self.matters(&path) {
                self.mark_dirty(dest);
            }
            self.note_change(dest);
            return;
        };
        let old = self.table.paths[id];
        let is_best = self.table.dests[dest].best == id;
        let mattered = is_best || self.matters(&old);
        self.table.update_path(id, |path| {
            (path.raw, path.attrs, path.rejected, path.marks) = (offer.raw, offer.attrs, offer.rejected, marks);
        });
        let matters = mattered || self.matters(&self.table.paths[id]);
        self.attrs.release(old.raw, &mut self.next_hops);
        self.attrs.release(old.attrs, &mut self.next_hops);
        // A repetition decides nothing.
        let changed = old.attrs != offer.attrs
            || old.rejected.is_some() != offer.rejected.is_some()
            || old.marks.blackhole != offer.blackhole;
        if matters && changed {
            self.mark_dirty(dest);
        }
        if changed || old.marks.stale {
            self.note_change(dest);
        }
    }

    pub(crate) fn remove_path(&mut self, id: u32) {
        let path = self.table.remove_path(id);
        self.removed(&path);
    }

    /// A path was taken out of the table.
    pub(crate) fn removed(&mut self, path: &Path) {
        // The last one's dest goes when it is decided.
        if self.table.dests[path.dest].head == NONE || self.matters(path) {
            self.mark_dirty(path.dest);
        }
        self.note_change(path.dest);
        self.attrs.release(path.raw, &mut self.next_hops);
        self.attrs.release(path.attrs, &mut self.next_hops);
    }

    /// Whether a path that comes or goes, and is not the best of its dest, may change what is told of it or installed.
    /// Most do not: of thirty peers' paths for a prefix four become the best on average, and deciding among all thirty
    /// costs fifteen times what this does.
    fn matters(&self, path: &Path) -> bool {
        let dest = &self.table.dests[path.dest];
        if dest.dirty || path.rejected.is_some() {
            return false;
        }
        let all_count =
            self.config.prefer_oldest_external || self.add_path_groups[family_index(dest.prefix.family())] > 0;
        if dest.best == NONE || dest.facts.has_mixed_med() || all_count {
            return true;
        }
        let (path, best) = (self.candidate(path), self.candidate(&self.table.paths[dest.best]));
        let (order, step) = compare(&path, &best, Med::Skip);
        // With one MED for all, the comparison is a total order. Paths as good as the best stand beside it in the kernel.
        path.med != best.med || order != Ordering::Less || (self.config.kernel && step > Step::Metric)
    }

    /// The accepted paths of a dest as the decision sees them, with their numbers.
    pub(crate) fn candidates(&self, dest: u32, candidates: &mut Vec<Candidate>, numbers: &mut SmallVec<[u32; 8]>) {
        candidates.clear();
        numbers.clear();
        let mut at = self.table.dests[dest].head;
        while at != NONE {
            let path = &self.table.paths[at];
            if path.rejected.is_none() {
                candidates.push(self.candidate(path));
                numbers.push(at);
            }
            at = path.next;
        }
        // The last resort: where none is usable, being so tells nothing apart. See `next_hop`.
        if !candidates.iter().any(|candidate| candidate.usable) {
            candidates.iter_mut().for_each(|candidate| candidate.usable = true);
        }
        if self.config.prefer_oldest_external {
            self.mark_incumbents(dest, candidates);
        }
    }

    /// RFC 5004 §3: of external paths equal up to here, the best so far stays; between sessions to its own router the
    /// decision goes on.
    fn mark_incumbents(&self, dest: u32, candidates: &mut [Candidate]) {
        let best = self.table.dests[dest].best;
        if best == NONE || self.table.paths[best].rejected.is_some() {
            return;
        }
        let best = self.candidate(&self.table.paths[best]);
        for candidate in candidates {
            candidate.incumbent = best.external && candidate.external && candidate.router_id == best.router_id;
        }
    }

    pub(crate) fn candidate(&self, path: &Path) -> Candidate {
        let facts = self.attrs.facts(path.attrs);
        let source = self.peers.source(path.peer);
        let prefix = &self.table.dests[path.dest].prefix;
        Candidate::of(prefix, facts, self.next_hops.state(facts.next_hop), &source, path.path_id)
    }
}
