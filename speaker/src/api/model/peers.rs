//! Peers in one line, and in all detail.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::zone::zoned;

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
    /// Where it is from: `file`, `mesh` of the file, `api`, or `dynamic`.
    #[serde(default)]
    pub origin: String,
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
