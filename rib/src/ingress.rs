//! What import itself changes on a path, after the policy: what RFCs ask of whoever takes a path over a border.
//!
//! | of an external peer | becomes |
//! |---|---|
//! | GRACEFUL_SHUTDOWN, unless switched off | LOCAL_PREF 0 (RFC 8326 §4.2) |
//! | BLACKHOLE | NO_EXPORT beside it (RFC 7999 §3.2: "SHOULD add the NO_ADVERTISE or NO_EXPORT community") |
//! | no OTC, from a provider, a route server or a peer | OTC with its AS (RFC 9234 §5) |
//! | what is said of the tunnel to the next hop | nothing (RFC 9012 §11) |
//! | any path, where we are another AS to the peer | the AS we are to it in front, unless `no_prepend` |
//!
//! After the policy, as in FRR: a policy that gives every path of a peer its LOCAL_PREF must not undo a shutdown. What
//! is asked here depends on the attributes alone, so it is worked out once per attribute set.
//!
//! Encapsulation communities of an external peer are filtered as RFC 9012 §11 has it by default, as they could draw
//! packets into tunnels that nobody meant, and the Router's MAC with them: it is that of such a tunnel's end.
//!
//! BLACKHOLE makes the kernel discard packets only on sessions where both sides agreed on it (RFC 7999 §3.3), hence the
//! switch, and only for a prefix as long as those that are under attack: a default route that somebody tags must not
//! take the network down.

use bgp_proto::attr::{Community, ExtCommunity, PathAttrs};
use bgp_proto::{Asn, Prefix};

use crate::attrs::Facts;
use crate::peer::Slot;
use crate::policy::insert_sorted;
use crate::rules::is_told_only_to_customers;

/// Shortest prefixes BLACKHOLE is honoured for. RFC 7999 §3.3 wants /32 and /128 and leaves the rest to operators; these
/// are the shortest that one network is given.
const BLACKHOLE_LEN: (u8, u8) = (24, 48);

/// The changes for paths of one peer.
#[derive(Clone, Copy)]
pub(crate) struct Ingress {
    external: bool,
    graceful_shutdown: bool,
    blackhole: bool,
    /// The OTC a path without one gets.
    otc: Option<Asn>,
    /// What we are to the peer, if it goes in front of its paths.
    prepend: Option<Asn>,
}

impl Ingress {
    pub(crate) fn of(peer: &Slot) -> Self {
        let rules = &peer.settings.rules;
        Self {
            external: peer.source.external,
            graceful_shutdown: rules.graceful_shutdown && peer.source.external,
            blackhole: rules.blackhole,
            otc: peer
                .last
                .filter(|session| session.external && rules.role.is_some_and(is_told_only_to_customers))
                .map(|session| session.peer_asn),
            prepend: peer
                .last
                .filter(|session| session.external && rules.local_as.is_some_and(|local| !local.no_prepend))
                .map(|session| session.local_asn),
        }
    }

    /// The attributes as they are taken over; none if nothing changes.
    pub(crate) fn change(&self, attrs: &PathAttrs) -> Option<PathAttrs> {
        let shutdown =
            self.graceful_shutdown && attrs.local_pref != Some(0) && attrs.has_community(Community::GRACEFUL_SHUTDOWN);
        let contain = self.external
            && attrs.has_community(Community::BLACKHOLE)
            && !attrs.has_community(Community::NO_ADVERTISE)
            && !attrs.has_community(Community::NO_EXPORT);
        let otc = self.otc.filter(|_| attrs.otc.is_none());
        let tunnel = self.external && attrs.ext_communities.iter().any(ExtCommunity::is_of_tunnel);
        if !shutdown && !contain && !tunnel && otc.is_none() && self.prepend.is_none() {
            return None;
        }
        let mut changed = attrs.clone();
        changed.otc = attrs.otc.or(otc); // RFC 9234 §5, ingress 3
        if let Some(asn) = self.prepend {
            changed.as_path = attrs.as_path.prepend(asn, 1);
        }
        if shutdown {
            changed.local_pref = Some(0); // RFC 8326 §4.2
        }
        if tunnel {
            forget_tunnel(&mut changed); // RFC 9012 §11
        }
        if contain {
            insert_sorted(&mut changed.communities, Community::NO_EXPORT); // RFC 7999 §3.2
        }
        Some(changed)
    }

    /// Whether packets to the prefix are to be discarded. RFC 7999 §3.3
    pub(crate) fn discards(&self, prefix: &Prefix, facts: &Facts) -> bool {
        let shortest = if matches!(prefix, Prefix::V4 { .. }) { BLACKHOLE_LEN.0 } else { BLACKHOLE_LEN.1 };
        self.blackhole && prefix.len() >= shortest && facts.blackhole
    }
}

/// Takes away what is said of the tunnel to the next hop.
pub(crate) fn forget_tunnel(attrs: &mut PathAttrs) {
    if attrs.ext_communities.iter().any(ExtCommunity::is_of_tunnel) {
        attrs.ext_communities =
            attrs.ext_communities.iter().copied().filter(|community| !community.is_of_tunnel()).collect();
    }
}
