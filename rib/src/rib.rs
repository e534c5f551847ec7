//! The RIB's public face: what its single owner tells it and asks of it.

use std::collections::VecDeque;
use std::sync::Arc;

use bgp_proto::attr::{NextHop, PathAttrs};
use bgp_proto::message::Update;
use bgp_proto::{Family, FamilySet, PathId, Prefix};
use bytes::Bytes;
use smallvec::SmallVec;

use crate::config::{Origination, RibConfig};
use crate::core::{Core, Offer};
use crate::fib::FibRoute;
use crate::group::{Dump, Framing, Group, Log, Scratch};
use crate::import::{Checks, Importer};
use crate::limit::{Gate, LimitEvent, room};
use crate::next_hop::NextHopState;
use crate::peer::{Membership, PeerCounters, PeerId, PeerSettings, Session, Slot, Source};
use crate::settle::Workspace;
use crate::walk::{Task, Walkers};

/// All routes, the decisions and the update groups. One owner drives it: `apply` many, `settle` once, then fetch the
/// kernel's changes and each peer's bytes.
pub struct Rib {
    pub(crate) core: Core,
    pub(crate) groups: Vec<Option<Group>>,
    scratch: Scratch,
    pub(crate) work: Workspace,
    pub(crate) limit_events: Vec<LimitEvent>,
    pub(crate) walkers: Walkers,
    /// Logs of groups that are gone: what they hold is given back bit by bit.
    pub(crate) dissolving: Vec<Log>,
}

impl Rib {
    /// An empty RIB.
    pub fn new(config: RibConfig) -> Self {
        let config = RibConfig { max_paths: config.max_paths.clamp(1, 64), ..config };
        Self {
            core: Core::new(config),
            groups: Vec::new(),
            scratch: Scratch::default(),
            work: Workspace::default(),
            limit_events: Vec::new(),
            walkers: Walkers::default(),
            dissolving: Vec::new(),
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &RibConfig {
        &self.core.config
    }

    /// Puts another configuration in force: paths are imported and decided anew, members move to the groups it calls for.
    /// Our AS and identifier on living sessions are what those negotiated; the caller ends them if they changed.
    /// End-of-RIBs stay held back as they are, and who leaves goes on leaving.
    pub fn reconfigure(&mut self, config: RibConfig) {
        let RibConfig { hold_end_of_rib, leaving, .. } = self.core.config;
        let config = RibConfig { max_paths: config.max_paths.clamp(1, 64), hold_end_of_rib, leaving, ..config };
        if std::mem::replace(&mut self.core.config, config) == config {
            return;
        }
        for id in self.core.peers.ids() {
            self.walk(id, Task::Import);
            self.cluster(id);
            self.regroup(id);
        }
        self.core.redecide = Some(0);
    }

    /// We are about to go, or stay after all: everybody is told all again as [`RibConfig::leaving`] has it, or as before.
    /// Our own decisions are the same. RFC 8326 §4.2
    pub fn set_leaving(&mut self, leaving: bool) {
        if std::mem::replace(&mut self.core.config.leaving, leaving) != leaving {
            self.core.peers.ids().into_iter().for_each(|id| self.regroup(id));
        }
    }

    /// Whether the peer was given all that it is to hold as things stand: nothing is undecided, and
    /// [`Rib::poll_chunk`] has nothing but what is held back.
    pub fn is_told(&self, id: PeerId) -> bool {
        let Some(peer) = self.core.peers.find(id) else { return true };
        let told =
            |at: &Membership| self.groups[at.group as usize].as_ref().is_none_or(|group| group.is_told(at.member));
        self.core.dirty.is_empty() && self.walkers.is_empty() && !self.pending(id) && peer.memberships.iter().all(told)
    }

    /// Makes a peer known. Adding one that is known replaces it, paths and session included.
    pub fn peer_add(&mut self, id: PeerId, settings: PeerSettings) {
        if id.is_local() {
            return;
        }
        self.peer_remove(id);
        self.finish_walks(id);
        self.know_cluster(&settings);
        let source = Source {
            address: settings.address,
            client: settings.route_reflector_client,
            cluster: settings.cluster_id.unwrap_or(self.core.config.cluster_id),
            ..Source::unknown(id)
        };
        self.core.peers.insert(
            id,
            Slot {
                settings,
                session: None,
                last: None,
                source,
                memberships: SmallVec::new(),
                counters: PeerCounters::default(),
                ended: FamilySet::EMPTY,
                refreshing: FamilySet::EMPTY,
                watches: Default::default(),
                walks: VecDeque::new(),
            },
        );
    }

    /// Forgets a peer and all it announced.
    pub fn peer_remove(&mut self, id: PeerId) {
        self.end_session(id);
        self.walk(id, Task::Forget);
    }

    /// Gives a peer other settings. A living session goes on: the import policy is applied to what is there, and what the
    /// peer must now hold is sent.
    pub fn peer_update(&mut self, id: PeerId, settings: PeerSettings) {
        let Some(peer) = self.core.peers.find_mut(id) else { return };
        let old = std::mem::replace(&mut peer.settings, settings.clone());
        peer.source.address = settings.address;
        peer.source.confederation = settings.rules.confederation && !peer.source.external;
        if old == settings {
            return;
        }
        self.know_cluster(&settings);
        self.cluster(id);
        if (old.import, old.allow_as_in, old.local_v4, old.local_v6)
            != (settings.import, settings.allow_as_in, settings.local_v4, settings.local_v6)
            || old.route_reflector_client != settings.route_reflector_client
            || old.rules != settings.rules
        {
            self.walk(id, Task::Import);
        }
        if (old.address, old.route_reflector_client) != (settings.address, settings.route_reflector_client) {
            self.walk(id, Task::Decide);
        }
        self.regroup(id);
    }

    /// A session is established. The peer is sent all it must hold, then an End-of-RIB per family.
    pub fn peer_up(&mut self, id: PeerId, session: Session) {
        if self.core.peers.find(id).is_some_and(|peer| peer.session.is_some()) {
            self.peer_down(id, FamilySet::EMPTY);
        }
        self.finish_walks(id);
        let Some(peer) = self.core.peers.find(id) else { return };
        let last = peer.last;
        if last.is_some_and(|last| (last.peer_id, last.external) != (session.peer_id, session.external)) {
            // Another router. What is kept for the one that restarts goes, also where members were told its identifier.
            self.walk(id, Task::Flush(FamilySet::ALL));
            self.finish_walks(id);
            for group in self.groups.iter_mut().flatten() {
                group.withdraw_source(id, &mut self.core);
            }
        }
        let Some(peer) = self.core.peers.find_mut(id) else { return };
        (peer.session, peer.last) = (Some(session), Some(session));
        (peer.ended, peer.watches) = (FamilySet::EMPTY, Default::default());
        (peer.source.router_id, peer.source.external) = (session.peer_id, session.external);
        peer.source.confederation = peer.settings.rules.confederation && !session.external;
        peer.source.client = peer.settings.route_reflector_client && peer.source.is_internal();
        // Families not negotiated this time have nobody left to renew them. RFC 4724 §4.2
        for family in Family::SUPPORTED {
            if !session.codec.families.contains(family) {
                self.flush_family(id, family);
            }
        }
        for family in session.codec.families.iter() {
            self.join(id, family, Dump::Initial, Vec::new());
        }
    }

    /// A session is gone. Its paths go too, except those of the families to `retain`, which turn stale until they are
    /// renewed or [`Rib::purge_stale`] comes (RFC 4724 §4.2). Those that were stale already stay so: the caller bounds
    /// how long that may go on.
    pub fn peer_down(&mut self, id: PeerId, retain: FamilySet) {
        self.end_session(id);
        self.walk(id, Task::Down(retain));
    }

    /// Takes in one UPDATE. Nothing is decided before [`Rib::settle`].
    pub fn apply(&mut self, id: PeerId, update: &Update) {
        self.finish_walks(id);
        let core = &mut self.core;
        let Some(peer) = core.peers.find(id).filter(|peer| peer.session.is_some()) else { return };
        let limits = peer.settings.limits;
        if peer.watches.iter().zip(limits).any(|(watch, limit)| watch.is_over(limit)) {
            return;
        }
        let (checks, policy) = (Checks::of(core, peer), peer.settings.import.clone());
        let interface = peer.session.as_ref().and_then(|session| session.interface);
        let mut counters = peer.counters;
        for (path_id, prefix) in update.unreach.iter().flat_map(|nlri| nlri.iter()) {
            counters.withdrawn += 1;
            let dest = core.table.find(&prefix);
            match dest.and_then(|dest| core.table.remove_path_of(dest, id, path_id)) {
                Some(path) => core.removed(&path),
                None => counters.unknown_withdrawn += 1,
            }
        }
        for reach in &update.reach {
            let attrs = on_interface(&reach.attrs, interface);
            let raw = core.attrs.intern(attrs.as_ref().unwrap_or(&reach.attrs), &mut core.next_hops);
            let mut importer = Importer::new(core, &checks, policy.clone(), raw);
            let mut gate = Gate::new(id, reach.nlri.family(), &limits);
            for (path_id, prefix) in reach.nlri.iter() {
                counters.announced += 1;
                if gate.refuses(core, &prefix, path_id) {
                    if gate.is_shut() {
                        break;
                    }
                    continue;
                }
                let dest = core.table.find_or_insert(prefix);
                let offer = importer.offer(core, &prefix);
                if !gate.refuses_offer(core, dest, path_id, &offer) {
                    core.put(dest, id, path_id, offer);
                }
            }
            importer.finish(core);
            self.limit_events.extend(gate.settle(core).into_iter().flatten());
            core.attrs.release(raw, &mut core.next_hops);
        }
        if let Some(peer) = core.peers.find_mut(id) {
            peer.counters = counters;
            if let Some(family) = update.end_of_rib {
                peer.ended.insert(family);
            }
        }
        self.limit_events.extend(std::iter::from_fn(|| room(core, id)));
    }

    /// The peer begins to announce a family anew (BoRR, RFC 7313 §4): what it does not repeat before
    /// [`Rib::purge_stale`] is gone.
    pub fn begin_refresh(&mut self, id: PeerId, family: Family) {
        let Some(peer) = self.core.peers.find_mut(id) else { return };
        peer.refreshing.insert(family);
        self.walk(id, Task::BeginRefresh(family));
    }

    /// The peer has said all (End-of-RIB, EoRR) or its time is up: what it did not renew goes.
    pub fn purge_stale(&mut self, id: PeerId, family: Family) {
        let Some(peer) = self.core.peers.find_mut(id) else { return };
        let refreshed = peer.refreshing.contains(family);
        peer.refreshing.remove(family);
        // Most End-of-RIBs end a first dump: nothing is old.
        if refreshed || self.is_busy(id) || self.core.table.counts(id, family).stale > 0 {
            self.walk(id, Task::Purge(family));
        }
    }

    /// The peer did not come back in time, and its stale paths of a family are to be kept for long. Those with NO_LLGR
    /// go. RFC 9494 §4.2
    pub fn keep_for_long(&mut self, id: PeerId, family: Family) {
        self.walk(id, Task::KeepForLong(family));
    }

    /// Forgets all a peer announced in a family.
    pub fn flush_family(&mut self, id: PeerId, family: Family) {
        self.walk(id, Task::Flush([family].into_iter().collect()));
    }

    /// The peer asks for all routes of a family (RFC 2918). With enhanced refresh negotiated they stand between BoRR and
    /// EoRR. Requests that come while one is answered are answered by one more.
    pub fn resend(&mut self, id: PeerId, family: Family) {
        let Some(peer) = self.core.peers.find(id) else { return };
        let enhanced = peer.session.is_some_and(|session| session.enhanced_refresh);
        let framing = if enhanced { Framing::Enhanced } else { Framing::Plain };
        for Membership { group, member } in peer.memberships.clone() {
            if let Some(group) = self.groups[group as usize].as_mut().filter(|group| group.key.family == family) {
                group.resend(member, framing);
            }
        }
    }

    /// Originates a route, or changes one that is.
    pub fn originate(&mut self, prefix: Prefix, origination: Origination) {
        let core = &mut self.core;
        let raw = core.attrs.intern(&origination.attrs.into(), &mut core.next_hops);
        core.attrs.retain(raw);
        let dest = core.table.find_or_insert(prefix);
        let offer = Offer { raw, attrs: raw, rejected: None, blackhole: origination.blackhole };
        core.put(dest, PeerId::LOCAL, PathId::NONE, offer);
        core.attrs.release(raw, &mut core.next_hops);
    }

    /// Originates a route no longer; says whether it was.
    pub fn withdraw_originated(&mut self, prefix: &Prefix) -> bool {
        let table = &self.core.table;
        let path = table.find(prefix).and_then(|dest| table.find_path(dest, PeerId::LOCAL, PathId::NONE));
        path.map(|path| self.core.remove_path(path)).is_some()
    }

    /// Says what is known about a next hop. Its prefixes are decided again at the next settle. Until told, an address
    /// counts as usable at no cost; what was said is forgotten when the last path over it goes.
    pub fn set_next_hop(&mut self, next_hop: impl Into<NextHop>, state: NextHopState) {
        self.core.next_hops.set(next_hop.into().resolved(), state);
    }

    /// Peers that reached a limit since the last call. What [`Excess::End`](crate::Excess::End) asks for is up to the
    /// caller.
    pub fn take_limit_events(&mut self) -> Vec<LimitEvent> {
        std::mem::take(&mut self.limit_events)
    }

    /// Next hops that came into use (`true`) or went out of it since the last call: those to watch and to watch no more.
    pub fn take_next_hops(&mut self) -> Vec<(NextHop, bool)> {
        self.core.next_hops.take_news()
    }

    /// Kernel routes that changed since the last call, by prefix: the last word only. `None`: no route. Equal ones are one.
    pub fn take_fib_changes(&mut self) -> Vec<(Prefix, Option<Arc<FibRoute>>)> {
        let core = &mut self.core;
        let dirty = std::mem::take(&mut core.fib_dirty);
        let take = |dest: u32| {
            let at = &mut core.table.dests[dest];
            at.facts.set_fib_dirty(false);
            let change = (at.prefix, core.fib.route(at.fib).cloned());
            core.table.try_remove(dest);
            change
        };
        dirty.into_iter().map(take).collect()
    }

    /// The next UPDATEs for a peer, about [`RibConfig::chunk_size`] octets at most, whole messages, shared with the other members of its group
    /// where they stand at the same place. `None`: it is up to date. To be asked whenever the peer's writer has room.
    pub fn poll_chunk(&mut self, id: PeerId) -> Option<Bytes> {
        let memberships = self.core.peers.find(id)?.memberships.clone();
        memberships.into_iter().find_map(|Membership { group: number, member }| {
            let group = self.groups[number as usize].as_mut()?;
            group.poll(number, member, self.core.config.hold_end_of_rib, &mut self.core, &mut self.scratch)
        })
    }

    /// Whether [`Rib::poll_chunk`] may have something.
    pub fn pending(&self, id: PeerId) -> bool {
        let Some(peer) = self.core.peers.find(id) else { return false };
        let group = |number: u32| self.groups[number as usize].as_ref();
        let hold = self.core.config.hold_end_of_rib;
        peer.memberships.iter().any(|at| group(at.group).is_some_and(|group| group.is_pending(at.member, hold)))
    }

    /// We know all we are going to know: the End-of-RIBs held back may go (RFC 4724 §4.1).
    pub fn release_end_of_rib(&mut self) {
        self.core.config.hold_end_of_rib = false;
    }

    /// The cluster of a client is ours: import looks for it from now on.
    fn know_cluster(&mut self, settings: &PeerSettings) {
        let core = &mut self.core;
        let Some(id) = settings.cluster_id.filter(|_| settings.route_reflector_client) else { return };
        if core.clusters.contains(&id) {
            return;
        }
        core.clusters.push(id);
        if id != core.config.cluster_id {
            for peer in core.peers.ids() {
                self.walk(peer, Task::Import);
            }
        }
    }

    /// Puts a peer where its settings say: among our clients, in which cluster. Others are told its paths again if that
    /// says something new about them.
    fn cluster(&mut self, id: PeerId) {
        let Some(peer) = self.core.peers.find_mut(id) else { return };
        let (settings, source) = (&peer.settings, &mut peer.source);
        let new = (
            settings.route_reflector_client && source.is_internal(),
            settings.cluster_id.unwrap_or(self.core.config.cluster_id),
        );
        let old = (source.client, source.cluster);
        (source.client, source.cluster) = new;
        if old != new {
            self.groups.iter_mut().flatten().for_each(|group| group.retell(id));
        }
    }
}

/// The attributes with their next hop bound to the interface they came in by; `None` where that makes no difference.
fn on_interface(attrs: &Arc<PathAttrs>, interface: Option<u32>) -> Option<Arc<PathAttrs>> {
    let next_hop = attrs.next_hop.on_interface(interface?)?;
    Some(Arc::new(PathAttrs { next_hop, ..PathAttrs::clone(attrs) }))
}
