//! `GET /livez` and `GET /readyz`: whether the daemon works, and whether its node can be counted on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /livez`: whether every part of the daemon still turns. A daemon that is not alive is to be started again.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Liveness {
    /// All of them do.
    pub alive: bool,
    /// Which do not, in words; empty when alive.
    pub reasons: Vec<String>,
    /// When each was last seen to turn.
    pub parts: Vec<PartRow>,
}

/// A part of the daemon.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct PartRow {
    /// `owner` (of the routing table), `fib-sync` (writes the kernel's routes) or `api` (the control socket).
    pub part: String,
    /// Milliseconds since it was last seen to turn; each does once a second.
    pub seen_ms_ago: u64,
}

/// `GET /readyz`: whether packets to and from this node's pods get where they should.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Readiness {
    /// They do, as far as roost can know.
    pub ready: bool,
    /// Why not, in words; empty when ready.
    pub reasons: Vec<String>,
    /// Peers that count, by `readiness.peers`.
    pub peers: usize,
    /// … whose session is up and who have sent everything.
    pub peers_synced: usize,
    /// … that must have, at the moment.
    pub peers_needed: usize,
    /// UPDATEs and prefixes that are yet to be decided.
    pub undecided: usize,
    /// Milliseconds for which the oldest decision has waited for the kernel.
    pub behind_ms: u64,
    /// Prefixes that the kernel treats in another way than is wanted, for a cause on this node.
    pub divergent: usize,
}
