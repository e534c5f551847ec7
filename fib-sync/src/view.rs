//! What the kernel holds, as far as we know: links, addresses, routes; ours and everybody's.
//!
//! The engine keeps it true by three means: results of our own writes, notifications of other
//! people's, and dumps after anything that the kernel is known to do silently (a link going down takes
//! its IPv4 routes without a word). Where a notification does not fit what is known, the view says
//! [`Seen::Doubt`] and the engine reads everything back; it never guesses.
//!
//! Routes are in a map by prefix with a count of prefixes per length. A longest match probes only
//! lengths that exist, which on a node is a handful, and a change costs one map access.

use crate::hash::HashMap;
use crate::kernel::{Address, Dump, Link, RouteChange};
use crate::marks::Marks;
use crate::next_hop::NextHop;
use crate::route::{Route, masked};
use ipnetwork::IpNetwork;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// A route in the kernel, with whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) route: Route,
    pub(crate) ours: bool,
}

/// What there is to say of a link's other end, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Carrier {
    /// It is there.
    Steady,
    /// It has just come back, and may not answer yet.
    Fresh,
    /// It is not there, or the link is down.
    None,
}

/// Interfaces and their addresses.
#[derive(Debug, Clone, Default)]
pub struct Links {
    by_index: HashMap<u32, Link>,
    /// Those whose carrier has just come back, and until when that counts as just now.
    fresh: HashMap<u32, Instant>,
    addresses: BTreeSet<Address>,
    own: HashMap<IpAddr, u32>,
}

impl Links {
    /// Adds or changes one; gives what was known before.
    pub fn set(&mut self, link: Link) -> Option<Link> {
        self.by_index.insert(link.index, link)
    }

    /// By index.
    pub(crate) fn at(&self, index: u32) -> Option<&Link> {
        self.by_index.get(&index)
    }

    /// All interfaces.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.by_index.values()
    }

    /// Whether an interface has the address.
    pub(crate) fn has(&self, address: Address) -> bool {
        self.addresses.contains(&address)
    }

    /// The interface's name.
    pub fn name(&self, index: u32) -> Option<&str> {
        self.by_index.get(&index).map(|link| link.name.as_str())
    }

    /// Whether it exists and is up.
    pub fn is_up(&self, index: u32) -> bool {
        self.by_index.get(&index).is_some_and(|link| link.up)
    }

    /// Whether the other end is there.
    pub(crate) fn carrier(&self, index: u32) -> Carrier {
        match self.by_index.get(&index) {
            Some(link) if link.up && link.carrier && self.fresh.contains_key(&index) => Carrier::Fresh,
            Some(link) if link.up && link.carrier => Carrier::Steady,
            _ => Carrier::None,
        }
    }

    /// Its carrier has come back, and is not relied upon until then.
    pub(crate) fn freshen(&mut self, index: u32, until: Instant) {
        self.fresh.insert(index, until);
    }

    /// When the next carrier is no longer fresh.
    pub(crate) fn next_steady(&self) -> Option<Instant> {
        self.fresh.values().min().copied()
    }

    /// Says whether there are any that are no longer fresh.
    pub(crate) fn grow_steady(&mut self, now: Instant) -> bool {
        let before = self.fresh.len();
        self.fresh.retain(|_, until| *until > now);
        self.fresh.len() < before
    }

    /// By name; the youngest, should a stale one have it too.
    pub fn named(&self, name: &str) -> Option<&Link> {
        self.by_index.values().filter(|link| link.name == name).max_by_key(|link| link.index)
    }

    /// Whether the node itself has the address; one with an interface, there.
    pub fn is_own(&self, next_hop: NextHop) -> bool {
        let there = |address: &Address| next_hop.interface == 0 || address.dev == next_hop.interface;
        self.own.contains_key(&next_hop.addr)
            && self.addresses.iter().any(|address| address.net.ip() == next_hop.addr && there(address))
    }

    /// Subnets of up interfaces that are not among `except` (names).
    pub fn subnets<'a>(&'a self, except: &'a [&str]) -> impl Iterator<Item = IpNetwork> + 'a {
        self.addresses.iter().filter_map(move |address| {
            let link = self.by_index.get(&address.dev)?;
            let counts = link.up && link.name != "lo" && !except.contains(&link.name.as_str());
            counts.then_some(address.net)
        })
    }

    /// Subnets of a family with their interfaces, of up interfaces that are not among `except`; of many, the first few.
    pub(crate) fn subnets_with_names(&self, except: &[&str], v6: bool) -> String {
        const FEW: usize = 8;
        let mut texts = Vec::new();
        for address in self.addresses.iter().filter(|address| address.net.is_ipv6() == v6) {
            let Some(link) = self.by_index.get(&address.dev) else { continue };
            let link_local = matches!(address.net.ip(), IpAddr::V6(own) if own.is_unicast_link_local());
            if link.up && link.name != "lo" && !except.contains(&link.name.as_str()) && !link_local {
                texts.push(format!("{} on {}", masked(address.net), link.name));
            }
        }
        texts.dedup();
        if texts.len() > FEW {
            texts.truncate(FEW);
            texts.push("…".to_owned());
        }
        if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
    }

    /// Subnets of these addresses, whether their links are up or not.
    pub(crate) fn subnets_of<'a>(&'a self, own: &'a [IpAddr]) -> impl Iterator<Item = IpNetwork> + 'a {
        self.addresses.iter().map(|address| address.net).filter(|net| own.contains(&net.ip()))
    }

    /// The interface that has the address.
    pub(crate) fn with_address(&self, address: IpAddr) -> Option<&Link> {
        let dev = self.addresses.iter().find(|own| own.net.ip() == address)?.dev;
        self.by_index.get(&dev)
    }

    pub(crate) fn has_ipv4(&self, index: u32) -> bool {
        self.addresses.iter().any(|address| address.dev == index && address.net.is_ipv4())
    }

    pub(crate) fn forget(&mut self, index: u32) -> Option<Link> {
        let gone: Vec<Address> = self.addresses.iter().filter(|a| a.dev == index).copied().collect();
        for address in gone {
            self.remove_address(address);
        }
        self.by_index.remove(&index)
    }

    pub(crate) fn add_address(&mut self, address: Address) -> bool {
        let new = self.addresses.insert(address);
        if new {
            *self.own.entry(address.net.ip()).or_default() += 1;
        }
        new
    }

    pub(crate) fn remove_address(&mut self, address: Address) -> bool {
        let known = self.addresses.remove(&address);
        if let (true, Some(count)) = (known, self.own.get_mut(&address.net.ip())) {
            *count -= 1;
            if *count == 0 {
                self.own.remove(&address.net.ip());
            }
        }
        known
    }
}

/// How many prefixes there are of each length: IPv4, IPv6.
pub(crate) type Lengths = [[u32; 129]; 2];

/// Routes of the tables that matter.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    routes: HashMap<IpNetwork, SmallVec<[Held; 1]>>,
    lengths: Lengths,
    /// IPv4, IPv6.
    ours: [usize; 2],
}

impl Default for Table {
    fn default() -> Self {
        Table { routes: HashMap::default(), lengths: [[0; 129]; 2], ours: [0; 2] }
    }
}

impl Table {
    pub(crate) fn at(&self, prefix: IpNetwork) -> &[Held] {
        self.routes.get(&prefix).map_or(&[], |held| held)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.routes.values().flatten()
    }

    pub(crate) fn ours(&self) -> impl Iterator<Item = &Held> {
        self.iter().filter(|held| held.ours)
    }

    /// Gives how many there are of ours for its prefix.
    pub(crate) fn insert(&mut self, held: Held) -> usize {
        let prefix = held.route.prefix;
        let slot = self.routes.entry(prefix).or_default();
        if slot.is_empty() {
            self.lengths[usize::from(prefix.is_ipv6())][usize::from(prefix.prefix())] += 1;
        }
        self.ours[usize::from(prefix.is_ipv6())] += usize::from(held.ours);
        slot.push(held);
        slot.iter().filter(|held| held.ours).count()
    }

    /// Removes those that match; gives them.
    pub(crate) fn remove(&mut self, prefix: IpNetwork, matches: impl Fn(&Held) -> bool) -> SmallVec<[Held; 1]> {
        let Some(slot) = self.routes.get_mut(&prefix) else { return SmallVec::new() };
        let ours = &mut self.ours[usize::from(prefix.is_ipv6())];
        let mut gone = SmallVec::new();
        slot.retain(|held| {
            let hit = matches(held);
            if hit {
                gone.push(held.clone());
                *ours -= usize::from(held.ours);
            }
            !hit
        });
        if slot.is_empty() {
            self.routes.remove(&prefix);
            self.lengths[usize::from(prefix.is_ipv6())][usize::from(prefix.prefix())] -= 1;
        }
        gone
    }

    fn at_mut(&mut self, prefix: IpNetwork) -> &mut [Held] {
        self.routes.get_mut(&prefix).map_or(&mut [], |held| held)
    }

    /// Makes matching routes ours.
    pub(crate) fn claim(&mut self, prefix: IpNetwork, matches: impl Fn(&Route) -> bool) {
        for held in self.routes.get_mut(&prefix).into_iter().flatten() {
            if !held.ours && matches(&held.route) {
                held.ours = true;
                self.ours[usize::from(prefix.is_ipv6())] += 1;
            }
        }
    }

    /// How many are ours: IPv4, IPv6.
    pub(crate) fn count_ours(&self) -> [usize; 2] {
        self.ours
    }

    pub(crate) fn has_length(&self, v6: bool, length: u8) -> bool {
        self.lengths[usize::from(v6)].get(usize::from(length)).is_some_and(|n| *n > 0)
    }
}

/// What a notification did to the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing that was not known.
    Nothing,
    /// A foreign route came or went.
    Foreign,
    /// A route of ours is gone.
    OursGone,
    /// A route of ours was written over, by somebody under our own protocol id or another.
    OursChanged,
    /// It does not fit what is known: read everything back.
    Doubt,
}

/// Everything known about the kernel.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) marks: Marks,
    pub(crate) links: Links,
    pub(crate) routes: Table,
    /// Tunnel devices that are not to be used, and why.
    pub(crate) barred: HashMap<String, Arc<str>>,
}

impl View {
    pub(crate) fn new(marks: Marks) -> View {
        View { marks, links: Links::default(), routes: Table::default(), barred: HashMap::default() }
    }

    /// Everything anew; gives what was known before. `ours` says which routes that could be ours are.
    pub(crate) fn load(&mut self, dump: Dump, ours: impl Fn(&View, &Route) -> bool) -> View {
        let mut fresh = View { barred: self.barred.clone(), ..View::new(self.marks.clone()) };
        fresh.links.fresh = self.links.fresh.clone();
        for link in dump.links {
            fresh.links.set(link);
        }
        for address in dump.addresses {
            fresh.links.add_address(address);
        }
        for route in dump.routes {
            let ours = self.marks.may_be_ours(&route) && ours(self, &route);
            if self.marks.tables().contains(&route.table) {
                fresh.routes.insert(Held { route, ours });
            }
        }
        std::mem::replace(self, fresh)
    }

    /// Somebody else changed a route. `wanted`: it has exactly the key of a route the engine wants.
    pub(crate) fn apply(&mut self, change: RouteChange, route: Route, wanted: bool) -> Seen {
        if !self.marks.tables().contains(&route.table) {
            return Seen::Nothing;
        }
        let table = &mut self.routes;
        let same_key = table.at(route.prefix).iter().filter(|held| held.route.same_key(&route)).count();
        // Only routes with gateways merge; `fe80::/64` is there once for every link, side by side.
        let gated = |route: &Route| route.prefix.is_ipv6() && route.hops().iter().all(|hop| hop.via.is_some());
        let merges = gated(&route)
            && table.at(route.prefix).iter().any(|held| held.route.same_key(&route) && gated(&held.route));
        match change {
            RouteChange::Removed => {
                let gone = table.remove(route.prefix, |held| held.route == route);
                match gone.first() {
                    Some(held) if held.ours => Seen::OursGone,
                    Some(_) => Seen::Foreign,
                    // One member of an IPv6 multipath, or a route changed in a way we never heard of.
                    None if same_key > 0 => Seen::Doubt,
                    None => Seen::Nothing,
                }
            }
            // IPv6 merges an appended route into what is there, across protocols: the message names
            // only the newcomer, or the whole set under one protocol.
            RouteChange::Added if merges => Seen::Doubt,
            RouteChange::Replaced if same_key > 1 => Seen::Doubt,
            RouteChange::Added | RouteChange::Replaced => {
                let over = match change {
                    RouteChange::Replaced => table.remove(route.prefix, |held| held.route.same_key(&route)),
                    _ => SmallVec::new(),
                };
                let was_ours = over.iter().any(|held| held.ours);
                let ours = (was_ours || wanted) && self.marks.may_be_ours(&route);
                table.insert(Held { route, ours });
                if was_ours || ours { Seen::OursChanged } else { Seen::Foreign }
            }
        }
    }

    /// An interface lost all its IPv4 routes, of which the kernel says nothing (IPv6 ones are told one
    /// by one). Foreign ones are forgotten here; gives their prefixes. `None`: ours may be among them,
    /// or a multipath route, of which other members may live on; then only a dump helps.
    pub(crate) fn lost(&mut self, dev: u32) -> Option<Vec<IpNetwork>> {
        let table = &mut self.routes;
        let on_it = |held: &&Held| held.route.prefix.is_ipv4() && held.route.hops().iter().any(|h| h.dev == dev);
        if table.iter().filter(on_it).any(|held| held.ours || held.route.hops().len() > 1) {
            return None;
        }
        let gone: Vec<IpNetwork> = table.iter().filter(on_it).map(|held| held.route.prefix).collect();
        for prefix in &gone {
            table.remove(*prefix, |held| on_it(&held));
        }
        Some(gone)
    }

    /// We wrote it and the kernel said yes. Gives how many there are of ours for its prefix.
    pub(crate) fn wrote(&mut self, route: Route) -> usize {
        self.routes.insert(Held { route, ours: true })
    }

    /// We replaced it and the kernel said yes. Gives how many there are of ours for its prefix.
    pub(crate) fn rewrote(&mut self, old: &Route, new: Route) -> usize {
        let held = self.routes.at_mut(new.prefix);
        let ours = held.iter().filter(|held| held.ours).count();
        match held.iter_mut().find(|held| held.ours && held.route == *old) {
            Some(held) => {
                held.route = new;
                ours
            }
            None => self.wrote(new),
        }
    }

    /// We removed it, or it turned out to be gone.
    pub(crate) fn erased(&mut self, route: &Route) {
        let mut first = true;
        // Two equal ones can only come from two appends; then one is left, as in the kernel.
        let gone = self.routes.remove(route.prefix, |held| held.ours && held.route == *route);
        for held in gone {
            if !std::mem::take(&mut first) {
                self.routes.insert(held);
            }
        }
    }
}

#[cfg(test)]
mod tests;
