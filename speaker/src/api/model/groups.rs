//! `GET /v1/groups`: peers that are sent the same bytes.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An update group: what is announced to its members is written once for all of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct GroupRow {
    /// The family.
    pub family: String,
    /// `internal`, `external`, `client` or `confederation`: how its members stand to us.
    pub kind: String,
    /// The export policy.
    pub export: String,
    /// Our own address on these sessions; `null` where no route needs it.
    pub own_address: Option<IpAddr>,
    /// Whether members are told several paths of a prefix (RFC 7911).
    pub add_path: bool,
    /// The members' addresses (`ADDRESS%INTERFACE` of link-local ones), in order.
    pub members: Vec<String>,
    /// Paths it announces.
    pub announced: usize,
    /// Withdrawals that not every member has read.
    pub tombstones: usize,
    /// Members that have not read everything.
    pub behind: usize,
    /// Whether the whole table has been taken into account.
    pub filled: bool,
    /// Slices of messages that were written.
    pub written: u64,
    /// Slices that a further member was given as they were.
    pub reused: u64,
    /// Prefixes withdrawn because their attributes did not fit a message.
    pub too_large: u64,
}
