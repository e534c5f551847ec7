//! What the kernel holds, as far as we know: links, addresses, routes; ours and everybody's.
//!
//! The engine keeps it true by three means: results of our own writes, notifications of other
//! people's, and dumps. Where a notification does not fit what is known, the view says
//! [`Seen::Doubt`] and the engine reads everything back; it never guesses.
//!
//! What a link took away is told by rules that were seen on Linux, see [`View::lost`], and costs as much as there are routes
//! over that link.

use crate::hash::HashMap;
use crate::kernel::{Dump, RouteChange};
use crate::marks::Marks;
use crate::route::{Hop, Route};
use ipnetwork::IpNetwork;
use smallvec::SmallVec;
use std::sync::Arc;

mod links;
mod on_links;
mod table;
pub(crate) use links::Carrier;
pub use links::Links;
pub(crate) use table::{Held, Lengths, Table};

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
