//! What the API says, as types: the daemon fills them, the CLI prints them, the OpenAPI document is made from them.
//!
//! Field names are the contract: they are only added to. Times are seconds, addresses and prefixes are text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod drain;
mod examination;
mod filters;
mod groups;
mod health;
mod log;
mod orders;
mod owners;
mod peers;
mod pools;
mod routes;
mod status;
mod watch;
mod why;

pub use drain::{DrainOrder, DrainPhase, DrainState};
pub use examination::{Examination, ManagedRow, PoolRow, ProcessFacts, SharedBlock};
pub use filters::{FibFilter, FibState, PeerFilter, PeerState, RouteFilter, RouteState, WatchState};
pub use groups::GroupRow;
pub use health::{Liveness, PartRow, Readiness};
pub use log::{LogLevels, LogOrder};
pub use orders::{Direction, PeerDisable, PeerDone, PeerEnable, PeerRefresh, PeerReset};
pub use owners::{
    AnnounceList, KeptPrefix, Lease, OwnerDone, OwnerPatch, OwnerRoutes, OwnerRow, PrefixListDone, Then, WithdrawList,
};
pub use peers::{LimitRow, MessageCounts, PeerDetail, PeerRow};
pub use pools::{PoolDetail, PoolRoutes, TunnelState};
pub use routes::{FibRow, KernelState, RouteRow};
pub use status::{
    ConnectionSummary, FibSummary, Memory, MemoryPart, NodeAddress, RangeRow, RefusedConnections, Status, TableRow,
};
pub(crate) use watch::millis;
pub use watch::{EventFilter, EventRow, WatchLine, WatchNews, WatchQuery};
pub use why::{Why, WhyHop, WhyNextHop, WhyPath, WhyRoute};

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
