//! The node goes out of service and comes back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `POST /v1/drain`: tell peers to prefer other ways (RFC 8326), then end all sessions and want none.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct DrainOrder {
    /// For the peers' operators: at most 255 octets (RFC 9003).
    #[serde(default)]
    pub message: Option<String>,
    /// Seconds from when all was sent until the sessions end, in which peers take other ways: 0 to 3600; 5 if left out.
    #[serde(default)]
    pub settle: Option<u64>,
    /// Seconds after which the sessions end in any case: 1 to 86400; 60 if left out.
    #[serde(default)]
    pub timeout: Option<u64>,
    /// Only until roost ends. Otherwise until the node is taken back, also when roost starts again meanwhile.
    #[serde(default)]
    pub until_restart: bool,
}

/// `GET /v1/drain`, and the answer to `POST /v1/drain` and `POST /v1/undrain`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct DrainState {
    /// How far it is.
    pub state: DrainPhase,
    /// Seconds since it is so.
    pub since: u64,
    /// What peers' operators are told; `null` when nothing.
    pub message: Option<String>,
    /// Whether that ends with the process.
    pub until_restart: bool,
    /// While leaving: sessions to which something is still to be sent.
    pub awaited: usize,
    /// While leaving: seconds until the sessions end in any case.
    pub ends_in: Option<u64>,
}

/// How far a drain is.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum DrainPhase {
    /// In service.
    #[default]
    Off,
    /// Peers are being told to prefer other ways; packets still find theirs through this node.
    Leaving,
    /// Without sessions.
    Drained,
}
