//! Settling: every prefix that changed is decided once, then the groups and the kernel's queue are told.
//!
//! The owner calls this between taking in what was there to read, a slice of prefixes at a time. However many UPDATEs
//! touched a prefix while it waited, it costs one decision, and the paths between are never seen by anybody.
//!
//! What R4 of `tests/bench` showed under `perf` (thirty peers with the same prefixes): 58 % of the processor time was
//! here, 28 % to find the kernel's next hops where there is no kernel side, 21 % to gather thirty candidates from memory
//! for each path that came. Hence `RibConfig::kernel` and `Core::matters`, which asks first whether a path can change
//! anything.

use bgp_proto::attr::NextHop;
use smallvec::SmallVec;

use crate::core::Core;
use crate::decide::{Candidate, Med, Selection, compare, select};
use crate::export::admit;
use crate::fib::{FibRoute, Tunnel, Via};
use crate::group::{Group, News};
use crate::peer::sent_path_id;
use crate::rib::Rib;
use crate::slab::NONE;

/// Paths looked at for each that may be marked: looking is that much cheaper than deciding.
const SCAN: usize = 16;

/// How many prefixes may be marked in a turn that decides `limit`, of which so many are marked already. A little in any
/// case: those who announce much without end must not keep others' routes from going.
fn room_of(limit: usize, marked: usize) -> usize {
    limit.saturating_sub(marked).max(limit.div_ceil(8))
}

/// Working memory, kept from prefix to prefix.
#[derive(Default)]
pub(crate) struct Workspace {
    candidates: Vec<Candidate>,
    numbers: SmallVec<[u32; 8]>,
    told: SmallVec<[News; 1]>,
    order: Vec<usize>,
}

impl Rib {
    /// Decides up to `limit` prefixes; goes on, over about as many each, with what concerns all paths of a peer or of a
    /// next hop, with filling new groups from the table and with giving back what is gone. Says whether there is more to
    /// do.
    pub fn settle(&mut self, limit: usize) -> bool {
        let core = &mut self.core;
        core.mark_redecided(room_of(limit, core.dirty.len()));
        core.mark_changed_next_hops(room_of(limit, core.dirty.len()));
        self.walk_on(room_of(limit, self.core.dirty.len()));
        for _ in 0..limit {
            let Some(dest) = self.core.dirty.pop_front() else { break };
            self.decide(dest);
        }
        let filling = self.fill(limit);
        let mut untidy = self.dissolve(limit);
        for group in self.groups.iter_mut().flatten() {
            group.forget_compared(&mut self.core);
            untidy |= group.tidy(limit, &mut self.core);
        }
        let core = &self.core;
        let marking = core.redecide.is_some() || core.scan.is_some() || core.next_hops.any_changed();
        filling || untidy || marking || !self.walkers.is_empty() || !core.dirty.is_empty()
    }

    /// Gives back what the logs of groups that are gone hold; says whether there is more.
    fn dissolve(&mut self, limit: usize) -> bool {
        let Some(log) = self.dissolving.last_mut() else { return false };
        let core = &mut self.core;
        let more = log.drain(limit, |attrs, dest| {
            core.attrs.release(attrs, &mut core.next_hops);
            core.table.unhold(dest);
        });
        if !more {
            self.dissolving.pop();
        }
        !self.dissolving.is_empty()
    }

    fn decide(&mut self, dest: u32) {
        let Self { core, work, groups, .. } = self;
        core.table.dests[dest].dirty = false;
        core.candidates(dest, &mut work.candidates, &mut work.numbers);
        let selection = select(&work.candidates, core.config.always_compare_med);
        core.table.set_best(dest, selection.best.map_or(NONE, |best| work.numbers[best]));
        let at = &mut core.table.dests[dest];
        at.facts.set_mixed_med(work.candidates.windows(2).any(|pair| pair[0].med != pair[1].med));
        if core.config.kernel {
            core.update_fib(dest, work, &selection);
        }
        let family = core.table.dests[dest].prefix.family();
        for group in groups.iter_mut().flatten().filter(|group| group.key.family == family) {
            work.feed(core, group, dest);
        }
        core.note_change(dest);
        core.table.try_remove(dest);
    }

    /// Feeds groups that are new; says whether one is not full yet.
    fn fill(&mut self, limit: usize) -> bool {
        let Self { core, work, groups, .. } = self;
        let mut filling = false;
        for group in groups.iter_mut().flatten() {
            let Some(from) = group.fill else {
                if core.dirty.is_empty() {
                    group.filled();
                }
                continue;
            };
            let upper = core.table.dests.upper();
            let to = from.saturating_add(u32::try_from(limit).unwrap_or(u32::MAX)).min(upper);
            for dest in from..to {
                let at = &core.table.dests[dest];
                // A dirty one is fed when it is decided; its best path may be gone.
                if at.best == NONE || at.dirty || at.prefix.family() != group.key.family {
                    continue;
                }
                if group.key.is_add_path() {
                    core.candidates(dest, &mut work.candidates, &mut work.numbers);
                } else {
                    let path = core.table.paths[at.best];
                    work.candidates.clear();
                    work.candidates.push(core.candidate(&path));
                    work.numbers.clear();
                    work.numbers.push(at.best);
                }
                work.feed(core, group, dest);
            }
            if to == upper && core.dirty.is_empty() {
                group.filled();
            } else {
                group.fill = Some(to);
                filling = true;
            }
        }
        filling
    }
}

impl Workspace {
    /// Tells a group what its members hold of a dest from now on.
    fn feed(&mut self, core: &mut Core, group: &mut Group, dest: u32) {
        let add_path = group.key.is_add_path();
        let limit = if add_path { core.config.add_path_limit } else { 1 };
        if add_path {
            self.rank();
        } else {
            self.order.clear();
            let best = core.table.dests[dest].best;
            self.order.extend(self.numbers.iter().position(|&number| number == best));
        }
        self.told.clear();
        let prefix = core.table.dests[dest].prefix;
        for &at in &self.order {
            if self.told.len() == limit {
                break;
            }
            let number = self.numbers[at];
            let path = core.table.paths[number];
            let source = core.peers.source(path.peer);
            let admitted = admit(&group.key, &source, &prefix, path.attrs, &mut core.attrs, &mut core.next_hops);
            if let Ok(admitted) = admitted {
                let path_id = if add_path { sent_path_id(number) } else { bgp_proto::PathId::NONE };
                let (attrs, keep_med) = (admitted.attrs, admitted.keep_med);
                self.told.push(News { path_id, attrs, source: path.peer, keep_med });
            }
        }
        group.feed(dest, &self.told, core);
    }

    /// All usable candidates, best first. MED counts between all of them here: a rank must be one order, and which path
    /// is the third best changes no packet.
    fn rank(&mut self) {
        let candidates = &self.candidates;
        self.order.clear();
        self.order.extend((0..candidates.len()).filter(|&at| candidates[at].usable));
        self.order.sort_unstable_by(|&a, &b| compare(&candidates[b], &candidates[a], Med::Compare).0);
    }
}

impl Core {
    /// Marks the prefixes whose paths go by a next hop that changed: up to `limit` of them, and no more than a few times
    /// as many paths are looked at.
    fn mark_changed_next_hops(&mut self, limit: usize) {
        if self.scan.is_none() && self.next_hops.any_changed() && self.next_hops.begin_walk() {
            self.scan = Some(0);
        }
        let Some(from) = self.scan else { return };
        let (upper, full) = (self.table.paths.upper(), self.dirty.len() + limit);
        let to = from.saturating_add(u32::try_from(limit.saturating_mul(SCAN)).unwrap_or(u32::MAX)).min(upper);
        for id in from..to {
            if self.dirty.len() >= full {
                self.scan = Some(id);
                return;
            }
            let path = self.table.paths[id];
            if path.dest != NONE && self.next_hops.is_sought(self.attrs.facts(path.attrs).next_hop) {
                self.mark_dirty(path.dest);
            }
        }
        self.scan = (to < upper).then_some(to);
        if self.scan.is_none() {
            self.next_hops.end_walk();
        }
    }

    /// Marks prefixes that are to be decided again because the configuration has changed.
    fn mark_redecided(&mut self, limit: usize) {
        let Some(from) = self.redecide else { return };
        let upper = self.table.dests.upper();
        let to = from.saturating_add(u32::try_from(limit).unwrap_or(u32::MAX)).min(upper);
        for dest in from..to {
            if self.table.dests[dest].head != NONE {
                self.mark_dirty(dest);
            }
        }
        self.redecide = (to < upper).then_some(to);
    }

    fn update_fib(&mut self, dest: u32, work: &Workspace, selection: &Selection) {
        let route = self.fib_route(work, selection);
        let new = self.fib.intern(route);
        let at = &mut self.table.dests[dest];
        let old = std::mem::replace(&mut at.fib, new);
        self.fib.release(old);
        if new != old && !at.facts.is_fib_dirty() {
            at.facts.set_fib_dirty(true);
            self.fib_dirty.push(dest);
        }
    }

    fn fib_route(&self, work: &Workspace, selection: &Selection) -> Option<FibRoute> {
        let best = selection.best?;
        let path = |at: usize| &self.table.paths[work.numbers[at]];
        if path(best).peer.is_local() || path(best).marks.blackhole {
            return path(best).marks.blackhole.then_some(FibRoute::Blackhole);
        }
        let facts = |at: usize| self.attrs.facts(path(at).attrs);
        let way = |at: usize| Some((self.next_hops.addr(facts(at).next_hop)?, facts(at).tunnel));
        let mut equal: SmallVec<[usize; 8]> = (0..work.candidates.len())
            .filter(|&at| selection.is_multipath(&work.candidates, at) && !path(at).marks.blackhole)
            .collect();
        if equal.len() > 1 {
            // Which ones stay when there are too many must not depend on arrival.
            equal.sort_unstable_by(|&a, &b| compare(&work.candidates[b], &work.candidates[a], Med::Skip).0);
        }
        let mut via: SmallVec<[NextHop; 2]> = SmallVec::new();
        let mut tunnels: SmallVec<[(NextHop, Tunnel); 2]> = SmallVec::new();
        for (addr, tunnel) in equal.into_iter().filter_map(way) {
            if via.len() < self.config.max_paths && !via.contains(&addr) {
                via.push(addr);
                tunnels.extend(tunnel.map(|tunnel| (addr, tunnel)));
            }
        }
        via.sort_unstable();
        tunnels.sort_unstable();
        let local_pref = work.candidates[best].local_pref;
        Some(FibRoute::Via(Via { next_hops: via, local_pref, tunnels: tunnels.into_vec().into() }))
    }
}
