//! What those who announce at run time say, and are told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::object::optional;

/// `POST /v1/announce`
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct AnnounceList {
    /// Who announces: 1 to 63 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`. Default: `default`.
    #[schemars(pattern(r"^[A-Za-z0-9._-]{1,63}$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Blocks or single addresses, such as `10.65.1.0/26`; a bare address counts as /32 or /128. What no longer prefix of
    /// a block matches is discarded by the kernel (a blackhole).
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// Likewise, but only announced: never put into the kernel, as addresses of services that a program on the node
    /// serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
}

/// `POST /v1/withdraw`
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct WithdrawList {
    /// Who withdraws. Default: `default`.
    #[schemars(pattern(r"^[A-Za-z0-9._-]{1,63}$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// As they were announced, services too.
    pub prefixes: Vec<String>,
}

/// What an announce or withdraw did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PrefixListDone {
    /// Prefixes that the owner did not announce (or withdraw) before, or not as what they are now.
    pub changed: Vec<String>,
    /// Prefixes of which nothing had to be changed.
    pub unchanged: Vec<String>,
    /// Withdrawn ones that stay announced, as others announce them, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptPrefix>,
}

/// `GET` and `PUT /v1/owners/{owner}`: all that one owner announces.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct OwnerRoutes {
    /// Blocks or single addresses, such as `10.65.1.0/26`; a bare address counts as /32 or /128.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// Prefixes that are announced and never put into the kernel.
    #[serde(default)]
    pub services: Vec<String>,
    /// How long the owner may be silent; `null` for as long as it likes.
    #[serde(default, deserialize_with = "optional")]
    pub lease: Option<Lease>,
}

/// `PATCH /v1/owners/{owner}`: what changes of what an owner announces. `{}` only says that the owner is there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct OwnerPatch {
    /// Blocks or single addresses that are announced from now on.
    #[serde(default)]
    pub announce: Vec<String>,
    /// Those that are announced and never put into the kernel.
    #[serde(default)]
    pub services: Vec<String>,
    /// Blocks, addresses and services that are no longer announced.
    #[serde(default)]
    pub withdraw: Vec<String>,
    /// Another lease; `null` leaves it as it is, a PUT without one takes it away.
    #[serde(default, deserialize_with = "optional")]
    pub lease: Option<Lease>,
}

/// How long an owner may be silent, and what then becomes of its routes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Seconds from its last PUT, PATCH, announce or withdraw on, 1 to 86400. A start of roost counts as one.
    #[schemars(range(min = 1, max = 86_400))]
    pub seconds: u32,
    /// What becomes of its routes.
    #[serde(default)]
    pub then: Then,
}

/// What becomes of the routes of an owner whose lease is over.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// They stay, and `GET /v1/owners` says that the owner is gone.
    #[default]
    Keep,
    /// They are withdrawn, and the owner is forgotten.
    Withdraw,
}

/// What a `PUT`, `PATCH` or `DELETE` of an owner did.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct OwnerDone {
    /// What the owner announces and did not before, or not as what it is now.
    pub announced: Vec<String>,
    /// What the owner announces no longer.
    pub withdrawn: Vec<String>,
    /// Named prefixes of which nothing had to be changed.
    pub unchanged: usize,
    /// Withdrawn ones that stay announced, as others announce them, too.
    pub kept: Vec<KeptPrefix>,
}

/// A prefix that somebody has withdrawn, and somebody else has not.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct KeptPrefix {
    /// The prefix.
    pub prefix: String,
    /// Who announces it.
    pub owners: Vec<String>,
    /// Whether the configuration does (`node.blocks`).
    pub configured: bool,
}

/// `GET /v1/owners`: one row an owner.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct OwnerRow {
    /// Its name.
    pub owner: String,
    /// Blocks and single addresses it announces.
    pub prefixes: usize,
    /// Services it announces.
    pub services: usize,
    /// How long it may be silent; `null` for as long as it likes.
    pub lease: Option<Lease>,
    /// Seconds left of the lease, 0 when it is over and the owner's routes are kept; `null` without a lease.
    pub left: Option<u64>,
    /// Seconds since its last PUT, PATCH, announce or withdraw, or since roost started.
    pub seen: u64,
}
