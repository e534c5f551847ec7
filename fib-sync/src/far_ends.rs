//! The far ends of VXLAN tunnels: nodes that our routes send packets to through a VXLAN device.
//!
//! A packet for `10.67.2.5` that the route sends `via 172.16.2.3 dev vxlan0 onlink` needs two more answers: which MAC
//! address the next hop has (a neighbour entry), and to which node packets for that MAC address go (an entry of the
//! device's forwarding database, RFC 7348 §4.1). Nobody can be asked for either: the device neither learns nor floods.
//! So both stand in the kernel before the first route that needs them, in this order, and go in the reverse order after
//! the last one: at no moment does a route lead to nowhere.
//!
//! Far ends are counted by the prefixes that need them. One without users that was found at start stays until the sweep,
//! as an adopted route does.

use crate::view::Links;
use ipnetwork::IpNetwork;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// What a node's end of a tunnel is called where nobody says otherwise: every node works it out alike from the node's
    /// address. Locally administered and unicast (IEEE 802 §8.2); 0x72 is "r", for an IPv6 address it is 0x76.
    pub fn of(node: IpAddr) -> Mac {
        match node {
            IpAddr::V4(node) => {
                let [a, b, c, d] = node.octets();
                Mac([0x02, 0x72, a, b, c, d])
            }
            IpAddr::V6(node) => {
                // FNV-1a: nodes of one subnet differ in their last octets only.
                let mix = |hash: u32, octet: u8| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193);
                let [a, b, c, d] = node.octets().into_iter().fold(0x811c_9dc5, mix).to_be_bytes();
                Mac([0x02, 0x76, a, b, c, d])
            }
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which of the two entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// From the next hop to its MAC address.
    Neighbour,
    /// From the MAC address to the node.
    Forwarding,
}

/// A permanent entry of a VXLAN device for a far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FarEntry {
    /// Which one.
    pub part: Part,
    /// The device's index.
    pub dev: u32,
    /// The node: next hop of the routes and outer destination of the packets.
    pub node: IpAddr,
    /// Its end of the tunnel.
    pub mac: Mac,
}

impl FarEntry {
    /// As a command that does this to it.
    pub(crate) fn text<'a>(&'a self, verb: &'a str, links: &'a Links) -> impl fmt::Display + 'a {
        struct Text<'a>(&'a FarEntry, &'a str, &'a Links);
        impl fmt::Display for Text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Text(FarEntry { part, dev, node, mac }, verb, links) = self;
                let dev = links.name(*dev).unwrap_or("?");
                match part {
                    Part::Neighbour => write!(f, "neigh {verb} {node} lladdr {mac} dev {dev} nud permanent"),
                    Part::Forwarding => write!(f, "fdb {verb} {mac} dst {node} dev {dev} self permanent"),
                }
            }
        }
        Text(self, verb, links)
    }
}

/// A device and a node.
pub(crate) type Place = (u32, IpAddr);
pub(crate) type Places = SmallVec<[Place; 1]>;

#[derive(Debug, Default)]
struct End {
    users: BTreeSet<IpNetwork>,
    neighbour: Option<Mac>,
    forwarding: Option<Mac>,
}

impl End {
    fn held(&mut self, part: Part) -> &mut Option<Mac> {
        match part {
            Part::Neighbour => &mut self.neighbour,
            Part::Forwarding => &mut self.forwarding,
        }
    }

    fn stands(&self, mac: Mac) -> bool {
        (self.neighbour, self.forwarding) == (Some(mac), Some(mac))
    }

    fn is_empty(&self) -> bool {
        self.users.is_empty() && self.neighbour.is_none() && self.forwarding.is_none()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct FarEnds {
    ends: BTreeMap<Place, End>,
    uses: HashMap<IpNetwork, Places>,
    /// Used, and not what they should be.
    missing: BTreeSet<Place>,
    /// Used no more.
    leaving: BTreeSet<Place>,
}

impl FarEnds {
    /// Whether all of these stand.
    pub(crate) fn stand(&self, places: &[Place]) -> bool {
        places.iter().all(|place| self.ends.get(place).is_some_and(|end| end.stands(Mac::of(place.1))))
    }

    /// A prefix's route leads to these far ends, and to no others.
    pub(crate) fn needed_by(&mut self, prefix: IpNetwork, places: Places) {
        let before = self.uses.remove(&prefix).unwrap_or_default();
        for place in before.into_iter().filter(|place| !places.contains(place)) {
            self.unused(place, prefix);
        }
        self.also_needed_by(prefix, places);
    }

    /// A prefix's route is to lead to these far ends, too; those that do not stand are written.
    pub(crate) fn also_needed_by(&mut self, prefix: IpNetwork, places: Places) {
        for place in places {
            let end = self.ends.entry(place).or_default();
            end.users.insert(prefix);
            self.leaving.remove(&place);
            if !end.stands(Mac::of(place.1)) {
                self.missing.insert(place);
            }
            let uses = self.uses.entry(prefix).or_default();
            if !uses.contains(&place) {
                uses.push(place);
            }
        }
    }

    fn unused(&mut self, place: Place, by: IpNetwork) {
        let Some(end) = self.ends.get_mut(&place) else { return };
        end.users.remove(&by);
        if end.users.is_empty() {
            self.missing.remove(&place);
            self.leaving.insert(place);
        }
    }

    /// Entries to be written before any route, about `max` of them: a node's neighbour entry before its other one.
    pub(crate) fn take_missing(&mut self, max: usize) -> Vec<FarEntry> {
        let mut entries = Vec::new();
        while entries.len() < max
            && let Some((dev, node)) = self.missing.pop_first()
        {
            let mac = Mac::of(node);
            let Some(end) = self.ends.get_mut(&(dev, node)) else { continue };
            let wrong = [Part::Neighbour, Part::Forwarding].into_iter().filter(|part| *end.held(*part) != Some(mac));
            entries.extend(wrong.map(|part| FarEntry { part, dev, node, mac }).collect::<SmallVec<[_; 2]>>());
        }
        entries
    }

    /// Entries to be removed once no route needs them, about `max` of them, in the reverse order.
    pub(crate) fn take_leaving(&mut self, max: usize) -> Vec<FarEntry> {
        let mut entries = Vec::new();
        while entries.len() < max
            && let Some(place) = self.leaving.pop_first()
        {
            let Some(end) = self.ends.get_mut(&place) else { continue };
            if end.is_empty() {
                self.ends.remove(&place);
                continue;
            }
            for part in [Part::Forwarding, Part::Neighbour] {
                let (dev, node) = place;
                entries.extend(end.held(part).map(|mac| FarEntry { part, dev, node, mac }));
            }
        }
        entries
    }

    /// An entry stands in the kernel, written by us or by others. Returns whom that concerns: prefixes whose far end now
    /// stands, or does no more.
    pub(crate) fn stands(&mut self, entry: FarEntry) -> Vec<IpNetwork> {
        let FarEntry { part, dev, node, mac } = entry;
        self.ends.entry((dev, node)).or_default();
        self.change((dev, node), |end| *end.held(part) = Some(mac))
    }

    /// An entry is gone, of this MAC address or, if none is named, of any.
    pub(crate) fn gone(&mut self, place: Place, part: Part, mac: Option<Mac>) -> Vec<IpNetwork> {
        self.change(place, |end| {
            end.held(part).take_if(|held| mac.is_none_or(|mac| *held == mac));
        })
    }

    fn change(&mut self, place: Place, change: impl FnOnce(&mut End)) -> Vec<IpNetwork> {
        let mac = Mac::of(place.1);
        let Some(end) = self.ends.get_mut(&place) else { return Vec::new() };
        let before = end.stands(mac);
        change(end);
        let now = end.stands(mac);
        if end.is_empty() {
            self.ends.remove(&place);
            return Vec::new();
        }
        if now || end.users.is_empty() {
            self.missing.remove(&place);
        } else {
            self.missing.insert(place);
        }
        if before == now { Vec::new() } else { end.users.iter().copied().collect() }
    }

    /// Who waits for a far end.
    pub(crate) fn users(&self, place: Place) -> Vec<IpNetwork> {
        self.ends.get(&place).map(|end| end.users.iter().copied().collect()).unwrap_or_default()
    }

    /// What stands in the kernel, all anew. Returns whom that concerns.
    pub(crate) fn load(&mut self, entries: &[FarEntry]) -> Vec<IpNetwork> {
        let mut stood = BTreeSet::new();
        for (place, end) in &mut self.ends {
            if end.stands(Mac::of(place.1)) {
                stood.insert(*place);
            }
            (end.neighbour, end.forwarding) = (None, None);
        }
        for entry in entries {
            *self.ends.entry((entry.dev, entry.node)).or_default().held(entry.part) = Some(entry.mac);
        }
        self.ends.retain(|_, end| !end.is_empty());
        let mut concerned = Vec::new();
        for (place, end) in &self.ends {
            let stands = end.stands(Mac::of(place.1));
            if !stands && !end.users.is_empty() {
                self.missing.insert(*place);
            }
            if stands != stood.contains(place) {
                concerned.extend(end.users.iter().copied());
            }
        }
        concerned
    }

    /// A device is gone with all it held. Its users need another's.
    pub(crate) fn forget_device(&mut self, gone: u32) {
        self.ends.retain(|(dev, _), _| *dev != gone);
        self.missing.retain(|(dev, _)| *dev != gone);
        self.leaving.retain(|(dev, _)| *dev != gone);
        self.uses.retain(|_, places| {
            places.retain(|(dev, _)| *dev != gone);
            !places.is_empty()
        });
    }

    /// What was found at start, is of our making and has no user goes.
    pub(crate) fn sweep(&mut self) {
        let ours = |place: &Place, end: &End| [end.neighbour, end.forwarding].contains(&Some(Mac::of(place.1)));
        let left = self.ends.iter().filter(|(place, end)| end.users.is_empty() && ours(place, end));
        self.leaving.extend(left.map(|(place, _)| *place));
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.missing.is_empty() || !self.leaving.is_empty()
    }

    pub(crate) fn is_missing(&self) -> bool {
        !self.missing.is_empty()
    }
}
