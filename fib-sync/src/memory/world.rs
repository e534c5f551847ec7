//! Links, addresses and routes as Linux keeps them, and what it says of their changes.

use crate::far_ends::FarEntry;
use crate::kernel::{Address, Dump, Event, KernelError, Link, RouteChange};
use crate::route::{Form, Hop, Hops, Route, masked, network};
use ipnetwork::IpNetwork;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// RTPROT_KERNEL: connected routes.
const PROTOCOL_KERNEL: u8 = 2;
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) addresses: BTreeSet<Address>,
    pub(super) routes: BTreeMap<IpNetwork, Vec<Route>>,
    /// Legs of IPv4 routes that lead nowhere since their device went down or lost its last address: prefix, metric, table
    /// and device.
    pub(super) dead: BTreeSet<(IpNetwork, u32, u32, u32)>,
    pub(super) far_ends: BTreeSet<FarEntry>,
    pub(super) events: VecDeque<Event>,
    pub(super) refuse: HashMap<IpNetwork, (i32, u32)>,
    pub(super) lose_answers: u32,
    pub(super) fail_dumps: u32,
    pub(super) writes: u64,
    pub(super) dumps: u64,
    pub(super) touched: BTreeSet<IpNetwork>,
    /// The highest index that an interface ever had.
    pub(super) last_index: u32,
    pub(super) trespasses: Vec<Route>,
    /// Its `ipip` module is there.
    pub(super) makes_ipip: bool,
}

impl World {
    pub(super) fn dump(&self) -> Dump {
        Dump {
            links: self.links.values().cloned().collect(),
            addresses: self.addresses.iter().copied().collect(),
            routes: self.routes.values().flatten().cloned().collect(),
            far_ends: self.far_ends.iter().copied().collect(),
        }
    }

    pub(super) fn say(&mut self, change: RouteChange, route: Route, by: u32) {
        self.events.push_back(Event::Route { change, route, by });
    }

    /// Removes matching routes.
    fn take(&mut self, matches: impl Fn(&Route) -> bool) -> Vec<Route> {
        let mut gone = Vec::new();
        for routes in self.routes.values_mut() {
            gone.extend(routes.extract_if(.., |route| matches(route)));
        }
        self.routes.retain(|_, routes| !routes.is_empty());
        gone
    }

    /// Removes matching routes of a prefix.
    pub(super) fn take_at(&mut self, prefix: IpNetwork, matches: impl Fn(&Route) -> bool) -> Vec<Route> {
        let Some(routes) = self.routes.get_mut(&prefix) else { return Vec::new() };
        let gone = routes.extract_if(.., |route| matches(route)).collect();
        if routes.is_empty() {
            self.routes.remove(&prefix);
        }
        gone
    }

    /// IPv4 goes without a word, IPv6 is announced.
    fn vanish(&mut self, matches: impl Fn(&Route) -> bool) {
        for route in self.take(matches) {
            if route.prefix.is_ipv6() {
                self.say(RouteChange::Removed, route, 0);
            }
        }
    }

    /// The device is down, or has no IPv4 address any more: a route stays as long as one of its legs is alive.
    fn idle(&mut self, dev: u32) {
        let leg = |route: &Route, dev| (route.prefix, route.metric, route.table, dev);
        let on_it = self.routes.values().flatten().filter(|route| route.prefix.is_ipv4() && uses(route, dev));
        self.dead.extend(on_it.map(|route| leg(route, dev)));
        let dead = self.dead.clone();
        self.vanish(|route| uses(route, dev) && route.hops().iter().all(|hop| dead.contains(&leg(route, hop.dev))));
    }

    /// Legs over the device are alive again.
    fn revive(&mut self, dev: u32) {
        self.dead.retain(|(_, _, _, on)| *on != dev);
    }

    /// A route written anew has no dead legs.
    pub(super) fn put(&mut self, route: &Route) {
        let leg = |dev| (route.prefix, route.metric, route.table, dev);
        while let Some(dead) = self.dead.range(leg(0)..=leg(u32::MAX)).next().copied() {
            self.dead.remove(&dead);
        }
        let there = self.routes.entry(route.prefix).or_default();
        match there.iter_mut().find(|other| other.same_key(route)) {
            Some(other) => other.clone_from(route),
            None => there.push(route.clone()),
        }
    }

    pub(super) fn link(&mut self, link: Link) {
        let (dev, up) = (link.index, link.up);
        self.last_index = self.last_index.max(dev);
        let was_up = self.links.get(&dev).is_some_and(|old| old.up);
        self.events.push_back(Event::Link(link.clone()));
        self.links.insert(dev, link);
        let own: Vec<Address> = self.addresses.iter().filter(|a| a.dev == dev).copied().collect();
        if was_up && !up {
            self.idle(dev);
            let ups: BTreeSet<u32> = self.links.values().filter(|l| l.up).map(|l| l.index).collect();
            let is_left = |route: &Route| route.hops().iter().any(|hop| ups.contains(&hop.dev));
            self.vanish(|route| route.prefix.is_ipv6() && uses(route, dev) && !is_left(route));
            for address in own.into_iter().filter(|a| a.net.is_ipv6()) {
                self.addresses.remove(&address);
                self.events.push_back(Event::AddressGone(address));
            }
        } else if up && !was_up {
            self.revive(dev);
            own.into_iter().for_each(|address| self.connect(address));
        }
    }

    pub(super) fn link_gone(&mut self, dev: u32) {
        if self.links.remove(&dev).is_none() {
            return;
        }
        self.vanish(|route| uses(route, dev));
        self.far_ends.retain(|entry| entry.dev != dev);
        let gone: Vec<Address> = self.addresses.iter().filter(|a| a.dev == dev).copied().collect();
        for address in gone {
            self.addresses.remove(&address);
            self.events.push_back(Event::AddressGone(address));
        }
        self.events.push_back(Event::LinkGone(dev));
    }

    pub(super) fn address(&mut self, address: Address) {
        if self.links.contains_key(&address.dev) && self.addresses.insert(address) {
            self.events.push_back(Event::Address(address));
            if address.net.is_ipv4() && self.links.get(&address.dev).is_some_and(|link| link.up) {
                self.revive(address.dev);
            }
            self.connect(address);
        }
    }

    pub(super) fn address_gone(&mut self, address: Address) {
        if !self.addresses.remove(&address) {
            return;
        }
        self.events.push_back(Event::AddressGone(address));
        let (dev, subnet) = (address.dev, masked(address.net));
        let mut left = self.addresses.iter().filter(|a| a.dev == dev && a.net.is_ipv4());
        if !left.any(|a| masked(a.net) == subnet) {
            let connected = |r: &Route| r.protocol == PROTOCOL_KERNEL && r.prefix == subnet && uses(r, dev);
            for route in self.take(connected) {
                self.say(RouteChange::Removed, route, 0);
            }
        }
        let any_left = self.addresses.iter().any(|a| a.dev == dev && a.net.is_ipv4());
        if address.net.is_ipv4() && !any_left {
            self.idle(dev);
        }
    }

    fn connect(&mut self, address: Address) {
        let (prefix, dev) = (masked(address.net), address.dev);
        let hops = Hops::from_iter([Hop { via: None, dev, onlink: false, weight: 0 }]);
        let metric = if prefix.is_ipv6() { 256 } else { 0 };
        let (form, table) = (Form::Unicast(hops), crate::config::TABLE_MAIN);
        let route = Route { prefix, metric, table, protocol: PROTOCOL_KERNEL, tos: 0, form, extras: false };
        let known = self.routes.get(&prefix).is_some_and(|routes| routes.contains(&route));
        if !known && self.links.get(&dev).is_some_and(|link| link.up) && !crate::route::is_host(prefix) {
            // The kernel puts its own first, whoever has the key.
            self.routes.entry(prefix).or_default().insert(0, route.clone());
            self.say(RouteChange::Added, route, 0);
        }
    }

    pub(super) fn check(&self, route: &Route) -> Result<(), KernelError> {
        let bad = |errno, words: &str| Err(KernelError::from_errno(errno, Some(words)));
        for hop in route.hops() {
            let Some(link) = self.links.get(&hop.dev) else { return bad(libc::ENODEV, "") };
            if !link.up {
                return bad(libc::ENETDOWN, "Nexthop device is not up.");
            }
            let Some(via) = hop.via.filter(|_| !hop.onlink) else { continue };
            // A route without a gateway puts its destinations on the link, whoever wrote it.
            let on_link = |hops: &[Hop]| hops.iter().any(|h| h.dev == hop.dev && h.via.is_none());
            let around = (0..=if via.is_ipv6() { 128 } else { 32 }).map(|length| network(via, length));
            let mut covering = around.filter_map(|prefix| self.routes.get(&prefix)).flatten();
            if !covering.any(|route| on_link(route.hops())) {
                return match via.is_ipv6() {
                    true => bad(libc::EHOSTUNREACH, ""),
                    false => bad(libc::ENETUNREACH, "Nexthop has invalid gateway."),
                };
            }
        }
        Ok(())
    }

    pub(super) fn add(&mut self, route: &Route) -> Result<(), KernelError> {
        self.check(route)?;
        if self.routes.get(&route.prefix).into_iter().flatten().any(|other| other.same_key(route)) {
            return Err(KernelError::from_errno(libc::EEXIST, None));
        }
        self.put(route);
        Ok(())
    }

    /// The first of the key is rewritten, whoever owns it.
    pub(super) fn replace(&mut self, route: &Route) -> bool {
        let known = self.routes.get(&route.prefix).into_iter().flatten().any(|other| other.same_key(route));
        if known {
            self.put(route);
        }
        known
    }
}

fn uses(route: &Route, dev: u32) -> bool {
    route.hops().iter().any(|hop| hop.dev == dev)
}
