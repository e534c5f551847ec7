//! Routes, and what became of them in the kernel.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
