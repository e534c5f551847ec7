//! What the API says, as types: the daemon fills them, the CLI prints them, the OpenAPI document is made from them.
//!
//! Field names are the contract: they are only added to. Times are seconds, addresses and prefixes are text.

use std::net::IpAddr;

use super::configuration::ConfigStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::zone::zoned;

mod drain;
mod examination;
mod filters;
mod groups;
mod health;
mod log;
mod owners;
mod watch;
mod why;

pub use drain::{DrainOrder, DrainPhase, DrainState};
pub use examination::{Examination, ManagedRow, PoolRow, ProcessFacts, SharedBlock};
pub use filters::{FibFilter, FibState, PeerFilter, PeerState, RouteFilter, RouteState};
pub use groups::GroupRow;
pub use health::{Liveness, PartRow, Readiness};
pub use log::{LogLevels, LogOrder};
pub use owners::{
    AnnounceList, KeptPrefix, Lease, OwnerDone, OwnerPatch, OwnerRoutes, OwnerRow, PrefixListDone, Then, WithdrawList,
};
pub(crate) use watch::millis;
pub use watch::{EventFilter, EventRow, WatchLine, WatchNews, WatchQuery};
pub use why::{Why, WhyHop, WhyNextHop, WhyPath, WhyRoute};

/// `GET /v1/status`: one daemon at a glance.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Status {
    /// Program version.
    pub version: String,
    /// `node.name` of the configuration, empty when it has none.
    pub node: String,
    /// Our AS number.
    pub asn: u32,
    /// Our BGP identifier.
    pub router_id: String,
    /// The node's addresses, and which rule has picked which.
    #[serde(default)]
    pub addresses: Vec<NodeAddress>,
    /// Seconds since the process started.
    pub uptime: u64,
    /// Where BGP connections are accepted.
    pub listen: Vec<String>,
    /// The startup phase: `starting` while End-of-RIBs are awaited, then `running`.
    pub phase: String,
    /// Peers that are established, and all configured ones.
    pub peers_established: usize,
    /// All configured peers.
    pub peers: usize,
    /// Ranges whose hosts may become peers, and how many have.
    #[serde(default)]
    pub dynamic_peers: Vec<RangeRow>,
    /// Prefixes with at least one path.
    pub prefixes: usize,
    /// Paths of all peers and our own.
    pub paths: usize,
    /// How large the table is, by family.
    #[serde(default)]
    pub tables: Vec<TableRow>,
    /// When the process started, in milliseconds since 1970 by the node's clock of now.
    #[serde(default)]
    pub started_at: u64,
    /// When the configuration in force was read, likewise.
    #[serde(default)]
    pub configured_at: u64,
    /// The configuration in force, and what became of the last reading of the file.
    #[serde(default)]
    pub configuration: ConfigStatus,
    /// Routes this node originates.
    pub originated: Vec<String>,
    /// Connections without an accepted OPEN, and those that were refused.
    pub connections: ConnectionSummary,
    /// Whether the node is out of service, or about to go.
    #[serde(default)]
    pub drain: DrainState,
    /// How much is logged.
    #[serde(default)]
    pub log: LogLevels,
    /// The kernel side.
    pub fib: FibSummary,
}

/// The table of one family.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct TableRow {
    /// The family, as `ipv4`.
    pub family: String,
    /// Prefixes with at least one path.
    pub prefixes: usize,
    /// Paths that import policies and checks let through.
    pub accepted: usize,
}

/// One of the node's own addresses.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct NodeAddress {
    /// The address with the length of its subnet.
    pub address: String,
    /// The interface it was found on; `null` when it is one of `node.addresses`.
    pub interface: Option<String>,
    /// The rule of `node.detect` that has picked it, such as `interface=^eth`; `null` when it is one of `node.addresses`.
    pub rule: Option<String>,
    /// What the rule picks now, when that is not this address, and what to do; `null` otherwise.
    pub change: Option<String>,
}

/// `GET /v1/memory`: where the memory goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Memory {
    /// What is counted, part by part; the parts do not overlap.
    pub parts: Vec<MemoryPart>,
    /// Octets of all parts.
    pub accounted: u64,
    /// Octets of the process that are in memory now; none if the kernel does not say.
    pub resident: Option<u64>,
    /// The most that were.
    pub resident_peak: Option<u64>,
    /// Those that belong to no part: code, stacks, the kernel's side, what the allocator keeps.
    pub unaccounted: Option<u64>,
    /// Octets of prefixes, attributes, next hops and group logs per path.
    pub per_path: u64,
    /// Octets that wait to be sent, counted for each session. Sessions of a group share them with each other and with the
    /// group's slices, so that they are no part.
    pub unsent: u64,
}

/// One part of the memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct MemoryPart {
    /// What is counted.
    pub part: String,
    /// How many there are.
    pub count: u64,
    /// Octets they take, free places included.
    pub bytes: u64,
}

/// Connections whose OPEN has not been accepted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ConnectionSummary {
    /// So many wait for their OPEN now.
    pub unopened: usize,
    /// So many may, not counting those of listed peers and of dynamic peers that have had a session
    /// (`router.limits.unopened`, or less when there are few file descriptors).
    pub limit: usize,
    /// Those that were refused, or closed because their OPEN did not come.
    pub refused: RefusedConnections,
}

/// Connections refused since the start, by reason.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RefusedConnections {
    /// No peer has the address.
    pub stranger: u64,
    /// The range has all the dynamic peers it may have.
    pub range_full: u64,
    /// Too many of unknown addresses wait for their OPEN.
    pub unopened: u64,
    /// Too many of the same address wait for their OPEN.
    pub unopened_per_peer: u64,
    /// The OPEN did not come in time.
    pub open_timeout: u64,
}

/// A range of `dynamic_peers`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RangeRow {
    /// The range.
    pub prefix: String,
    /// The group whose settings its peers take.
    pub group: String,
    /// The ASes its peers may be of, as text.
    pub asn: String,
    /// Peers it has now, those included that are gone and not yet forgotten.
    pub peers: usize,
    /// How many it may have.
    pub limit: usize,
}

/// Kernel routes by state.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct FibSummary {
    /// Whether routes are put into the kernel at all.
    pub enabled: bool,
    /// In the kernel as wanted.
    pub installed: usize,
    /// On their way.
    pub pending: usize,
    /// Kept back, each with its reason (see `GET /v1/fib`).
    pub withheld: usize,
    /// … of which so many because `fib.max_routes` learned routes are installed.
    pub over_limit: usize,
    /// In pools whose routes another agent writes; not counted as withheld, though shown as such.
    #[serde(default)]
    pub others: usize,
    /// A foreign route stands in the place.
    pub conflicts: usize,
    /// Refused by the kernel, retried.
    pub failed: usize,
    /// Found at start, wanted by nobody yet.
    pub adopted: usize,
    /// Routes put back after something else changed or removed them.
    pub repairs: u64,
    /// What is wrong with tunnel devices, and what to type.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// `GET /v1/peers`: one row a peer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PeerRow {
    /// The peer's address.
    pub address: IpAddr,
    /// The interface of a link-local address, without which it says nothing; `null` for every other one.
    #[serde(default)]
    pub interface: Option<String>,
    /// Its TCP port.
    pub port: u16,
    /// Its AS number; 0 for a dynamic peer that may be of several and has no session.
    pub asn: u32,
    /// `internal`, `external`, `client` or `confederation`.
    pub kind: String,
    /// Text of the configuration.
    pub description: String,
    /// `idle`, `connect`, `active`, `open-sent`, `open-confirm`, `established`, or `disabled`.
    pub state: String,
    /// Whether we wait for it to connect.
    #[serde(default)]
    pub passive: bool,
    /// Seconds since the session came up or went down.
    pub since: u64,
    /// When that was, in milliseconds since 1970 by the node's clock of now.
    #[serde(default)]
    pub since_at: u64,
    /// Why it is down, in words; `null` when established.
    pub reason: Option<String>,
    /// What to do about it; `null` when there is nothing.
    pub hint: Option<String>,
    /// The peer's identifier, of the current session.
    pub router_id: Option<String>,
    /// Negotiated families.
    pub families: Vec<String>,
    /// Paths held from the peer.
    pub received: usize,
    /// Of these, accepted by policy and checks.
    pub accepted: usize,
    /// Prefixes announced to the peer.
    pub advertised: usize,
    /// Paths kept from its last session until it is back (graceful restart).
    pub stale: usize,
    /// The range of `dynamic_peers` it came from; `null` for a peer of the configuration.
    #[serde(default)]
    pub range: Option<String>,
    /// The node it is in `mesh.nodes`; `null` for every other peer.
    #[serde(default)]
    pub node: Option<String>,
}

impl PeerRow {
    /// What the peer is called: its address, with the interface of a link-local one (`fe80::2%eth0`).
    pub fn name(&self) -> String {
        zoned(self.address, self.interface.as_deref())
    }
}

/// `GET /v1/peers/{name}`: everything about one peer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PeerDetail {
    /// The row of the table.
    #[serde(flatten)]
    pub row: PeerRow,
    /// Our end of the TCP connection.
    pub local: Option<String>,
    /// The peer's end.
    pub remote: Option<String>,
    /// Negotiated hold time in seconds, 0 for none.
    pub hold_time: Option<u64>,
    /// Keepalive interval in seconds.
    pub keepalive: Option<u64>,
    /// What we said we are to the peer (RFC 9234): `provider`, `customer`, `peer`, `route server` …
    pub local_role: Option<String>,
    /// What the peer said it is to us.
    pub peer_role: Option<String>,
    /// Seconds left until the peer's silence ends the session.
    #[serde(default)]
    pub hold_left: Option<u64>,
    /// Seconds left until our next KEEPALIVE.
    #[serde(default)]
    pub keepalive_left: Option<u64>,
    /// The policy for routes from the peer: `accept`, `reject` or its name.
    #[serde(default)]
    pub import: String,
    /// The policy for routes to the peer.
    #[serde(default)]
    pub export: String,
    /// Whether routers may lie between us and the peer.
    #[serde(default)]
    pub multihop: bool,
    /// Paths from the peer that are the best of their prefix.
    #[serde(default)]
    pub best: usize,
    /// Prefixes it has announced since roost knows it, repetitions included.
    #[serde(default)]
    pub announced: u64,
    /// Prefixes it has withdrawn.
    #[serde(default)]
    pub withdrawn: u64,
    /// The peer's capabilities, as text.
    pub capabilities: Vec<String>,
    /// Restart time of the peer's graceful-restart capability in seconds.
    pub restart_time: Option<u16>,
    /// Families whose End-of-RIB has come.
    pub end_of_rib: Vec<String>,
    /// Messages by type and direction.
    pub messages: MessageCounts,
    /// How often a session came up.
    pub established_count: u64,
    /// UPDATEs with an error that the session survived (RFC 7606).
    pub update_faults: u64,
    /// The last such error.
    pub last_fault: Option<String>,
    /// Seconds until kept routes of the peer's last session go, unless it renews them.
    #[serde(default)]
    pub stale_for: Option<u64>,
    /// Families whose routes are kept although the peer did not come back in its restart time (RFC 9494).
    #[serde(default)]
    pub long_lived: Vec<String>,
    /// Limits on the peer's prefixes, one a family that has one.
    #[serde(default)]
    pub limits: Vec<LimitRow>,
    /// What the peer's operator last gave as the reason of a shutdown or reset (RFC 9003).
    #[serde(default)]
    pub shutdown_text: Option<String>,
    /// Seconds since then.
    #[serde(default)]
    pub shutdown_text_age: Option<u64>,
    /// Why the peer's password file cannot be used as it is now; the password it had before stays in force.
    #[serde(default)]
    pub password_file: Option<String>,
}

/// How many prefixes of a family a peer may announce.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LimitRow {
    /// The family.
    pub family: String,
    /// Prefixes that count at the moment.
    pub count: u32,
    /// How many there may be.
    pub limit: u32,
    /// From how many on it is logged.
    pub warning: u32,
    /// What happens beyond the limit: `restart`, `disable`, `warn` or `block`.
    pub action: String,
    /// `ok`, `near` since the warning was reached in this session, or `exceeded` (in this session, or it ended the last).
    pub state: String,
}

/// Messages by type and direction.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[expect(missing_docs, reason = "a count of each message, by name")]
pub struct MessageCounts {
    pub open_in: u64,
    pub open_out: u64,
    pub update_in: u64,
    pub update_out: u64,
    pub keepalive_in: u64,
    pub keepalive_out: u64,
    pub notification_in: u64,
    pub notification_out: u64,
    pub refresh_in: u64,
    pub refresh_out: u64,
}

/// `GET /v1/routes`: one row a path, the best of each prefix first: its way from peer to kernel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RouteRow {
    /// The prefix.
    pub prefix: String,
    /// The peer's address, with the interface of a link-local one (`fe80::2%eth0`), or `local`.
    pub from: String,
    /// BGP next hop; `null` for our own blocks.
    pub next_hop: Option<IpAddr>,
    /// Whether this path is the best.
    pub best: bool,
    /// Whether it shares the traffic with the best.
    pub multipath: bool,
    /// Whether it is kept from a lost session.
    pub stale: bool,
    /// Whether import refused it.
    #[serde(default)]
    pub rejected: bool,
    /// Whether its next hop can't be reached.
    #[serde(default)]
    pub unreachable: bool,
    /// How far the next hop is: 0 on a link; `null` when that is not known, and for our own blocks.
    #[serde(default)]
    pub cost: Option<u32>,
    /// For a path that lost: the step of the decision that says so. For a rejected one: why.
    pub reason: Option<String>,
    /// AS_PATH as text.
    pub as_path: String,
    /// `igp`, `egp` or `incomplete`.
    pub origin: String,
    /// LOCAL_PREF in effect.
    pub local_pref: u32,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// ONLY_TO_CUSTOMER (RFC 9234): the AS that said so.
    pub otc: Option<u32>,
    /// COMMUNITIES, LARGE_COMMUNITY and EXTENDED COMMUNITIES as text.
    pub communities: Vec<String>,
    /// The path id of the peer (RFC 7911), 0 for none.
    pub path_id: u32,
    /// ORIGINATOR_ID: who brought a reflected path into the AS (RFC 4456).
    #[serde(default)]
    pub originator_id: Option<String>,
    /// CLUSTER_LIST: the reflectors it has passed, the nearest first.
    #[serde(default)]
    pub cluster_list: Vec<String>,
    /// What became of it in the kernel; only on the best path.
    pub kernel: Option<KernelState>,
}

/// What the kernel has for a prefix.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct KernelState {
    /// `installed`, `pending`, `withheld`, `conflict`, `failed`, `adopted` or `off`.
    pub state: String,
    /// The route as `ip route` prints it, when one is there.
    pub route: Option<String>,
    /// Why it is not installed.
    pub reason: Option<String>,
}

/// `GET /v1/fib`: one row a kernel route.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct FibRow {
    /// The prefix.
    pub prefix: String,
    /// What is wanted: `via NEXTHOP…`, `blackhole`, or `none`.
    pub wanted: String,
    /// What became of it.
    #[serde(flatten)]
    pub kernel: KernelState,
}

/// `POST /v1/peers/refresh`: exchange routes again without ending the session (RFC 2918, RFC 7313).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PeerRefresh {
    /// Addresses (`ADDRESS%INTERFACE` of a link-local one) or names; `*` is every peer.
    pub peers: Vec<String>,
    /// `ipv4`, `ipv6`; all of the session when empty.
    #[serde(default)]
    pub families: Vec<String>,
    /// Whose routes.
    #[serde(default)]
    pub direction: Direction,
}

/// Whose routes are exchanged again.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Both sides'.
    #[default]
    Both,
    /// The peer's: it is asked.
    In,
    /// Ours: they are sent.
    Out,
}

/// `POST /v1/peers/reset`: end the session with Cease/Administrative Reset (RFC 4486), and begin another.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PeerReset {
    /// Addresses (`ADDRESS%INTERFACE` of a link-local one) or names; `*` is every peer.
    pub peers: Vec<String>,
    /// For the peer's operator: at most 255 octets (RFC 9003).
    pub message: Option<String>,
    /// Both sides keep the routes meanwhile (RFC 8538); refused where the session has not agreed on that.
    #[serde(default)]
    pub graceful: bool,
}

/// `POST /v1/peers/disable`: end the session with Cease/Administrative Shutdown, and want none.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PeerDisable {
    /// Addresses (`ADDRESS%INTERFACE` of a link-local one) or names; `*` is every peer.
    pub peers: Vec<String>,
    /// For the peer's operator: at most 255 octets (RFC 9003).
    pub message: Option<String>,
}

/// `POST /v1/peers/enable`: want sessions again, at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PeerEnable {
    /// Addresses (`ADDRESS%INTERFACE` of a link-local one) or names; `*` is every peer.
    pub peers: Vec<String>,
}

/// What an order to a peer did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PeerDone {
    /// The peer's address.
    pub address: IpAddr,
    /// The interface of a link-local address; `null` for every other one.
    #[serde(default)]
    pub interface: Option<String>,
    /// Whether that changed anything.
    pub changed: bool,
    /// What was done, or why there was nothing to do.
    pub text: String,
}

impl PeerDone {
    /// What the peer is called, as [`PeerRow::name`] has it.
    pub fn name(&self) -> String {
        zoned(self.address, self.interface.as_deref())
    }
}

/// An error of the API (RFC 9457).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// What kind of thing went wrong.
    pub title: String,
    /// What exactly, with what was expected and what to do.
    pub detail: String,
    /// Each wrong field of the body, the first twenty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// What is wrong with one field (RFC 9457 §3).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct FieldProblem {
    /// Where it is in the body: a JSON pointer (RFC 6901), such as `/prefixes/1`; empty for the body itself.
    pub pointer: String,
    /// What exactly, with what was expected.
    pub detail: String,
}
