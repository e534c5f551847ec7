//! `GET /v1/examination`: what `roost fib doctor` has to know of the daemon.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FibRow;

/// `GET /v1/examination`: the kernel side as it is meant to be, and what of it only the daemon can know.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Examination {
    /// The daemon's process.
    pub process: Option<ProcessFacts>,
    /// Whether routes are put into the kernel at all.
    pub enabled: bool,
    /// The node's addresses with the length of their subnets.
    pub addresses: Vec<String>,
    /// TCP ports BGP connections are accepted on.
    pub ports: Vec<u16>,
    /// The protocol id of routes outside any pool.
    pub protocol: u8,
    /// Their table.
    pub table: u32,
    /// Ranges of pod addresses.
    pub pools: Vec<PoolRow>,
    /// Prefixes this node originates.
    pub originated: Vec<String>,
    /// Routes that are wanted and cannot be written, at most 100.
    pub troubled: Vec<FibRow>,
    /// How many there are.
    pub troubled_total: usize,
    /// What is wrong with tunnel devices, and what to type.
    pub warnings: Vec<String>,
    /// Routes with roost's protocol id in one of its tables that are not its own, as `ip route` prints them; at most 100.
    pub strangers: Vec<String>,
    /// How many there are.
    pub strangers_total: usize,
    /// Blocks of pools that several nodes of this AS announce, at most 100.
    pub shared_blocks: Vec<SharedBlock>,
}

/// What a process may do, and where it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Its process id, as it sees itself.
    pub pid: u32,
    /// Its network namespace, as `/proc/self/ns/net` names it: `net:[4026531840]`.
    pub netns: String,
    /// Its effective capabilities, bit by bit (CapEff of `/proc/self/status`).
    pub capabilities: u64,
    /// Its program.
    pub program: String,
}

/// A pool, as the kernel side works with it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct PoolRow {
    /// The range.
    pub cidr: String,
    /// `direct`, `host-gw`, `ipip`, `ipip-cross-subnet`, `vxlan` or `vxlan-cross-subnet`.
    pub mode: String,
    /// The tunnel device of the other modes than direct.
    pub device: Option<String>,
    /// Whether roost writes the learned routes.
    pub install: bool,
    /// The protocol id of its routes.
    pub protocol: u8,
    /// Their table.
    pub table: u32,
    /// The device that roost makes.
    pub managed: Option<ManagedRow>,
}

/// A tunnel device that roost makes where it is missing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct ManagedRow {
    /// VXLAN Network Identifier; 0 of an ipip device.
    pub vni: u32,
    /// UDP port; 0 of an ipip device.
    pub port: u16,
    /// The address packets leave from.
    pub local: Option<IpAddr>,
    /// MTU of the configuration; 0 is that of the interface with the address, less what the tunnel adds.
    pub mtu: u32,
}

/// A block that several nodes announce.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct SharedBlock {
    /// The block.
    pub prefix: String,
    /// The nodes: next hops, with names where they have some.
    pub nodes: Vec<String>,
}
