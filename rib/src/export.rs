//! Export: may a path go to a peer, and what is the peer told about it.
//!
//! [`admit`] answers the first question when a prefix was decided, [`outgoing`] the second when bytes are written: the
//! log of an update group keeps the table's attributes, so a million routes cost no second set of attributes per group.
//! Both depend on the [`GroupKey`], the path and where it comes from, never on the single member; the one rule that does
//! (no path goes back to the peer it came from) is the audience of a chunk.
//!
//! | from \ to     | external | client | internal |
//! |---------------|----------|--------|----------|
//! | originated    | yes      | yes    | yes      |
//! | external      | yes      | yes    | yes      |
//! | client        | yes      | yes    | yes      |
//! | internal      | yes      | yes    | no       |
//!
//! RFC 4271 §9.1.3 and §9.2, RFC 4456 §6.
//!
//! What is said of the tunnel to the next hop (RFC 9012 §4.1, RFC 9135 §8.1) goes to internal peers, of our own routes and
//! of others', as long as the next hop is that of the tunnel: with another one, such as ours, the tunnel would end where
//! nobody expects it. To external peers it does not go: RFC 9012 §11 wants it filtered there by default, in and out. A
//! confederation is one administration, and next hops pass through it unchanged (RFC 5065 §5.1): there it goes.
//!
//! Clients can be in several clusters. What goes from a client of one to a client of another then passes both: the
//! receiver's cluster stands first in the CLUSTER_LIST, the sender's second.

use std::fmt;
use std::net::IpAddr;

use bgp_proto::attr::{Community, NextHop, PathAttrs};
use bgp_proto::message::Role;
use bgp_proto::{Family, Prefix};

use crate::attrs::{AttrId, AttrStore, DEFAULT_LOCAL_PREF, Facts};
use crate::group::{GroupKey, PeerKind};
use crate::ingress::forget_tunnel;
use crate::long_lived::with_community;
use crate::next_hop::NextHops;
use crate::peer::{NextHopMode, Source};
use crate::policy::{Evaluation, Verdict};
use crate::rules::{is_told_only_to_customers, tells_only_to_customers};

/// Why a peer is not told a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Withheld {
    /// It came from this peer.
    CameFromPeer,
    /// From one internal peer to another, neither of them our client. RFC 4271 §9.2
    NotReflected,
    /// NO_ADVERTISE. RFC 1997
    NoAdvertise,
    /// NO_EXPORT or NO_EXPORT_SUBCONFED. RFC 1997
    NoExport,
    /// Kept for long, and the peer does not know what that means. RFC 9494 §4.3
    LongLivedStale,
    /// The peer's AS is in the path, and the peer is configured not to be told such paths.
    PeerInPath,
    /// We have no address of the family to announce as next hop.
    NoOwnAddress,
    /// The next hop is of another family than the prefix, and the session cannot say so (RFC 8950).
    NextHopFamily,
    /// NOPEER, and we are the peer's peer. RFC 3765
    NoPeer,
    /// AS_SET or AS_CONFED_SET in the path. RFC 9774 §3
    AsSet,
    /// Only to Customer, which the peer is not. RFC 9234 §5
    OnlyToCustomer,
    /// The export policy's rule of this number, or its default.
    Policy(Option<u16>),
    /// Another path of the prefix was preferred, or there are more than the peer is told.
    NotBest,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CameFromPeer => "it came from this peer",
            Self::NotReflected => "internal paths go to clients and external peers only",
            Self::NoAdvertise => "community no-advertise",
            Self::NoExport => "community no-export",
            Self::LongLivedStale => "long-lived stale, and the peer has no long-lived graceful restart (RFC 9494)",
            Self::PeerInPath => "the peer's AS is in the path",
            Self::NoOwnAddress => "no own address of this family to announce as next hop: set one for the peer",
            Self::NextHopFamily => "next hop of another family than the prefix, and the session has no RFC 8950",
            Self::NoPeer => "community no-peer",
            Self::AsSet => "AS_SET in the path",
            Self::OnlyToCustomer => "only to customers (OTC)",
            Self::Policy(Some(rule)) => return write!(f, "export policy, rule {rule}"),
            Self::Policy(None) => "export policy, default",
            Self::NotBest => "not among the paths the peer is told",
        })
    }
}

/// What goes into a group's log: the attributes, counted once more for the caller, and whether their MED may cross an
/// AS boundary because the policy set it.
pub(crate) struct Admitted {
    pub(crate) attrs: AttrId,
    pub(crate) keep_med: bool,
}

/// Whether members of the group are told the path, and what the policy makes of it.
pub(crate) fn judge(
    key: &GroupKey,
    source: &Source,
    prefix: &Prefix,
    facts: &Facts,
    attrs: &PathAttrs,
) -> Result<Evaluation, Withheld> {
    permitted(key, source, facts)?;
    if key.avoid.is_some_and(|asn| attrs.as_path.count(asn) > 0) {
        return Err(Withheld::PeerInPath);
    }
    next_hop(key, source, attrs)?;
    let evaluation = key.export.evaluate(prefix, attrs);
    match evaluation.verdict {
        Verdict::Accept => Ok(evaluation),
        Verdict::Reject => Err(Withheld::Policy(evaluation.rule)),
    }
}

/// [`judge`] for the log.
pub(crate) fn admit(
    key: &GroupKey,
    source: &Source,
    prefix: &Prefix,
    attrs: AttrId,
    store: &mut AttrStore,
    next_hops: &mut NextHops,
) -> Result<Admitted, Withheld> {
    let evaluation = judge(key, source, prefix, store.facts(attrs), &store.attrs(attrs))?;
    let attrs = match evaluation.changed {
        Some(changed) => store.intern(&changed.into(), next_hops),
        None => {
            store.retain(attrs);
            attrs
        }
    };
    Ok(Admitted { attrs, keep_med: evaluation.med_set })
}

fn permitted(key: &GroupKey, source: &Source, facts: &Facts) -> Result<(), Withheld> {
    if facts.no_advertise {
        return Err(Withheld::NoAdvertise);
    }
    // RFC 9774 §3
    if facts.has_set && !key.rules.as_sets {
        return Err(Withheld::AsSet);
    }
    // RFC 9234 §5, egress 2
    if facts.otc && key.rules.role.is_some_and(is_told_only_to_customers) {
        return Err(Withheld::OnlyToCustomer);
    }
    // RFC 3765 §2: peers are told by their role; without one nobody knows that the peering is bilateral.
    if facts.no_peer && key.rules.role == Some(Role::Peer) {
        return Err(Withheld::NoPeer);
    }
    match key.kind {
        PeerKind::External { .. } if facts.no_export => Err(Withheld::NoExport),
        PeerKind::External { .. } if facts.llgr_stale && !key.long_lived => Err(Withheld::LongLivedStale),
        // RFC 1997, RFC 5065 §4
        PeerKind::Confederation { .. } if facts.no_subconfed => Err(Withheld::NoExport),
        PeerKind::Internal if source.is_internal() && !source.client && !source.id.is_local() => {
            Err(Withheld::NotReflected)
        }
        _ => Ok(()),
    }
}

/// RFC 4271 §5.1.3, RFC 2545 §3, RFC 8950 §3
fn next_hop(key: &GroupKey, source: &Source, attrs: &PathAttrs) -> Result<NextHop, Withheld> {
    let addr = attrs.next_hop.addr();
    let keep = match key.next_hop {
        NextHopMode::Own => false,
        NextHopMode::Keep => true,
        // A reflector leaves the next hop alone (RFC 4456 §10); nobody behind an external peer shares our interior.
        NextHopMode::Auto => !key.is_external(),
    };
    // What we originate says 0.0.0.0 or :: for "here". A link-local address means nothing one hop further.
    let here = addr.is_unspecified() || is_link_local(addr) || (source.id.is_local() && key.is_external());
    if !keep || here {
        return key.own_address.map(NextHop::Addr).ok_or(Withheld::NoOwnAddress);
    }
    let fits = match (key.family, addr) {
        (Family::IPV4_UNICAST, IpAddr::V6(_)) => key.codec.ipv4_over_ipv6,
        (_, IpAddr::V6(_)) => true,
        (family, IpAddr::V4(_)) => family == Family::IPV4_UNICAST,
    };
    if fits { Ok(NextHop::Addr(addr)) } else { Err(Withheld::NextHopFamily) }
}

pub(crate) fn is_link_local(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(_) => false,
        IpAddr::V6(addr) => addr.is_unicast_link_local(),
    }
}

/// What members of the group are told about an admitted path.
pub(crate) fn outgoing(key: &GroupKey, source: &Source, attrs: &PathAttrs, keep_med: bool) -> PathAttrs {
    let mut out = attrs.clone();
    if let Ok(next_hop) = next_hop(key, source, attrs) {
        out.next_hop = next_hop;
    }
    let elsewhere = !source.id.is_local() && out.next_hop.addr() != attrs.next_hop.addr();
    if elsewhere || key.is_external() {
        forget_tunnel(&mut out); // RFC 9012 §11
    }
    match key.kind {
        PeerKind::External { local_asn } => {
            out.as_path = key.rules.path(&attrs.as_path, local_asn); // RFC 4271 §5.1.2 b
            out.local_pref = None; // §5.1.5
            out.originator_id = None; // RFC 4456 §8: optional non-transitive, of this AS only
            out.cluster_list = Box::default();
            // RFC 9234 §5, egress 1
            if out.otc.is_none() && key.rules.role.is_some_and(tells_only_to_customers) {
                out.otc = Some(local_asn);
            }
            if !keep_med && !source.id.is_local() {
                out.med = None; // RFC 4271 §5.1.4: what one AS said goes to no other
            }
            // RFC 4360 §6, RFC 5701 §2: non-transitive ones stay in the AS
            if out.ext_communities.iter().any(|community| !community.is_transitive()) {
                out.ext_communities =
                    out.ext_communities.iter().copied().filter(|community| community.is_transitive()).collect();
            }
            if out.ipv6_ext_communities.iter().any(|community| !community.is_transitive()) {
                out.ipv6_ext_communities =
                    out.ipv6_ext_communities.iter().copied().filter(|community| community.is_transitive()).collect();
            }
        }
        PeerKind::Confederation { local_asn } => {
            out.as_path = attrs.as_path.prepend_confed(local_asn); // RFC 5065 §4.1 b
            // RFC 5065 §5.1: LOCAL_PREF, MED and the next hop mean the same in all of the confederation.
            out.local_pref = Some(attrs.local_pref.unwrap_or(DEFAULT_LOCAL_PREF));
            out.originator_id = None; // RFC 4456 §8: of this member AS only
            out.cluster_list = Box::default();
        }
        PeerKind::Internal | PeerKind::Client { .. } => {
            out.local_pref = Some(attrs.local_pref.unwrap_or(DEFAULT_LOCAL_PREF)); // RFC 4271 §5.1.5: always there
            if !key.long_lived && attrs.has_community(Community::LLGR_STALE) {
                // RFC 9494 §4.6: those who do not know the community take it last all the same, and keep it inside.
                out.local_pref = Some(0);
                out.communities = with_community(&out, Community::NO_EXPORT).communities;
            }
            let reflected = source.is_internal() && !source.id.is_local();
            if reflected {
                out.originator_id = Some(attrs.originator_id.unwrap_or(source.router_id)); // RFC 4456 §8
                // RFC 4456 §7, §8: as if each cluster had a reflector of its own, and these were peers.
                let to = if let PeerKind::Client { cluster_id } = key.kind { Some(cluster_id) } else { None };
                let from = source.client.then_some(source.cluster).filter(|from| Some(*from) != to);
                out.cluster_list = to.into_iter().chain(from).chain(attrs.cluster_list.iter().copied()).collect();
            }
        }
    }
    if key.leaving {
        // RFC 8326 §4.2. Inside the AS it is LOCAL_PREF that counts, and receivers need not know the community.
        out.local_pref = out.local_pref.map(|_| 0);
        out.communities = with_community(&out, Community::GRACEFUL_SHUTDOWN).communities;
    }
    out
}

#[cfg(test)]
mod tests;
