//! Prefixes of IPv4 routes by the interfaces that they lead over: an interface that goes takes them along without a word,
//! and only they are to be looked at then.
//!
//! Each interface has a list that only grows: a route more is five octets at its end, and a route less only a smaller
//! count, so that neither waits for memory. When half of the list is out of date it is made anew.

use super::table::{Held, Routes};
use crate::hash::HashMap;
use crate::route::Route;
use ipnetwork::{IpNetwork, Ipv4Network};

/// So many out-of-date prefixes are let be, whatever their share.
const SLACK: usize = 64;

#[derive(Debug, Clone, Default)]
pub(super) struct OnLinks {
    by_dev: HashMap<u32, Users>,
}

#[derive(Debug, Clone, Default)]
struct Users {
    /// Of every route that has come to lead over the interface; some no longer do, and some are named twice.
    prefixes: Vec<Ipv4Network>,
    /// How many routes do.
    used: usize,
}

impl Users {
    fn tidy(&mut self, dev: u32, routes: &Routes) {
        let on_it = |held: &Held| held.route.leads_over(dev);
        self.prefixes.sort_unstable();
        self.prefixes.dedup();
        self.prefixes.retain(|prefix| routes.get(IpNetwork::V4(*prefix)).is_some_and(|held| held.iter().any(on_it)));
    }
}

impl OnLinks {
    /// A route that is among `routes` already.
    pub(super) fn add(&mut self, prefix: IpNetwork, devs: impl Iterator<Item = u32>, routes: &Routes) {
        let IpNetwork::V4(prefix) = prefix else { return };
        for dev in devs {
            let users = self.by_dev.entry(dev).or_default();
            users.used += 1;
            if users.prefixes.len() >= SLACK + 2 * users.used {
                users.tidy(dev, routes);
            }
            users.prefixes.push(prefix);
        }
    }

    /// It is gone, or leads elsewhere now.
    pub(super) fn remove(&mut self, route: &Route) {
        for dev in devs(route).filter(|_| route.prefix.is_ipv4()) {
            let Some(users) = self.by_dev.get_mut(&dev) else { continue };
            users.used = users.used.saturating_sub(1);
            if users.used == 0 {
                self.by_dev.remove(&dev);
            }
        }
    }

    /// Prefixes with a route over the interface, each once.
    pub(super) fn on(&mut self, dev: u32, routes: &Routes) -> Vec<IpNetwork> {
        let Some(users) = self.by_dev.get_mut(&dev) else { return Vec::new() };
        users.tidy(dev, routes);
        users.prefixes.iter().copied().map(IpNetwork::V4).collect()
    }
}

/// Interfaces that a route leads over, each once.
pub(super) fn devs(route: &Route) -> impl Iterator<Item = u32> + '_ {
    let hops = route.hops();
    let is_first = |n: usize, dev: u32| hops.iter().take(n).all(|hop| hop.dev != dev);
    hops.iter().enumerate().filter(move |(n, hop)| is_first(*n, hop.dev)).map(|(_, hop)| hop.dev)
}
