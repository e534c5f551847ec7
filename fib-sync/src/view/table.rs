//! Routes of the tables that matter, ours and everybody's.
//!
//! They are in a map by prefix with a count of prefixes per length. A longest match probes only
//! lengths that exist, which on a node is a handful, and a change costs one map access.

use super::on_links::{OnLinks, devs};
use crate::by_prefix::ByPrefix;
use crate::route::Route;
use ipnetwork::IpNetwork;
use smallvec::SmallVec;

/// A route in the kernel, with whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) route: Route,
    pub(crate) ours: bool,
}

/// Routes by prefix.
pub(super) type Routes = ByPrefix<SmallVec<[Held; 1]>>;

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
        self.routes.get(prefix).map_or(&[], |held| held)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.routes.iter().flat_map(|(_, held)| held)
    }

    pub(crate) fn ours(&self) -> impl Iterator<Item = &Held> {
        self.iter().filter(|held| held.ours)
    }

    /// Gives how many there are of ours for its prefix.
    pub(crate) fn insert(&mut self, held: Held) -> usize {
        let prefix = held.route.prefix;
        let over: SmallVec<[u32; 2]> = devs(&held.route).collect();
        let slot = self.routes.get_or_default(prefix);
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
    pub(super) fn rewrite(&mut self, old: &Route, new: Route) -> Result<usize, Route> {
        let Some(slot) = self.routes.get_mut(new.prefix) else { return Err(new) };
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
    pub(super) fn on_link(&mut self, dev: u32) -> Vec<IpNetwork> {
        self.on_links.on(dev, &self.routes)
    }

    /// Removes those that match; gives them.
    pub(crate) fn remove(&mut self, prefix: IpNetwork, matches: impl Fn(&Held) -> bool) -> SmallVec<[Held; 1]> {
        let Some(slot) = self.routes.get_mut(prefix) else { return SmallVec::new() };
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
            self.routes.remove(prefix);
            self.lengths[usize::from(prefix.is_ipv6())][usize::from(prefix.prefix())] -= 1;
        }
        gone
    }

    /// Makes matching routes ours.
    pub(crate) fn claim(&mut self, prefix: IpNetwork, matches: impl Fn(&Route) -> bool) {
        for held in self.routes.get_mut(prefix).into_iter().flatten() {
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
