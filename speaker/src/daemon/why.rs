//! `GET /v1/why/{address}`: what each part of the daemon, and the kernel, say of the way to one address.
//!
//! The table is asked for one prefix, the route thread for its routes around the address, and the kernel by a connection
//! of this request's own. What follows from all of that is [`judge`]'s business.

use std::net::IpAddr;

use fib_sync::netlink::{Inspector, Lookup, Neighbour, SeenHop, SeenRoute, Snapshot};
use fib_sync::{FibHandle, RowFilter, Way};
use rib::{FibRoute, RouteView};

use super::backend::ended;
use super::examination::pool;
use super::known_peers::{KnownPeer, KnownPeers};
use super::owner::{OwnerHandle, for_kernel};
use super::verdict::judge;
use super::{names, rows};
use crate::api::Problem;
use crate::api::model::{Why, WhyHop, WhyNextHop, WhyPath, WhyRoute};

/// Paths and next hops in one answer; the rest is counted.
const NAMED: usize = 32;

/// The whole answer.
///
/// # Errors
/// 503 when the daemon is ending, or the kernel cannot be asked.
pub async fn why(
    address: IpAddr,
    owner: &OwnerHandle,
    fib: Option<&FibHandle>,
    peers: &KnownPeers,
) -> Result<Why, Problem> {
    let route = owner.ask(move |owner| owner.rib.lookup(address)).await.ok_or_else(ended)?;
    let mut why = ask_kernel(address)
        .await
        .map_err(|error| Problem::unavailable(format!("the kernel cannot be asked where {address} leads: {error}")))?;
    let mut next_hops = Vec::new();
    if let Some(route) = &route {
        why.prefix = Some(route.prefix.to_string());
        why.paths_total = route.paths.len();
        why.paths = paths(route, peers);
        if let Some(FibRoute::Via(via)) = &route.fib {
            next_hops = via.next_hops.iter().take(NAMED).map(for_kernel).collect();
        }
    }
    if let Some(fib) = fib {
        if let Some(route) = &route {
            let row = fib.rows(RowFilter::Exact(route.prefix.into())).await;
            why.fib = row.first().map(rows::fib);
        }
        let (explanation, overview) = (fib.explain(address, next_hops).await, fib.overview().await);
        if let (Some(explanation), Some(overview)) = (explanation, overview) {
            why.own |= explanation.own;
            why.pool = explanation.pool.map(|own| pool(&overview.config, &own));
            why.next_hops = explanation.ways.iter().map(next_hop).collect();
            let row = |route: fib_sync::Covering| WhyRoute {
                prefix: route.prefix.to_string(),
                text: route.text,
                ours: route.ours,
                drops: route.drops,
                local: false,
            };
            why.covering = explanation.covering.into_iter().map(row).collect();
            if let Some(lookup) = &mut why.lookup {
                lookup.ours = why.covering.iter().any(|route| route.ours && route.text == lookup.text);
            }
        }
    }
    (why.verdict, why.contradictions) = judge(&why);
    Ok(why)
}

/// What the kernel says, and nothing else yet.
async fn ask_kernel(address: IpAddr) -> std::io::Result<Why> {
    let mut kernel = Inspector::open()?;
    let seen = kernel.look(&[]).await?;
    let found = kernel.lookup(address).await?;
    let (lookup, lookup_error, hops) = match found {
        Lookup::Nowhere(error) => (None, Some(error.to_string()), Vec::new()),
        Lookup::Route(route) => (Some(of_kernel(&route)), None, hops(&route, address, &seen)),
    };
    let own = seen.addresses.iter().any(|(_, own)| own.ip() == address);
    Ok(Why {
        address,
        verdict: String::new(),
        contradictions: Vec::new(),
        own,
        pool: None,
        prefix: None,
        paths: Vec::new(),
        paths_total: 0,
        fib: None,
        next_hops: Vec::new(),
        lookup,
        lookup_error,
        covering: Vec::new(),
        hops,
    })
}

fn of_kernel(route: &SeenRoute) -> WhyRoute {
    WhyRoute {
        prefix: route.prefix.to_string(),
        text: route.text.clone(),
        ours: false,
        drops: route.drops,
        local: route.local,
    }
}

fn hops(route: &SeenRoute, address: IpAddr, seen: &Snapshot) -> Vec<WhyHop> {
    let hop = |hop: &SeenHop| {
        let device = seen.device(&hop.device).cloned().unwrap_or_default();
        let to = hop.via.unwrap_or(address);
        let neighbour = seen.neighbours.iter().find(|entry| entry.device == hop.device && entry.address == to);
        let mac = neighbour.and_then(|entry| entry.mac);
        let far_end = seen.forwarding.iter().find(|entry| entry.device == hop.device && Some(entry.mac) == mac);
        WhyHop {
            via: hop.via,
            device: hop.device.clone(),
            kind: device.kind,
            up: device.up,
            carrier: device.carrier,
            mtu: device.mtu,
            neighbour: neighbour.map(entry),
            far_end: far_end.map(|entry| entry.node),
            dead: hop.dead || hop.linkdown,
        }
    };
    route.hops.iter().take(NAMED).map(hop).collect()
}

fn entry(Neighbour { mac, state, .. }: &Neighbour) -> String {
    mac.map_or_else(|| (*state).to_owned(), |mac| format!("{mac} {state}"))
}

fn paths(route: &RouteView, peers: &KnownPeers) -> Vec<WhyPath> {
    let all = peers.all();
    let name = |id| peers.name(id).unwrap_or_else(|| format!("{id}"));
    let path = |(path, row): (&rib::PathView, _)| {
        let from = |(_, peer): &&(rib::PeerId, KnownPeer)| peer.settings.address;
        let peer = all.iter().find(|(id, _)| *id == path.peer);
        let node = names::of_address(&all, path.attrs.next_hop.addr())
            .or_else(|| names::of_address(&all, peer.as_ref().map(from)?));
        WhyPath { row, node }
    };
    route.paths.iter().zip(rows::route(route, name, None)).take(NAMED).map(path).collect()
}

fn next_hop(way: &Way) -> WhyNextHop {
    WhyNextHop {
        address: way.next_hop.to_string(),
        why_not: way.report.why_not.as_ref().map(ToString::to_string),
        on_link: way.report.on_link,
        by: way.hops.iter().map(|(via, device)| format!("{via} dev {device}")).collect(),
        route: way.by.clone(),
        through: way.through.iter().map(ToString::to_string).collect(),
    }
}
