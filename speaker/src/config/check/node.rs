//! The node roost runs on: its addresses and its blocks.

use std::collections::HashSet;

use bgp_proto::Prefix;
use ipnetwork::IpNetwork;

use super::detect::{detect, pick};
use super::{ADDRESSES, Outside, at_most};
use crate::config::diagnostic::Report;
use crate::config::model::Node;
use crate::config::raw;

/// The node; its name is empty when the file has none.
pub(super) fn node(file: &raw::File, outside: Option<Outside<'_>>, report: &Report) -> Node {
    let empty = raw::Node::default();
    let raw = file.node.value().unwrap_or(&empty);
    if let Some((name, place)) = raw.name.good()
        && name.0.is_empty()
    {
        report.error(place, "node.name: a name may not be empty", "leave the key out to use the router id");
    }
    let mut addresses = addresses(raw, report);
    let detect = raw.detect.value().map(|raw| detect(raw, &addresses, report));
    let picked = detect.as_ref().map(|(detect, places)| pick(detect, places, outside, report)).unwrap_or_default();
    addresses.extend(picked.iter().map(|pick| pick.address));
    Node {
        name: raw.name.get().unwrap_or_default(),
        addresses,
        detect: detect.map(|(detect, _)| detect),
        picked,
        blocks: blocks(raw, report),
    }
}

fn addresses(raw: &raw::Node, report: &Report) -> Vec<IpNetwork> {
    let mut addresses: Vec<IpNetwork> = Vec::new();
    for (address, place) in at_most(ADDRESSES, "node.addresses", &raw.addresses, report) {
        if addresses.iter().any(|known| known.ip() == address.0.ip()) {
            report.error(place, format!("node.addresses: {} is given twice", address.0.ip()), "keep one of them");
        } else {
            addresses.push(address.0);
        }
    }
    addresses
}

fn blocks(raw: &raw::Node, report: &Report) -> Vec<Prefix> {
    let mut blocks: Vec<Prefix> = Vec::new();
    let mut known = HashSet::new();
    for (block, place) in raw.blocks.items() {
        if known.insert(block.0) {
            blocks.push(block.0);
        } else {
            report.error(place, format!("node.blocks: {} is given twice", block.0), "keep one of them");
        }
    }
    blocks
}
