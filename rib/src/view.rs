//! Looking inside: routes with all their paths, why each lost, whom it goes to, and what all of it costs.
//!
//! Nothing here is kept: a view is worked out when somebody asks. Sorting a table of a million prefixes for a person is
//! cheap beside keeping it sorted for nobody.

use std::net::IpAddr;
use std::sync::Arc;

use bgp_proto::attr::PathAttrs;
use bgp_proto::{Family, PathId, Prefix};
use smallvec::SmallVec;

use crate::decide::{Med, Step, compare, select};
use crate::export::{Withheld, judge};
use crate::fib::FibRoute;
use crate::group::{Group, GroupKey};
use crate::import::Rejection;
use crate::next_hop::NextHopState;
use crate::peer::{PeerCounters, PeerId, PeerSettings, Session};
use crate::rib::Rib;
use crate::slab::NONE;
use crate::table::{PathCount, TableSize};

/// A prefix with everything known about it.
#[derive(Clone, Debug)]
pub struct RouteView {
    /// The prefix.
    pub prefix: Prefix,
    /// What the kernel is to have.
    pub fib: Option<FibRoute>,
    /// It changed and was not settled yet: the marks below are those of the next decision.
    pub unsettled: bool,
    /// All paths: the best first, then in falling preference, refused ones last.
    pub paths: Vec<PathView>,
}

/// One path of a prefix.
#[derive(Clone, Debug)]
pub struct PathView {
    /// Who announced it; [`PeerId::LOCAL`] for routes of our own.
    pub peer: PeerId,
    /// The id the peer gave it.
    pub path_id: PathId,
    /// Its attributes after import.
    pub attrs: Arc<PathAttrs>,
    /// Its attributes as they were received.
    pub received: Arc<PathAttrs>,
    /// It is the best.
    pub best: bool,
    /// It is the best or as good.
    pub multipath: bool,
    /// The step of the decision at which it lost.
    pub lost_at: Option<Step>,
    /// Import refused it.
    pub rejected: Option<Rejection>,
    /// Its session is gone, graceful restart keeps it.
    pub stale: bool,
    /// What is known of its next hop.
    pub next_hop: NextHopState,
    number: u32,
}

/// Which routes to show. All that is given must hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct RouteFilter {
    /// Of this family.
    pub family: Option<Family>,
    /// Inside this block, itself included.
    pub within: Option<Prefix>,
    /// With a path of this peer.
    pub peer: Option<PeerId>,
}

/// A peer's paths, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerView {
    /// What it announced, by [`Family::SUPPORTED`].
    pub paths: [PathCount; 2],
    /// What it is told, or will be when it has read all, by [`Family::SUPPORTED`].
    pub advertised: [u32; 2],
    /// Since it was added.
    pub counters: PeerCounters,
}

/// An update group.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// What its members have in common.
    pub key: GroupKey,
    /// Its members.
    pub members: Vec<PeerId>,
    /// Paths it announces.
    pub announced: usize,
    /// Withdrawals not every member has read.
    pub tombstones: usize,
    /// Members that have not read everything.
    pub behind: usize,
    /// The whole table has been taken into account.
    pub filled: bool,
    /// Slices fetched that were written already.
    pub ring_hits: u64,
    /// Slices that had to be written.
    pub ring_misses: u64,
    /// Prefixes withdrawn because their attributes did not fit a message.
    pub too_large: u64,
}

impl RouteFilter {
    fn admits(&self, prefix: &Prefix) -> bool {
        self.family.is_none_or(|family| prefix.family() == family)
            && self.within.is_none_or(|block| block.contains(prefix))
    }
}

impl RouteView {
    /// The best path.
    pub fn best(&self) -> Option<&PathView> {
        self.paths.iter().find(|path| path.best)
    }
}

impl Rib {
    /// The prefixes that pass a filter, sorted. To show a page, take a part and ask [`Rib::route`] for each.
    pub fn prefixes(&self, filter: &RouteFilter) -> Vec<Prefix> {
        let (mut prefixes, _) = self.prefixes_from(filter, 0, u32::MAX);
        prefixes.sort_unstable();
        prefixes.dedup();
        prefixes
    }

    /// The prefixes that pass a filter in `limit` places of the table from one of them on, and the place where to go on,
    /// if there are more: to sort a million in one turn lets everybody wait. They come in no order; one with several
    /// paths of the peer wanted may come several times. What the table holds all the while is among them.
    pub fn prefixes_from(&self, filter: &RouteFilter, from: u32, limit: u32) -> (Vec<Prefix>, Option<u32>) {
        let table = &self.core.table;
        let of_dest = |dest: u32| {
            let at = &table.dests[dest];
            (at.head != NONE && filter.admits(&at.prefix)).then_some(at.prefix)
        };
        let of_path = |path: u32| of_dest(table.paths[path].dest);
        let upper = if filter.peer.is_some() { table.paths.upper() } else { table.dests.upper() };
        let to = from.saturating_add(limit).min(upper);
        let prefixes = match filter.peer {
            // Its list is shorter than the table.
            Some(peer) if from == 0 && table.received(peer) <= limit => {
                return (table.paths_of_peer(peer).filter_map(of_path).collect(), None);
            }
            Some(peer) => {
                let of_peer = |path: &u32| table.paths[*path].dest != NONE && table.paths[*path].peer == peer;
                (from..to).filter(of_peer).filter_map(of_path).collect()
            }
            None => (from..to).filter_map(of_dest).collect(),
        };
        (prefixes, (to < upper).then_some(to))
    }

    /// The routes that pass a filter, sorted by prefix.
    pub fn routes(&self, filter: &RouteFilter) -> Vec<RouteView> {
        self.prefixes(filter).iter().filter_map(|prefix| self.route(prefix)).collect()
    }

    /// One prefix, exactly.
    pub fn route(&self, prefix: &Prefix) -> Option<RouteView> {
        let core = &self.core;
        let dest = core.table.find(prefix)?;
        let at = &core.table.dests[dest];
        if at.head == NONE {
            return None;
        }
        let (mut candidates, mut numbers) = (Vec::new(), SmallVec::new());
        core.candidates(dest, &mut candidates, &mut numbers);
        let selection = select(&candidates, core.config.always_compare_med);
        let mut paths: Vec<PathView> = core.table.paths_of(dest).map(|number| self.path_view(number)).collect();
        for path in &mut paths {
            let Some(at) = numbers.iter().position(|&number| number == path.number) else { continue };
            path.best = selection.best == Some(at);
            path.multipath = selection.is_multipath(&candidates, at);
            path.lost_at = selection.lost_at(&candidates, at);
        }
        let place = |path: &PathView| numbers.iter().position(|&number| number == path.number);
        paths.sort_by(|a, b| {
            b.best.cmp(&a.best).then_with(|| match (place(a), place(b)) {
                (Some(a), Some(b)) => compare(&candidates[b], &candidates[a], Med::Compare).0,
                (a, b) => b.is_some().cmp(&a.is_some()).then((a, b).cmp(&(a, b))),
            })
        });
        Some(RouteView {
            prefix: *prefix,
            fib: core.fib.route(at.fib).map(|route| FibRoute::clone(route)),
            unsettled: at.dirty,
            paths,
        })
    }

    /// The longest prefix with a best path that an address lies in.
    pub fn lookup(&self, addr: IpAddr) -> Option<RouteView> {
        let longest = if addr.is_ipv4() { 32 } else { 128 };
        (0..=longest).rev().find_map(|len| {
            let route = self.route(&Prefix::new(addr, len).ok()?)?;
            route.best().is_some().then_some(route)
        })
    }

    /// Whether a peer is told each path of a prefix, and if not, why. In the order of [`RouteView::paths`]; empty if the
    /// prefix or the peer's session is not there.
    pub fn explain_export(&self, prefix: &Prefix, peer: PeerId) -> Vec<Result<(), Withheld>> {
        let Some(route) = self.route(prefix) else { return Vec::new() };
        let Some(group) = self.group_of(peer, prefix.family()) else { return Vec::new() };
        let key = &group.key;
        let limit = if key.is_add_path() { self.core.config.add_path_limit } else { 1 };
        let mut told = 0;
        let verdicts = route.paths.iter().map(|path| {
            if path.peer == peer {
                told += usize::from(!key.is_add_path());
                return Err(Withheld::CameFromPeer);
            }
            let unusable = path.lost_at == Some(Step::Usable);
            if path.rejected.is_some() || unusable || told >= limit || (!key.is_add_path() && !path.best) {
                return Err(Withheld::NotBest);
            }
            let attrs = self.core.table.paths[path.number].attrs;
            judge(key, &self.core.peers.source(path.peer), prefix, self.core.attrs.facts(attrs), &path.attrs)?;
            told += 1;
            Ok(())
        });
        verdicts.collect()
    }

    /// How large the table is, by [`Family::SUPPORTED`].
    pub fn size(&self) -> [TableSize; 2] {
        Family::SUPPORTED.map(|family| self.core.table.size(family))
    }

    /// All peers in order of number: what each was given, and its living session or the one before.
    pub fn peers(&self) -> Vec<(PeerId, PeerSettings, Option<Session>)> {
        let peers = &self.core.peers;
        let view = |id| peers.find(id).map(|peer| (id, peer.settings.clone(), peer.last));
        peers.ids().into_iter().filter_map(view).collect()
    }

    /// A peer in numbers.
    pub fn peer_view(&self, id: PeerId) -> PeerView {
        let table = &self.core.table;
        let paths = Family::SUPPORTED.map(|family| table.counts(id, family));
        let advertised = Family::SUPPORTED.map(|family| {
            let Some(group) = self.group_of(id, family) else { return 0 };
            u32::try_from(group.log.live() - group.log.live_of(id)).unwrap_or(u32::MAX)
        });
        let counters = self.core.peers.find(id).map(|peer| peer.counters).unwrap_or_default();
        PeerView { paths, advertised, counters }
    }

    /// Whether a peer's End-of-RIB for a family has arrived on its session.
    pub fn has_ended(&self, id: PeerId, family: Family) -> bool {
        self.core.peers.find(id).is_some_and(|peer| peer.ended.contains(family))
    }

    /// The update groups.
    pub fn groups(&self) -> Vec<GroupView> {
        let view = |group: &Group| GroupView {
            key: group.key.clone(),
            members: group.members().map(|member| member.peer).collect(),
            announced: group.log.live(),
            tombstones: group.log.dead(),
            behind: group.members().filter(|member| group.log.skip_holes(member.cursor) < group.log.tail()).count(),
            filled: group.fill.is_none(),
            ring_hits: group.ring.hits,
            ring_misses: group.ring.misses,
            too_large: group.too_large,
        };
        self.groups.iter().flatten().map(view).collect()
    }

    /// Routes of our own, sorted.
    pub fn originated(&self) -> Vec<Prefix> {
        self.prefixes(&RouteFilter { peer: Some(PeerId::LOCAL), ..RouteFilter::default() })
    }

    /// Prefixes waiting for [`Rib::settle`].
    pub fn unsettled(&self) -> usize {
        self.core.dirty.len()
    }

    fn group_of(&self, peer: PeerId, family: Family) -> Option<&Group> {
        let peer = self.core.peers.find(peer)?;
        let groups = peer.memberships.iter().filter_map(|at| self.groups[at.group as usize].as_ref());
        groups.into_iter().find(|group| group.key.family == family)
    }

    fn path_view(&self, number: u32) -> PathView {
        let core = &self.core;
        let path = &core.table.paths[number];
        PathView {
            peer: path.peer,
            path_id: path.path_id,
            attrs: core.attrs.attrs(path.attrs),
            received: core.attrs.attrs(path.raw),
            best: false,
            multipath: false,
            lost_at: None,
            rejected: path.rejected,
            stale: path.marks.stale,
            next_hop: core.next_hops.state(core.attrs.facts(path.attrs).next_hop).clone(),
            number,
        }
    }
}
