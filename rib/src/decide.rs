//! The decision: which path of a prefix wins, which are as good, and which step said so.
//!
//! RFC 4271 §9.1.2.2 with RFC 4456 §9 (reflection) and RFC 9494 §4.3 (long-lived stale). [`compare`] is a total order on
//! paths whose MEDs may be compared; [`select`] keeps MED inside the neighbour AS: each AS sends its best path into the
//! final, and the final does not look at MED. Both are free of arrival order, so two reflectors with the same paths
//! agree, and a session that flaps cannot leave another route behind than was there before.
//!
//! Two steps differ from the RFC's letter, as they do in the field: what we originate wins before LOCAL_PREF is asked
//! (BIRD's preference, Cisco's and FRR's weight), because a peer that sends LOCAL_PREF 200 for our own block must not
//! take its blackhole away; and "oldest external path" (RFC 5004) is used only where an operator prefers quiet over
//! agreement ([`RibConfig::prefer_oldest_external`](crate::RibConfig::prefer_oldest_external)), for the sake of arrival
//! order. It is a mark on all paths of one router, not on one path: a mark on one, with the exemption RFC 5004 §3 makes for
//! parallel sessions to that router, would let A beat B, B beat C and C beat A.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;

use bgp_proto::attr::Origin;
use bgp_proto::{Asn, PathId, Prefix, RouterId};
use smallvec::SmallVec;

use crate::attrs::Facts;
use crate::next_hop::NextHopState;
use crate::peer::{PeerId, Source};

/// A path as the decision sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Packets can be sent to its next hop.
    pub usable: bool,
    /// It carries LLGR_STALE (RFC 9494).
    pub llgr_stale: bool,
    /// Originated here.
    pub local: bool,
    /// LOCAL_PREF, 100 where there is none.
    pub local_pref: u32,
    /// Length of the AS_PATH; a set counts one.
    pub hops: u16,
    /// ORIGIN.
    pub origin: Origin,
    /// The neighbour AS within which MED is compared; AS 0 where the path names none.
    pub neighbor: Asn,
    /// MULTI_EXIT_DISC, 0 where there is none.
    pub med: u32,
    /// Learned from a peer in another AS.
    pub external: bool,
    /// Cost of reaching the next hop.
    pub metric: u32,
    /// External, and of the router whose path is the best so far (RFC 5004 §3). Only ever set where that is asked for.
    pub incumbent: bool,
    /// ORIGINATOR_ID, else the identifier of the peer (RFC 4456 §9).
    pub router_id: RouterId,
    /// Length of the CLUSTER_LIST.
    pub clusters: u16,
    /// The peer's address.
    pub address: IpAddr,
    /// The path's id on the session.
    pub path_id: PathId,
    /// The peer's number: two sessions to one address (another port) differ in nothing else.
    pub peer: PeerId,
}

/// A step of the decision, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// 1. The next hop is usable.
    Usable,
    /// 2. Not stale by long-lived graceful restart.
    LongLivedStale,
    /// 3. Originated here.
    Local,
    /// 4. Higher LOCAL_PREF.
    LocalPref,
    /// 5. Shorter AS_PATH.
    AsPathLen,
    /// 6. Lower ORIGIN.
    Origin,
    /// 7. Lower MED, among paths of one neighbour AS.
    Med,
    /// 8. External before internal.
    External,
    /// 9. Nearer next hop.
    Metric,
    /// 10. External and the best so far, where that counts.
    Incumbent,
    /// 11. Lower router id or ORIGINATOR_ID.
    RouterId,
    /// 12. Shorter CLUSTER_LIST.
    ClusterList,
    /// 13. Lower peer address.
    PeerAddress,
    /// 14. Lower path id.
    PathId,
    /// Nothing tells them apart: it is the same path.
    Same,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usable => "next hop not usable",
            Self::LongLivedStale => "long-lived stale",
            Self::Local => "not originated here",
            Self::LocalPref => "lower local preference",
            Self::AsPathLen => "longer AS path",
            Self::Origin => "higher origin",
            Self::Med => "higher MED",
            Self::External => "internal path",
            Self::Metric => "farther next hop",
            Self::Incumbent => "came later than the best",
            Self::RouterId => "higher router id",
            Self::ClusterList => "longer cluster list",
            Self::PeerAddress => "higher peer address",
            Self::PathId => "higher path id",
            Self::Same => "same path",
        })
    }
}

impl Candidate {
    pub(crate) fn of(
        prefix: &Prefix,
        facts: &Facts,
        next_hop: &NextHopState,
        source: &Source,
        path_id: PathId,
    ) -> Self {
        Self {
            usable: source.id.is_local() || next_hop.is_usable_for(prefix),
            llgr_stale: facts.llgr_stale,
            local: source.id.is_local(),
            local_pref: facts.local_pref,
            hops: facts.hops,
            origin: facts.origin,
            neighbor: facts.neighbor,
            med: facts.med,
            external: source.external,
            metric: next_hop.metric,
            incumbent: false,
            router_id: facts.originator.unwrap_or(source.router_id),
            clusters: facts.clusters,
            address: source.address,
            path_id,
            peer: source.id,
        }
    }
}

/// Whether MED counts in a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Med {
    /// The paths are of one neighbour AS, or all are to be compared.
    Compare,
    /// The paths are of different neighbour ASs.
    Skip,
}

/// Who is preferred (`Greater`: `a`), and which step said so. RFC 4271 §9.1.2.2, RFC 4456 §9
pub fn compare(a: &Candidate, b: &Candidate, med: Med) -> (Ordering, Step) {
    macro_rules! step {
        ($step:ident, $order:expr) => {
            match $order {
                Ordering::Equal => {}
                order => return (order, Step::$step),
            }
        };
    }
    step!(Usable, a.usable.cmp(&b.usable));
    step!(LongLivedStale, b.llgr_stale.cmp(&a.llgr_stale)); // RFC 9494 §4.3
    step!(Local, a.local.cmp(&b.local));
    step!(LocalPref, a.local_pref.cmp(&b.local_pref)); // RFC 4271 §9.1.1
    step!(AsPathLen, b.hops.cmp(&a.hops)); // §9.1.2.2 a
    step!(Origin, b.origin.cmp(&a.origin)); // b
    if med == Med::Compare {
        step!(Med, b.med.cmp(&a.med)); // c
    }
    step!(External, a.external.cmp(&b.external)); // d
    step!(Metric, b.metric.cmp(&a.metric)); // e
    step!(Incumbent, a.incumbent.cmp(&b.incumbent)); // RFC 5004 §3
    step!(RouterId, b.router_id.cmp(&a.router_id)); // f, RFC 4456 §9
    step!(ClusterList, b.clusters.cmp(&a.clusters)); // RFC 4456 §9
    step!(PeerAddress, b.address.cmp(&a.address)); // g
    step!(PathId, (b.path_id, b.peer).cmp(&(a.path_id, a.peer)));
    (Ordering::Equal, Step::Same)
}

/// The outcome for one prefix. Numbers are places in the slice that was decided.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Selection {
    /// The winner; none if no path is usable.
    pub best: Option<usize>,
    /// The winner of each neighbour AS.
    winners: SmallVec<[usize; 4]>,
    always_compare_med: bool,
}

/// Decides a prefix. `always_compare_med` treats all paths as coming from one neighbour AS.
pub fn select(candidates: &[Candidate], always_compare_med: bool) -> Selection {
    let mut selection = Selection { always_compare_med, ..Selection::default() };
    for (at, candidate) in candidates.iter().enumerate() {
        if !candidate.usable {
            continue;
        }
        match selection
            .winners
            .iter_mut()
            .find(|winner| selection_group(&candidates[**winner], candidate, always_compare_med))
        {
            Some(winner) => {
                if compare(candidate, &candidates[*winner], Med::Compare).0 == Ordering::Greater {
                    *winner = at;
                }
            }
            None => selection.winners.push(at),
        }
    }
    selection.best = selection.winners.iter().copied().reduce(|best, at| {
        if compare(&candidates[at], &candidates[best], Med::Skip).0 == Ordering::Greater { at } else { best }
    });
    selection
}

fn selection_group(a: &Candidate, b: &Candidate, always_compare_med: bool) -> bool {
    always_compare_med || a.neighbor == b.neighbor
}

impl Selection {
    /// Whether a path is as good as the best up to and including the next hop's cost: packets may be spread over both.
    pub fn is_multipath(&self, candidates: &[Candidate], at: usize) -> bool {
        let Some(best) = self.best else { return false };
        let path = &candidates[at];
        if !path.usable || candidates[best].local || path.local {
            return at == best;
        }
        // It must not have lost by MED inside its own neighbour AS ...
        let survives = self.winner_of(candidates, path).is_some_and(|winner| {
            let (order, step) = compare(&candidates[winner], path, Med::Compare);
            order == Ordering::Equal || step > Step::Med
        });
        // ... and tie with the best in everything that comes before the tie-breaks.
        survives && compare(&candidates[best], path, Med::Skip).1 > Step::Metric
    }

    /// The step at which a path lost, and nothing for the best one.
    pub fn lost_at(&self, candidates: &[Candidate], at: usize) -> Option<Step> {
        let path = &candidates[at];
        if !path.usable {
            return Some(Step::Usable);
        }
        let best = self.best.filter(|&best| best != at)?;
        match self.winner_of(candidates, path) {
            Some(winner) if winner != at => Some(compare(&candidates[winner], path, Med::Compare).1),
            _ => Some(compare(&candidates[best], path, Med::Skip).1),
        }
    }

    fn winner_of(&self, candidates: &[Candidate], path: &Candidate) -> Option<usize> {
        let same = |winner: &usize| selection_group(&candidates[*winner], path, self.always_compare_med);
        self.winners.iter().copied().find(same)
    }
}

#[cfg(test)]
mod tests;
