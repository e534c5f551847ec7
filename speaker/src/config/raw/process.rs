//! What surrounds the routing: the kernel, the sockets, the log; as written.

use std::net::SocketAddr;
use std::path::PathBuf;

use bgp_proto::Prefix;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::at::At;
use crate::config::values::{Int, Lasting, RouteMetric, RouteProtocol, RouteTable, S, SocketGroup, SocketMode};

/// How routes get into the kernel.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Fib {
    /// Write routes into the kernel. Default: true.
    pub enabled: At<bool>,
    /// The kernel's protocol id of our routes: bird (12), bgp (186) or a number. Default: bird.
    pub protocol: S<RouteProtocol>,
    /// The kernel's metric of our routes: a number, 0 for none; or local-pref, for 2147483647 less the route's
    /// LOCAL_PREF, so that the kernel prefers what BGP prefers (blackholes of our own blocks have none then). Default: 0.
    #[schemars(with = "Option<S<RouteMetric>>")]
    pub metric: S<RouteMetric>,
    /// The routing table: main (254) or a number. Default: main.
    pub table: S<RouteTable>,
    /// Routes found at start that are taken over as ours beside those of `protocol` and `table`: of an earlier
    /// configuration, or of another daemon that has been ended. Name them only for the change: another one's routes that
    /// nobody announces are removed.
    pub adopt: At<Vec<At<Adopted>>>,
    /// Ranges that no peer may take over: learned routes equal to one or inside it stay out of the kernel. `0.0.0.0/0` and
    /// `::/0` stand for the default route alone. Default: none but the node's subnets.
    pub protect: At<Vec<S<Prefix>>>,
    /// Protect the subnets of `node.addresses` likewise, as the interfaces have them, but for pools in them. Default: true.
    pub protect_node_subnets: At<bool>,
    /// Learned routes in the kernel at most; the rest are withheld until there is room. Default: 1000000, ten times the
    /// largest mesh.
    #[schemars(with = "Option<S<Int<1, { u32::MAX as u64 }>>>")]
    pub max_routes: S<Int<1, { u32::MAX as u64 }>>,
    /// Time between full comparisons with the kernel; events repair sooner. Default: 60s.
    pub rescan: S<Lasting<1_000, 86_400_000>>,
}

/// Routes of an earlier configuration, or of another daemon.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Adopted {
    /// Their protocol id: bird (12), bgp (186) or a number. Default: `fib.protocol`.
    pub protocol: S<RouteProtocol>,
    /// Their table: main (254) or a number. Default: `fib.table`.
    pub table: S<RouteTable>,
}

/// The control socket.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Api {
    /// Path of the Unix socket, absolute. Default: /run/roost/roost.sock.
    pub socket: S<PathBuf>,
    /// Its permissions, octal; also of the sockets below. Default: "0660".
    pub mode: S<SocketMode>,
    /// The group of its file, by name or number; also of the sockets below. roost must be a member of it, root, or have
    /// the capability CAP_CHOWN. Default: roost's own.
    pub group: S<SocketGroup>,
    /// Path of a second Unix socket, absolute, on which BIRD's control protocol is spoken: birdc, birdcl, exporters and
    /// Calico's probes find what they know there. Calico looks for it at /var/run/calico/bird.ctl. Default: none.
    pub bird_socket: S<PathBuf>,
    /// The same for the peers with IPv6 addresses and the IPv6 routes, as bird6 has one; `bird_socket` then shows the IPv4
    /// ones alone. Calico looks for it at /var/run/calico/bird6.ctl. Default: none.
    pub bird6_socket: S<PathBuf>,
}

/// The read-only HTTP listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Metrics {
    /// Where to listen. Default: 127.0.0.1:9179.
    pub listen: S<SocketAddr>,
    /// Peers that have series of their own beside the sums of all. Default: unhealthy, those that are down and should not be.
    pub peers: At<PeerSeries>,
    /// Of so many peers at most. Default: 100.
    #[schemars(with = "Option<S<Int<0, 10_000>>>")]
    pub max_peers: S<Int<0, 10_000>>,
}

/// Peers that have series of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum PeerSeries {
    /// Those without a session that should have one.
    Unhealthy,
    /// All, those without a session first.
    All,
    /// None.
    None,
}

/// When `/readyz` of the metrics listener says that the node can be counted on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Readiness {
    /// Whose sessions count. Default: all.
    pub peers: At<ReadyPeers>,
    /// How many of them, in percent and rounded up, must be up and have sent everything; until `router.startup_wait` after
    /// start all of them. Default: 1, which is one peer of up to a hundred.
    #[schemars(with = "Option<S<Int<1, 100>>>")]
    pub quorum: S<Int<1, 100>>,
}

/// Whose sessions say that the node can be counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ReadyPeers {
    /// Every peer that is listed, and every node of the mesh.
    All,
    /// Internal peers of `peers` that are no clients of ours: the reflectors of a node.
    Reflectors,
    /// Nobody's: only the kernel's routes count.
    None,
}

/// When a changed configuration file is put in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ReloadBy {
    /// When somebody says so: SIGHUP, `roost reload`, the API.
    Order,
    /// By itself, too, as soon as it changes: also where an editor puts another one in its place, and where a mounted
    /// ConfigMap does.
    Watch,
}

/// What is logged, and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Log {
    /// The least severe events that are logged. Default: info.
    pub level: At<LogLevel>,
    /// Text for people, json for machines; auto is text on a terminal. Default: auto.
    pub format: At<LogFormat>,
}

/// Severity of a log event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum LogLevel {
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
pub(in crate::config) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}
