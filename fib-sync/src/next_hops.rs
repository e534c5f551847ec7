//! The distinct next hops of all wanted prefixes, and those that somebody watches: what is known of each, and who
//! uses it.
//!
//! A hundred thousand prefixes have a handful of next hops. So a change of links or routes is judged
//! once per next hop, and only the prefixes of those whose answer changed are planned again.
//!
//! Who uses it is a list that only grows: a prefix more is one more at its end, and a prefix less only a smaller count,
//! so that neither waits for memory. When half of the list is out of date it is made anew.

use crate::config::FibConfig;
use crate::desired::Desired;
use crate::next_hop::NextHop;
use crate::resolve::{Found, Through, Underlay};
use crate::route::{Hops, bounds, contains};
use crate::view::Carrier;
use ipnetwork::IpNetwork;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What is wrong with a next hop.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NextHopError {
    /// No subnet and no route leads there.
    Unreachable,
    /// The interface it is meant for does not exist or is down.
    LinkDown,
    /// It is an address of this node.
    Own,
    /// It is no address of a node (0.0.0.0, loopback, multicast).
    NoGateway,
    /// It is link-local without an interface, or broadcast: nobody knows where.
    NeedsDevice,
    /// An IPv4 next hop can't carry an IPv6 prefix.
    OtherFamily,
    /// The longest match drops packets.
    Dropped(IpNetwork),
    /// It leads through too many of our own routes.
    TooDeep,
}

impl fmt::Display for NextHopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NextHopError::Unreachable => {
                f.write_str("is unreachable: no subnet of an up interface and no route leads to it")
            }
            NextHopError::LinkDown => f.write_str("is on a link that is down"),
            NextHopError::Own => f.write_str("is an address of this node"),
            NextHopError::NoGateway => f.write_str("can't be a gateway"),
            NextHopError::NeedsDevice => {
                f.write_str("is link-local and names no interface; announce a global next hop")
            }
            NextHopError::OtherFamily => f.write_str("is IPv4 and can't carry an IPv6 prefix"),
            NextHopError::Dropped(prefix) => write!(f, "falls into {prefix}, which drops its packets"),
            NextHopError::TooDeep => f.write_str("leads through too many other learned routes"),
        }
    }
}

/// All that resolution asks about a next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// It is this node.
    pub(crate) own: bool,
    /// It is in one of the node's own subnets.
    pub(crate) local: bool,
    /// Gateways on links that lead there.
    pub(crate) underlay: Result<Hops, NextHopError>,
    /// The best of those links. What leads to no link is as good as any.
    pub(crate) carrier: Carrier,
    /// Our wanted prefixes that the answer depends on.
    pub(crate) through: Through,
    /// As [`NextHopReport::cost`](crate::NextHopReport::cost).
    pub(crate) cost: u32,
}

impl Facts {
    /// `subnets`: those of the interfaces, for when the configuration names none.
    pub(crate) fn find(next_hop: NextHop, world: &Underlay<'_>, subnets: &[IpNetwork]) -> Facts {
        let config: &FibConfig = world.config;
        let local = match config.local_subnets.is_empty() {
            true => subnets.iter().any(|net| contains(*net, next_hop.addr)),
            false => config.is_local_subnet(next_hop.addr),
        };
        let Found { hops: underlay, through, cost } = world.find(next_hop);
        let links = &world.view.links;
        let best = underlay.iter().flatten().map(|hop| links.carrier(hop.dev)).min();
        let carrier = best.unwrap_or(Carrier::Steady);
        Facts { own: links.is_own(next_hop), local, underlay, carrier, through, cost }
    }
}

/// So many out-of-date users are let be, whatever their share.
const SLACK: usize = 64;

fn uses(desired: &Desired, prefix: IpNetwork, next_hop: NextHop) -> bool {
    desired.get(prefix).is_some_and(|entry| entry.target.leads_to(next_hop))
}

#[derive(Debug)]
struct Known {
    facts: Facts,
    /// Whoever has begun to use it; some no longer do, and some are named twice.
    users: Vec<IpNetwork>,
    /// How many do.
    used: usize,
    /// Followed also without a user.
    watched: bool,
}

#[derive(Debug, Default)]
pub(crate) struct NextHops {
    known: BTreeMap<NextHop, Known>,
    /// Those that lead through our own routes.
    recursive: BTreeSet<NextHop>,
}

impl NextHops {
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn facts(&self, next_hop: NextHop) -> Option<&Facts> {
        self.known.get(&next_hop).map(|known| &known.facts)
    }

    /// A prefix begins to use it, as `desired` has it already.
    pub(crate) fn attach(
        &mut self,
        next_hop: NextHop,
        user: IpNetwork,
        desired: &Desired,
        find: impl FnOnce() -> Facts,
    ) {
        let known = self.know(next_hop, find);
        known.used += 1;
        if known.users.len() >= SLACK + 2 * known.used {
            known.users.sort_unstable();
            known.users.dedup();
            known.users.retain(|user| uses(desired, *user, next_hop));
        }
        known.users.push(user);
    }

    /// One of its users has ceased to be one.
    pub(crate) fn detach(&mut self, next_hop: NextHop) {
        if let Some(known) = self.known.get_mut(&next_hop) {
            known.used = known.used.saturating_sub(1);
        }
        self.forget_unused(next_hop);
    }

    /// It is followed from now on, whoever uses it.
    pub(crate) fn watch(&mut self, next_hop: NextHop, find: impl FnOnce() -> Facts) {
        self.know(next_hop, find).watched = true;
    }

    /// … and no longer.
    pub(crate) fn unwatch(&mut self, next_hop: NextHop) {
        if let Some(known) = self.known.get_mut(&next_hop) {
            known.watched = false;
        }
        self.forget_unused(next_hop);
    }

    fn know(&mut self, next_hop: NextHop, find: impl FnOnce() -> Facts) -> &mut Known {
        let fresh = || Known { facts: find(), users: Vec::new(), used: 0, watched: false };
        let known = self.known.entry(next_hop).or_insert_with(fresh);
        if !known.facts.through.is_empty() {
            self.recursive.insert(next_hop);
        }
        known
    }

    fn forget_unused(&mut self, next_hop: NextHop) {
        if self.known.get(&next_hop).is_some_and(|known| known.used == 0 && !known.watched) {
            self.known.remove(&next_hop);
            self.recursive.remove(&next_hop);
        }
    }

    /// Next hops whose answer a route of this prefix may change, but for the recursive ones.
    pub(crate) fn under(&self, prefix: IpNetwork) -> impl Iterator<Item = NextHop> + '_ {
        let (first, last) = bounds(prefix);
        let last = NextHop { addr: last, interface: u32::MAX };
        self.known.range(NextHop::from(first)..=last).map(|(next_hop, _)| *next_hop)
    }

    /// Those that lead through our own routes.
    pub(crate) fn recursive(&self) -> impl Iterator<Item = NextHop> + '_ {
        self.recursive.iter().copied()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = NextHop> + '_ {
        self.known.keys().copied()
    }

    /// Stores a new answer; gives the users if it differs, perhaps with some that no longer are.
    pub(crate) fn learn(&mut self, next_hop: NextHop, facts: Facts) -> Option<impl Iterator<Item = IpNetwork> + '_> {
        let known = self.known.get_mut(&next_hop)?;
        if known.facts == facts {
            return None;
        }
        if facts.through.is_empty() {
            self.recursive.remove(&next_hop);
        } else {
            self.recursive.insert(next_hop);
        }
        known.facts = facts;
        Some(known.users.iter().copied())
    }
}
