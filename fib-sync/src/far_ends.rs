//! The far ends of VXLAN tunnels: nodes that our routes send packets to through a VXLAN device.
//!
//! A packet for `10.67.2.5` that the route sends `via 172.16.2.3 dev vxlan0 onlink` needs two more answers: which MAC
//! address the next hop has (a neighbour entry), and to which node packets for that MAC address go (an entry of the
//! device's forwarding database, RFC 7348 §4.1). Nobody can be asked for either: the device neither learns nor floods.
//! So both stand in the kernel before the first route that needs them, in this order, and go in the reverse order after
//! the last one: at no moment does a route lead to nowhere. Where the address changes while routes stand, the new
//! forwarding entry comes first, then the neighbour entry is rewritten, then the old forwarding entry goes.
//!
//! # Which MAC address
//!
//! That which the routes' announcements name ([`Via::tunnels`](crate::Via)), else [`Mac::of`] the node. A neighbour has
//! one, so where announcements disagree it is the one that most prefixes name, and of equally many the lowest: a single
//! route can't take the others along, and the answer hangs on what is announced, not on its order. And a forwarding entry
//! leads to one node. Where two nodes name the same address (clones of one machine make their devices alike), packets
//! of one would reach the other: the node with the lower address has it, and routes to the other are withheld.
//!
//! # Whose they are
//!
//! Far ends are counted by the prefixes that need them. The kernel does not say who wrote an entry, so ours are those
//! that we wrote or wanted, and of those found at start the ones that no other program would have: of [`Mac::of`] the
//! node, or of a device that is ours alone. They stay until the sweep, as adopted routes do.

use ipnetwork::IpNetwork;
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

mod entry;
pub use entry::{FarEntry, Mac, Part};

/// A device and a node.
pub(crate) type Place = (u32, IpAddr);

/// A far end that a prefix needs, and its MAC address if the announcement names one.
pub(crate) type Claim = (Place, Option<Mac>);
pub(crate) type Claims = SmallVec<[Claim; 1]>;

/// How far a far end is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Status {
    /// Nobody needs it.
    #[default]
    Unused,
    /// Its entries are to be written.
    Missing,
    /// Both entries stand.
    Stands,
    /// Its MAC address is that of this node, too.
    Taken(IpAddr),
}

#[derive(Debug, Default)]
struct End {
    /// Who needs it, by the address that is named.
    users: BTreeMap<Option<Mac>, BTreeSet<IpNetwork>>,
    neighbour: Option<Mac>,
    /// Addresses under which entries are ours.
    ours: BTreeSet<Mac>,
    /// Found at start and not used yet.
    adopted: bool,
    /// The kernel refused an entry, which is tried again when somebody asks again.
    refused: bool,
    /// The address it is to have, while it is used.
    mac: Option<Mac>,
    status: Status,
}

impl End {
    fn chosen(&self, node: IpAddr) -> Option<Mac> {
        if self.users.is_empty() {
            return None;
        }
        let named = self.users.iter().filter_map(|(mac, users)| Some(((*mac)?, users.len())));
        Some(named.max_by_key(|(mac, users)| (*users, Reverse(*mac))).map_or(Mac::of(node), |(mac, _)| mac))
    }

    /// Says whether the address named is one among several.
    fn add(&mut self, prefix: IpNetwork, mac: Option<Mac>) -> bool {
        self.users.entry(mac).or_default().insert(prefix);
        self.adopted = false;
        mac.is_some() && self.users.keys().flatten().count() > 1
    }

    fn remove(&mut self, prefix: IpNetwork, mac: Option<Mac>) {
        if let Some(users) = self.users.get_mut(&mac) {
            users.remove(&prefix);
            if users.is_empty() {
                self.users.remove(&mac);
            }
        }
    }

    fn prefixes(&self) -> impl Iterator<Item = IpNetwork> {
        self.users.values().flatten().copied()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct FarEnds {
    ends: BTreeMap<Place, End>,
    /// The forwarding databases as they are: to which node packets for a MAC address go.
    forwarding: BTreeMap<(u32, Mac), IpAddr>,
    /// Nodes that are to have an address; the first one has it.
    claimed: BTreeMap<(u32, Mac), BTreeSet<IpAddr>>,
    uses: HashMap<IpNetwork, Claims>,
    /// Used, and not what they should be.
    missing: BTreeSet<Place>,
    /// Of which entries of ours are not needed any more.
    leaving: BTreeSet<Place>,
    /// Announcements have named different addresses.
    disputed: BTreeSet<Place>,
}

impl FarEnds {
    /// How far a far end is.
    pub(crate) fn status(&self, place: Place) -> Status {
        self.ends.get(&place).map(|end| end.status).unwrap_or_default()
    }

    /// A prefix's route is to lead to these far ends, too; those that do not stand are written. Returns whom else that
    /// concerns: prefixes whose far end now stands, or does no more, or can't be had.
    pub(crate) fn also_needed_by(&mut self, prefix: IpNetwork, claims: &[Claim]) -> Vec<IpNetwork> {
        let mut concerned = Vec::new();
        for (place, mac) in claims.iter().copied() {
            let uses = self.uses.entry(prefix).or_default();
            let known = uses.iter_mut().find(|(used, _)| *used == place);
            let end = self.ends.entry(place).or_default();
            end.refused = false;
            match known {
                Some((_, before)) => end.remove(prefix, std::mem::replace(before, mac)),
                None => uses.push((place, mac)),
            }
            if end.add(prefix, mac) {
                self.disputed.insert(place);
            }
            concerned.extend(self.look(place));
        }
        concerned.retain(|other| *other != prefix);
        concerned
    }

    /// A prefix's route leads to these far ends, and to no others. Returns as [`FarEnds::also_needed_by`].
    pub(crate) fn needed_by(&mut self, prefix: IpNetwork, claims: &[Claim]) -> Vec<IpNetwork> {
        if claims.is_empty() && self.uses.is_empty() {
            return Vec::new();
        }
        let before = self.uses.remove(&prefix).unwrap_or_default();
        let (kept, left): (Claims, Claims) =
            before.into_iter().partition(|(place, _)| claims.iter().any(|(needed, _)| needed == place));
        if !kept.is_empty() {
            self.uses.insert(prefix, kept);
        }
        let mut concerned = Vec::new();
        for (place, mac) in left {
            if let Some(end) = self.ends.get_mut(&place) {
                end.remove(prefix, mac);
            }
            concerned.extend(self.look(place));
        }
        concerned.extend(self.also_needed_by(prefix, claims));
        concerned
    }

    /// Entries to be written before any route, about `max` of them. `managed` says of a device that everything on it is
    /// ours: on others, another program's entry is not written over, and the place waits until somebody asks again.
    pub(crate) fn take_missing(&mut self, max: usize, managed: impl Fn(u32) -> bool) -> Vec<FarEntry> {
        let mut entries = Vec::new();
        while entries.len() < max
            && let Some(place) = self.missing.pop_first()
        {
            let (dev, node) = place;
            if !managed(dev) && self.foreign(place).is_some() {
                self.refused(place);
                continue;
            }
            let Some((mac, neighbour)) = self.ends.get(&place).and_then(|end| Some((end.mac?, end.neighbour))) else {
                continue;
            };
            // Where another address is in use, packets for the new one must have a way first.
            let order = match neighbour {
                Some(other) if other != mac => [Part::Forwarding, Part::Neighbour],
                _ => [Part::Neighbour, Part::Forwarding],
            };
            let stands = |part: &Part| match part {
                Part::Neighbour => neighbour == Some(mac),
                Part::Forwarding => self.forwarding.get(&(dev, mac)) == Some(&node),
            };
            let wrong = order.into_iter().filter(|part| !stands(part));
            entries.extend(wrong.map(|part| FarEntry { part, dev, node, mac }));
        }
        entries
    }

    /// Another program's entry that is in the way of a far end that is needed.
    pub(crate) fn foreign(&self, place: Place) -> Option<FarEntry> {
        let (dev, node) = place;
        let end = self.ends.get(&place)?;
        let mac = end.mac?;
        let ours = |to: IpAddr| self.ends.get(&(dev, to)).is_some_and(|end| end.ours.contains(&mac));
        let neighbour = end.neighbour.filter(|held| *held != mac && !end.ours.contains(held));
        let elsewhere = self.forwarding.get(&(dev, mac)).copied().filter(|to| *to != node && !ours(*to));
        neighbour.map(|mac| FarEntry { part: Part::Neighbour, dev, node, mac }).or(elsewhere.map(|node| FarEntry {
            part: Part::Forwarding,
            dev,
            node,
            mac,
        }))
    }

    /// Prefixes whose far end is that of an entry, or has its MAC address.
    pub(crate) fn around(&self, place: Place, mac: Option<Mac>) -> Vec<IpNetwork> {
        let nodes = mac.and_then(|mac| self.claimed.get(&(place.0, mac))).into_iter().flatten();
        let places = nodes.map(|node| (place.0, *node)).filter(|other| *other != place);
        places.chain([place]).flat_map(|place| self.users(place)).collect()
    }

    /// Entries to be removed once no route needs them, about `max` of them, in the reverse order.
    pub(crate) fn take_leaving(&mut self, max: usize) -> Vec<FarEntry> {
        let mut entries = Vec::new();
        while entries.len() < max
            && let Some(place) = self.leaving.pop_first()
        {
            entries.extend(self.superfluous(place));
        }
        entries
    }

    /// Entries of ours that no route needs.
    fn superfluous(&self, place: Place) -> SmallVec<[FarEntry; 2]> {
        let (dev, node) = place;
        let Some(end) = self.ends.get(&place).filter(|end| !end.adopted) else { return SmallVec::new() };
        let of = |part, mac| FarEntry { part, dev, node, mac };
        // The old address is in use until the new one stands.
        let unused = |mac: &Mac| match end.status {
            Status::Stands => end.mac != Some(*mac),
            Status::Unused | Status::Taken(_) => true,
            Status::Missing => false,
        };
        let ours = end.ours.iter().copied().filter(unused);
        let forwarding = ours.clone().filter(|mac| self.forwarding.get(&(dev, *mac)) == Some(&node));
        let neighbour = ours.filter(|mac| end.neighbour == Some(*mac));
        forwarding.map(|mac| of(Part::Forwarding, mac)).chain(neighbour.map(|mac| of(Part::Neighbour, mac))).collect()
    }

    /// An entry was written by us.
    pub(crate) fn written(&mut self, entry: FarEntry) -> Vec<IpNetwork> {
        self.ends.entry((entry.dev, entry.node)).or_default().ours.insert(entry.mac);
        self.stands(entry)
    }

    /// An entry stands in the kernel, whoever wrote it. Returns whom that concerns: prefixes whose far end now stands, or
    /// does no more.
    pub(crate) fn stands(&mut self, FarEntry { part, dev, node, mac }: FarEntry) -> Vec<IpNetwork> {
        let mut concerned = Vec::new();
        match part {
            Part::Neighbour => self.ends.entry((dev, node)).or_default().neighbour = Some(mac),
            Part::Forwarding => {
                if let Some(before) = self.forwarding.insert((dev, mac), node).filter(|before| *before != node) {
                    concerned.extend(self.look((dev, before)));
                }
            }
        }
        concerned.extend(self.look((dev, node)));
        concerned
    }

    /// An entry is gone, of this MAC address or, if none is named, of any. Returns as [`FarEnds::stands`].
    pub(crate) fn gone(&mut self, place: Place, part: Part, mac: Option<Mac>) -> Vec<IpNetwork> {
        let (dev, node) = place;
        match part {
            Part::Neighbour => {
                if let Some(end) = self.ends.get_mut(&place) {
                    end.neighbour.take_if(|held| mac.is_none_or(|mac| mac == *held));
                }
            }
            Part::Forwarding => match mac {
                Some(mac) => {
                    if self.forwarding.get(&(dev, mac)) == Some(&node) {
                        self.forwarding.remove(&(dev, mac));
                    }
                }
                None => self.forwarding.retain(|(on, _), to| (*on, *to) != place),
            },
        }
        self.look(place)
    }

    /// The kernel refused to write an entry; the place waits until somebody asks again.
    pub(crate) fn refused(&mut self, place: Place) {
        if let Some(end) = self.ends.get_mut(&place) {
            end.refused = true;
            self.missing.remove(&place);
        }
    }

    /// The kernel refused to remove an entry, which is left alone from now on.
    pub(crate) fn abandoned(&mut self, FarEntry { dev, node, mac, .. }: FarEntry) {
        if let Some(end) = self.ends.get_mut(&(dev, node)) {
            end.ours.remove(&mac);
        }
    }

    /// Works out how far a far end is after something about it has changed. Returns whom that concerns.
    fn look(&mut self, place: Place) -> Vec<IpNetwork> {
        let (mut concerned, mut places) = (Vec::new(), vec![place]);
        while let Some(place) = places.pop() {
            let (dev, node) = place;
            let Some(end) = self.ends.get_mut(&place) else { continue };
            let mac = end.chosen(node);
            if end.mac != mac {
                let before = std::mem::replace(&mut end.mac, mac);
                // Whoever waited for the address may have it, whoever had it may not.
                places.extend(
                    before.into_iter().filter_map(|mac| self.release((dev, mac), node)).map(|next| (dev, next)),
                );
                places.extend(mac.into_iter().filter_map(|mac| self.claim((dev, mac), node)).map(|next| (dev, next)));
            }
            let Some(end) = self.ends.get_mut(&place) else { continue };
            let owner = mac.and_then(|mac| self.claimed.get(&(dev, mac))?.first().copied());
            let status = match (mac, owner) {
                (None, _) => Status::Unused,
                (Some(_), Some(owner)) if owner != node => Status::Taken(owner),
                (Some(mac), _) => {
                    let stands = end.neighbour == Some(mac) && self.forwarding.get(&(dev, mac)) == Some(&node);
                    if stands {
                        // What is wanted and stands is ours, as it is with routes.
                        end.ours.insert(mac);
                    }
                    if stands { Status::Stands } else { Status::Missing }
                }
            };
            if std::mem::replace(&mut end.status, status) != status {
                concerned.extend(end.prefixes());
            }
            let refused = end.refused;
            match status {
                Status::Missing if !refused => self.missing.insert(place),
                _ => self.missing.remove(&place),
            };
            match self.superfluous(place).is_empty() {
                true => self.leaving.remove(&place),
                false => self.leaving.insert(place),
            };
            self.forget_if_empty(place);
        }
        concerned
    }

    /// Another node to look at again: the one that had the address.
    fn claim(&mut self, key: (u32, Mac), node: IpAddr) -> Option<IpAddr> {
        let nodes = self.claimed.entry(key).or_default();
        let before = nodes.first().copied();
        nodes.insert(node);
        before.filter(|before| nodes.first() != Some(before))
    }

    /// Another node to look at again: the next one that is to have the address.
    fn release(&mut self, key: (u32, Mac), node: IpAddr) -> Option<IpAddr> {
        let nodes = self.claimed.get_mut(&key)?;
        let had = nodes.first() == Some(&node);
        nodes.remove(&node);
        let next = nodes.first().copied();
        if next.is_none() {
            self.claimed.remove(&key);
        }
        next.filter(|_| had)
    }

    fn forget_if_empty(&mut self, place: Place) {
        let (dev, node) = place;
        let Some(end) = self.ends.get(&place) else { return };
        let forwards = |mac: &Mac| self.forwarding.get(&(dev, *mac)) == Some(&node);
        if end.users.is_empty() && end.neighbour.is_none() && !end.ours.iter().any(forwards) {
            self.ends.remove(&place);
        }
    }

    /// Who waits for a far end.
    pub(crate) fn users(&self, place: Place) -> Vec<IpNetwork> {
        self.ends.get(&place).map(|end| end.prefixes().collect()).unwrap_or_default()
    }

    /// The address that a used far end has or is to have.
    pub(crate) fn mac(&self, place: Place) -> Option<Mac> {
        self.ends.get(&place)?.mac
    }

    /// Far ends that a prefix needs, with the addresses its announcement names.
    pub(crate) fn claims(&self, prefix: IpNetwork) -> &[Claim] {
        self.uses.get(&prefix).map_or(&[], |claims| claims)
    }

    /// Far ends for which announcements name different addresses, if they began to since the last call: the addresses and
    /// how many prefixes name each.
    pub(crate) fn take_disputes(&mut self) -> Vec<(Place, Vec<(Mac, usize)>)> {
        let disputed = std::mem::take(&mut self.disputed);
        let named = |place: &Place| -> Vec<(Mac, usize)> {
            let users = self.ends.get(place).into_iter().flat_map(|end| &end.users);
            users.filter_map(|(mac, users)| Some(((*mac)?, users.len()))).collect()
        };
        disputed.into_iter().map(|place| (place, named(&place))).filter(|(_, named)| named.len() > 1).collect()
    }

    /// What stands in the kernel, all anew; `adopted` says of entries that nobody needs which are ours from an earlier
    /// run. Returns whom that concerns.
    pub(crate) fn load(&mut self, entries: &[FarEntry], adopted: impl Fn(&FarEntry) -> bool) -> Vec<IpNetwork> {
        self.forwarding.clear();
        self.ends.values_mut().for_each(|end| end.neighbour = None);
        for entry in entries {
            let end = self.ends.entry((entry.dev, entry.node)).or_default();
            match entry.part {
                Part::Neighbour => end.neighbour = Some(entry.mac),
                Part::Forwarding => {
                    self.forwarding.insert((entry.dev, entry.mac), entry.node);
                }
            }
            if adopted(entry) {
                end.adopted |= end.users.is_empty();
                end.ours.insert(entry.mac);
            }
        }
        let places: Vec<Place> = self.ends.keys().copied().collect();
        places.into_iter().flat_map(|place| self.look(place)).collect()
    }

    /// A device is gone with all it held. Its users need another's.
    pub(crate) fn forget_device(&mut self, gone: u32) {
        self.ends.retain(|(dev, _), _| *dev != gone);
        self.forwarding.retain(|(dev, _), _| *dev != gone);
        self.claimed.retain(|(dev, _), _| *dev != gone);
        for places in [&mut self.missing, &mut self.leaving, &mut self.disputed] {
            places.retain(|(dev, _)| *dev != gone);
        }
        self.uses.retain(|_, claims| {
            claims.retain(|((dev, _), _)| *dev != gone);
            !claims.is_empty()
        });
    }

    /// What was found at start, is of our making and has no user goes.
    pub(crate) fn sweep(&mut self) {
        let adopted: Vec<Place> = self
            .ends
            .iter_mut()
            .filter_map(|(place, end)| std::mem::take(&mut end.adopted).then_some(*place))
            .collect();
        for place in adopted {
            self.look(place);
        }
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.missing.is_empty() || !self.leaving.is_empty()
    }

    pub(crate) fn is_missing(&self) -> bool {
        !self.missing.is_empty()
    }
}
