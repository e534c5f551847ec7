//! What the kernel is to have, as far as BGP can say: next hops, not gateways and devices.
//!
//! Many prefixes share few sets of next hops, so a dest names its set by number and "did the route change" is one
//! comparison; whoever fetches changes shares what the set says. Changes queue by prefix: whoever fetches them late gets
//! the last word.

use std::hash::BuildHasher;
use std::sync::Arc;

use bgp_proto::attr::{ExtCommunity, NextHop, TunnelType};
use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::attrs::DEFAULT_LOCAL_PREF;
use crate::memory::Held;
use crate::slab::{NONE, Slab};

/// The kernel's side of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FibRoute {
    /// Our own block: discard what no longer prefix matches.
    Blackhole,
    /// The way of the best path and of those equal to it.
    Via(Via),
}

/// Where packets go, and how much that is preferred.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Via {
    /// Next hops, sorted, without duplicates.
    pub next_hops: SmallVec<[NextHop; 2]>,
    /// LOCAL_PREF of all of these paths, from which a kernel's metric may be made.
    pub local_pref: u32,
    /// What is said of tunnels to some of the next hops, in their order. Of several paths with one next hop the most
    /// preferred counts.
    pub tunnels: Box<[(NextHop, Tunnel)]>,
}

/// What a path says of the tunnel to its next hop: by its Encapsulation Extended Communities each a tunnel that ends
/// there (RFC 9012 §4.1), and by its Router's MAC the address of packets inside (RFC 9135 §8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tunnel {
    /// The Router's MAC, whatever it is.
    pub mac: Option<[u8; 6]>,
    /// Tunnels are named, VXLAN is not among them, and this is the first.
    pub other: Option<TunnelType>,
}

impl Tunnel {
    /// `None` where nothing is said, or only that it is VXLAN.
    pub(crate) fn of(communities: &[ExtCommunity]) -> Option<Self> {
        let mac = communities.iter().find_map(ExtCommunity::as_router_mac);
        let mut types = communities.iter().filter_map(ExtCommunity::tunnel_type);
        let first = types.next();
        let other = first.filter(|first| *first != TunnelType::VXLAN && types.all(|other| other != TunnelType::VXLAN));
        (mac.is_some() || other.is_some()).then_some(Self { mac, other })
    }
}

/// With the LOCAL_PREF of a path that has none, and nothing said of tunnels.
impl FromIterator<NextHop> for Via {
    fn from_iter<I: IntoIterator<Item = NextHop>>(next_hops: I) -> Self {
        Self { next_hops: next_hops.into_iter().collect(), local_pref: DEFAULT_LOCAL_PREF, tunnels: Box::default() }
    }
}

#[derive(Default)]
struct Slot {
    route: Option<Arc<FibRoute>>,
    refs: u32,
}

/// Every distinct kernel route target once.
#[derive(Default)]
pub(crate) struct FibStore {
    slots: Slab<Slot>,
    index: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    /// The last one asked for: prefixes of one path come in a row.
    last: Option<u32>,
}

impl FibStore {
    /// The number of a target, counted once more; [`NONE`] for no route.
    pub(crate) fn intern(&mut self, route: Option<FibRoute>) -> u32 {
        let Some(route) = route else { return NONE };
        let is_it = |id: u32| self.slots[id].route.as_deref() == Some(&route);
        if let Some(last) = self.last.filter(|&last| is_it(last)) {
            self.slots[last].refs += 1;
            return last;
        }
        let hash = self.hasher.hash_one(&route);
        if let Some(&id) = self.index.find(hash, |&id| is_it(id)) {
            self.slots[id].refs += 1;
            self.last = Some(id);
            return id;
        }
        let id = self.slots.insert(Slot { route: Some(route.into()), refs: 1 });
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, id, |&id| slots[id].route.as_ref().map_or(0, |route| hasher.hash_one(route)));
        self.last = Some(id);
        id
    }

    pub(crate) fn release(&mut self, id: u32) {
        if id == NONE {
            return;
        }
        let slot = &mut self.slots[id];
        slot.refs -= 1;
        if slot.refs > 0 {
            return;
        }
        self.last = self.last.filter(|last| *last != id);
        if let Some(route) = self.slots.remove(id).route
            && let Ok(found) = self.index.find_entry(self.hasher.hash_one(&route), |&other| other == id)
        {
            found.remove();
        }
    }

    pub(crate) fn route(&self, id: u32) -> Option<&Arc<FibRoute>> {
        if id == NONE { None } else { self.slots[id].route.as_ref() }
    }

    pub(crate) fn memory(&self) -> Held {
        Held { count: self.slots.len(), bytes: self.slots.memory() + self.index.allocation_size() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_is_said_by_a_mac_or_by_types_without_vxlan() {
        // RFC 9012 §4.1, RFC 9135 §8.1
        let read = |text: &str| {
            let mut all: Vec<ExtCommunity> = text.split_whitespace().map(|text| text.parse().expect(text)).collect();
            all.sort_unstable();
            Tunnel::of(&all)
        };
        let mac = Some([0xaa, 0x77, 0, 0, 0, 1]);
        for (text, said) in [
            ("", None),
            ("rt:64512:1 encap:vxlan", None),
            ("encap:vxlan encap:ip-in-ip", None),
            ("router-mac:aa:77:00:00:00:01", Some(Tunnel { mac, other: None })),
            ("router-mac:aa:77:00:00:00:01 encap:vxlan", Some(Tunnel { mac, other: None })),
            ("router-mac:aa:77:00:00:00:01 encap:gre", Some(Tunnel { mac, other: Some(TunnelType(2)) })),
            ("encap:nvgre encap:ip-in-ip", Some(Tunnel { mac: None, other: Some(TunnelType::IP_IN_IP) })),
        ] {
            assert_eq!(read(text), said, "{text}");
        }
    }
}
