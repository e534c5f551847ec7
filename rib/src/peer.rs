//! Peers as the RIB knows them: what is configured, what the living session negotiated, what was counted.

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bgp_proto::message::Codec;
use bgp_proto::{Asn, FamilySet, PathId, RouterId};
use smallvec::SmallVec;

use crate::limit::{PathLimit, Watch};
use crate::memory::Held;
use crate::policy::Policy;
use crate::rules::PathRules;
use crate::walk::Walk;

/// The number of a configured peer, given by the caller. Tables are indexed by it, so numbers are small and used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

impl PeerId {
    /// The pseudo-peer that stands for routes originated here.
    pub const LOCAL: Self = Self(u32::MAX);

    /// Whether this is [`PeerId::LOCAL`].
    pub const fn is_local(self) -> bool {
        self.0 == Self::LOCAL.0
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_local() { f.write_str("local") } else { write!(f, "peer{}", self.0) }
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which next hop a peer is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum NextHopMode {
    /// RFC 4271 §5.1.3: unchanged towards internal peers, our own address towards external ones.
    #[default]
    Auto,
    /// Always our own address.
    Own,
    /// Unchanged towards external peers too.
    Keep,
}

/// What is configured for a peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerSettings {
    /// The peer's address: the last but one tie-break of the decision.
    pub address: IpAddr,
    /// Which of its paths are used, and with what changes.
    pub import: Policy,
    /// Which paths it is told, and with what changes.
    pub export: Policy,
    /// We reflect to it and for it (RFC 4456); of no meaning for an external peer.
    pub route_reflector_client: bool,
    /// The cluster it is in as our client (RFC 4456 §7); none: that of [`RibConfig`](crate::RibConfig). It is ours from
    /// then on: a client's path with it in the CLUSTER_LIST is a loop.
    pub cluster_id: Option<RouterId>,
    /// Which next hop it is told.
    pub next_hop: NextHopMode,
    /// Our address for IPv4 routes where the session runs over IPv6 and RFC 8950 was not negotiated.
    pub local_v4: Option<Ipv4Addr>,
    /// Our address for IPv6 routes where the session itself does not run over IPv6.
    pub local_v6: Option<Ipv6Addr>,
    /// How often our own AS may stand in a path we accept from it (RFC 4271 §9.1.2: never).
    pub allow_as_in: u8,
    /// What holds for its AS paths, role and communities.
    pub rules: PathRules,
    /// Do not tell it paths that already cross its AS. Off, as in BIRD, FRR and IOS: the receiver checks anyway, may have
    /// reasons to accept them (`allow_as_in`), and the peer's AS number would split update groups.
    pub skip_paths_through_peer: bool,
    /// How many prefixes it may announce, by [`Family::SUPPORTED`](bgp_proto::Family::SUPPORTED).
    pub limits: [Option<PathLimit>; 2],
}

impl PeerSettings {
    /// Accept and announce everything.
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            import: Policy::accept(),
            export: Policy::accept(),
            route_reflector_client: false,
            cluster_id: None,
            next_hop: NextHopMode::Auto,
            local_v4: None,
            local_v6: None,
            allow_as_in: 0,
            rules: PathRules::default(),
            skip_paths_through_peer: false,
            limits: [None; 2],
        }
    }
}

/// What the RIB needs to know of an established session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// How its messages are written; the families are those negotiated.
    pub codec: Codec,
    /// The peer is in another AS.
    pub external: bool,
    /// Our AS on this session.
    pub local_asn: Asn,
    /// The peer's AS.
    pub peer_asn: Asn,
    /// The peer's identifier.
    pub peer_id: RouterId,
    /// Our end of the connection: the next hop we announce.
    pub local_addr: IpAddr,
    /// The kernel's number of the interface, for a session between link-local addresses: what next hops without a
    /// global address are meant for.
    pub interface: Option<u32>,
    /// Refreshes are framed by BoRR and EoRR (RFC 7313).
    pub enhanced_refresh: bool,
    /// The peer knows what LLGR_STALE means (RFC 9494).
    pub long_lived: bool,
}

/// What is counted per peer since it was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerCounters {
    /// Prefixes announced to us, repetitions included.
    pub announced: u64,
    /// Prefixes withdrawn from us.
    pub withdrawn: u64,
    /// Withdrawals of prefixes the peer had not announced.
    pub unknown_withdrawn: u64,
}

/// What the decision and the export rules know about where a path comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) id: PeerId,
    pub(crate) external: bool,
    /// In another member AS of our confederation.
    pub(crate) confederation: bool,
    pub(crate) client: bool,
    /// The cluster of a client.
    pub(crate) cluster: RouterId,
    pub(crate) router_id: RouterId,
    pub(crate) address: IpAddr,
}

/// One configured peer.
pub(crate) struct Slot {
    pub(crate) settings: PeerSettings,
    /// While the session is established.
    pub(crate) session: Option<Session>,
    /// The living session, or the one before: policies change while stale paths wait.
    pub(crate) last: Option<Session>,
    /// Outlives the session: its stale paths are still decided among.
    pub(crate) source: Source,
    /// The groups it is a member of, with its place there.
    pub(crate) memberships: SmallVec<[Membership; 2]>,
    pub(crate) counters: PeerCounters,
    /// Families whose End-of-RIB arrived on this session.
    pub(crate) ended: FamilySet,
    /// Families that it announces anew.
    pub(crate) refreshing: FamilySet,
    /// What was said about its limits on this session.
    pub(crate) watches: [Watch; 2],
    /// What is being done to all its paths; the first is under way.
    pub(crate) walks: VecDeque<Walk>,
}

impl Slot {
    pub(crate) fn is_member_of(&self, group: u32) -> bool {
        self.memberships.iter().any(|at| at.group == group)
    }
}

/// A place in a group.
#[derive(Clone, Copy)]
pub(crate) struct Membership {
    pub(crate) group: u32,
    pub(crate) member: u32,
}

/// All configured peers, by number.
#[derive(Default)]
pub(crate) struct Peers {
    slots: Vec<Option<Box<Slot>>>,
}

impl Peers {
    pub(crate) fn insert(&mut self, id: PeerId, slot: Slot) {
        let at = id.0 as usize;
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        self.slots[at] = Some(Box::new(slot));
    }

    pub(crate) fn remove(&mut self, id: PeerId) {
        if let Some(slot) = self.slots.get_mut(id.0 as usize) {
            *slot = None;
        }
    }

    pub(crate) fn find(&self, id: PeerId) -> Option<&Slot> {
        self.slots.get(id.0 as usize)?.as_deref()
    }

    pub(crate) fn find_mut(&mut self, id: PeerId) -> Option<&mut Slot> {
        self.slots.get_mut(id.0 as usize)?.as_deref_mut()
    }

    pub(crate) fn ids(&self) -> Vec<PeerId> {
        self.slots.iter().zip(0..).filter_map(|(slot, id)| slot.is_some().then_some(PeerId(id))).collect()
    }

    pub(crate) fn memory(&self) -> Held {
        let count = self.slots.iter().flatten().count();
        let slots = self.slots.capacity() * size_of::<Option<Box<Slot>>>();
        Held { count, bytes: slots + count * size_of::<Slot>() }
    }

    /// Where paths of `id` come from. A peer that is gone counts as an unknown internal one: what the logs have of it
    /// goes with the next settle.
    pub(crate) fn source(&self, id: PeerId) -> Source {
        self.find(id).map_or_else(|| Source::unknown(id), |slot| slot.source)
    }
}

impl Source {
    /// In our own AS: not in another one, not in another member of the confederation.
    pub(crate) fn is_internal(&self) -> bool {
        !self.external && !self.confederation
    }

    /// What is known before the first session, and of the local pseudo-peer.
    pub(crate) fn unknown(id: PeerId) -> Self {
        let address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let (router_id, cluster) = (RouterId(0), RouterId(0));
        Self { id, external: false, confederation: false, client: false, cluster, router_id, address }
    }
}

/// What a member is told about a path: the id it carries where ADD-PATH is on. The path's own number is stable while
/// the path lives and unique among those of a prefix, which is all RFC 7911 §3 asks; zero is left to "none".
pub(crate) fn sent_path_id(path: u32) -> PathId {
    PathId(path.wrapping_add(1))
}

/// The interface of a link-local end of a connection.
fn interface(remote: SocketAddr) -> Option<u32> {
    match remote {
        SocketAddr::V6(remote) if remote.ip().is_unicast_link_local() => Some(remote.scope_id()).filter(|&id| id != 0),
        _ => None,
    }
}

impl From<&bgp_proto::fsm::Negotiated> for Session {
    fn from(negotiated: &bgp_proto::fsm::Negotiated) -> Self {
        Self {
            codec: negotiated.codec,
            external: negotiated.external,
            local_asn: negotiated.local_asn,
            peer_asn: negotiated.peer_asn,
            peer_id: negotiated.peer_id,
            local_addr: negotiated.local_addr.ip(),
            interface: interface(negotiated.remote_addr),
            enhanced_refresh: negotiated.enhanced_route_refresh,
            long_lived: negotiated.peer_knows_long_lived(),
        }
    }
}
