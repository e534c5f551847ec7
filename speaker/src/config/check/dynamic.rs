//! Peers nobody has listed: ranges of addresses, each with the group whose settings its peers take.

use std::time::Duration;

use super::at_most;
use super::peers::{Checker, Identity};
use super::settings::Layers;
use crate::config::model::{DynamicPeers, PeerOrigin, PeerSettings};
use crate::config::raw;

/// Ranges: each connection of a stranger is compared with all of them.
const RANGES: usize = 256;

impl<'f> Checker<'f, '_> {
    pub(super) fn dynamic(&self, file: &'f raw::File) -> Vec<DynamicPeers> {
        let mut ranges: Vec<DynamicPeers> = Vec::new();
        for (raw, place) in at_most(RANGES, "dynamic_peers", &file.dynamic_peers, self.report) {
            if raw.group.is_unset() {
                let help = "name the peer group whose settings they take, such as `group: nodes`";
                self.report.error(place, "dynamic_peers: an entry needs `group`", help);
            }
            let Some((prefix, prefix_place)) = raw.prefix.good() else {
                if raw.prefix.is_unset() {
                    self.report.error(place, "dynamic_peers: an entry needs `prefix`", "such as `prefix: 10.0.0.0/16`");
                }
                continue;
            };
            let prefix = prefix.0;
            if ranges.iter().any(|other| other.prefix == prefix) {
                self.report.error(prefix_place, format!("dynamic_peers: {prefix} is given twice"), "keep one of them");
            }
            let Some(group) = self.group(&raw.group) else { continue };
            let layers = Layers { own: group.session(), group: None };
            let asn_key = if raw.asn.is_unset() { &group.asn } else { &raw.asn };
            if asn_key.is_unset() {
                let help =
                    format!("write the peers' AS number, such as `asn: {}`, here or in the group", self.router.asn);
                self.report.error(place, format!("dynamic_peers: {prefix} has no `asn`"), help);
            }
            let identity = Identity {
                address: prefix.addr(),
                interface: None,
                asn: asn_key.get().unwrap_or(self.router.asn),
                port: None,
                origin: PeerOrigin::Dynamic { prefix },
                place: prefix_place,
            };
            let mut template = self.settings(identity, layers, asn_key.value().is_some());
            template.passive = true;
            template.source = None;
            template.enabled = group.enabled.value().copied().unwrap_or(true);
            template.group = raw.group.get();
            template.description = group.description.get();
            ranges.push(DynamicPeers {
                prefix,
                limit: raw.limit.get().and_then(|limit| usize::try_from(limit.0).ok()).unwrap_or(1_000),
                forget_after: raw.forget_after.get().map_or(Duration::from_secs(60), |time| time.0),
                template,
            });
        }
        ranges
    }

    /// The kernel knows no exception from the key of a range: a listener does not hear who is inside and does not sign.
    pub(super) fn doubt_unsigned(&self, peers: &[PeerSettings], ranges: &[DynamicPeers]) {
        for range in ranges.iter().filter(|range| range.template.password.is_some()) {
            let unsigned = |peer: &&PeerSettings| peer.password.is_none() && range.prefix.contains_addr(peer.address);
            for peer in peers.iter().filter(unsigned) {
                if let Some(place) = self.taken.get(&(peer.address, peer.interface.clone())) {
                    let (peer, range) = (peer.address, range.prefix);
                    let message =
                        format!("peer {peer} cannot connect to us: it has no password, but dynamic_peers {range} has");
                    self.report.warn(*place, message, "give the peer one too, or keep it out of the range");
                }
            }
        }
    }

    /// The groups that ranges name.
    pub(super) fn dynamic_groups(file: &'f raw::File) -> impl Iterator<Item = &'f str> {
        file.dynamic_peers.items().filter_map(|(raw, _)| raw.group.value()).map(|name| name.0.as_str())
    }
}
