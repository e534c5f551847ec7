//! Next hops: each once, with what the kernel's side says about it.
//!
//! The RIB asks nobody: a next hop counts as usable, and as farther than any other, until [`crate::Rib::set_next_hop`]
//! says what it is. So a path over one nobody has judged yet does not take the place of a path that is known to be near. A
//! change of many next hops (a link went down) costs one walk over the paths, not one each; it goes on over several turns
//! where there are many.
//!
//! RFC 4271 §9.1.2 leaves a path out whose next hop is not usable. Here it loses to every path that is usable, and is
//! left in when there is none, as in BIRD: it may be sent through a tunnel whose far side the routing table does not
//! show, a reflector may not even be able to reach the nodes it speaks for, and withdrawing everything because an uplink
//! flapped would tell the whole network of it. What the kernel makes of such a route is up to the kernel's side, which
//! also says why.

use std::hash::BuildHasher;

use bgp_proto::Prefix;
use bgp_proto::attr::NextHop;
use hashbrown::{HashSet, HashTable};

use crate::memory::Held;
use crate::slab::Slab;

/// Whether packets can be sent by way of an address, and how far it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextHopState {
    /// Paths over an address that is not usable lose to all that are (RFC 4271 §9.1.2).
    pub usable: bool,
    /// The interior cost of reaching it; lower is nearer (RFC 4271 §9.1.2.2 e).
    pub metric: u32,
    /// Prefixes of this table without whose routes it would not be usable. For a path of one of them it is not: the
    /// route would be resolved through itself (RFC 4271 §9.1.2.1).
    pub through: Box<[Prefix]>,
}

impl Default for NextHopState {
    fn default() -> Self {
        Self { usable: true, metric: u32::MAX, through: Box::default() }
    }
}

impl NextHopState {
    /// Whether a route of this prefix can go by way of it.
    pub fn is_usable_for(&self, prefix: &Prefix) -> bool {
        self.usable && !self.through.contains(prefix)
    }
}

#[derive(Default)]
struct Slot {
    addr: Option<NextHop>,
    state: NextHopState,
    refs: u32,
    /// Since the last walk over the paths began.
    changed: bool,
    /// The walk under way looks for it.
    sought: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct NextHops {
    slots: Slab<Slot>,
    index: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    changed: Vec<u32>,
    sought: Vec<u32>,
    /// Addresses that came into use or went out of it since the owner asked.
    news: HashSet<NextHop>,
}

impl NextHops {
    /// The number of an address, counted once more.
    pub(crate) fn intern(&mut self, addr: NextHop) -> u32 {
        let id = self.find_or_insert(addr);
        let slot = &mut self.slots[id];
        slot.refs += 1;
        if slot.refs == 1 {
            self.news.insert(addr);
        }
        id
    }

    pub(crate) fn release(&mut self, id: u32) {
        let slot = &mut self.slots[id];
        slot.refs -= 1;
        if slot.refs == 0 {
            self.remove(id);
        }
    }

    pub(crate) fn state(&self, id: u32) -> &NextHopState {
        &self.slots[id].state
    }

    pub(crate) fn addr(&self, id: u32) -> Option<NextHop> {
        self.slots[id].addr
    }

    /// Notes what is known about an address; says whether that is news for a path.
    pub(crate) fn set(&mut self, addr: NextHop, state: NextHopState) -> bool {
        let id = self.find_or_insert(addr);
        let slot = &mut self.slots[id];
        if slot.state == state {
            if slot.refs == 0 {
                self.remove(id);
            }
            return false;
        }
        slot.state = state;
        if slot.refs == 0 {
            if slot.state == NextHopState::default() {
                self.remove(id);
            }
            return false;
        }
        if !slot.changed {
            slot.changed = true;
            self.changed.push(id);
        }
        true
    }

    /// Whether the walk under way looks for paths over this next hop: they must be decided again.
    pub(crate) fn is_sought(&self, id: u32) -> bool {
        self.slots[id].sought
    }

    /// Begins a walk over the paths, if there is something to look for. What changes from here on is for the next one.
    pub(crate) fn begin_walk(&mut self) -> bool {
        std::mem::swap(&mut self.changed, &mut self.sought);
        for &id in &self.sought {
            (self.slots[id].changed, self.slots[id].sought) = (false, true);
        }
        !self.sought.is_empty()
    }

    /// The walk over the paths is done.
    pub(crate) fn end_walk(&mut self) {
        for id in self.sought.drain(..) {
            self.slots[id].sought = false;
        }
    }

    /// Whether another walk is wanted.
    pub(crate) fn any_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Addresses whose use began or ended since the last call: last word only, sorted.
    pub(crate) fn take_news(&mut self) -> Vec<(NextHop, bool)> {
        let mut news: Vec<NextHop> = self.news.drain().collect();
        news.sort_unstable();
        news.into_iter().map(|addr| (addr, self.is_used(addr))).collect()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn memory(&self) -> Held {
        let news = self.news.allocation_size() + (self.changed.capacity() + self.sought.capacity()) * size_of::<u32>();
        Held { count: self.slots.len(), bytes: self.slots.memory() + self.index.allocation_size() + news }
    }

    fn is_used(&self, addr: NextHop) -> bool {
        self.find(addr).is_some_and(|id| self.slots[id].refs > 0)
    }

    fn find(&self, addr: NextHop) -> Option<u32> {
        self.index.find(self.hasher.hash_one(addr), |&id| self.slots[id].addr == Some(addr)).copied()
    }

    fn find_or_insert(&mut self, addr: NextHop) -> u32 {
        if let Some(id) = self.find(addr) {
            return id;
        }
        let id = self.slots.insert(Slot { addr: Some(addr), ..Slot::default() });
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hasher.hash_one(addr), id, |&id| hasher.hash_one(slots[id].addr.unwrap_or(addr)));
        id
    }

    fn remove(&mut self, id: u32) {
        let slot = self.slots.remove(id);
        if slot.changed {
            self.changed.retain(|&other| other != id);
        }
        if slot.sought {
            self.sought.retain(|&other| other != id);
        }
        let Some(addr) = slot.addr else { return };
        if let Ok(found) = self.index.find_entry(self.hasher.hash_one(addr), |&other| other == id) {
            found.remove();
        }
        self.news.insert(addr);
    }
}
