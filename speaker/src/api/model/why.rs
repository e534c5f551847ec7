//! `GET /v1/why/{address}`: the way of a packet, from the pod's address to the wire.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FibRow, PoolRow, RouteRow};

/// `GET /v1/why/{address}`: where packets to an address go from this node, and why there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Why {
    /// The address asked about.
    pub address: IpAddr,
    /// What becomes of its packets, in one sentence.
    pub verdict: String,
    /// Where the kernel and the table of routes do not say the same, and what is wrong on the way.
    pub contradictions: Vec<String>,
    /// The address is one of this node's.
    pub own: bool,
    /// The pool it lies in.
    pub pool: Option<PoolRow>,
    /// The longest match in the table of routes.
    pub prefix: Option<String>,
    /// Its paths, the best first; at most 32.
    pub paths: Vec<WhyPath>,
    /// How many there are.
    pub paths_total: usize,
    /// What is wanted of the kernel for the prefix, and what became of it.
    pub fib: Option<FibRow>,
    /// How the next hops of the wanted route resolve; at most 32.
    pub next_hops: Vec<WhyNextHop>,
    /// The route that the kernel itself takes for the address; `null` when it goes nowhere.
    pub lookup: Option<WhyRoute>,
    /// What the kernel says when it goes nowhere.
    pub lookup_error: Option<String>,
    /// The kernel's routes around the address in the tables of roost, the longest first.
    pub covering: Vec<WhyRoute>,
    /// The ways out of the kernel's route, each with its device and its neighbour.
    pub hops: Vec<WhyHop>,
}

/// A path, with the name of the node it leads to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct WhyPath {
    /// The path.
    #[serde(flatten)]
    pub row: RouteRow,
    /// The node of the mesh, or the description of the peer, that has the next hop; else of the peer it came from.
    pub node: Option<String>,
}

/// How a next hop resolves.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct WhyNextHop {
    /// The next hop.
    pub address: String,
    /// Why it cannot be used; `null` when it can.
    pub why_not: Option<String>,
    /// It is a neighbour on a link: no gateway lies between.
    pub on_link: bool,
    /// Gateways and devices that lead there outside any tunnel, such as `172.16.1.254 dev eth0`.
    pub by: Vec<String>,
    /// The kernel's own route that leads there.
    pub route: Option<String>,
    /// Learned prefixes it lies in, by whose routes it is reached (recursive resolution).
    pub through: Vec<String>,
}

/// A route of the kernel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct WhyRoute {
    /// Its destination.
    pub prefix: String,
    /// As `ip route` prints it.
    pub text: String,
    /// Whether roost wrote it, or holds it as its own.
    pub ours: bool,
    /// Packets end there: blackhole, unreachable or prohibit.
    pub drops: bool,
    /// It is an address of this node.
    pub local: bool,
}

/// One way out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct WhyHop {
    /// The gateway; `null` when the address itself is on the link.
    pub via: Option<IpAddr>,
    /// The device.
    pub device: String,
    /// Its kind as `ip -d link` names it, such as `vxlan`; empty for hardware.
    pub kind: String,
    /// Whether it is up.
    pub up: bool,
    /// Whether somebody is at its other end.
    pub carrier: bool,
    /// Octets of the largest packet.
    pub mtu: u32,
    /// The entry for the neighbour, such as `02:72:ac:10:02:03 PERMANENT`; `null` when there is none.
    pub neighbour: Option<String>,
    /// Of a VXLAN: the node that packets for the neighbour's MAC address go to; `null` when no entry says.
    pub far_end: Option<IpAddr>,
    /// The kernel does not use it: the device is down or has lost its carrier.
    pub dead: bool,
}
