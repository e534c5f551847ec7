//! Interfaces and their addresses, as far as we know them.

use crate::hash::HashMap;
use crate::kernel::{Address, Link};
use crate::next_hop::NextHop;
use crate::route::masked;
use ipnetwork::IpNetwork;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

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
    pub(super) fresh: HashMap<u32, Instant>,
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

    /// All their addresses.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = Address> {
        self.addresses.iter().copied()
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
