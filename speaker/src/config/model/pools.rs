//! Ranges of pod addresses, and how routes get into the kernel.

use std::net::IpAddr;
use std::time::Duration;

use bgp_proto::Prefix;
use fib_sync::{DeviceKind, Metric};

use crate::config::values::DeviceName;

/// A range of pod addresses with its encapsulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The range.
    pub cidr: Prefix,
    /// How packets to a block of the range travel.
    pub mode: PoolMode,
    /// The tunnel device; present exactly when the mode needs one.
    pub device: Option<DeviceName>,
    /// The device to make, if it is ours to make.
    pub managed: Option<ManagedDevice>,
    /// Whether entries for the far ends are written to the VXLAN device; if not, another agent writes them.
    pub far_ends: bool,
    /// Whether learned routes go into the kernel; if not, another agent writes them.
    pub install: bool,
    /// Whether blackholes of our own blocks do.
    pub blackholes: bool,
    /// The kernel's protocol id of the pool's routes, where it is not [`Fib::protocol`].
    pub protocol: Option<u8>,
    /// Their metric, where it is not [`Fib::metric`].
    pub metric: Option<Metric>,
    /// Their table, where it is not [`Fib::table`].
    pub table: Option<u32>,
}

/// How packets to a pool's blocks travel to their node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolMode {
    /// Unencapsulated, through the route that resolves the next hop.
    Direct,
    /// Unencapsulated, and only to next hops on our subnets.
    HostGw,
    /// Always through the tunnel.
    Ipip,
    /// Through the tunnel when the next hop is not on one of our subnets.
    IpipCrossSubnet,
    /// Always through the VXLAN device.
    Vxlan,
    /// Through the VXLAN device when the next hop is not on one of our subnets.
    VxlanCrossSubnet,
}

impl PoolMode {
    /// Whether the tunnel is a VXLAN.
    pub fn is_vxlan(self) -> bool {
        matches!(self, Self::Vxlan | Self::VxlanCrossSubnet)
    }

    /// Whether the tunnel is IPv4 in IPv4.
    pub fn is_ipip(self) -> bool {
        matches!(self, Self::Ipip | Self::IpipCrossSubnet)
    }
}

/// A tunnel device to make where it is missing, and to keep as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagedDevice {
    /// What it is.
    pub kind: DeviceKind,
    /// The address packets are sent from: the node's, of the pool's family.
    pub local: IpAddr,
    /// MTU of the packets inside; `None` fits the interface with that address.
    pub mtu: Option<u32>,
}

/// How routes get into the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fib {
    /// Off: routes are exchanged, the kernel is left alone (a route reflector).
    pub enabled: bool,
    /// The kernel's protocol id of our routes (`proto bird` is 12); never one of the kernel's own, 0–4.
    pub protocol: u8,
    /// The kernel's metric of our routes.
    pub metric: Metric,
    /// The routing table (254 is main); never 0 or 255 (local).
    pub table: u32,
    /// Protocol ids and tables of routes that are taken over at start besides.
    pub adopt: Vec<(u8, u32)>,
    /// Ranges that no learned route may enter; a default route stands for itself alone.
    pub protect: Vec<Prefix>,
    /// Whether the subnets of the node's addresses are protected likewise.
    pub protect_node_subnets: bool,
    /// Learned routes that may be in the kernel.
    pub max_routes: usize,
    /// Time between full comparisons with the kernel; events repair sooner.
    pub rescan: Duration,
}
