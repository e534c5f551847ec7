//! What the kernel should hold, worked out a second time and in another way: from what peers announced, the node's own
//! blocks, the settings, and the links, addresses and routes of others that the kernel has.
//!
//! Nothing here remembers anything. Whatever happened before, the same world leads to the same routes; only which of too
//! many routes are installed is open.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::seen::{Hop, MAIN, Route, Seen};
use super::settings::{Mode, Settings, VXLAN, is_ours, is_within, net};

/// How far a node is by way of our own routes, or when nothing leads there.
const UNKNOWN: u64 = u32::MAX as u64;

/// A peer's offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    pub next_hop: IpAddr,
    pub local_pref: u32,
}

/// What becomes of a wanted prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Installed(Route),
    /// Another route has the key.
    Conflict(Route),
    /// Words of the reason.
    Withheld(&'static str),
    /// A single address of the node's own.
    Skipped,
}

impl Fate {
    /// Whether it takes one of the places there are for learned routes.
    pub fn has_form(&self) -> bool {
        matches!(self, Fate::Installed(_) | Fate::Conflict(_))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    Blackhole,
    Via { next_hops: BTreeSet<IpAddr>, local_pref: u32 },
}

pub struct Model<'a> {
    pub settings: &'a Settings,
    pub seen: &'a Seen,
    /// Of all peers, by prefix.
    pub paths: &'a BTreeMap<IpNetwork, Vec<Path>>,
    pub own: &'a BTreeSet<IpNetwork>,
    /// Links whose carrier counts as having just come back: others are taken before.
    pub fresh: &'a [&'static str],
}

type Way = (BTreeSet<Hop>, u64);

impl Model<'_> {
    pub fn fates(&self) -> BTreeMap<IpNetwork, Fate> {
        // What is chosen hangs on which nodes are reached, and that on what is chosen; three rounds go deeper than any
        // chain here.
        let mut wishes = BTreeMap::new();
        for _ in 0..3 {
            wishes = self.choose(&wishes);
        }
        wishes.iter().map(|(prefix, wish)| (*prefix, self.fate(*prefix, wish, &wishes))).collect()
    }

    fn choose(&self, wishes: &BTreeMap<IpNetwork, Wish>) -> BTreeMap<IpNetwork, Wish> {
        let mut chosen: BTreeMap<_, _> = self.own.iter().map(|prefix| (*prefix, Wish::Blackhole)).collect();
        for (prefix, paths) in self.paths {
            if paths.is_empty() || self.own.contains(prefix) {
                continue;
            }
            let judged: Vec<(&Path, Option<u64>)> =
                paths.iter().map(|path| (path, self.cost(path.next_hop, wishes))).collect();
            let any = judged.iter().any(|(_, cost)| cost.is_some());
            let mut left: Vec<_> = judged
                .into_iter()
                .filter(|(_, cost)| cost.is_some() == any)
                .map(|(path, cost)| (path.next_hop, path.local_pref, cost.unwrap_or(UNKNOWN)))
                .collect();
            let local_pref = left.iter().map(|(_, local_pref, _)| *local_pref).max().unwrap_or_default();
            left.retain(|(_, other, _)| *other == local_pref);
            let nearest = left.iter().map(|(_, _, cost)| *cost).min().unwrap_or_default();
            let next_hops = left.iter().filter(|(_, _, cost)| *cost == nearest).map(|(addr, ..)| *addr).collect();
            chosen.insert(*prefix, Wish::Via { next_hops, local_pref });
        }
        chosen
    }

    /// How far a node is; `None` if it cannot be used.
    fn cost(&self, next_hop: IpAddr, wishes: &BTreeMap<IpNetwork, Wish>) -> Option<u64> {
        if self.seen.has_address(next_hop) {
            return None;
        }
        self.way(next_hop, wishes, &mut Vec::new()).ok().map(|(_, cost)| cost)
    }

    /// Longest match. Routes of others count as the kernel has them, ours as they are wanted, each once on a way.
    fn way(
        &self,
        to: IpAddr,
        wishes: &BTreeMap<IpNetwork, Wish>,
        on: &mut Vec<IpNetwork>,
    ) -> Result<Way, &'static str> {
        for length in (0..=if to.is_ipv4() { 32 } else { 128 }).rev() {
            let prefix = IpNetwork::new(to, length).expect("a length of the family");
            let prefix = IpNetwork::new(prefix.network(), length).expect("the same");
            if let Some(way) = self.others_way(to, prefix) {
                return way;
            }
            match wishes.get(&prefix) {
                Some(Wish::Blackhole) if !is_host(prefix) && self.installs(prefix) => {
                    return Err("which drops its packets");
                }
                Some(Wish::Via { next_hops, .. })
                    if self.installs(prefix)
                        && !on.contains(&prefix)
                        && on.len() < 4
                        && self.protector(prefix).is_none()
                        && self.settings.pool_of(prefix).is_none_or(|pool| pool.mode == Mode::Direct) =>
                {
                    on.push(prefix);
                    let ways = next_hops.iter().filter_map(|next_hop| self.way(*next_hop, wishes, on).ok());
                    let hops: BTreeSet<Hop> = ways.flat_map(|(hops, _)| hops).collect();
                    on.pop();
                    if !hops.is_empty() {
                        return Ok((hops, UNKNOWN));
                    }
                }
                _ => {}
            }
        }
        Err("is unreachable")
    }

    fn others_way(&self, to: IpAddr, prefix: IpNetwork) -> Option<Result<Way, &'static str>> {
        let others = |route: &&Route| route.prefix == prefix && route.table == MAIN && !is_ours(route.protocol, MAIN);
        let mut routes: Vec<&Route> = self.seen.routes.iter().filter(others).collect();
        routes.sort_by_key(|route| route.metric);
        for route in routes {
            if route.kind != "unicast" {
                return Some(Err("which drops its packets"));
            }
            let up: Vec<&Hop> = route.hops.iter().filter(|hop| self.seen.is_up(&hop.dev)).collect();
            if up.is_empty() {
                continue;
            }
            let on_link = up.iter().any(|hop| hop.via.is_none());
            let cost = if on_link { 0 } else { u64::from(route.metric) + 1 };
            // A gateway whose subnet has gone from the link has to be called a neighbour.
            let neighbours = |via: IpAddr, dev: &str| {
                let on = |hop: &Hop| hop.dev == dev && hop.via.is_none();
                self.seen
                    .routes
                    .iter()
                    .any(|route| route.table == MAIN && route.prefix.contains(via) && route.hops.iter().any(on))
            };
            let hops = up.into_iter().map(|hop| Hop {
                via: hop.via.or(Some(to)),
                onlink: hop.onlink || hop.via.is_some_and(|via| !neighbours(via, &hop.dev)),
                ..hop.clone()
            });
            return Some(Ok((hops.collect(), cost)));
        }
        None
    }

    fn installs(&self, prefix: IpNetwork) -> bool {
        self.settings.pool_of(prefix).is_none_or(|pool| pool.install)
    }

    /// Why no peer may announce it.
    fn protector(&self, prefix: IpNetwork) -> Option<&'static str> {
        if self.settings.protect.iter().any(|range| is_within(prefix, *range)) {
            return Some("which is listed in fib.protect");
        }
        // The subnets of the node's addresses, as long as an interface has them.
        let own = OWN_ADDRESSES.map(net);
        let subnets = self.seen.addresses.iter().filter(|(_, net)| own.iter().any(|own| own.ip() == net.ip()));
        let inside = subnets.filter(|(_, subnet)| is_within(prefix, *subnet)).count() > 0;
        inside.then_some("a subnet of this node")
    }

    fn fate(&self, prefix: IpNetwork, wish: &Wish, wishes: &BTreeMap<IpNetwork, Wish>) -> Fate {
        if !self.installs(prefix) {
            return Fate::Withheld("is another agent's");
        }
        let (kind, hops, local_pref) = match wish {
            Wish::Blackhole if is_host(prefix) => return Fate::Skipped,
            Wish::Blackhole => ("blackhole", BTreeSet::new(), None),
            Wish::Via { next_hops, local_pref } => {
                if let Some(reason) = self.protector(prefix) {
                    return Fate::Withheld(reason);
                }
                match self.hops(prefix, next_hops, wishes) {
                    Ok(hops) => ("unicast", hops, Some(*local_pref)),
                    Err(reason) => return Fate::Withheld(reason),
                }
            }
        };
        let (protocol, table, metric) = self.settings.key_of(prefix, local_pref);
        let route = Route { prefix, table, protocol, metric, kind, hops };
        let other = |other: &&Route| other.same_key(&route) && !is_ours(other.protocol, other.table);
        match self.seen.routes.iter().find(other) {
            Some(_) => Fate::Conflict(route),
            None => Fate::Installed(route),
        }
    }

    /// How good the link of a hop is, the best first.
    fn carrier(&self, hop: &Hop) -> u8 {
        match self.seen.carriers.contains(&hop.dev) {
            true => u8::from(self.fresh.contains(&hop.dev.as_str())),
            false => 2,
        }
    }

    fn with_carrier(&self, mut hops: BTreeSet<Hop>) -> BTreeSet<Hop> {
        let best = hops.iter().map(|hop| self.carrier(hop)).min();
        hops.retain(|hop| Some(self.carrier(hop)) == best);
        hops
    }

    fn hops(
        &self,
        prefix: IpNetwork,
        next_hops: &BTreeSet<IpAddr>,
        wishes: &BTreeMap<IpNetwork, Wish>,
    ) -> Result<BTreeSet<Hop>, &'static str> {
        let pool = self.settings.pool_of(prefix);
        let mut ways: Vec<(BTreeSet<Hop>, (u8, u64))> = Vec::new();
        let mut reason = None;
        for next_hop in next_hops {
            if self.seen.has_address(*next_hop) {
                reason = reason.or(Some("is an address of this node"));
                continue;
            }
            let way = self.way(*next_hop, wishes, &mut Vec::new()).map(|(hops, cost)| (self.with_carrier(hops), cost));
            let cost = way.as_ref().map_or(UNKNOWN, |(_, cost)| *cost);
            // What leads to no link is as good as any.
            let carrier = way.iter().flat_map(|(hops, _)| hops).map(|hop| self.carrier(hop)).min().unwrap_or(0);
            let local = OWN_ADDRESSES.iter().any(|own| net(own).contains(*next_hop));
            let tunnel = pool.and_then(|pool| match pool.mode {
                Mode::IpipCrossSubnet | Mode::VxlanCrossSubnet if local => None,
                _ => pool.tunnel(),
            });
            let member = match tunnel {
                None => way.map(|(hops, _)| hops),
                Some(tunnel) => match self.seen.links.get(tunnel) {
                    None => Err("does not exist and the route must not leave unencapsulated"),
                    Some(false) => Err("is down and the route must not leave unencapsulated"),
                    Some(true) => {
                        let hop = Hop { via: Some(*next_hop), dev: tunnel.to_owned(), onlink: true };
                        Ok(BTreeSet::from([hop]))
                    }
                },
            };
            match member {
                Ok(hops) => ways.push((hops, (carrier, cost))),
                Err(why) => reason = reason.or(Some(why)),
            }
        }
        let Some(nearest) = ways.iter().map(|(_, distance)| *distance).min() else {
            return Err(reason.unwrap_or("it has no next hop"));
        };
        Ok(ways.into_iter().filter(|(_, distance)| *distance == nearest).flat_map(|(hops, _)| hops).collect())
    }
}

/// The node's addresses, with their subnets.
pub const OWN_ADDRESSES: [&str; 2] = ["172.16.1.1/24", "fd00:1::1/64"];

pub fn is_host(prefix: IpNetwork) -> bool {
    prefix.prefix() == if prefix.is_ipv4() { 32 } else { 128 }
}

/// Entries of the VXLAN device that the routes need.
pub fn far_ends<'a>(routes: impl Iterator<Item = &'a Route>) -> BTreeSet<String> {
    let hops = routes.flat_map(|route| &route.hops).filter(|hop| hop.dev == VXLAN && hop.onlink);
    hops.filter_map(|hop| hop.via).flat_map(far_end).collect()
}

/// Both entries of a node, whose MAC address says who it is.
pub fn far_end(node: IpAddr) -> [String; 2] {
    let IpAddr::V4(v4) = node else { panic!("{node}: no far end here has an IPv6 address") };
    let [a, b, c, d] = v4.octets();
    let mac = format!("02:72:{a:02x}:{b:02x}:{c:02x}:{d:02x}");
    [format!("neigh {node} {mac}"), format!("fdb {mac} {node}")]
}
