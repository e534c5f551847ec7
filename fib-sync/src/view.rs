//! What the kernel holds, as far as we know: links, addresses, routes; ours and everybody's.
//!
//! The engine keeps it true by three means: results of our own writes, notifications of other
//! people's, and dumps. Where a notification does not fit what is known, the view says
//! [`Seen::Doubt`] and the engine reads everything back; it never guesses.
//!
//! What a link took away is told by rules that were seen on Linux, see [`View::lost`], and costs as much as there are routes
//! over that link.
//!
//! Routes are in a map by prefix with a count of prefixes per length. A longest match probes only
//! lengths that exist, which on a node is a handful, and a change costs one map access.

use crate::hash::HashMap;
use crate::kernel::{Address, Dump, Link, RouteChange};
use crate::marks::Marks;
use crate::next_hop::NextHop;
use crate::route::{Hop, Route, masked};
use ipnetwork::IpNetwork;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

mod on_links;
use on_links::{OnLinks, devs};

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

/// Routes by prefix.
type Routes = HashMap<IpNetwork, SmallVec<[Held; 1]>>;

/// How many prefixes there are of each length: IPv4, IPv6.
pub(crate) type Lengths = [[u32; 129]; 2];

/// Routes of the tables that matter.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    routes: Routes,
    on_links: OnLinks,
    lengths: Lengths,
    /// IPv4, IPv6.
    ours: [usize; 2],
}

impl Default for Table {
    fn default() -> Self {
        Table { routes: Routes::default(), on_links: OnLinks::default(), lengths: [[0; 129]; 2], ours: [0; 2] }
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
        let over: SmallVec<[u32; 2]> = devs(&held.route).collect();
        let slot = self.routes.entry(prefix).or_default();
        if slot.is_empty() {
            self.lengths[usize::from(prefix.is_ipv6())][usize::from(prefix.prefix())] += 1;
        }
        self.ours[usize::from(prefix.is_ipv6())] += usize::from(held.ours);
        slot.push(held);
        let ours = slot.iter().filter(|held| held.ours).count();
        self.on_links.add(prefix, over.into_iter(), &self.routes);
        ours
    }

    /// One of ours is another now, in its place. Gives how many there are of ours for its prefix, or `new` if there is no
    /// such route.
    fn rewrite(&mut self, old: &Route, new: Route) -> Result<usize, Route> {
        let Some(slot) = self.routes.get_mut(&new.prefix) else { return Err(new) };
        let ours = slot.iter().filter(|held| held.ours).count();
        let Some(held) = slot.iter_mut().find(|held| held.ours && held.route == *old) else { return Err(new) };
        let (prefix, over) = (new.prefix, devs(&new).collect::<SmallVec<[u32; 2]>>());
        let old = std::mem::replace(&mut held.route, new);
        if !devs(&old).eq(over.iter().copied()) {
            self.on_links.remove(&old);
            self.on_links.add(prefix, over.into_iter(), &self.routes);
        }
        Ok(ours)
    }

    /// Prefixes with an IPv4 route over the interface, each once.
    fn on_link(&mut self, dev: u32) -> Vec<IpNetwork> {
        self.on_links.on(dev, &self.routes)
    }

    /// Removes those that match; gives them.
    pub(crate) fn remove(&mut self, prefix: IpNetwork, matches: impl Fn(&Held) -> bool) -> SmallVec<[Held; 1]> {
        let Some(slot) = self.routes.get_mut(&prefix) else { return SmallVec::new() };
        let ours = &mut self.ours[usize::from(prefix.is_ipv6())];
        let mut gone = SmallVec::new();
        slot.retain(|held| {
            let hit = matches(held);
            if hit {
                self.on_links.remove(&held.route);
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

/// How an interface lost its IPv4 routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It is down, or has no IPv4 address any more.
    Idle,
    /// It does not exist any more.
    Deleted,
}

/// Routes that an interface took away.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Their prefixes, and whether one of ours was among them.
    pub(crate) gone: Vec<(IpNetwork, bool)>,
    /// Of others it is not known whether they are gone; only a dump helps.
    pub(crate) doubtful: bool,
}

/// What became of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Gone,
    Stays,
    Unknown,
}

/// What becomes of an IPv4 route when an interface goes (fib_sync_down_dev of the kernel). One without live legs is gone. One
/// of several legs is gone with an interface that is deleted, and else stays with the leg marked as dead, to be revived
/// when the interface is up or gets an address again.
fn fate(route: &Route, dev: u32, loss: Loss, links: &Links) -> Fate {
    let is_dead = |hop: &Hop| hop.dev == dev || !links.is_up(hop.dev);
    let hops = route.hops();
    match hops {
        _ if !route.leads_over(dev) => Fate::Stays,
        [_] => Fate::Gone,
        // Next-hop objects have rules of their own.
        _ if route.extras => Fate::Unknown,
        _ if loss == Loss::Deleted || hops.iter().all(is_dead) => Fate::Gone,
        // A leg on a link that is up and has an address is alive; on one without, it may have died with the last address.
        _ if hops.iter().any(|hop| !is_dead(hop) && links.has_ipv4(hop.dev)) => Fate::Stays,
        _ => Fate::Unknown,
    }
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

    /// An interface lost its IPv4 routes, of which the kernel says nothing (IPv6 ones are told one by one): they are
    /// forgotten here. Of a prefix for which `is_sure` says no, and of a route whose fate is not known, nothing is forgotten.
    pub(crate) fn lost(&mut self, dev: u32, loss: Loss, is_sure: impl Fn(IpNetwork) -> bool) -> Lost {
        let mut lost = Lost::default();
        for prefix in self.routes.on_link(dev) {
            if !is_sure(prefix) {
                lost.doubtful = true;
                continue;
            }
            let View { routes, links, .. } = self;
            let fate = |held: &Held| fate(&held.route, dev, loss, links);
            lost.doubtful |= routes.at(prefix).iter().any(|held| fate(held) == Fate::Unknown);
            let gone = routes.remove(prefix, |held| fate(held) == Fate::Gone);
            if !gone.is_empty() {
                lost.gone.push((prefix, gone.iter().any(|held| held.ours)));
            }
        }
        lost
    }

    /// We wrote it and the kernel said yes. Gives how many there are of ours for its prefix.
    pub(crate) fn wrote(&mut self, route: Route) -> usize {
        self.routes.insert(Held { route, ours: true })
    }

    /// We replaced it and the kernel said yes. Gives how many there are of ours for its prefix.
    pub(crate) fn rewrote(&mut self, old: &Route, new: Route) -> usize {
        self.routes.rewrite(old, new).unwrap_or_else(|new| self.wrote(new))
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
