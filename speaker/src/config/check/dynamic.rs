//! Peers nobody has listed: ranges of addresses, each with the group whose settings its peers take.

use std::time::Duration;

use bgp_proto::fsm::PeerAs;
use bgp_proto::{AS_TRANS, Asn};

use super::at_most;
use super::peers::{Checker, Identity};
use super::settings::Layers;
use crate::config::at::At;
use crate::config::model::{DynamicPeers, PeerOrigin, PeerSettings};
use crate::config::raw;
use crate::config::values::Asns;

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
            if raw.asn.is_unset() && group.asn.is_unset() {
                let help =
                    format!("write the peers' AS number, such as `asn: {}`, here or in the group", self.router.asn);
                self.report.error(place, format!("dynamic_peers: {prefix} has no `asn`"), help);
            }
            let known = if raw.asn.is_unset() { group.asn.get().map(PeerAs::One) } else { self.asns(&raw.asn) };
            let identity = Identity {
                address: prefix.addr(),
                interface: None,
                asn: match &known {
                    Some(PeerAs::One(asn)) => *asn,
                    Some(PeerAs::OneOf(_) | PeerAs::AnyBut(_)) => Asn(0),
                    None => self.router.asn,
                },
                port: None,
                origin: PeerOrigin::Dynamic { prefix },
                place: prefix_place,
            };
            let mut template = self.settings(identity, layers, known.is_some());
            template.passive = true;
            template.source = None;
            template.enabled = group.enabled.value().copied().unwrap_or(true);
            template.group = raw.group.get();
            template.description = group.description.get();
            let own = template.rules.local_as.map(|local| local.asn);
            let asn = match known.unwrap_or(PeerAs::One(template.asn)) {
                PeerAs::AnyBut(list) => PeerAs::AnyBut(list.iter().copied().chain(own).collect()),
                asn => asn,
            };
            if let (Some(own), PeerAs::OneOf(list)) = (own, &asn)
                && list.contains(&own)
            {
                let message = format!("dynamic_peers: {prefix} lists AS {own}, which is local_as of its group");
                self.report.error(place, message, "the session would be an internal one; choose another number");
            }
            ranges.push(DynamicPeers {
                prefix,
                asn,
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

    /// The ASes of a range; `None` when what is written cannot be. Of several, none may be ours or of our confederation:
    /// what our OPEN says, and whether the peer is internal, is decided before it has said who it is.
    fn asns(&self, raw: &At<Asns>) -> Option<PeerAs> {
        let (asns, place) = raw.good()?;
        let router = self.router;
        let members = router.confederation.iter().flat_map(|all| all.members.iter().copied().chain([all.id]));
        let ours: Vec<Asn> = std::iter::once(router.asn).chain(members).collect();
        match asns {
            Asns::One(asn) => Some(PeerAs::One(*asn)),
            // RFC 6793 §9: AS_TRANS is nobody's own number.
            Asns::Any => Some(PeerAs::AnyBut(ours.into_iter().chain([AS_TRANS]).collect())),
            Asns::List(list) => {
                let mut good: Vec<Asn> = list.iter().filter_map(At::get).collect();
                if list.is_empty() {
                    self.report.error(place, "dynamic_peers: the list of `asn` is empty", "write a number, or `any`");
                }
                for (asn, place) in list.iter().filter_map(At::good).filter(|(asn, _)| ours.contains(&asn.0)) {
                    let message = format!("dynamic_peers: AS {} is ours, and stands in a list", asn.0);
                    let help = format!(
                        "a list is of other ASes: give internal peers a range of their own, with `asn: {}`",
                        asn.0
                    );
                    if list.len() > 1 {
                        self.report.error(place, message, help);
                    }
                }
                good.dedup();
                match good[..] {
                    [] => None,
                    [one] => Some(PeerAs::One(one)),
                    _ => Some(PeerAs::OneOf(good.into())),
                }
            }
        }
    }

    /// The groups that ranges name.
    pub(super) fn dynamic_groups(file: &'f raw::File) -> impl Iterator<Item = &'f str> {
        file.dynamic_peers.items().filter_map(|(raw, _)| raw.group.value()).map(|name| name.0.as_str())
    }
}
