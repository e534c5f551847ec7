//! Import: what becomes of a path when it arrives.
//!
//! Loops and impossible next hops are checked once per attribute set, the policy once per set or, if it asks for the
//! prefix, once per prefix. A path that is refused stays in the table with the reason: a changed policy is applied to
//! what is there and asks the peer for nothing.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_proto::attr::{PathAttrs, SegmentKind};
use bgp_proto::message::Role;
use bgp_proto::{Asn, Prefix};

use crate::attrs::AttrId;
use crate::core::{Core, Offer};
use crate::export::is_link_local;
use crate::ingress::Ingress;
use crate::peer::{PeerId, Slot};
use crate::policy::{Policy, Verdict};

/// Why a path takes part in no decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rejection {
    /// Our own AS stands in the path more often than allowed. RFC 4271 §9.1.2
    AsLoop,
    /// We are the originator. RFC 4456 §8
    OriginatorLoop,
    /// It has passed our cluster already. RFC 4456 §8
    ClusterLoop,
    /// The path does not begin with the peer's AS. RFC 4271 §6.3
    FirstAs,
    /// A confederation's segment stands in the path, and we are in none. RFC 5065 §5
    ConfedSegment,
    /// An AS_SET or AS_CONFED_SET stands in the path. RFC 9774 §3
    AsSet,
    /// Somebody leaked it: its OTC says that it was for customers only. RFC 9234 §5
    RouteLeak,
    /// The next hop is no address of a host: 0.0.0.0/8, loopback, multicast, class E. RFC 4271 §6.3
    NextHopInvalid,
    /// The next hop is our own address. RFC 4271 §5.1.3
    NextHopOurs,
    /// The next hop is on no link we share with the peer, which is a neighbour. RFC 4271 §6.3
    NextHopOffLink,
    /// The prefix is no block of unicast addresses: loopback, link-local, multicast, class E. RFC 6890 §2.2
    PrefixNotUnicast,
    /// The import policy's rule of this number, or its default.
    Policy(Option<u16>),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsLoop => "own AS in the path",
            Self::OriginatorLoop => "own ORIGINATOR_ID",
            Self::FirstAs => "the path does not begin with the peer's AS",
            Self::ConfedSegment => "confederation segment in the path, and we are in no confederation",
            Self::AsSet => "AS_SET in the path",
            Self::RouteLeak => "route leak (OTC)",
            Self::ClusterLoop => "own cluster id in the CLUSTER_LIST",
            Self::NextHopInvalid => "next hop is no address of a host",
            Self::NextHopOurs => "next hop is our own address",
            Self::NextHopOffLink => "next hop is on no link shared with the peer",
            Self::PrefixNotUnicast => "prefix is no block of unicast addresses",
            Self::Policy(Some(rule)) => return write!(f, "import policy, rule {rule}"),
            Self::Policy(None) => "import policy, default",
        })
    }
}

/// What is asked of a path before any policy.
pub(crate) struct Checks {
    /// Ours in general, what we are to the peer, and what our confederation is to the world.
    own_asns: [Asn; 3],
    confederation: bool,
    allow_as_in: u8,
    external: bool,
    client: bool,
    /// The AS a path must begin with.
    first_as: Option<Asn>,
    as_sets: bool,
    /// Our role, and the peer's AS.
    role: Option<(Role, Asn)>,
    address: IpAddr,
    on_link: Option<Arc<[Prefix]>>,
    own: [Option<IpAddr>; 3],
    own_addresses: Arc<[IpAddr]>,
    ingress: Ingress,
}

impl Checks {
    pub(crate) fn of(core: &Core, peer: &Slot) -> Self {
        let settings = &peer.settings;
        Self {
            own_asns: [
                core.config.asn,
                peer.last.map_or(core.config.asn, |session| session.local_asn),
                core.config.confederation.unwrap_or(core.config.asn),
            ],
            confederation: peer.source.confederation,
            allow_as_in: settings.allow_as_in,
            external: peer.source.external,
            client: peer.source.client,
            first_as: peer
                .last
                .map(|session| session.peer_asn)
                .filter(|_| settings.rules.enforce_first_as && !peer.source.is_internal()),
            as_sets: settings.rules.as_sets,
            role: settings.rules.role.zip(peer.last.map(|session| session.peer_asn)).filter(|_| peer.source.external),
            address: settings.address.to_canonical(),
            on_link: settings.rules.on_link.clone().filter(|_| peer.source.external),
            own: [
                peer.last.map(|session| session.local_addr.to_canonical()),
                settings.local_v4.map(IpAddr::V4),
                settings.local_v6.map(IpAddr::V6),
            ],
            own_addresses: settings.rules.own_addresses.clone(),
            ingress: Ingress::of(peer),
        }
    }

    pub(crate) fn run(&self, core: &Core, attrs: &PathAttrs) -> Option<Rejection> {
        let allowed = usize::from(self.allow_as_in);
        let [real, others @ ..] = self.own_asns;
        let repeats = |asn: Asn| attrs.as_path.count(asn) > allowed;
        if repeats(real) || others.into_iter().any(|asn| asn != real && repeats(asn)) {
            return Some(Rejection::AsLoop);
        }
        if !self.external {
            if attrs.originator_id == Some(core.config.router_id) {
                return Some(Rejection::OriginatorLoop);
            }
            // From a non-client the path is taken, as BIRD does: of two reflectors with one cluster id each serves
            // clients the other has no session with, and a path that went round comes back over a client's session or
            // to its originator.
            if (self.client || core.config.strict_cluster_check) && core.has_own_cluster(attrs) {
                return Some(Rejection::ClusterLoop);
            }
        }
        // RFC 5065 §5: a path from another member AS begins with an AS_CONFED_SEQUENCE.
        if self.confederation
            && attrs.as_path.segments().next().is_none_or(|first| first.kind != SegmentKind::ConfedSequence)
        {
            return Some(Rejection::FirstAs);
        }
        // RFC 4271 §6.3 lets us check it, RFC 7606 §7.2 says that the path is withdrawn then.
        if self.first_as.is_some_and(|asn| attrs.as_path.leftmost() != Some(asn)) {
            return Some(Rejection::FirstAs);
        }
        // RFC 9774 §3: treat-as-withdraw
        if !self.as_sets && attrs.as_path.has_set() {
            return Some(Rejection::AsSet);
        }
        // RFC 5065 §5: whoever sends such a path is not in the same confederation. An external peer's is refused as it is
        // read; an internal one may be in none, as we are, and leak what an edge of the AS let in.
        if core.config.confederation.is_none() && attrs.as_path.has_confed() {
            return Some(Rejection::ConfedSegment);
        }
        if self.is_leak(attrs) {
            return Some(Rejection::RouteLeak);
        }
        let next_hop = attrs.next_hop.addr().to_canonical();
        if next_hop.is_unspecified() || !attrs.next_hop.is_usable() {
            return Some(Rejection::NextHopInvalid);
        }
        if self.own.contains(&Some(next_hop)) || self.own_addresses.contains(&next_hop) {
            return Some(Rejection::NextHopOurs);
        }
        (!self.is_on_link(next_hop)).then_some(Rejection::NextHopOffLink)
    }

    /// RFC 9234 §5, ingress 1 and 2
    fn is_leak(&self, attrs: &PathAttrs) -> bool {
        match (self.role, attrs.otc) {
            (Some((Role::Provider | Role::RouteServer, _)), Some(_)) => true,
            (Some((Role::Peer, asn)), Some(otc)) => otc != asn,
            _ => false,
        }
    }

    /// RFC 4271 §6.3: of a peer one hop away, the next hop is its own address or one of a subnet we share. Of the other
    /// family than the session's, and of link-local addresses, that says nothing.
    fn is_on_link(&self, next_hop: IpAddr) -> bool {
        let Some(subnets) = &self.on_link else { return true };
        next_hop == self.address
            || next_hop.is_ipv4() != self.address.is_ipv4()
            || is_link_local(next_hop)
            || subnets.iter().any(|subnet| subnet.contains_addr(next_hop))
    }
}

/// Prefixes announced with one attribute set: what import says is worked out as rarely as possible.
pub(crate) struct Importer {
    policy: Policy,
    ingress: Ingress,
    raw: AttrId,
    checked: Option<Rejection>,
    /// What the policy said, if it says the same for each prefix; the attributes counted.
    settled: Option<(AttrId, Option<Rejection>)>,
}

impl Importer {
    /// `raw` stays counted by the caller until [`Importer::finish`].
    pub(crate) fn new(core: &Core, checks: &Checks, policy: Policy, raw: AttrId) -> Self {
        let checked = checks.run(core, &core.attrs.attrs(raw));
        Self { policy, ingress: checks.ingress, raw, checked, settled: None }
    }

    /// The outcome for one prefix; its attributes are counted for the path.
    pub(crate) fn offer(&mut self, core: &mut Core, prefix: &Prefix) -> Offer {
        // RFC 4271 §6.3 "semantic correctness": the prefix is ignored, the others of the UPDATE are not.
        let checked = self.checked.or_else(|| (!prefix.is_unicast()).then_some(Rejection::PrefixNotUnicast));
        let (attrs, rejected) = match (checked, self.settled) {
            (Some(rejection), _) => (self.raw, Some(rejection)),
            (None, Some(settled)) => settled,
            (None, None) => {
                let outcome = self.evaluate(core, prefix);
                if self.policy.is_per_prefix() {
                    return self.offered(core, prefix, outcome);
                }
                self.settled = Some(outcome);
                outcome
            }
        };
        core.attrs.retain(attrs);
        self.offered(core, prefix, (attrs, rejected))
    }

    fn offered(&self, core: &Core, prefix: &Prefix, (attrs, rejected): (AttrId, Option<Rejection>)) -> Offer {
        let blackhole = rejected.is_none() && self.ingress.discards(prefix, core.attrs.facts(attrs));
        Offer { raw: self.raw, attrs, rejected, blackhole }
    }

    /// Attributes after the policy, counted once more.
    fn evaluate(&self, core: &mut Core, prefix: &Prefix) -> (AttrId, Option<Rejection>) {
        let raw = core.attrs.attrs(self.raw);
        let evaluation = self.policy.evaluate(prefix, &raw);
        let rejected = (evaluation.verdict == Verdict::Reject).then_some(Rejection::Policy(evaluation.rule));
        let changed = match rejected {
            None => self.ingress.change(evaluation.changed.as_ref().unwrap_or(&raw)),
            Some(_) => None,
        };
        let attrs = match changed.or(evaluation.changed) {
            Some(changed) => core.attrs.intern(&changed.into(), &mut core.next_hops),
            None => {
                core.attrs.retain(self.raw);
                self.raw
            }
        };
        (attrs, rejected)
    }

    /// Gives back what was counted between.
    pub(crate) fn finish(self, core: &mut Core) {
        if let Some((attrs, _)) = self.settled {
            core.attrs.release(attrs, &mut core.next_hops);
        }
    }
}

impl Core {
    /// Asks the import policy again for some paths of a peer.
    pub(crate) fn reimport(&mut self, peer: PeerId, paths: &[u32]) {
        let Some(slot) = self.peers.find(peer) else { return };
        let (checks, policy) = (Checks::of(self, slot), slot.settings.import.clone());
        for &id in paths {
            let path = self.table.paths[id];
            let prefix = self.table.dests[path.dest].prefix;
            let mut importer = Importer::new(self, &checks, policy.clone(), path.raw);
            let offer = importer.offer(self, &prefix);
            importer.finish(self);
            if (offer.attrs, offer.rejected, offer.blackhole) != (path.attrs, path.rejected, path.marks.blackhole) {
                self.mark_dirty(path.dest);
            }
            self.table.update_path(id, |path| {
                (path.attrs, path.rejected, path.marks.blackhole) = (offer.attrs, offer.rejected, offer.blackhole);
            });
            self.attrs.release(path.attrs, &mut self.next_hops);
        }
    }
}
