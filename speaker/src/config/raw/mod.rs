//! The configuration file as it is written: the one definition of its keys.
//!
//! serde's derive reads these types, schemars' derive describes them, and the text of a field's comment is what
//! `roost schema` says about the key. Nothing here is checked beyond single values; [`super::check`] does the rest.

use std::net::SocketAddr;

use bgp_proto::{Asn, Prefix, RouterId};
use ipnetwork::IpNetwork;
use schemars::JsonSchema;
use serde::Deserialize;

use super::at::{At, Named};
use super::values::{DeviceName, Int, Lasting, RouteMetric, RouteProtocol, RouteTable, S, Seconds};

mod detect;
mod peers;
mod policy;
mod process;

pub(in crate::config) use detect::*;
pub(in crate::config) use peers::*;
pub(in crate::config) use policy::*;
pub(in crate::config) use process::*;

/// The limits of timers, in milliseconds.
pub(in crate::config) type Timer = Lasting<100, 3_600_000>;
/// Restart time: twelve bits of whole seconds (RFC 4724 §3).
pub(in crate::config) type RestartTime = Seconds<0, 4_095>;
/// Long-lived stale time: 24 bits of whole seconds (RFC 9494 §3.1).
pub(in crate::config) type LongLived = Seconds<0, 16_777_215>;
/// Longer waits.
pub(in crate::config) type Wait = Lasting<0, 86_400_000>;

/// The configuration of roost.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Configuration", extend("required" = ["router"], "patternProperties" = { "^x-": true }))]
pub(in crate::config) struct File {
    /// Who this speaker is.
    pub router: At<Router>,
    /// The node it runs on.
    pub node: At<Node>,
    /// Ranges of pod addresses and how their packets travel. They must not overlap.
    pub pools: At<Vec<At<Pool>>>,
    /// Named lists of prefix ranges, for policies.
    pub prefix_lists: At<Named<Vec<At<PrefixRange>>>>,
    /// Named policies: which routes pass, and what changes on them.
    pub policies: At<Named<Policy>>,
    /// Named settings that peers can share.
    pub peer_groups: At<Named<PeerGroup>>,
    /// The peers.
    pub peers: At<Vec<At<Peer>>>,
    /// Peers nobody has listed: whoever connects from one of these ranges.
    pub dynamic_peers: At<Vec<At<DynamicPeers>>>,
    /// A mesh of nodes: every other node of the list is a peer.
    pub mesh: At<Mesh>,
    /// How routes get into the kernel.
    pub fib: At<Fib>,
    /// The control socket; `null` turns it off.
    #[schemars(with = "Option<Api>")]
    pub api: At<Api>,
    /// The read-only HTTP listener; off unless given.
    #[schemars(with = "Option<Metrics>")]
    pub metrics: At<Metrics>,
    /// When the node can be counted on.
    pub readiness: At<Readiness>,
    /// What is logged, and how.
    pub log: At<Log>,
    /// When a changed file is put in force. Default: order.
    pub reload: At<ReloadBy>,
}

/// Who this speaker is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["asn"]))]
pub(in crate::config) struct Router {
    /// Our AS number, as `64512` or `"1.10"`.
    pub asn: S<Asn>,
    /// The confederation we are a member of (RFC 5065); `asn` is our member AS then. Default: none.
    pub confederation: At<Confederation>,
    /// Compare MED between routes of different neighbour ASes. Default: false.
    pub always_compare_med: At<bool>,
    /// Keep the best eBGP route when another one is preferred only by router id or address (RFC 5004); which route is
    /// the best then depends on which came first. Default: false.
    pub prefer_oldest_external: At<bool>,
    /// Refuse routes with our cluster id in their CLUSTER_LIST from every iBGP peer (RFC 4456 §8), not only from clients.
    /// Reflectors that share a cluster id then do not take their clients' routes from each other. Default: false.
    pub strict_cluster_check: At<bool>,
    /// Our BGP Identifier. Default: the node's first IPv4 address.
    pub router_id: S<RouterId>,
    /// Our cluster id as a route reflector. Default: the router id.
    pub cluster_id: S<RouterId>,
    /// Where to accept sessions, `ADDRESS:PORT`. Default: port 179 of every address; `[]` only connects.
    pub listen: At<Vec<S<SocketAddr>>>,
    /// Graceful restart, of this speaker and (unless they say otherwise) its peers.
    pub graceful_restart: At<RouterGracefulRestart>,
    /// What connections may cost whose OPEN has not been accepted.
    pub limits: At<Limits>,
}

/// What connections may cost whose OPEN has not been accepted: they are anybody's.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Limits {
    /// Such connections from ranges of dynamic peers; others of unknown addresses are closed at once, and listed peers do
    /// not count. Default: 1000.
    pub unopened: S<Int<1, 100_000>>,
    /// Such connections of one address, 2 to 8. Default: 4.
    pub unopened_per_peer: S<Int<2, 8>>,
    /// How long a connected peer may take to send its OPEN; one from a range of dynamic peers has a quarter of it while
    /// `unopened` is more than half full. Default: 60s.
    pub open_timeout: S<Lasting<1_000, 3_600_000>>,
    /// Connections the kernel holds until they are accepted; net.core.somaxconn caps it. Default: 4096.
    pub backlog: S<Int<1, 65_535>>,
}

/// A confederation: several ASes that are one to the world (RFC 5065).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["id"]))]
pub(in crate::config) struct Confederation {
    /// The AS number the world knows.
    pub id: S<Asn>,
    /// The AS numbers of the other members that are peers of ours.
    pub members: At<Vec<S<Asn>>>,
}

/// Graceful restart (RFC 4724).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct RouterGracefulRestart {
    /// Offer graceful restart. Default: true.
    pub enabled: At<bool>,
    /// How long peers keep our routes while we restart, at most 4095s. Default: 120s.
    pub restart_time: S<RestartTime>,
    /// How long we keep a restarted peer's old routes when it does not finish sending. Default: 360s.
    pub stale_time: S<Wait>,
    /// How long routes are kept beyond the restart time, ours by peers and theirs by us (RFC 9494); the shorter wish
    /// counts. Default: 0s, off.
    pub long_lived: S<LongLived>,
    /// How long we hold a peer's routes beyond its restart time, as a last resort, though it does not know RFC 9494 or its
    /// session ended by silence or a Cease; not when an operator resets or disables it here, or it says that it was reset or
    /// removed. What it does not repeat when it is back goes after `stale_time`. Meant for reflectors. Default: 0s, off.
    pub hold: S<LongLived>,
    /// How long the removal of kernel routes found at start, and after a restart our End-of-RIB, may wait for a peer: from
    /// its first session on; for one that does not come, half as long from the start. Any peer may announce a route again,
    /// so all are waited for, each for its own time. Default: 30s.
    pub startup_wait: S<Wait>,
}

/// Graceful restart with one peer (RFC 4724). Default: as the router.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct PeerGracefulRestart {
    /// Offer graceful restart.
    pub enabled: At<bool>,
    /// How long the peer keeps our routes while we restart, at most 4095s.
    pub restart_time: S<RestartTime>,
    /// How long we keep the restarted peer's old routes when it does not finish sending.
    pub stale_time: S<Wait>,
    /// How long routes are kept beyond the restart time (RFC 9494); 0s is off.
    pub long_lived: S<LongLived>,
    /// How long we hold the peer's routes beyond its restart time whatever it has negotiated; 0s is off.
    pub hold: S<LongLived>,
}

/// The node roost runs on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Node {
    /// The node's name; tells which entry of the mesh is this node. Default: the router id.
    pub name: S<String>,
    /// The node's addresses with the prefix length of their subnet, such as `172.16.1.1/24`.
    pub addresses: At<Vec<S<IpNetwork>>>,
    /// How addresses are found that `addresses` does not name.
    pub detect: At<Detect>,
    /// The node's pod blocks: announced to the peers, and a blackhole in the kernel.
    pub blocks: At<Vec<S<Prefix>>>,
}

/// A range of pod addresses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cidr"]))]
pub(in crate::config) struct Pool {
    /// The range.
    pub cidr: S<Prefix>,
    /// How packets to the range travel. Default: direct.
    pub mode: At<PoolMode>,
    /// The tunnel device. Default: of the `ipip` modes tunl0 for IPv4, and an IPv6 pool must name its own; of the `vxlan`
    /// modes vxlan.roost for IPv4, vxlan-v6.roost for IPv6.
    pub device: S<DeviceName>,
    /// Make the tunnel device where it is missing, keep it up and at the MTU that fits the network, and remove it when no
    /// pool uses it any more. One that another program made under its name is left alone, and the pool's routes wait;
    /// tunl0, which the kernel makes itself, is taken over. false: the device is another agent's, used as it is.
    /// The MAC address of a VXLAN device is announced with the pool's blocks in either case. Pools that share a device
    /// share its settings. Default: false.
    pub manage: At<bool>,
    /// Write neighbour and forwarding entries of other nodes into the device of the `vxlan` modes. false: the agent that
    /// owns the device writes them, as Felix and flannel do. With true, what such an agent has written is never written
    /// over: the routes that would need it wait, and say so. Default: true.
    pub far_ends: At<bool>,
    /// Settings of a managed device of the `ipip` modes.
    pub ipip: At<Ipip>,
    /// Settings of a managed device of the `vxlan` modes; all nodes need the same.
    pub vxlan: At<Vxlan>,
    /// Write learned routes of the pool into the kernel. false: another agent does; they are learned and announced as
    /// ever, and its routes are left alone. Default: true.
    pub install: At<bool>,
    /// Write blackholes for blocks of our own in the pool. Default: as `install`.
    pub blackholes: At<bool>,
    /// The kernel's protocol id of the pool's routes. With `install: false` the other agent's: what an earlier run of ours
    /// left in the pool under another one is removed once the startup is over. Default: `fib.protocol`.
    pub protocol: S<RouteProtocol>,
    /// The kernel's metric of the pool's routes: a number, 0 for none, or local-pref. Default: `fib.metric`.
    #[schemars(with = "Option<S<RouteMetric>>")]
    pub metric: S<RouteMetric>,
    /// The routing table of the pool's routes. Default: `fib.table`.
    pub table: S<RouteTable>,
}

/// Settings of an ipip device that roost makes or sets up.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Ipip {
    /// The device's own IPv4 address, such as `10.65.1.1/32` out of a block of this node: the source of what the node
    /// itself sends to pods of others. Default: none is set, and none is removed.
    pub address: S<IpNetwork>,
    /// MTU of the packets inside. Default: that of the interface with the node's address, less 20.
    pub mtu: S<Int<576, 65_535>>,
}

/// Settings of a VXLAN device that roost makes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Vxlan {
    /// VXLAN Network Identifier. Default: 4096.
    pub vni: S<Int<1, 16_777_215>>,
    /// UDP port. Default: 4789.
    pub port: S<Int<1, 65_535>>,
    /// MTU of the packets inside. Default: that of the interface with the node's address, less 50 (70 over IPv6).
    pub mtu: S<Int<576, 65_535>>,
}

/// How packets to a pool travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum PoolMode {
    /// Unencapsulated, by whatever leads to the node: through gateways, too, which must know the pods' addresses.
    Direct,
    /// Unencapsulated, and only to nodes on a subnet of this one: no route through a gateway.
    HostGw,
    /// As host-gw.
    None,
    /// Always through the tunnel device.
    Ipip,
    /// Through the tunnel device to nodes on other subnets.
    IpipCrossSubnet,
    /// Always through the VXLAN device; neighbour and forwarding entries of the other nodes are written along.
    Vxlan,
    /// Through the VXLAN device to nodes on other subnets.
    VxlanCrossSubnet,
}
