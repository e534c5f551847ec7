//! What should be, said as simply as it can be said.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bgp_proto::attr::{AsPath, Community, NextHop, Origin, PathAttrs};
use bgp_proto::{Asn, Family, PathId, Prefix, RouterId};
use rib::policy::Verdict;
use rib::{FibRoute, NextHopMode, NextHopState, PeerId, PeerSettings, RibConfig, Session, Via};

/// A peer and all it announced.
#[derive(Clone)]
pub struct Peer {
    pub id: PeerId,
    pub settings: PeerSettings,
    pub session: Option<Session>,
    /// Of the last session.
    pub external: bool,
    pub router_id: RouterId,
    pub paths: BTreeMap<(Prefix, PathId), PathAttrs>,
}

pub struct Model {
    pub config: RibConfig,
    pub peers: Vec<Peer>,
    pub originated: BTreeMap<Prefix, (PathAttrs, bool)>,
    /// Clusters that clients are or were in.
    pub clusters: BTreeSet<RouterId>,
    pub next_hops: BTreeMap<IpAddr, NextHopState>,
}

/// One candidate: whose, and what import made of it.
#[derive(Clone)]
pub struct Candidate<'a> {
    pub peer: Option<&'a Peer>,
    pub path_id: PathId,
    pub attrs: PathAttrs,
    pub blackhole: bool,
}

impl Model {
    fn state(&self, attrs: &PathAttrs) -> NextHopState {
        self.next_hops.get(&attrs.next_hop.addr()).cloned().unwrap_or_default()
    }

    fn import(&self, peer: &Peer, prefix: &Prefix, attrs: &PathAttrs) -> Option<PathAttrs> {
        if attrs.as_path.count(self.config.asn) > usize::from(peer.settings.allow_as_in) {
            return None;
        }
        let client = peer.settings.route_reflector_client && !peer.external;
        if !peer.external && attrs.originator_id == Some(self.config.router_id)
            || client && attrs.cluster_list.iter().any(|id| *id == self.config.cluster_id || self.clusters.contains(id))
            || attrs.next_hop.addr().is_unspecified()
            || attrs.next_hop.addr() == IpAddr::from([192, 0, 2, 1])
        {
            return None;
        }
        let evaluation = peer.settings.import.evaluate(prefix, attrs);
        (evaluation.verdict == Verdict::Accept).then(|| evaluation.changed.unwrap_or_else(|| attrs.clone()))
    }

    /// Accepted paths over usable next hops, or all accepted paths if there is none.
    pub fn candidates(&self, prefix: &Prefix) -> Vec<Candidate<'_>> {
        let mut all = Vec::new();
        for peer in &self.peers {
            for ((_, path_id), raw) in peer.paths.iter().filter(|((of, _), _)| of == prefix) {
                if let Some(attrs) = self.import(peer, prefix, raw) {
                    all.push(Candidate { peer: Some(peer), path_id: *path_id, attrs, blackhole: false });
                }
            }
        }
        if let Some((attrs, blackhole)) = self.originated.get(prefix) {
            let (attrs, blackhole) = (attrs.clone(), *blackhole);
            all.push(Candidate { peer: None, path_id: PathId::NONE, attrs, blackhole });
        }
        let usable = |c: &Candidate<'_>| {
            let state = self.state(&c.attrs);
            c.peer.is_none() || state.usable && !state.through.iter().any(|through| through == prefix)
        };
        if all.iter().any(usable) {
            all.retain(usable);
        }
        all
    }

    /// RFC 4271 §9.1.2.2: the best path, and all that are as good.
    pub fn decide(&self, prefix: &Prefix) -> (Option<Candidate<'_>>, Vec<Candidate<'_>>) {
        use std::cmp::Reverse;
        fn keep<'a, K: Ord>(left: &mut Vec<Candidate<'a>>, key: impl Fn(&Candidate<'a>) -> K) {
            let Some(best) = left.iter().map(&key).max() else { return };
            left.retain(|c| key(c) == best);
        }
        let mut left = self.candidates(prefix);
        keep(&mut left, |c| !c.attrs.has_community(Community::LLGR_STALE));
        keep(&mut left, |c| c.peer.is_none());
        keep(&mut left, |c| c.attrs.local_pref.unwrap_or(100));
        keep(&mut left, |c| Reverse(c.attrs.as_path.hops()));
        keep(&mut left, |c| Reverse(c.attrs.origin));
        let all = left.clone();
        let med = |c: &Candidate<'_>| c.attrs.med.unwrap_or(0);
        let neighbor = |c: &Candidate<'_>| c.attrs.as_path.neighbor();
        left.retain(|m| !all.iter().any(|n| neighbor(n) == neighbor(m) && med(n) < med(m)));
        keep(&mut left, |c| c.peer.is_some_and(|peer| peer.external));
        keep(&mut left, |c| Reverse(self.state(&c.attrs).metric));
        let equal = left.clone();
        keep(&mut left, |c| Reverse(c.attrs.originator_id.or(c.peer.map(|peer| peer.router_id))));
        keep(&mut left, |c| Reverse(c.attrs.cluster_list.len()));
        keep(&mut left, |c| Reverse(c.peer.map(|peer| peer.settings.address)));
        keep(&mut left, |c| Reverse(c.path_id));
        (left.pop(), equal)
    }

    pub fn fib(&self, prefix: &Prefix) -> Option<FibRoute> {
        let (best, equal) = self.decide(prefix);
        let best = best?;
        if best.peer.is_none() {
            return best.blackhole.then_some(FibRoute::Blackhole);
        }
        let mut next_hops: Vec<IpAddr> = equal.iter().map(|c| c.attrs.next_hop.addr()).collect();
        next_hops.sort_unstable();
        next_hops.dedup();
        let via: Via = next_hops.into_iter().map(Into::into).collect();
        Some(FibRoute::Via(Via { local_pref: best.attrs.local_pref.unwrap_or(100), ..via }))
    }

    /// What a peer must hold of a prefix.
    pub fn told(&self, to: &Peer, prefix: &Prefix) -> Vec<PathAttrs> {
        let Some(session) = &to.session else { return Vec::new() };
        if !session.codec.families.contains(prefix.family()) {
            return Vec::new();
        }
        let paths: Vec<Candidate<'_>> = if session.codec.add_path_tx.contains(prefix.family()) {
            self.candidates(prefix)
        } else {
            self.decide(prefix).0.into_iter().collect()
        };
        paths
            .iter()
            .filter(|c| c.peer.is_none_or(|from| from.id != to.id))
            .filter_map(|c| self.export(to, session, prefix, c))
            .collect()
    }

    fn export(&self, to: &Peer, session: &Session, prefix: &Prefix, c: &Candidate<'_>) -> Option<PathAttrs> {
        let client = |peer: &Peer| peer.settings.route_reflector_client && !peer.external;
        let internal_source = c.peer.filter(|peer| !peer.external);
        if c.attrs.has_community(Community::NO_ADVERTISE)
            || session.external && c.attrs.has_community(Community::NO_EXPORT)
            || session.external && !session.long_lived && c.attrs.has_community(Community::LLGR_STALE)
            || !session.external && !client(to) && internal_source.is_some_and(|from| !client(from))
        {
            return None;
        }
        let own: Option<IpAddr> = match (prefix.family(), session.local_addr) {
            (Family::IPV4_UNICAST, IpAddr::V4(_)) | (Family::IPV6_UNICAST, IpAddr::V6(_)) => Some(session.local_addr),
            (Family::IPV4_UNICAST, _) => to.settings.local_v4.map(Into::into),
            _ => to.settings.local_v6.map(Into::into),
        };
        let learned = c.attrs.next_hop.addr();
        let keep = match to.settings.next_hop {
            NextHopMode::Auto => !session.external,
            NextHopMode::Keep => true,
            NextHopMode::Own => false,
        };
        let next_hop = if c.peer.is_none() || !keep { own? } else { learned };
        let evaluation = to.settings.export.evaluate(prefix, &c.attrs);
        if evaluation.verdict == Verdict::Reject {
            return None;
        }
        let mut out = evaluation.changed.unwrap_or_else(|| c.attrs.clone());
        out.next_hop = NextHop::Addr(next_hop);
        if session.external {
            let path: Vec<Asn> = out.as_path.segments().flat_map(|segment| segment.asns()).collect();
            out.as_path = AsPath::sequence([self.config.asn].into_iter().chain(path));
            (out.local_pref, out.originator_id, out.cluster_list) = (None, None, Box::default());
            if c.peer.is_some() && !evaluation.med_set {
                out.med = None;
            }
        } else {
            out.local_pref = Some(out.local_pref.unwrap_or(100));
            // RFC 9494 §4.6
            if !session.long_lived && out.has_community(Community::LLGR_STALE) {
                let communities: BTreeSet<Community> =
                    out.communities.iter().copied().chain([Community::NO_EXPORT]).collect();
                (out.local_pref, out.communities) = (Some(0), communities.into_iter().collect());
            }
            if let Some(from) = internal_source {
                out.originator_id.get_or_insert(from.router_id);
                let of = |peer: &Peer| peer.settings.cluster_id.unwrap_or(self.config.cluster_id);
                let mut clusters: Vec<RouterId> = [to, from].into_iter().filter(|peer| client(peer)).map(of).collect();
                clusters.dedup();
                clusters.extend(out.cluster_list.iter());
                out.cluster_list = clusters.into_boxed_slice();
            }
        }
        Some(out)
    }
}

/// A path to vary.
pub fn plain(next_hop: IpAddr) -> PathAttrs {
    let mut attrs = PathAttrs::originated(NextHop::Addr(next_hop));
    attrs.origin = Origin::Igp;
    attrs
}
