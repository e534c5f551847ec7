//! The attribute store: every distinct set of path attributes once, named by an [`AttrId`] and counted.
//!
//! A full table has seven times as many paths as attribute sets, a node mesh one set per node. So a path holds four
//! octets, equal attributes have equal numbers, and what the decision compares (hops, neighbour, …) is worked out once
//! per set, not once per path and comparison.
//!
//! Sets are kept packed ([`PathAttrs::pack`]): with a table of the Internet they are the largest part of the RIB, and
//! unpacked they take three times as much. Policies and the writers of UPDATEs want them unpacked, shortly after they
//! arrived and for some prefixes in a row; [`Recent`] has those.
//!
//! The UPDATEs of one peer repeat their attributes; the last set that came in is recognised by its address, before
//! anything is hashed.

use std::hash::BuildHasher;
use std::sync::Arc;

use bgp_proto::attr::{Community, Origin, PathAttrs};
use bgp_proto::{Asn, RouterId};

use crate::fib::Tunnel;
use crate::index::Index;
use crate::memory::Held;
use crate::next_hop::NextHops;
use crate::slab::{NONE, Slab};

use recent::Recent;

mod recent;

/// The number of an attribute set. Whoever keeps one owns a count: [`AttrStore::retain`] and [`AttrStore::release`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct AttrId(pub(crate) u32);

impl AttrId {
    /// Stands for "no attributes".
    pub(crate) const NONE: Self = Self(NONE);
}

/// What the decision and the export rules ask of an attribute set, worked out once.
#[derive(Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) local_pref: u32,
    pub(crate) med: u32,
    /// AS 0 where the path names no neighbour.
    pub(crate) neighbor: Asn,
    pub(crate) next_hop: u32,
    pub(crate) originator: Option<RouterId>,
    pub(crate) hops: u16,
    pub(crate) clusters: u16,
    pub(crate) origin: Origin,
    pub(crate) llgr_stale: bool,
    pub(crate) no_advertise: bool,
    pub(crate) no_export: bool,
    pub(crate) no_subconfed: bool,
    pub(crate) no_peer: bool,
    pub(crate) blackhole: bool,
    /// An AS_SET or AS_CONFED_SET stands in the path.
    pub(crate) has_set: bool,
    /// Only to Customer.
    pub(crate) otc: bool,
    pub(crate) tunnel: Option<Tunnel>,
}

/// What a path without LOCAL_PREF counts as, and what internal peers are told then.
pub(crate) const DEFAULT_LOCAL_PREF: u32 = 100;

#[derive(Default)]
struct Slot {
    entry: Option<Entry>,
}

struct Entry {
    packed: Box<[u8]>,
    facts: Facts,
    refs: u32,
    hash: u32,
}

/// See the module.
#[derive(Default)]
pub(crate) struct AttrStore {
    slots: Slab<Slot>,
    index: Index,
    hasher: foldhash::fast::RandomState,
    last: Option<(Arc<PathAttrs>, AttrId)>,
    recent: Recent,
    /// Working memory: the set that arrives.
    packing: Vec<u8>,
    /// Octets of the packed sets.
    heap: usize,
    hits: u64,
    misses: u64,
}

impl AttrStore {
    /// The number of a set, counted once more for the caller.
    pub(crate) fn intern(&mut self, attrs: &Arc<PathAttrs>, next_hops: &mut NextHops) -> AttrId {
        if let Some((last, id)) = &self.last
            && Arc::ptr_eq(last, attrs)
        {
            let id = *id;
            self.retain(id);
            self.hits += 1;
            return id;
        }
        self.packing.clear();
        attrs.pack(&mut self.packing);
        let hash = self.hasher.hash_one(&*self.packing) as u32;
        let (slots, packed) = (&self.slots, &*self.packing);
        let found = self.index.find(spread(hash), |&id| {
            slots[id].entry.as_ref().is_some_and(|entry| entry.hash == hash && *entry.packed == *packed)
        });
        let id = match found {
            Some(id) => {
                self.hits += 1;
                self.retain(AttrId(id));
                id
            }
            None => {
                self.misses += 1;
                self.heap += packed.len();
                let entry = Entry { packed: packed.into(), facts: Facts::of(attrs, next_hops), refs: 1, hash };
                let id = self.slots.insert(Slot { entry: Some(entry) });
                let slots = &self.slots;
                let hash_of = |&id: &u32| slots[id].entry.as_ref().map_or(0, |entry| spread(entry.hash));
                self.index.insert(spread(hash), id, hash_of);
                id
            }
        };
        if self.packing.len() <= Recent::LONGEST {
            self.recent.put(AttrId(id), attrs);
        }
        self.last = Some((attrs.clone(), AttrId(id)));
        AttrId(id)
    }

    pub(crate) fn retain(&mut self, id: AttrId) {
        self.entry_mut(id).refs += 1;
    }

    /// Gives a count back; the set goes with its last one. [`AttrId::NONE`] is nothing.
    pub(crate) fn release(&mut self, id: AttrId, next_hops: &mut NextHops) {
        if id == AttrId::NONE {
            return;
        }
        let entry = self.entry_mut(id);
        entry.refs -= 1;
        if entry.refs > 0 {
            return;
        }
        let (hash, next_hop, heap) = (entry.hash, entry.facts.next_hop, entry.packed.len());
        self.heap -= heap;
        next_hops.release(next_hop);
        self.index.remove(spread(hash), id.0);
        self.slots.remove(id.0);
        self.recent.forget(id);
        if self.last.as_ref().is_some_and(|(_, last)| *last == id) {
            self.last = None;
        }
    }

    pub(crate) fn attrs(&self, id: AttrId) -> Arc<PathAttrs> {
        if let Some(attrs) = self.recent.find(id) {
            return attrs;
        }
        let packed = &self.entry(id).packed;
        let attrs = Arc::new(PathAttrs::unpack(packed).expect("the store packs what it keeps"));
        if packed.len() <= Recent::LONGEST {
            self.recent.put(id, &attrs);
        }
        attrs
    }

    pub(crate) fn facts(&self, id: AttrId) -> &Facts {
        &self.entry(id).facts
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Sets asked for that were here already, and that were not.
    pub(crate) fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits, self.misses)
    }

    /// Those that stand unpacked for now included.
    pub(crate) fn memory(&self) -> Held {
        let unpacked = self.recent.memory() + self.packing.capacity();
        Held { count: self.slots.len(), bytes: self.slots.memory() + self.index.memory() + self.heap + unpacked }
    }

    fn entry(&self, id: AttrId) -> &Entry {
        self.slots[id.0].entry.as_ref().expect("an AttrId is counted, so its set is here")
    }

    fn entry_mut(&mut self, id: AttrId) -> &mut Entry {
        self.slots[id.0].entry.as_mut().expect("an AttrId is counted, so its set is here")
    }
}

/// For an index that takes the upper bits of a hash for one thing, the lower for another and those between for a third.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15) // 2⁶⁴ / φ, as Knuth has it
}

impl Facts {
    fn of(attrs: &PathAttrs, next_hops: &mut NextHops) -> Self {
        Self {
            local_pref: attrs.local_pref.unwrap_or(DEFAULT_LOCAL_PREF),
            med: attrs.med.unwrap_or(0), // RFC 4271 §9.1.2.2 c: missing counts as the lowest
            neighbor: attrs.as_path.neighbor().unwrap_or_default(),
            next_hop: next_hops.intern(attrs.next_hop.resolved()),
            originator: attrs.originator_id,
            hops: u16::try_from(attrs.as_path.hops()).unwrap_or(u16::MAX),
            clusters: u16::try_from(attrs.cluster_list.len()).unwrap_or(u16::MAX),
            origin: attrs.origin,
            llgr_stale: attrs.has_community(Community::LLGR_STALE),
            no_advertise: attrs.has_community(Community::NO_ADVERTISE),
            // What must not leave the member AS leaves the confederation even less. RFC 1997
            no_export: attrs.has_community(Community::NO_EXPORT) || attrs.has_community(Community::NO_EXPORT_SUBCONFED),
            no_subconfed: attrs.has_community(Community::NO_EXPORT_SUBCONFED),
            no_peer: attrs.has_community(Community::NO_PEER),
            blackhole: attrs.has_community(Community::BLACKHOLE),
            has_set: attrs.as_path.has_set(),
            otc: attrs.otc.is_some(),
            tunnel: Tunnel::of(&attrs.ext_communities),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attrs(med: u32) -> Arc<PathAttrs> {
        let mut attrs = PathAttrs::originated(std::net::IpAddr::from([192, 0, 2, 1]).into());
        attrs.med = Some(med);
        Arc::new(attrs)
    }

    #[test]
    fn equal_sets_have_one_number_until_the_last_count_is_given_back() {
        let (mut store, mut next_hops) = (AttrStore::default(), NextHops::default());
        let a = store.intern(&attrs(1), &mut next_hops);
        let b = store.intern(&attrs(2), &mut next_hops);
        assert_ne!(a, b);
        assert_eq!(store.intern(&attrs(1), &mut next_hops), a);
        store.release(a, &mut next_hops);
        assert_eq!(store.len(), 2);
        store.release(a, &mut next_hops);
        store.release(b, &mut next_hops);
        assert_eq!((store.len(), next_hops.len()), (0, 0));
    }

    #[test]
    fn the_shortcut_by_address_does_not_outlive_the_set() {
        let (mut store, mut next_hops) = (AttrStore::default(), NextHops::default());
        let set = attrs(1);
        let a = store.intern(&set, &mut next_hops);
        store.release(a, &mut next_hops);
        let b = store.intern(&attrs(2), &mut next_hops);
        let again = store.intern(&set, &mut next_hops);
        assert_ne!(again, b);
        assert_eq!(store.attrs(again), set);
        assert_eq!(store.len(), 2);
    }

    #[test]
    fn what_was_unpacked_is_not_shown_for_the_next_set_of_the_same_number() {
        let (mut store, mut next_hops) = (AttrStore::default(), NextHops::default());
        let a = store.intern(&attrs(1), &mut next_hops);
        assert_eq!(store.attrs(a), attrs(1));
        store.release(a, &mut next_hops);
        let b = store.intern(&attrs(2), &mut next_hops);
        assert_eq!((a, store.attrs(b)), (b, attrs(2)));
    }

    #[test]
    fn a_set_that_is_no_longer_recent_is_unpacked() {
        let (mut store, mut next_hops) = (AttrStore::default(), NextHops::default());
        let ids: Vec<AttrId> = (0..5000).map(|med| store.intern(&attrs(med), &mut next_hops)).collect();
        for (med, id) in ids.into_iter().enumerate() {
            assert_eq!(store.attrs(id), attrs(med as u32));
        }
    }
}
