//! What becomes of routes, and of what peers are told, when the configuration is another one: tried out on a copy of the
//! table.
//!
//! The copy is a [`Rib`] as ours is, with the same peers, sessions and next hops, and of paths what was received. It is told
//! what ours would be told, so what it decides is what ours would decide, whatever policies, roles or clusters have to do
//! with it. Ours is asked in slices and goes on meanwhile: the answer is that of the moment, and nothing is changed.
//!
//! Why not a decision among the paths that are left: an import policy that lets a path in, or gives it another preference,
//! would have to be foreseen by a second importer.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bgp_proto::message::{Nlri, Reach, Update};
use bgp_proto::{Family, FamilySet, Prefix};
use rib::{FibRoute, Origination, PathView, PeerId, PeerSettings, Rib, RibConfig, RouteFilter, RouteView, Session};

use super::exports::{self, Exports, Stages};
use super::owner::{Owner, OwnerHandle};

/// Prefixes looked at in one turn of the owner.
const SLICE: usize = 1_024;
/// Prefixes the copy decides at once.
const TURN: usize = 4_096;

/// What would be different.
#[derive(Clone, Debug)]
pub struct Changes {
    /// What holds for the whole table.
    pub config: RibConfig,
    /// Peers that are there no more.
    pub gone: BTreeSet<PeerId>,
    /// Peers whose session ends and comes back, without what keeps their routes meanwhile.
    pub away: BTreeSet<PeerId>,
    /// What other peers are given.
    pub settings: HashMap<PeerId, PeerSettings>,
    /// Families whose routes do not come back with the session.
    pub without: Vec<(PeerId, Family)>,
    /// Peers that are new.
    pub new: Vec<PeerSettings>,
    /// Peers whose session goes on: what they are told is counted.
    pub listening: BTreeSet<PeerId>,
    /// What the node announces then and does not now.
    pub announced: Vec<Prefix>,
    /// What it announces now and not then.
    pub withdrawn: Vec<Prefix>,
    /// Whether metrics of kernel routes follow the preference.
    pub by_preference: bool,
}

/// Where packets to a prefix go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The next hops, or `local`; nothing: there is no route.
    pub next_hops: Option<String>,
    /// What the kernel is to have.
    pub kernel: Option<FibRoute>,
}

/// What becomes of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The prefix.
    pub prefix: Prefix,
    /// Its way now.
    pub before: Way,
    /// While sessions that are reset are away.
    pub meanwhile: Way,
    /// When they are back.
    pub after: Way,
}

/// Who the table knows.
type Peers = [(PeerId, PeerSettings, Option<Session>)];

/// The routes that would fare differently, in order, and what peers would be told otherwise.
pub async fn of(owner: &OwnerHandle, changes: Changes) -> (Vec<Fate>, Exports) {
    let changes = Arc::new(changes);
    let asked = changes.clone();
    let begin = move |owner: &mut Owner| (*owner.rib.config(), owner.rib.peers(), concerned(&owner.rib, &asked));
    let Some((config, peers, filters)) = owner.ask(begin).await else {
        return Default::default();
    };
    let mut prefixes: BTreeSet<_> = changes.announced.iter().chain(&changes.withdrawn).copied().collect();
    for filter in filters {
        prefixes.extend(super::prefixes::of(owner, filter).await.unwrap_or_default());
    }
    let (peers, prefixes): (Arc<Peers>, Vec<_>) = (peers.into(), prefixes.into_iter().collect());
    let (mut fates, mut told) = (Vec::new(), Exports::new());
    for slice in prefixes.chunks(SLICE) {
        let wanted = slice.to_vec();
        let look = move |owner: &mut Owner| wanted.iter().filter_map(|prefix| owner.rib.route(prefix)).collect();
        let routes: Vec<RouteView> = owner.ask(look).await.unwrap_or_default();
        let (changes, peers, slice) = (changes.clone(), peers.clone(), slice.to_vec());
        // It takes its time, and others have this thread.
        let tried = tokio::task::spawn_blocking(move || try_out(config, &peers, &routes, &slice, &changes)).await;
        let (more, of_slice) = tried.unwrap_or_default();
        fates.extend(more);
        exports::add(&mut told, &of_slice);
    }
    (fates, told)
}

/// Which prefixes of the table a change can have an effect on.
fn concerned(rib: &Rib, changes: &Changes) -> Vec<RouteFilter> {
    let same =
        RibConfig { hold_end_of_rib: rib.config().hold_end_of_rib, leaving: rib.config().leaving, ..changes.config };
    if same != *rib.config() || anybody_is_told_otherwise(rib, changes) {
        return vec![RouteFilter::default()];
    }
    let peers = changes.gone.iter().chain(&changes.away).chain(changes.settings.keys());
    let peers: BTreeSet<_> = peers.chain(changes.without.iter().map(|(peer, _)| peer)).collect();
    peers.into_iter().map(|peer| RouteFilter { peer: Some(*peer), ..RouteFilter::default() }).collect()
}

/// What would become of these prefixes, of which the table has these routes.
fn try_out(
    config: RibConfig,
    peers: &Peers,
    routes: &[RouteView],
    prefixes: &[Prefix],
    changes: &Changes,
) -> (Vec<Fate>, Exports) {
    let mut rib = copy(config, peers, routes);
    let before = ways(&mut rib, prefixes, changes.by_preference);
    let told_before = rib.told();
    carry_out(&mut rib, peers, prefixes, changes);
    let after = ways(&mut rib, prefixes, changes.by_preference);
    let told_after = rib.told();
    for peer in &changes.away {
        rib.peer_down(*peer, FamilySet::EMPTY);
    }
    let meanwhile = ways(&mut rib, prefixes, changes.by_preference);
    let fates = prefixes.iter().zip(before).zip(meanwhile).zip(after);
    let fates = fates.map(|(((prefix, before), meanwhile), after)| Fate { prefix: *prefix, before, meanwhile, after });
    let fates = fates.filter(|fate| fate.before != fate.after || fate.before != fate.meanwhile).collect();
    let stages = Stages { before: told_before, meanwhile: rib.told(), after: told_after };
    (fates, stages.compare(&changes.listening))
}

/// Whether any prefix may be told otherwise because of whom it is told to.
fn anybody_is_told_otherwise(rib: &Rib, changes: &Changes) -> bool {
    if changes.settings.is_empty() {
        return false;
    }
    rib.peers().into_iter().filter(|(id, ..)| changes.listening.contains(id)).any(|(id, old, _)| {
        // These are of what it tells us.
        let PeerSettings { import, allow_as_in, limits, .. } = old.clone();
        let to = changes.settings.get(&id).cloned();
        to.is_some_and(|to| PeerSettings { import, allow_as_in, limits, ..to } != old)
    })
}

fn copy(config: RibConfig, peers: &Peers, routes: &[RouteView]) -> Rib {
    let mut rib = Rib::new(config);
    for (id, settings, session) in peers {
        rib.peer_add(*id, unlimited(settings));
        if let Some(session) = *session {
            rib.peer_up(*id, session);
        }
    }
    // The best first, for where the oldest is preferred.
    for best in [true, false] {
        for route in routes {
            route.paths.iter().filter(|path| path.best == best).for_each(|path| insert(&mut rib, route, path));
        }
        while rib.settle(TURN) {}
    }
    rib
}

fn insert(rib: &mut Rib, route: &RouteView, path: &PathView) {
    let attrs = path.received.clone();
    if path.peer.is_local() {
        let blackhole = !path.best || route.fib == Some(FibRoute::Blackhole);
        rib.originate(route.prefix, Origination { attrs: (*attrs).clone(), blackhole });
        return;
    }
    rib.set_next_hop(attrs.next_hop, path.next_hop.clone());
    let nlri = Nlri::from_prefixes(route.prefix.family(), true, [(path.path_id, route.prefix)]);
    let reach = Reach { attrs, nlri };
    rib.apply(path.peer, &Update { reach: [reach].into_iter().collect(), ..Update::default() });
}

/// Tells the copy what ours would be told.
fn carry_out(rib: &mut Rib, peers: &Peers, prefixes: &[Prefix], changes: &Changes) {
    rib.reconfigure(changes.config);
    for (id, settings) in &changes.settings {
        rib.peer_update(*id, unlimited(settings));
    }
    let free = peers.last().map_or(0, |(last, ..)| last.0 + 1);
    changes.new.iter().zip(free..).for_each(|(settings, id)| rib.peer_add(PeerId(id), unlimited(settings)));
    changes.without.iter().for_each(|(id, family)| rib.flush_family(*id, *family));
    changes.gone.iter().for_each(|id| rib.peer_remove(*id));
    for prefix in prefixes {
        if changes.announced.contains(prefix) {
            rib.originate(*prefix, Origination::new(prefix, true));
        }
        if changes.withdrawn.contains(prefix) {
            rib.withdraw_originated(prefix);
        }
    }
}

/// A slice of a peer's prefixes says nothing of its limits.
fn unlimited(settings: &PeerSettings) -> PeerSettings {
    PeerSettings { limits: Default::default(), ..settings.clone() }
}

fn ways(rib: &mut Rib, prefixes: &[Prefix], by_preference: bool) -> Vec<Way> {
    while rib.settle(TURN) {}
    prefixes
        .iter()
        .map(|prefix| rib.route(prefix).map_or_else(Way::default, |route| way(route, by_preference)))
        .collect()
}

fn way(route: RouteView, by_preference: bool) -> Way {
    let Some(best) = route.best() else { return Way::default() };
    let next_hops = match &route.fib {
        _ if best.peer.is_local() => "local".to_owned(),
        Some(FibRoute::Via(via)) if via.next_hops.len() > 1 => {
            via.next_hops.iter().map(|next_hop| next_hop.addr().to_string()).collect::<Vec<_>>().join(", ")
        }
        _ => best.attrs.next_hop.addr().to_string(),
    };
    let mut kernel = route.fib.clone();
    if let Some(FibRoute::Via(via)) = &mut kernel
        && !by_preference
    {
        via.local_pref = 0;
    }
    Way { next_hops: Some(next_hops), kernel }
}
