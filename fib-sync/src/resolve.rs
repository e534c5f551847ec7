//! From a wanted prefix to the form it takes in the kernel: which gateway, which device, or why not.
//!
//! The pool that the *prefix* falls in decides whether its packets travel in a tunnel. Inside, the
//! far node's address is the tunnel's far end, so the next hop is used as it is. Outside, it is
//! resolved by longest match ([`Underlay`]) because the kernel accepts a gateway only on a link.
//!
//! Why we do the longest match and don't ask the kernel (`ip route get`): the kernel would answer
//! through our own routes too. A default route learned from a top-of-rack switch would then carry the
//! mesh, and two routes could keep each other alive after the road they stand on is gone. So foreign
//! routes count as the kernel has them, ours as they are *wanted*, each at most once on a way.

use crate::config::{FibConfig, Mode, Pool, TABLE_MAIN};
use crate::desired::{Desired, Reason, Target};
use crate::next_hop::NextHop;
use crate::next_hops::{Facts, NextHopError};
use crate::plan::form_of_blackhole;
use crate::route::{Form, Hop, Hops, network};
use crate::view::{Carrier, Held, View};
use ipnetwork::IpNetwork;
use smallvec::SmallVec;
use std::net::IpAddr;

/// How many of our own routes a next hop may lead through.
const DEPTH: usize = 4;
/// How many next hops are looked at for one, over all branches.
const BUDGET: u32 = 256;

/// What a wanted prefix comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolved {
    Form(Form),
    Skipped,
    Withheld(Reason),
}

/// `facts` tells what is known about a next hop; all of `target`'s are.
pub(crate) fn resolve<'a>(
    prefix: IpNetwork,
    target: &Target,
    config: &FibConfig,
    view: &View,
    facts: impl Fn(NextHop) -> Option<&'a Facts>,
) -> Resolved {
    let via = match target {
        Target::Blackhole => return form_of_blackhole(prefix).map_or(Resolved::Skipped, Resolved::Form),
        Target::Via(via) => via,
    };
    let pool = config.pool_of(prefix);
    let mode = pool.map_or(Mode::Direct, |pool| pool.mode);
    let tunnel = pool.and_then(|pool| pool.tunnel()).unwrap_or_default();
    let ipip = mode.is_tunnel() && !mode.is_vxlan();
    if ipip && prefix.is_ipv6() {
        return Resolved::Withheld(Reason::TunnelIpv4Only(tunnel.into()));
    }

    // The nearest alone, also while whoever has chosen them does not know the costs yet: after a start, or when a link
    // has just changed, a route would go to and fro.
    let (mut hops, mut nearest) = (Hops::new(), (Carrier::None, UNKNOWN));
    let mut first = None;
    for next_hop in &via.next_hops {
        let member = check(prefix, *next_hop, || facts(*next_hop)).and_then(|facts| {
            // Away from a link without its other end, to wherever there is one: the kernel goes on sending into it.
            let distance = (facts.carrier, facts.cost);
            let more = match mode {
                Mode::Direct => direct(*next_hop, facts),
                Mode::HostGw => on_link(*next_hop, facts, prefix, config, view),
                mode if mode.spares_neighbours() && facts.local => direct(*next_hop, facts),
                _ if ipip && next_hop.addr.is_ipv6() => Err(Reason::TunnelIpv4Only(tunnel.into())),
                mode => match (via.other_tunnel_to(next_hop.addr), pool) {
                    (Some(other), Some(Pool { cidr, .. })) if mode.is_vxlan() => {
                        Err(Reason::OtherTunnel { node: next_hop.addr, tunnel: other.clone(), pool: *cidr })
                    }
                    _ => through(tunnel, *next_hop, view),
                },
            };
            more.map(|more| (more, distance))
        });
        match member {
            Ok((_, distance)) if distance > nearest => {}
            Ok((more, distance)) => {
                if distance < nearest {
                    hops.clear();
                }
                nearest = distance;
                if hops.is_empty() {
                    hops = more;
                } else {
                    hops.extend(more);
                }
            }
            Err(reason) => first = first.or(Some(reason)),
        }
    }
    if hops.is_empty() {
        return Resolved::Withheld(first.unwrap_or(Reason::NoNextHop));
    }
    // Several next hops behind one gateway are one way out.
    hops.sort_unstable();
    hops.dedup();
    Resolved::Form(Form::Unicast(hops))
}

/// What no mode can use.
fn check<'a>(
    prefix: IpNetwork,
    next_hop: NextHop,
    facts: impl FnOnce() -> Option<&'a Facts>,
) -> Result<&'a Facts, Reason> {
    let bad = |error| Err(Reason::NextHop(next_hop, error));
    if let Some(error) = unfit(next_hop) {
        return bad(error);
    }
    if prefix.is_ipv6() && next_hop.addr.is_ipv4() {
        return bad(NextHopError::OtherFamily);
    }
    match facts() {
        Some(facts) if !facts.own => Ok(facts),
        Some(_) => bad(NextHopError::Own),
        None => bad(NextHopError::Unreachable),
    }
}

/// What is wrong with an address wherever it leads.
pub(crate) fn unfit(next_hop: NextHop) -> Option<NextHopError> {
    let NextHop { addr, interface } = next_hop;
    let scoped = match addr {
        IpAddr::V4(a) => a.is_broadcast(),
        IpAddr::V6(a) => a.is_unicast_link_local() && interface == 0,
    };
    if addr.is_unspecified() || addr.is_multicast() || addr.is_loopback() {
        return Some(NextHopError::NoGateway);
    }
    scoped.then_some(NextHopError::NeedsDevice)
}

fn direct(next_hop: NextHop, facts: &Facts) -> Result<Hops, Reason> {
    facts.underlay.clone().map_err(|error| Reason::NextHop(next_hop, error))
}

/// Without a gateway in between: on a link of this node, as the next hop itself is the only way out.
fn on_link(
    next_hop: NextHop,
    facts: &Facts,
    prefix: IpNetwork,
    config: &FibConfig,
    view: &View,
) -> Result<Hops, Reason> {
    match direct(next_hop, facts) {
        Ok(hops) if hops.iter().all(|hop| hop.via == Some(next_hop.addr)) => Ok(hops),
        Ok(_) | Err(Reason::NextHop(_, NextHopError::Unreachable)) => {
            let subnets = view.links.subnets_with_names(&config.tunnels(), next_hop.addr.is_ipv6());
            let pool = config.pool_of(prefix).map_or(prefix, |pool| pool.cidr);
            Err(Reason::NotOnLink { next_hop, pool, subnets: subnets.into() })
        }
        Err(reason) => Err(reason),
    }
}

fn through(tunnel: &str, next_hop: NextHop, view: &View) -> Result<Hops, Reason> {
    if let Some(why) = view.barred.get(tunnel) {
        return Err(Reason::TunnelBarred(why.clone()));
    }
    match view.links.named(tunnel) {
        None => Err(Reason::TunnelMissing(tunnel.into())),
        Some(link) if !link.up => Err(Reason::TunnelDown(tunnel.into())),
        // The far end is the outer destination, so no subnet has to contain it.
        Some(link) => Ok(Hops::from_iter([Hop::onlink(next_hop.addr, link.index)])),
    }
}

/// The ways to a next hop, and which of our own wanted prefixes they lead through.
pub(crate) struct Underlay<'a> {
    pub(crate) config: &'a FibConfig,
    pub(crate) view: &'a View,
    pub(crate) desired: &'a Desired,
}

pub(crate) type Through = SmallVec<[IpNetwork; 1]>;

/// The cost of a next hop that no route leads to, or our own do: farther than any that the kernel's routes lead to. What
/// our own cost hangs on what is chosen, which would hang on this.
const UNKNOWN: u32 = u32::MAX;

/// What there is to know about the way to a next hop.
pub(crate) struct Found {
    pub(crate) hops: Result<Hops, NextHopError>,
    /// Our wanted prefixes that were looked at.
    pub(crate) through: Through,
    /// As [`NextHopReport::cost`](crate::NextHopReport::cost).
    pub(crate) cost: u32,
}

impl Underlay<'_> {
    /// Longest match, on its way through each of our own prefixes at most once. So a prefix with its
    /// next hop inside is never carried by itself: the second time round it is passed over.
    pub(crate) fn find(&self, next_hop: NextHop) -> Found {
        let mut walk = Walk::new(None);
        let hops = self.walk(next_hop, &mut walk).map(|hops| self.with_carrier(hops));
        let cost = if hops.is_ok() { walk.cost } else { UNKNOWN };
        Found { hops, through: walk.used, cost }
    }

    /// Of several gateways those on the links with the best carrier.
    fn with_carrier(&self, mut hops: Hops) -> Hops {
        let carrier = |hop: &Hop| self.view.links.carrier(hop.dev);
        let best = hops.iter().map(carrier).min();
        hops.retain(|hop| Some(carrier(hop)) == best);
        hops
    }

    /// Our own wanted prefixes without each of which there would be no way to it. A route of one of them by way of this
    /// very next hop would take away the ground it stands on (RFC 4271 §9.1.2.1).
    pub(crate) fn indispensable(&self, next_hop: NextHop) -> Through {
        let mut walk = Walk::new(None);
        if self.walk(next_hop, &mut walk).is_err() {
            return Through::new();
        }
        // Whatever can't be done without lies on every way, so on the first one found.
        let mut way = walk.way.unwrap_or_default();
        way.retain(|prefix| self.walk(next_hop, &mut Walk::new(Some(*prefix))).is_err());
        way.sort_unstable();
        way
    }

    fn walk(&self, next_hop: NextHop, walk: &mut Walk) -> Result<Hops, NextHopError> {
        walk.budget = walk.budget.checked_sub(1).ok_or(NextHopError::TooDeep)?;
        if next_hop.interface != 0 {
            return self.on_interface(next_hop, walk);
        }
        let next_hop = next_hop.addr;
        let v6 = next_hop.is_ipv6();
        for length in (0..=if v6 { 128 } else { 32 }).rev() {
            let (theirs, ours) = (self.view.routes.has_length(v6, length), self.desired.has_length(v6, length));
            if !theirs && !ours {
                continue;
            }
            let prefix = network(next_hop, length);
            // Foreign first, so that the node's own default route beats one that we learned.
            if theirs && let Some(found) = self.foreign(next_hop, prefix) {
                let (hops, cost) = found?;
                walk.arrive(cost);
                return Ok(hops);
            }
            if ours && let Some(hops) = self.wanted(prefix, walk) {
                return hops;
            }
        }
        Err(NextHopError::Unreachable)
    }

    /// Where the link is named, no route has a say.
    fn on_interface(&self, next_hop: NextHop, walk: &mut Walk) -> Result<Hops, NextHopError> {
        if !self.view.links.is_up(next_hop.interface) {
            return Err(NextHopError::LinkDown);
        }
        walk.arrive(0);
        Ok(Hops::from_iter([Hop::via(next_hop.addr, next_hop.interface)]))
    }

    /// The hops of the kernel's own route, and what it costs to go by it.
    fn foreign(&self, next_hop: IpAddr, prefix: IpNetwork) -> Option<Result<(Hops, u32), NextHopError>> {
        let counts = |held: &&Held| !held.ours && held.route.table == TABLE_MAIN && held.route.tos == 0;
        let mut routes: SmallVec<[_; 2]> =
            self.view.routes.at(prefix).iter().filter(counts).map(|held| &held.route).collect();
        routes.sort_by_key(|route| route.metric);
        for route in routes {
            match &route.form {
                Form::Unicast(hops) => {
                    let up = hops.iter().filter(|hop| self.view.links.is_up(hop.dev));
                    let on_link = up.clone().any(|hop| hop.via.is_none());
                    let cost = if on_link { 0 } else { route.metric.saturating_add(1) };
                    // No gateway: the next hop itself is on this link.
                    let hop = |hop: &Hop| Hop {
                        via: hop.via.or(Some(next_hop)),
                        onlink: hop.onlink || hop.via.is_some_and(|via| !self.is_on_link(via, hop.dev)),
                        weight: 0,
                        ..*hop
                    };
                    let hops: Hops = up.map(hop).collect();
                    if !hops.is_empty() {
                        return Some(Ok((hops, cost)));
                    }
                }
                // Blackhole, unreachable, prohibit: packets to the next hop end here.
                Form::Blackhole | Form::Other(7 | 8) => return Some(Err(NextHopError::Dropped(prefix))),
                Form::Other(_) => {}
            }
        }
        None
    }

    /// Whether a route says that the gateway is a neighbour there. A route may outlive the address of its gateway's
    /// subnet; then the kernel takes the same gateway for another route only if told that it is one all the same.
    fn is_on_link(&self, gateway: IpAddr, dev: u32) -> bool {
        let v6 = gateway.is_ipv6();
        let neighbours = |held: &Held| held.route.hops().iter().any(|hop| hop.dev == dev && hop.via.is_none());
        let link_local = matches!(gateway, IpAddr::V6(gateway) if gateway.is_unicast_link_local());
        link_local
            || (0..=if v6 { 128 } else { 32 })
                .filter(|length| self.view.routes.has_length(v6, *length))
                .any(|length| self.view.routes.at(network(gateway, length)).iter().any(neighbours))
    }

    fn wanted(&self, prefix: IpNetwork, walk: &mut Walk) -> Option<Result<Hops, NextHopError>> {
        if walk.on.contains(&prefix) || walk.without == Some(prefix) {
            return None;
        }
        let entry = self.desired.get(prefix)?;
        let pool = self.config.pool_of(prefix);
        // What another program is to write counts as it is in the kernel.
        if pool.is_some_and(|pool| !pool.installs(&entry.target)) {
            return None;
        }
        let next_hops = match &entry.target {
            Target::Blackhole => {
                return form_of_blackhole(prefix).map(|_| Err(NextHopError::Dropped(prefix)));
            }
            // Not installed, so nothing is reached through it.
            Target::Via(_) if entry.protected => return None,
            Target::Via(via) => &via.next_hops,
        };
        let tunnelled = pool.is_some_and(|pool| pool.mode.is_tunnel());
        if tunnelled || walk.on.len() >= DEPTH {
            return None;
        }
        walk.on.push(prefix);
        walk.used.push(prefix);
        let mut hops = Hops::new();
        for next_hop in next_hops {
            if let Ok(more) = self.walk(*next_hop, walk) {
                hops.extend(more);
            }
        }
        walk.on.pop();
        (!hops.is_empty()).then_some(Ok(hops))
    }
}

struct Walk {
    /// Our prefixes on the way here.
    on: Through,
    /// All that were looked at; a change of any may change the answer.
    used: Through,
    /// Our prefixes on the first way that led to its end, and what it costs.
    way: Option<Through>,
    cost: u32,
    /// Taken as if it were not wanted.
    without: Option<IpNetwork>,
    budget: u32,
}

impl Walk {
    fn new(without: Option<IpNetwork>) -> Walk {
        Walk { on: Through::new(), used: Through::new(), way: None, cost: 0, without, budget: BUDGET }
    }

    /// A way has come to its end, on a link of the node; `cost` is that of its last part.
    fn arrive(&mut self, cost: u32) {
        if self.way.is_none() {
            self.cost = if self.on.is_empty() { cost } else { UNKNOWN };
            self.way = Some(self.on.clone());
        }
    }
}

#[cfg(test)]
mod tests;
