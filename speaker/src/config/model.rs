//! The checked configuration: what the daemon runs.
//!
//! Every reference is resolved (a peer carries its policies, not their names), every default is filled in, mesh peers
//! stand beside the written ones, and a value that could be nonsense has a type that refuses it. Whoever holds a
//! [`Config`] therefore asks no further question of the file. Only this module's siblings can build one from YAML;
//! the daemon reads it, and compares two of them when the file has changed (all parts are `PartialEq`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bgp_proto::attr::Community;
use bgp_proto::fsm::PeerAs;
use bgp_proto::{Asn, FamilySet, Prefix, RouterId};
use fib_sync::{DeviceKind, Metric};
use ipnetwork::IpNetwork;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::{Confederation, PathRules};
use super::values::{DeviceName, HoldTime, Secret, SocketGroup, SocketMode};
use crate::detect::{Detect, Pick};
use crate::net::zone::zoned;

/// A whole configuration file, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Who this speaker is.
    pub router: Router,
    /// The node it runs on.
    pub node: Node,
    /// Ranges of pod addresses and how their packets travel; they do not overlap.
    pub pools: Vec<Pool>,
    /// The named policies, in the order of the file, used or not.
    pub policies: Vec<Arc<Policy>>,
    /// Every peer, the mesh's included, fully resolved. Addresses are unique. Disabled peers are listed too.
    pub peers: Vec<PeerSettings>,
    /// Ranges of addresses whose hosts may become peers, each once.
    pub dynamic_peers: Vec<DynamicPeers>,
    /// How routes get into the kernel.
    pub fib: Fib,
    /// The control socket; `None` is off.
    pub api: Option<Api>,
    /// The read-only HTTP listener; `None` is off.
    pub metrics: Option<Metrics>,
    /// When the node can be counted on.
    pub readiness: Readiness,
    /// What is logged, and how.
    pub log: Log,
}

/// Who this speaker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Our AS: neither 0, 23456 (AS_TRANS), 65535 nor 4294967295.
    pub asn: Asn,
    /// The confederation `asn` is a member of. RFC 5065
    pub confederation: Option<Confederation>,
    /// Compare MED between neighbour ASes too. RFC 4271 §9.1.2.2 c
    pub always_compare_med: bool,
    /// Keep the best external path when another is as good up to the tie-breaks. RFC 5004
    pub prefer_oldest_external: bool,
    /// Refuse our cluster id in a CLUSTER_LIST from non-clients too. RFC 4456 §8
    pub strict_cluster_check: bool,
    /// Our BGP Identifier, not zero.
    pub router_id: RouterId,
    /// Our cluster id as a route reflector; the router id unless the file says otherwise. RFC 4456 §7
    pub cluster_id: RouterId,
    /// Where to accept sessions; empty: nowhere, only connect.
    pub listen: Vec<SocketAddr>,
    /// Graceful restart of this speaker as a whole.
    pub graceful_restart: GracefulRestart,
    /// What connections may cost whose OPEN has not been accepted.
    pub limits: Limits,
    /// How long after start the deletion of adopted kernel routes, and our own End-of-RIB, may wait for the peers'
    /// End-of-RIB. Installing routes never waits.
    pub startup_wait: Duration,
}

impl Router {
    /// Whether `asn` is another member of our confederation.
    pub fn is_member(&self, asn: Asn) -> bool {
        asn != self.asn && self.confederation.as_ref().is_some_and(|confederation| confederation.members.contains(&asn))
    }
}

/// What connections may cost whose OPEN has not been accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Such connections of addresses that are no known peer's, 1–100,000.
    pub unopened: usize,
    /// Such connections of one address, 2–8: one that waits, and the one that takes its place.
    pub unopened_per_peer: usize,
    /// How long one may take to send its OPEN: 1 s to 1 h. RFC 4271 §8.2.2
    pub open_timeout: Duration,
    /// Connections the kernel holds until they are accepted, 1–65,535.
    pub backlog: u16,
}

impl Default for Limits {
    /// The OPEN is the first thing a speaker says. RFC 4271 suggests 4 minutes for it, from a time of slower hosts; in
    /// 60 s TCP repeats a lost segment five times (1 + 2 + 4 + 8 + 16 s), and in the quarter of it four times.
    fn default() -> Self {
        Self { unopened: 1_000, unopened_per_peer: 4, open_timeout: Duration::from_secs(60), backlog: 4_096 }
    }
}

/// Graceful restart (RFC 4724), of the speaker or of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulRestart {
    /// Whether the capability is sent.
    pub enabled: bool,
    /// How long peers shall keep our routes after the session is lost: at most 4095 s, whole seconds. RFC 4724 §3
    pub restart_time: Duration,
    /// How long we keep a restarted peer's stale routes when its End-of-RIB does not come. RFC 4724 §4.2
    pub stale_time: Duration,
    /// How long routes are kept beyond the restart time, by peers for us and by us for peers: at most 2^24 - 1 s, zero
    /// is off. RFC 9494
    pub long_lived: Duration,
    /// How long we hold a peer's routes beyond its restart time whatever was negotiated; zero is off.
    pub hold: Duration,
}

/// The node this speaker runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The node's name.
    pub name: String,
    /// The node's addresses with the length of their subnet; host bits are set. A bare address in the file is a /32 or /128.
    /// Those of the file come first, then those that were picked.
    pub addresses: Vec<IpNetwork>,
    /// How addresses are found that the file does not name.
    pub detect: Option<Detect>,
    /// What the rules of `detect` have picked, each at most one address. It is in `addresses`, too.
    pub picked: Vec<Pick>,
    /// Pod blocks of this node: originated, and a blackhole in the kernel. No duplicates.
    pub blocks: Vec<Prefix>,
}

impl Node {
    /// The first address of the wanted family.
    pub fn address(&self, ipv4: bool) -> Option<IpAddr> {
        self.addresses.iter().map(IpNetwork::ip).find(|address| address.is_ipv4() == ipv4)
    }

    /// Whether a rule of `detect` has picked nothing (yet): then `addresses` may lack one.
    pub fn is_undetected(&self) -> bool {
        self.detect.as_ref().is_some_and(|detect| detect.rules.len() > self.picked.len())
    }

    /// Whether `address` is one of this node's.
    pub fn owns(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|own| own.ip() == address)
    }
}

/// A range of pod addresses with its encapsulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The range.
    pub cidr: Prefix,
    /// How packets to a block of the range travel.
    pub mode: PoolMode,
    /// The tunnel device; present exactly when the mode needs one.
    pub device: Option<DeviceName>,
    /// The device to make, if it is ours to make.
    pub managed: Option<ManagedDevice>,
    /// Whether entries for the far ends are written to the VXLAN device; if not, another agent writes them.
    pub far_ends: bool,
    /// Whether learned routes go into the kernel; if not, another agent writes them.
    pub install: bool,
    /// Whether blackholes of our own blocks do.
    pub blackholes: bool,
    /// The kernel's protocol id of the pool's routes, where it is not [`Fib::protocol`].
    pub protocol: Option<u8>,
    /// Their metric, where it is not [`Fib::metric`].
    pub metric: Option<Metric>,
    /// Their table, where it is not [`Fib::table`].
    pub table: Option<u32>,
}

/// How packets to a pool's blocks travel to their node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolMode {
    /// Unencapsulated, through the route that resolves the next hop.
    Direct,
    /// Unencapsulated, and only to next hops on our subnets.
    HostGw,
    /// Always through the tunnel.
    Ipip,
    /// Through the tunnel when the next hop is not on one of our subnets.
    IpipCrossSubnet,
    /// Always through the VXLAN device.
    Vxlan,
    /// Through the VXLAN device when the next hop is not on one of our subnets.
    VxlanCrossSubnet,
}

impl PoolMode {
    /// Whether the tunnel is a VXLAN.
    pub fn is_vxlan(self) -> bool {
        matches!(self, Self::Vxlan | Self::VxlanCrossSubnet)
    }

    /// Whether the tunnel is IPv4 in IPv4.
    pub fn is_ipip(self) -> bool {
        matches!(self, Self::Ipip | Self::IpipCrossSubnet)
    }
}

/// A tunnel device to make where it is missing, and to keep as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagedDevice {
    /// What it is.
    pub kind: DeviceKind,
    /// The address packets are sent from: the node's, of the pool's family.
    pub local: IpAddr,
    /// MTU of the packets inside; `None` fits the interface with that address.
    pub mtu: Option<u32>,
}

/// A named list of prefix ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixList {
    /// Its name in the file.
    pub name: String,
    /// A prefix matches the list when it matches one of these.
    pub entries: Vec<PrefixRange>,
}

/// Prefixes inside `prefix` whose length is from `ge` to `le`. Always `prefix.len() <= ge <= le <= 32 or 128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixRange {
    /// The covering prefix.
    pub prefix: Prefix,
    /// Shortest length that matches.
    pub ge: u8,
    /// Longest length that matches.
    pub le: u8,
}

impl PrefixRange {
    /// Whether `prefix` lies in the range.
    pub fn matches(&self, prefix: &Prefix) -> bool {
        (self.ge..=self.le).contains(&prefix.len()) && self.prefix.contains(prefix)
    }
}

/// What a peer's `import` or `export` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyRef {
    /// Every route passes unchanged.
    Accept,
    /// No route passes.
    Reject,
    /// The named policy decides.
    Named(Arc<Policy>),
}

/// A named policy: the first rule that matches decides, else the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name in the file.
    pub name: String,
    /// The rules, in order.
    pub rules: Vec<Rule>,
    /// What happens to a route no rule matches.
    pub default: Action,
}

/// One rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Prefixes the rule is for; `None` is every prefix.
    pub prefix_list: Option<Arc<PrefixList>>,
    /// What to change on a matching route; changes nothing when `action` is [`Action::Reject`].
    pub set: Set,
    /// What happens to a matching route.
    pub action: Action,
}

/// What becomes of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It passes.
    Accept,
    /// It does not.
    Reject,
}

/// Changes to the attributes of an accepted route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// New LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// New MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// Communities to take away, before any are added.
    pub remove_communities: Vec<Community>,
    /// Communities to add.
    pub add_communities: Vec<Community>,
}

/// Everything there is to know about one peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerSettings {
    /// The peer's address; unique among the peers (together with the interface of a link-local one).
    pub address: IpAddr,
    /// The interface of a link-local address (`fe80::1%eth0`); `None` for every other address.
    pub interface: Option<DeviceName>,
    /// The TCP port to connect to.
    pub port: u16,
    /// The peer's AS; 0 for a dynamic peer that may be of several, all of them other ASes than ours.
    pub asn: Asn,
    /// Where the peer comes from.
    pub origin: PeerOrigin,
    /// The group whose settings it takes, by name.
    pub group: Option<String>,
    /// Free text; mesh peers are called `mesh NODE`.
    pub description: Option<String>,
    /// Whether to run it at all.
    pub enabled: bool,
    /// Our address on the session; `None` lets the kernel choose. Same family as `address`.
    pub source: Option<IpAddr>,
    /// Wait for the peer to connect.
    pub passive: bool,
    /// Hold time to offer.
    pub hold_time: HoldTime,
    /// Time between our KEEPALIVEs: at most the hold time, by default a third of it; zero when the hold time is zero.
    pub keepalive: Duration,
    /// How long the peer may take nothing before the session ends (RFC 9687); `None`: as the hold time says.
    pub send_hold: Option<Duration>,
    /// Time between attempts to connect.
    pub connect_retry: Duration,
    /// Shortest and first pause after a session has failed.
    pub idle_hold: Duration,
    /// Longest pause; each failure in a row doubles it up to here. Not below `idle_hold`.
    pub idle_hold_max: Duration,
    /// The TCP-MD5 password (RFC 2385).
    pub password: Option<Password>,
    /// The peer is our route reflector client (RFC 4456); only ever true for an iBGP peer.
    pub route_reflector_client: bool,
    /// The cluster of a client; `None`: the router's. RFC 4456 §7
    pub cluster_id: Option<RouterId>,
    /// Families to offer; never empty.
    pub families: FamilySet,
    /// Exchange IPv4 routes with IPv6 next hops where the peer does too (RFC 8950).
    pub extended_next_hop: bool,
    /// Several paths for one prefix (RFC 7911).
    pub add_path: AddPath,
    /// Announce learned routes to this peer with ourselves as next hop.
    pub next_hop_self: bool,
    /// Which of its paths are believed, and what is done to those it is told.
    pub rules: PathRules,
    /// How far away the peer may be.
    pub ttl: Ttl,
    /// Decides about routes from this peer.
    pub import: PolicyRef,
    /// Decides about routes to this peer.
    pub export: PolicyRef,
    /// Graceful restart with this peer; the router's unless the peer says otherwise.
    pub graceful_restart: GracefulRestart,
    /// How many prefixes it may announce.
    pub max_prefix: MaxPrefix,
}

impl PeerSettings {
    /// Whether the peer is in our AS.
    pub fn is_ibgp(&self, router: &Router) -> bool {
        self.asn == router.asn
    }

    /// Its address, with the interface of a link-local one: `fe80::1%eth0`. No other peer has the same.
    pub fn name(&self) -> String {
        zoned(self.address, self.interface.as_ref().map(DeviceName::as_str))
    }

    /// Where it is, as peers are sorted.
    pub fn place(&self) -> (IpAddr, Option<&DeviceName>) {
        (self.address, self.interface.as_ref())
    }

    /// The peer's name for people: the description, else the address.
    pub fn label(&self) -> String {
        self.description.clone().unwrap_or_else(|| self.address.to_string())
    }
}

/// How many prefixes a peer may announce (RFC 4271 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPrefix {
    /// The limit for IPv4 prefixes.
    pub ipv4: Option<u32>,
    /// The limit for IPv6 prefixes.
    pub ipv6: Option<u32>,
    /// Percentage of a limit from which on it is logged: 1–100.
    pub warning: u8,
    /// What happens beyond a limit.
    pub action: MaxPrefixAction,
    /// Only prefixes that import lets through count.
    pub accepted_only: bool,
}

impl Default for MaxPrefix {
    fn default() -> Self {
        let action = MaxPrefixAction::Restart { after: Duration::from_secs(300) };
        Self { ipv4: None, ipv6: None, warning: 75, action, accepted_only: false }
    }
}

/// What happens to a peer that announces too many prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxPrefixAction {
    /// Its session ends, and may come back after this time.
    Restart {
        /// The time.
        after: Duration,
    },
    /// Its session ends, and stays down until an operator lets the peer in.
    Disable,
    /// It is only logged.
    Warn,
    /// The prefixes beyond the limit are ignored.
    Block,
}

/// A range of addresses whose hosts may connect and become peers.
#[derive(Clone, Debug, PartialEq)]
pub struct DynamicPeers {
    /// The range.
    pub prefix: Prefix,
    /// Which AS they may be of; of one alone, `template` has it too.
    pub asn: PeerAs,
    /// How many there may be at a time.
    pub limit: usize,
    /// How long one is remembered after its session.
    pub forget_after: Duration,
    /// Their settings; only the address is not theirs. Always passive.
    pub template: PeerSettings,
}

/// Where a peer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerOrigin {
    /// An entry of `peers`.
    Peers,
    /// It connected from a range of `dynamic_peers`.
    Dynamic {
        /// The range.
        prefix: Prefix,
    },
    /// An entry of `mesh.nodes`.
    Mesh {
        /// The other node's name.
        node: String,
    },
}

/// A TCP-MD5 password, and where it came from. `Debug` never shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// Written in the configuration.
    Inline(Secret),
    /// In a file of its own.
    File {
        /// The file, as the configuration names it.
        path: PathBuf,
        /// Its content. `parse` leaves it `None`, `load` fills it in.
        secret: Option<Secret>,
    },
}

impl Password {
    /// As the configuration has it, whatever stands in the file.
    pub fn without_content(self) -> Self {
        match self {
            Self::Inline(secret) => Self::Inline(secret),
            Self::File { path, .. } => Self::File { path, secret: None },
        }
    }

    /// The password, once it is known.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Inline(secret) => Some(secret),
            Self::File { secret, .. } => secret.as_ref(),
        }
    }
}

/// Which directions of ADD-PATH to offer (RFC 7911 §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddPath {
    /// Offer to send several paths.
    pub send: bool,
    /// Offer to receive several paths.
    pub receive: bool,
}

/// How far away a peer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// Send packets with this TTL (1–255): 1 for a direct eBGP peer, the hops of `ebgp_multihop`, 64 for iBGP.
    Send(u8),
    /// GTSM (RFC 5082): send with 255, refuse packets with less than `256 - hops` (hops is 1–254).
    Security {
        /// Largest distance accepted.
        hops: u8,
    },
}

/// How routes get into the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fib {
    /// Off: routes are exchanged, the kernel is left alone (a route reflector).
    pub enabled: bool,
    /// The kernel's protocol id of our routes (`proto bird` is 12); never one of the kernel's own, 0–4.
    pub protocol: u8,
    /// The kernel's metric of our routes.
    pub metric: Metric,
    /// The routing table (254 is main); never 0 or 255 (local).
    pub table: u32,
    /// Protocol ids and tables of routes that are taken over at start besides.
    pub adopt: Vec<(u8, u32)>,
    /// Ranges that no learned route may enter; a default route stands for itself alone.
    pub protect: Vec<Prefix>,
    /// Whether the subnets of the node's addresses are protected likewise.
    pub protect_node_subnets: bool,
    /// Learned routes that may be in the kernel.
    pub max_routes: usize,
    /// Time between full comparisons with the kernel; events repair sooner.
    pub rescan: Duration,
}

/// The control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Path of the Unix socket, absolute.
    pub socket: PathBuf,
    /// Its permissions, and those of the sockets below.
    pub mode: SocketMode,
    /// The group of its file, and of those of the sockets below; `None`: the process's own.
    pub group: Option<SocketGroup>,
    /// Path of the socket on which BIRD's control protocol is spoken, absolute.
    pub bird_socket: Option<PathBuf>,
    /// Path of the one for IPv6 peers and routes, absolute.
    pub bird6_socket: Option<PathBuf>,
}

/// The read-only HTTP listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Peers that have series of their own beside the sums of all.
    pub peers: PeerSeries,
    /// Of so many peers at most.
    pub max_peers: usize,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 9179).into(), peers: PeerSeries::Unhealthy, max_peers: 100 }
    }
}

/// Peers that have series of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerSeries {
    /// Those without a session that should have one.
    Unhealthy,
    /// All.
    All,
    /// None.
    None,
}

/// When the node can be counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whose sessions count.
    pub peers: ReadyPeers,
    /// How many of them must be up and have sent everything once the startup is over: percent, 1 to 100.
    pub quorum: u8,
}

/// Whose sessions say that the node can be counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyPeers {
    /// Every peer that is listed, and every node of the mesh.
    All,
    /// Internal peers of `peers` that are no clients of ours.
    Reflectors,
    /// Nobody's.
    None,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least severe events that are logged.
    pub level: LogLevel,
    /// Text for people or JSON for machines.
    pub format: LogFormat,
}

/// Severity of a log event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Only what needs a person.
    Error,
    /// What may need one.
    Warn,
    /// What has changed.
    Info,
    /// Every message.
    Debug,
    /// Every step.
    Trace,
}

impl LogLevel {
    /// All of them, the most severe first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The level's name, as tracing's filters read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}
