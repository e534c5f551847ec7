//! What a peer can be ordered to do, and what came of it.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::zone::zoned;

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
    /// What the peer is called, as [`PeerRow::name`](super::PeerRow::name) has it.
    pub fn name(&self) -> String {
        zoned(self.address, self.interface.as_deref())
    }
}
