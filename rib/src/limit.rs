//! How many prefixes a peer may announce in a family (RFC 4271 §6.7).
//!
//! The limit is asked before a path gets into the table, in the middle of an UPDATE if need be: a peer that announces a
//! million prefixes too many costs the ones it may announce, and its session ends at the next. What is refused leaves no
//! trace, so a peer that is only held at its limit ([`Excess::Block`]) has to announce a refused prefix again once it has
//! withdrawn others: when a tenth of its places is free, the caller is told to ask for it ([`Reached::Room`]). Not at the
//! first free place, or a peer that swaps prefixes at its limit would be asked for its whole table at each of them.
//!
//! Paths kept from a lost session do not count, or a peer that comes back with other prefixes would be turned away for
//! those it no longer has: until its End-of-RIB it may hold twice the limit. With ADD-PATH each path counts.

use bgp_proto::{Family, Prefix};

use crate::core::{Core, Offer};
use crate::peer::PeerId;
use crate::table::{PathCount, family_index};

/// A limit on a peer's paths in one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathLimit {
    /// So many are fine; one more is not.
    pub paths: u32,
    /// From so many on, somebody should know.
    pub warn_at: u32,
    /// Count only paths that import lets through; then those it refuses have no bound.
    pub accepted_only: bool,
    /// What becomes of those beyond the limit.
    pub excess: Excess,
}

/// What becomes of paths beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// They are used like the others; it is only said.
    Keep,
    /// They are refused; the others stay.
    Block,
    /// They are refused, and nothing more is taken from the session: the caller ends it.
    End,
}

/// A peer reached a limit; the first two are said once a session and family, or once again after there was room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitEvent {
    /// The peer.
    pub peer: PeerId,
    /// The family.
    pub family: Family,
    /// The limit.
    pub limit: PathLimit,
    /// How far it is.
    pub reached: Reached,
}

/// How near a peer is to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It has enough for the warning.
    Warning,
    /// It has more than the limit, or would.
    Exceeded,
    /// Some of its paths were refused ([`Excess::Block`]), and now a tenth of the limit is free: they could come.
    Room,
}

/// What was said about a family of the living session.
#[derive(Clone, Copy, Default)]
pub(crate) struct Watch {
    warned: bool,
    exceeded: bool,
}

impl Watch {
    /// Whether the session is to end, so that nothing more counts.
    pub(crate) fn is_over(self, limit: Option<PathLimit>) -> bool {
        self.exceeded && limit.is_some_and(|limit| limit.excess == Excess::End)
    }
}

impl PathLimit {
    /// Whether so much is free that paths refused before are worth asking for.
    fn has_room(&self, counts: PathCount) -> bool {
        u64::from(self.count(counts)) * 10 <= u64::from(self.paths) * 9
    }

    /// How many of a peer's paths count.
    pub fn count(&self, counts: PathCount) -> u32 {
        let all = if self.accepted_only { counts.accepted } else { counts.received };
        all.saturating_sub(counts.stale)
    }
}

/// The door for one family of one peer, for the time of an UPDATE.
pub(crate) struct Gate {
    peer: PeerId,
    family: Family,
    limit: Option<PathLimit>,
    refused: bool,
}

impl Gate {
    pub(crate) fn new(peer: PeerId, family: Family, limits: &[Option<PathLimit>; 2]) -> Self {
        Self { peer, family, limit: limits[family_index(family)], refused: false }
    }

    /// Whether the session is to end: the rest of the UPDATE need not be read.
    pub(crate) fn is_shut(&self) -> bool {
        self.refused && self.limit.is_some_and(|limit| limit.excess == Excess::End)
    }

    /// Whether a prefix may not come in, before it costs anything.
    pub(crate) fn refuses(&mut self, core: &Core, prefix: &Prefix, path_id: bgp_proto::PathId) -> bool {
        let Some(limit) = self.limit.filter(|limit| !limit.accepted_only && self.is_full(core, limit)) else {
            return false;
        };
        let known = core.table.find(prefix).and_then(|dest| core.table.find_path(dest, self.peer, path_id));
        let counted = known.is_some_and(|path| !core.table.paths[path].marks.stale);
        self.refused |= !counted;
        !counted && limit.excess != Excess::Keep
    }

    /// The same where only accepted paths count. A path of the same name that did not count goes: the peer replaced it.
    pub(crate) fn refuses_offer(
        &mut self,
        core: &mut Core,
        dest: u32,
        path_id: bgp_proto::PathId,
        offer: &Offer,
    ) -> bool {
        let Some(limit) = self.limit.filter(|limit| limit.accepted_only && offer.rejected.is_none()) else {
            return false;
        };
        if !self.is_full(core, &limit) {
            return false;
        }
        let known = core.table.find_path(dest, self.peer, path_id);
        let counts = |path: u32| core.table.paths[path].rejected.is_none() && !core.table.paths[path].marks.stale;
        if known.is_some_and(counts) {
            return false;
        }
        self.refused = true;
        if limit.excess == Excess::Keep {
            return false;
        }
        core.attrs.release(offer.attrs, &mut core.next_hops);
        match known {
            Some(path) => core.remove_path(path),
            None => drop(core.table.try_remove(dest)),
        }
        true
    }

    fn is_full(&self, core: &Core, limit: &PathLimit) -> bool {
        limit.count(core.table.counts(self.peer, self.family)) >= limit.paths
    }

    /// What is new to say after the UPDATE.
    pub(crate) fn settle(self, core: &mut Core) -> [Option<LimitEvent>; 2] {
        let Some(limit) = self.limit else { return [None; 2] };
        let count = limit.count(core.table.counts(self.peer, self.family));
        let Some(peer) = core.peers.find_mut(self.peer) else { return [None; 2] };
        let watch = &mut peer.watches[family_index(self.family)];
        let event = |reached| LimitEvent { peer: self.peer, family: self.family, limit, reached };
        let reaches = count >= limit.warn_at || self.refused;
        let warns = reaches && !std::mem::replace(&mut watch.warned, true);
        let exceeds = self.refused && !std::mem::replace(&mut watch.exceeded, true);
        [(warns && !self.refused).then(|| event(Reached::Warning)), exceeds.then(|| event(Reached::Exceeded))]
    }
}

/// A family in which paths of the peer were refused and now have room. Said once: what was refused counts as asked for.
pub(crate) fn room(core: &mut Core, peer: PeerId) -> Option<LimitEvent> {
    let slot = core.peers.find_mut(peer).filter(|slot| slot.session.is_some())?;
    Family::SUPPORTED.into_iter().find_map(|family| {
        let index = family_index(family);
        let limit = slot.settings.limits[index].filter(|limit| limit.excess == Excess::Block)?;
        let free = slot.watches[index].exceeded && limit.has_room(core.table.counts(peer, family));
        free.then(|| {
            slot.watches[index] = Watch::default();
            LimitEvent { peer, family, limit, reached: Reached::Room }
        })
    })
}
