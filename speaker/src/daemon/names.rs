//! Finding peers by what they are called, the same way wherever somebody names one: orders, the page of a peer, the
//! routes of a peer.
//!
//! A name is an address, `ADDRESS%INTERFACE`, a node of the mesh, or a description. It may stand for several peers: the
//! IPv4 and the IPv6 session with one node above all, or one link-local address on two links (RFC 4007 §6).

use std::net::IpAddr;

use rib::PeerId;

use super::known_peers::KnownPeer;
use crate::api::Problem;
use crate::config::{DeviceName, PeerOrigin, PeerSettings, closest};
use crate::net::zone::parse_zoned;

/// Names in one answer; the rest is counted.
const NAMED: usize = 20;

/// The peers of this name, in the order of `all`; never none.
///
/// # Errors
/// 404 when nobody has the name, with the one that may be meant.
pub fn find<'p>(all: &'p [(PeerId, KnownPeer)], name: &str) -> Result<Vec<&'p (PeerId, KnownPeer)>, Problem> {
    let address = parse_zoned(name);
    let is_it = |(_, peer): &&(PeerId, KnownPeer)| {
        let PeerSettings { address: own, interface, description, .. } = &peer.settings;
        let interface = interface.as_ref().map(DeviceName::as_str);
        address.is_some_and(|(address, zone)| address == *own && (zone.is_none() || zone == interface))
            || node(&peer.settings) == Some(name)
            || description.as_deref() == Some(name)
    };
    let found: Vec<_> = all.iter().filter(is_it).collect();
    if found.is_empty() { Err(nobody(all, name)) } else { Ok(found) }
}

/// The one peer of this name.
///
/// # Errors
/// 404 when nobody has the name, 409 when several do: which.
pub fn find_one<'p>(all: &'p [(PeerId, KnownPeer)], name: &str) -> Result<&'p (PeerId, KnownPeer), Problem> {
    let found = find(all, name)?;
    match found[..] {
        [one] => Ok(one),
        _ => {
            let names = found.iter().map(|(_, peer)| peer.settings.name()).collect();
            let text = format!("{} is the name of {} peers: {}", shown(name), found.len(), listed(names, ", "));
            Err(Problem::conflict(format!("{text}; name one of them by its address")))
        }
    }
}

/// Joins what must not make an answer long.
pub fn listed(mut texts: Vec<String>, between: &str) -> String {
    let more = texts.len().saturating_sub(NAMED);
    texts.truncate(NAMED);
    let text = texts.join(between);
    if more > 0 { format!("{text}{between}and {more} more") } else { text }
}

/// What the node with this address is called: in the mesh, or by its description.
pub fn of_address(all: &[(PeerId, KnownPeer)], address: IpAddr) -> Option<String> {
    let (_, peer) = all.iter().find(|(_, peer)| peer.settings.address == address)?;
    node(&peer.settings).map(str::to_owned).or_else(|| peer.settings.description.clone())
}

fn node(peer: &PeerSettings) -> Option<&str> {
    match &peer.origin {
        PeerOrigin::Mesh { node } => Some(node),
        PeerOrigin::Peers | PeerOrigin::Api | PeerOrigin::Dynamic { .. } => None,
    }
}

fn nobody(all: &[(PeerId, KnownPeer)], name: &str) -> Problem {
    let names = all.iter().flat_map(|(_, peer)| {
        let PeerSettings { description, .. } = &peer.settings;
        [Some(peer.settings.name()), node(&peer.settings).map(str::to_owned), description.clone()]
    });
    let names: Vec<String> = names.flatten().collect();
    let help = match closest(name, names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "`roost show peers` lists them".to_owned(),
    };
    Problem::not_found(format!("no peer is called {}; {help}", shown(name)))
}

fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(64).collect::<String>())
}

#[cfg(test)]
mod tests;
