//! What the route thread knows, for somebody who wants to understand it: the way to an address, and what stands in the
//! kernel under our marks that is not ours.

use super::Engine;
use crate::config::{FibConfig, Pool};
use crate::next_hop::NextHop;
use crate::next_hops::Facts;
use crate::resolve::Underlay;
use crate::route::{Form, Hop, network};
use crate::view::Held;
use crate::watched::NextHopReport;
use ipnetwork::IpNetwork;
use std::net::IpAddr;

/// So many of what could be many are named; the rest is counted.
const NAMED: usize = 100;

/// The way to an address, as the route thread knows it.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Routes of the kernel that contain it, in our tables and the main one: the longest first, of these the lowest
    /// metric; at most 100.
    pub covering: Vec<Covering>,
    /// What became of the next hops asked about, in their order.
    pub ways: Vec<Way>,
    /// The pool it lies in.
    pub pool: Option<Pool>,
    /// It is an address of this node.
    pub own: bool,
}

/// A route of the kernel that contains the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covering {
    /// Destination.
    pub prefix: IpNetwork,
    /// Whether we wrote it, or hold it as ours.
    pub ours: bool,
    /// Whether packets end here: blackhole, unreachable or prohibit.
    pub drops: bool,
    /// As `ip route` prints it.
    pub text: String,
}

/// How a next hop resolves.
#[derive(Debug, Clone)]
pub struct Way {
    /// The next hop.
    pub next_hop: NextHop,
    /// Whether it can be used, and why not.
    pub report: NextHopReport,
    /// Gateways and devices that lead to it outside any tunnel; none where nothing does.
    pub hops: Vec<(IpAddr, String)>,
    /// Our own wanted prefixes that lead to it, as it lies in them (recursive resolution, RFC 4271 §9.1.2.1).
    pub through: Vec<IpNetwork>,
    /// The kernel's own route that leads to it, as `ip route` prints it, where that is none of ours.
    pub by: Option<String>,
}

/// How routes are written, and what stands beside them.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The configuration in force.
    pub config: FibConfig,
    /// Tables that are of interest: those of our routes, and the main one.
    pub tables: Vec<u32>,
    /// Routes that carry our protocol id in one of our tables and that are not ours, as `ip route` prints them; at most
    /// 100.
    pub strangers: Vec<String>,
    /// How many there are.
    pub strangers_count: usize,
}

impl Engine {
    /// The way to `address`, and how these next hops resolve.
    pub fn explain(&self, address: IpAddr, next_hops: &[NextHop]) -> Explanation {
        let single = network(address, if address.is_ipv4() { 32 } else { 128 });
        Explanation {
            covering: self.covering(address).map(|held| self.named(held)).take(NAMED).collect(),
            ways: next_hops.iter().map(|next_hop| self.way(*next_hop)).collect(),
            pool: self.config.pool_of(single).cloned(),
            own: self.view.links.is_own(address.into()),
        }
    }

    /// See [`Overview`].
    pub fn overview(&self) -> Overview {
        let stranger = |held: &&Held| !held.ours && self.view.marks.may_be_ours(&held.route);
        let mut strangers: Vec<&Held> = self.view.routes.iter().filter(stranger).collect();
        strangers.sort_by_key(|held| held.route.prefix);
        Overview {
            config: self.config.clone(),
            tables: self.view.marks.tables().to_vec(),
            strangers_count: strangers.len(),
            strangers: strangers.into_iter().take(NAMED).map(|held| self.named(held).text).collect(),
        }
    }

    fn covering(&self, address: IpAddr) -> impl Iterator<Item = &Held> {
        let v6 = address.is_ipv6();
        let lengths =
            (0..=if v6 { 128 } else { 32 }).rev().filter(move |length| self.view.routes.has_length(v6, *length));
        lengths.flat_map(move |length| {
            let mut held: Vec<&Held> = self.view.routes.at(network(address, length)).iter().collect();
            held.sort_by_key(|held| held.route.metric);
            held
        })
    }

    fn named(&self, Held { route, ours }: &Held) -> Covering {
        Covering {
            prefix: route.prefix,
            ours: *ours,
            drops: matches!(route.form, Form::Blackhole | Form::Other(7 | 8)),
            text: route.text(&self.view.links).to_string(),
        }
    }

    fn way(&self, next_hop: NextHop) -> Way {
        let world = Underlay { config: &self.config, view: &self.view, desired: &self.desired };
        let facts = Facts::find(next_hop, &world, &self.subnets);
        let name = |hop: &Hop| {
            let device = self.view.links.name(hop.dev).map_or_else(|| format!("if{}", hop.dev), str::to_owned);
            (hop.via.unwrap_or(next_hop.addr), device)
        };
        let by = self.covering(next_hop.addr).find(|held| !held.ours).filter(|_| next_hop.interface == 0);
        Way {
            next_hop,
            report: NextHopReport::find(next_hop, &facts, &world),
            hops: facts.underlay.iter().flatten().map(name).collect(),
            by: by.filter(|_| facts.through.is_empty()).map(|held| self.named(held).text),
            through: facts.through.into_vec(),
        }
    }
}
