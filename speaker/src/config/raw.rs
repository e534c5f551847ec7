//! The configuration file as it is written: the one definition of its keys.
//!
//! serde's derive reads these types, schemars' derive describes them, and the text of a field's comment is what
//! `roost schema` says about the key. Nothing here is checked beyond single values; [`super::check`] does the rest.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use bgp_proto::attr::Community;
use bgp_proto::message::Role;
use bgp_proto::{Asn, Family, Prefix, RouterId};
use ipnetwork::IpNetwork;
use schemars::JsonSchema;
use serde::Deserialize;

use super::at::{At, Named};
use super::rules::PrivateAs;
use super::values::{
    DeviceName, HoldTime, Int, Lasting, MeshPassive, PeerAddress, RouteProtocol, RouteTable, S, Seconds, Secret,
    SocketMode,
};

/// The limits of timers, in milliseconds.
pub(super) type Timer = Lasting<100, 3_600_000>;
/// Restart time: twelve bits of whole seconds (RFC 4724 §3).
pub(super) type RestartTime = Seconds<0, 4_095>;
/// Long-lived stale time: 24 bits of whole seconds (RFC 9494 §3.1).
pub(super) type LongLived = Seconds<0, 16_777_215>;
/// Longer waits.
pub(super) type Wait = Lasting<0, 86_400_000>;

/// The configuration of roost.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Configuration", extend("required" = ["router"], "patternProperties" = { "^x-": true }))]
pub(super) struct File {
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
    /// What is logged, and how.
    pub log: At<Log>,
}

/// Who this speaker is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["asn"]))]
pub(super) struct Router {
    /// Our AS number, as `64512` or `"1.10"`.
    pub asn: S<Asn>,
    /// The confederation we are a member of (RFC 5065); `asn` is our member AS then. Default: none.
    pub confederation: At<Confederation>,
    /// Compare MED between routes of different neighbour ASes. Default: false.
    pub always_compare_med: At<bool>,
    /// Keep the best eBGP route when another one is preferred only by router id or address (RFC 5004); which route is
    /// the best then depends on which came first. Default: false.
    pub prefer_oldest_external: At<bool>,
    /// Our BGP Identifier. Default: the node's first IPv4 address.
    pub router_id: S<RouterId>,
    /// Our cluster id as a route reflector. Default: the router id.
    pub cluster_id: S<RouterId>,
    /// Where to accept sessions, `ADDRESS:PORT`. Default: port 179 of every address; `[]` only connects.
    pub listen: At<Vec<S<SocketAddr>>>,
    /// Graceful restart, of this speaker and (unless they say otherwise) its peers.
    pub graceful_restart: At<RouterGracefulRestart>,
}

/// A confederation: several ASes that are one to the world (RFC 5065).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["id"]))]
pub(super) struct Confederation {
    /// The AS number the world knows.
    pub id: S<Asn>,
    /// The AS numbers of the other members that are peers of ours.
    pub members: At<Vec<S<Asn>>>,
}

/// Graceful restart (RFC 4724).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RouterGracefulRestart {
    /// Offer graceful restart. Default: true.
    pub enabled: At<bool>,
    /// How long peers keep our routes while we restart, at most 4095s. Default: 120s.
    pub restart_time: S<RestartTime>,
    /// How long we keep a restarted peer's old routes when it does not finish sending. Default: 360s.
    pub stale_time: S<Wait>,
    /// How long routes are kept beyond the restart time, ours by peers and theirs by us (RFC 9494); the shorter wish
    /// counts. Default: 0s, off.
    pub long_lived: S<LongLived>,
    /// How long after start the removal of kernel routes found there may wait for the peers. Default: 30s.
    pub startup_wait: S<Wait>,
}

/// Graceful restart with one peer (RFC 4724). Default: as the router.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PeerGracefulRestart {
    /// Offer graceful restart.
    pub enabled: At<bool>,
    /// How long the peer keeps our routes while we restart, at most 4095s.
    pub restart_time: S<RestartTime>,
    /// How long we keep the restarted peer's old routes when it does not finish sending.
    pub stale_time: S<Wait>,
    /// How long routes are kept beyond the restart time (RFC 9494); 0s is off.
    pub long_lived: S<LongLived>,
}

/// The node roost runs on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Node {
    /// The node's name; tells which entry of the mesh is this node. Default: the router id.
    pub name: S<String>,
    /// The node's addresses with the prefix length of their subnet, such as `172.16.1.1/24`.
    pub addresses: At<Vec<S<IpNetwork>>>,
    /// The node's pod blocks: announced to the peers, and a blackhole in the kernel.
    pub blocks: At<Vec<S<Prefix>>>,
}

/// A range of pod addresses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cidr"]))]
pub(super) struct Pool {
    /// The range.
    pub cidr: S<Prefix>,
    /// How packets to the range travel. Default: direct.
    pub mode: At<PoolMode>,
    /// The tunnel device of the `ipip` modes. Default: tunl0 for IPv4; an IPv6 pool must name its own.
    pub device: S<DeviceName>,
}

/// How packets to a pool travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PoolMode {
    /// Unencapsulated.
    Direct,
    /// Always through the tunnel device.
    Ipip,
    /// Through the tunnel device to nodes on other subnets.
    IpipCrossSubnet,
}

/// Prefixes inside `prefix` with a length from `ge` to `le`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["prefix"]))]
pub(super) struct PrefixRange {
    /// The covering prefix. Alone, it matches only itself.
    pub prefix: S<Prefix>,
    /// Shortest length that matches. Default: the prefix's own length.
    pub ge: S<Int<0, 128>>,
    /// Longest length that matches. Default: `ge` given, 32 or 128; else the prefix's own length.
    pub le: S<Int<0, 128>>,
}

/// A policy: the first rule that matches a route decides about it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Policy {
    /// The rules, in order.
    pub rules: At<Vec<At<Rule>>>,
    /// What happens to a route that no rule matches. Default: reject.
    pub default: At<Action>,
}

/// One rule of a policy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["action"]))]
pub(super) struct Rule {
    /// Routes the rule is for. Default: every route.
    #[serde(rename = "match")]
    pub matches: At<Match>,
    /// What changes on a route the rule accepts.
    pub set: At<Set>,
    /// What happens to a route the rule matches.
    pub action: At<Action>,
}

/// What becomes of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    /// It passes.
    Accept,
    /// It does not pass.
    Reject,
}

/// Conditions; all of them must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Match {
    /// The route's prefix matches this prefix list.
    pub prefix_list: S<String>,
}

/// Changes to a route.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Set {
    /// LOCAL_PREF.
    pub local_pref: S<Int<0, { u32::MAX as u64 }>>,
    /// MULTI_EXIT_DISC.
    pub med: S<Int<0, { u32::MAX as u64 }>>,
    /// Communities.
    pub communities: At<SetCommunities>,
}

/// Changes to a route's communities.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SetCommunities {
    /// Communities to add, such as `64512:100` or `no-export`.
    pub add: At<Vec<S<Community>>>,
    /// Communities to take away, before any are added.
    pub remove: At<Vec<S<Community>>>,
}

/// ADD-PATH (RFC 7911).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AddPath {
    /// Send several paths for a prefix. Default: false.
    pub send: At<bool>,
    /// Receive several paths for a prefix. Default: false.
    pub receive: At<bool>,
}

/// How many prefixes a peer may announce, in each family (RFC 4271 §6.7).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MaxPrefix {
    /// The limit in each family that has none of its own here. With ADD-PATH every path counts.
    pub limit: S<PrefixLimit>,
    /// The limit for IPv4 prefixes.
    pub ipv4: S<PrefixLimit>,
    /// The limit for IPv6 prefixes.
    pub ipv6: S<PrefixLimit>,
    /// Percentage of the limit from which on it is logged. Default: 75.
    pub warning: S<Int<1, 100>>,
    /// What happens beyond the limit. Default: restart.
    pub action: At<MaxPrefixAction>,
    /// With action restart: how long the peer is refused, from 1s to 7d. Default: 5m.
    pub restart_after: S<Lasting<1_000, 604_800_000>>,
    /// What counts. Default: received.
    pub count: At<MaxPrefixCount>,
}

/// A number of prefixes.
pub(super) type PrefixLimit = Int<1, 100_000_000>;

/// What happens to a peer that announces too many prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MaxPrefixAction {
    /// Its session ends, and may come back after `restart_after`.
    Restart,
    /// Its session ends, and stays down until an operator lets the peer in.
    Disable,
    /// Only logged.
    Warn,
    /// The prefixes beyond the limit are ignored.
    Block,
}

/// Which prefixes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MaxPrefixCount {
    /// All of them.
    Received,
    /// Those the import policy lets through.
    Accepted,
}

/// Declares a type whose keys are its own and those every kind of peer has, and a view of the latter.
macro_rules! with_session_keys {
    (@view $($(#[$doc:meta])* $key:ident: $type:ty,)*) => {
        /// The settings peers, groups and the mesh have in common.
        #[derive(Clone, Copy, Debug)]
        pub(super) struct SessionKeys<'f> {
            $(pub $key: &'f $type,)*
        }
    };
    (@type { $(#[$meta:meta])* $name:ident { $($(#[$own_doc:meta])* $own:ident: $own_type:ty,)* } }
     $($(#[$doc:meta])* $key:ident: $type:ty,)*) => {
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        $(#[$meta])*
        pub(super) struct $name {
            $($(#[$own_doc])* pub $own: $own_type,)*
            $($(#[$doc])* pub $key: $type,)*
        }

        impl $name {
            /// The settings it has in common with the other kinds.
            pub fn session(&self) -> SessionKeys<'_> {
                SessionKeys { $($key: &self.$key,)* }
            }
        }
    };
    (@keys $($head:tt)*) => {
        with_session_keys! { $($head)*
            /// The TCP port to connect to. Default: 179.
            port: S<Int<1, 65535>>,
            /// Our address on the session. Default: the node's first address of the peer's family.
            source: S<IpAddr>,
            /// Hold time to offer: 0, or 3s to 65535s. Default: 90s.
            hold_time: S<HoldTime>,
            /// Time between keepalives. Default: a third of the hold time.
            keepalive: S<Seconds<1, 65_535>>,
            /// Time between attempts to connect. Default: 5s.
            connect_retry: S<Timer>,
            /// First pause after a session has failed; doubles with each failure in a row. Default: 1s.
            idle_hold: S<Timer>,
            /// Longest pause after failures. Default: 30s.
            idle_hold_max: S<Timer>,
            /// TCP-MD5 password (RFC 2385), 1 to 80 bytes.
            password: S<Secret>,
            /// File that holds the TCP-MD5 password; relative to the configuration file.
            password_file: S<PathBuf>,
            /// The peer is our route reflector client. Default: false.
            route_reflector_client: At<bool>,
            /// Families to exchange. Default: that of the peer's address.
            families: At<Vec<S<Family>>>,
            /// Several paths for one prefix. Default: off.
            add_path: At<AddPath>,
            /// Announce learned routes with ourselves as next hop. Default: false.
            next_hop_self: At<bool>,
            /// How often our own AS may stand in a route of the peer, 0 to 10. Default: 0.
            allow_as_in: S<Int<0, 10>>,
            /// Refuse routes of an eBGP peer whose AS path does not begin with its AS; off for a route server's clients.
            /// Default: true.
            enforce_first_as: At<bool>,
            /// Refuse routes of an eBGP neighbour whose next hop is neither its address nor on the node's subnets, when
            /// routes go into the kernel and the neighbour's address is on one of them. Default: true.
            connected_check: At<bool>,
            /// Give routes of an eBGP peer with the community GRACEFUL_SHUTDOWN the LOCAL_PREF 0 (RFC 8326). Default: true.
            graceful_shutdown: At<bool>,
            /// Discard packets to prefixes of /24 (IPv6: /48) and longer that the peer announces with the community
            /// BLACKHOLE (RFC 7999); eBGP peers are not told such routes either way. Default: false.
            blackhole: At<bool>,
            /// Take routes with an AS_SET in their path from the peer and announce such routes to it, as it was before
            /// RFC 9774. Default: false.
            accept_as_set: At<bool>,
            /// What we are to an eBGP peer (RFC 9234); keeps routes of providers and peers from leaking to others.
            /// Default: nothing is said.
            role: S<Role>,
            /// Refuse the session when the peer does not say its role. Default: false.
            strict_role: At<bool>,
            /// The AS we are to an eBGP peer. Default: the router's.
            local_as: S<Asn>,
            /// Do not put `local_as` in front of the routes of the peer. Default: false.
            local_as_no_prepend: At<bool>,
            /// Announce routes to the peer with `local_as` alone, without the router's AS behind it. Default: false.
            local_as_replace_as: At<bool>,
            /// Take private AS numbers from what an eBGP peer is told: true from paths of nothing else, all from every
            /// path, replace puts our AS in their place. The peer's own number stays. Default: false.
            remove_private_as: S<PrivateAs>,
            /// Hops to an eBGP peer that is not a neighbour. Default: 1, a neighbour.
            ebgp_multihop: S<Int<1, 255>>,
            /// Accept only packets from at most this many hops away (GTSM, RFC 5082). Default: off.
            ttl_security: S<Int<1, 254>>,
            /// Routes to take: accept, reject or a policy. Default: accept for iBGP; eBGP peers must say.
            import: S<String>,
            /// Routes to announce: accept, reject or a policy. Default: accept for iBGP; eBGP peers must say.
            export: S<String>,
            /// Graceful restart with the peer. Default: as the router.
            graceful_restart: At<PeerGracefulRestart>,
            /// How many prefixes the peer may announce. Default: any number.
            max_prefix: At<MaxPrefix>,
        }
    };
    ($($type:tt)*) => {
        with_session_keys! { @keys @view }
        $(with_session_keys! { @keys @type $type })*
    };
}

with_session_keys! {
    {
        /// Settings that peers share by naming the group.
        PeerGroup {
            /// The peers' AS number.
            asn: S<Asn>,
            /// Wait for the peers to connect. Default: false.
            passive: At<bool>,
            /// Run the peers. Default: true.
            enabled: At<bool>,
            /// Free text, for the peers that have none of their own.
            description: S<String>,
        }
    }
    {
        /// A peer. What it does not say is taken from its group, then from the defaults.
        #[schemars(extend("required" = ["address"]))]
        Peer {
            /// The peer's address; a link-local one with its interface, `fe80::1%eth0`.
            address: S<PeerAddress>,
            /// The group whose settings it takes.
            group: S<String>,
            /// The peer's AS number.
            asn: S<Asn>,
            /// Wait for the peer to connect. Default: false.
            passive: At<bool>,
            /// Run the peer. Default: true.
            enabled: At<bool>,
            /// Free text.
            description: S<String>,
        }
    }
    {
        /// A mesh of nodes: one session to each other node and family.
        #[schemars(extend("required" = ["nodes"]))]
        Mesh {
            /// The nodes, this one among them.
            nodes: At<Vec<At<MeshNode>>>,
            /// The group whose settings the peers take.
            group: S<String>,
            /// The nodes' AS number. Default: the router's.
            asn: S<Asn>,
            /// Who waits: true or false for this node; `auto`: of two nodes the one whose address is smaller as text.
            /// Default: false, both connect.
            passive: S<MeshPassive>,
            /// Run the peers. Default: true.
            enabled: At<bool>,
        }
    }
}

/// A range of addresses whose hosts may connect and become peers, for as long as they are there.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["prefix", "group"]))]
pub(super) struct DynamicPeers {
    /// The range. A listed peer inside it keeps its own settings; of two ranges the longer prefix counts.
    pub prefix: S<Prefix>,
    /// The group whose settings they take.
    pub group: S<String>,
    /// Their AS number. Default: the group's.
    pub asn: S<Asn>,
    /// How many there may be at a time. Default: 1000.
    pub limit: S<Int<1, 100_000>>,
    /// How long one is remembered after its session, its routes included. Default: 60s.
    pub forget_after: S<Wait>,
}

/// A node of the mesh.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "addresses"]))]
pub(super) struct MeshNode {
    /// The node's name.
    pub name: S<String>,
    /// The node's addresses, at most one of each family.
    pub addresses: At<Vec<S<IpAddr>>>,
    /// The node's AS number. Default: the mesh's.
    pub asn: S<Asn>,
    /// The node's TCP port. Default: the mesh's.
    pub port: S<Int<1, 65535>>,
}

/// How routes get into the kernel.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fib {
    /// Write routes into the kernel. Default: true.
    pub enabled: At<bool>,
    /// The kernel's protocol id of our routes: bird (12), bgp (186) or a number. Default: bird.
    pub protocol: S<RouteProtocol>,
    /// The kernel's metric of our routes. Default: none.
    #[schemars(with = "Option<S<Int<0, { u32::MAX as u64 }>>>")]
    pub metric: S<Int<0, { u32::MAX as u64 }>>,
    /// The routing table: main (254) or a number. Default: main.
    pub table: S<RouteTable>,
    /// Time between full comparisons with the kernel; events repair sooner. Default: 60s.
    pub rescan: S<Lasting<1_000, 86_400_000>>,
}

/// The control socket.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Api {
    /// Path of the Unix socket, absolute. Default: /run/roost/roost.sock.
    pub socket: S<PathBuf>,
    /// Its permissions, octal. Default: "0660".
    pub mode: S<SocketMode>,
}

/// The read-only HTTP listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Metrics {
    /// Where to listen. Default: 127.0.0.1:9179.
    pub listen: S<SocketAddr>,
}

/// What is logged, and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    /// The least severe events that are logged. Default: info.
    pub level: At<LogLevel>,
    /// Text for people, json for machines; auto is text on a terminal. Default: auto.
    pub format: At<LogFormat>,
}

/// Severity of a log event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LogLevel {
    /// Only what needs a person.
    Error,
    /// What may need one.
    Warn,
    /// What has changed.
    Info,
    /// Every message.
    Debug,
    /// Every step.
    Trace,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}
