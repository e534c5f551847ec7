//! The daemon at a glance, and its memory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::drain::DrainState;
use super::health::Readiness;
use super::log::LogLevels;
use crate::api::configuration::ConfigStatus;

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
    /// Whether the node can be counted on, as `/readyz` says it.
    #[serde(default)]
    pub readiness: Readiness,
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
