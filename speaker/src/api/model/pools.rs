//! Pools as they are: what is configured, the tunnel device in the kernel, and what has become of the routes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PoolRow;

/// `GET /v1/pools`: one row a pool.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct PoolDetail {
    /// What is configured.
    #[serde(flatten)]
    pub pool: PoolRow,
    /// The kernel's metric of its routes: a number, or `local-pref`; 0 is none.
    pub metric: String,
    /// Whether our own blocks in it get blackholes.
    pub blackholes: bool,
    /// Where it comes from: `file`, or `api` (`roost pool add`).
    pub origin: String,
    /// The line of the file that names it.
    pub line: Option<usize>,
    /// The tunnel device as it is in the kernel; `null` where the pool needs none, or the kernel could not be asked.
    pub tunnel: Option<TunnelState>,
    /// Its prefixes, by what has become of them; `null` where no routes go into the kernel.
    pub routes: Option<PoolRoutes>,
}

/// A tunnel device in the kernel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct TunnelState {
    /// `up`, `down` or `missing`.
    pub state: String,
    /// Its kind, such as `ipip` or `vxlan`; empty when it is missing.
    pub kind: String,
    /// Octets of its largest packet; 0 when it is missing.
    pub mtu: u32,
    /// Its addresses, with their lengths.
    pub addresses: Vec<String>,
    /// Whether roost has made it, or taken it over.
    pub ours: bool,
}

/// Prefixes of a pool by what has become of them, as `show fib` says of each.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct PoolRoutes {
    /// A route, or a blackhole, is wanted.
    pub wanted: usize,
    /// The kernel has it.
    pub installed: usize,
    /// Not yet tried.
    pub pending: usize,
    /// Nothing is written, on purpose.
    pub withheld: usize,
    /// A route of another program is in the way.
    pub conflict: usize,
    /// The kernel refused it.
    pub failed: usize,
    /// Needs no route: a single address of this node.
    pub skipped: usize,
    /// Left by the run before and wanted by nobody yet.
    pub adopted: usize,
}
