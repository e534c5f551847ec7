//! From the raw to the checked configuration: everything one value alone cannot tell.
//!
//! A check that fails notes its finding and goes on with a stand-in, so that all mistakes are found in one run; the
//! stand-in never leaves here, as a report with an error discards the result. A value the reader has refused is
//! [`At::Bad`] and passes silently: its mistake has been told.

mod detect;
mod dynamic;
mod node;
mod peers;
mod policies;
mod pools;
mod rules;
mod settings;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use bgp_proto::{Asn, RouterId};
use fib_sync::Metric;
use ipnetwork::IpNetwork;

use super::at::At;
use super::diagnostic::{Place, Report, Severity};
use super::model::{
    Api, Config, Fib, GracefulRestart, Limits, Log, LogFormat, LogLevel, Metrics, Node, PeerSeries, Pool, Readiness,
    ReadyPeers, ReloadBy, Router,
};
use super::raw;
use super::values::{RouteProtocol, RouteTable, SocketMode};
use crate::detect::{Detect, NotFound, Pick, Rule};

/// What the check asks beyond the text: other files, and the machine it runs on.
#[derive(Clone, Copy)]
pub(super) struct Outside<'f> {
    /// Reads a password file.
    pub read_password: ReadPassword<'f>,
    /// What a rule of `node.detect` picks.
    pub pick: &'f dyn Fn(&Detect, &Rule) -> Result<Pick, NotFound>,
    /// How bad it is when it picks nothing.
    pub not_found: Severity,
}

/// Reads a password file.
pub(super) type ReadPassword<'f> = &'f dyn Fn(&Path) -> Result<String, String>;

/// The checked configuration. It means something only when the report has no error afterwards. Without an outside no
/// file is read, and no address is looked for.
pub(super) fn check(file: &At<raw::File>, report: &Report, outside: Option<Outside<'_>>) -> Config {
    let empty = raw::File::default();
    let (file, place) = match file {
        At::Good(file, place) => (file, *place),
        At::Null(place) => (&empty, *place),
        At::Absent => (&empty, Place::default()),
        // Not even a mapping: there is nothing to check, and that has been said.
        At::Bad => (&*BAD, Place::default()),
    };
    let mut node = node::node(file, outside, report);
    let router = router(file, place, &node, report);
    if node.name.is_empty() {
        node.name = router.router_id.to_string();
    }
    let policies = policies::check(file, report);
    let (peers, dynamic_peers) = peers::check(file, &router, &node, &policies, report, outside);
    let pools = pools::check(file, &node, report);
    let fib = fib(file, &pools, report);
    Config {
        pools,
        policies: policies.into_list(),
        peers,
        dynamic_peers,
        fib,
        api: api(file, report),
        metrics: metrics(file),
        readiness: readiness(file),
        log: log(file),
        reload: match file.reload.value() {
            None | Some(raw::ReloadBy::Order) => ReloadBy::Order,
            Some(raw::ReloadBy::Watch) => ReloadBy::Watch,
        },
        router,
        node,
    }
}

/// What a file that is no mapping is taken for: nothing is missing, as nothing could be read.
static BAD: std::sync::LazyLock<raw::File> =
    std::sync::LazyLock::new(|| raw::File { router: At::Bad, ..raw::File::default() });

fn router(file: &raw::File, root: Place, node: &Node, report: &Report) -> Router {
    let first_ipv4 = node.addresses.iter().find_map(|address| match address {
        IpNetwork::V4(v4) => Some(RouterId::from(v4.ip())),
        IpNetwork::V6(_) => None,
    });
    let mut router = Router {
        asn: Asn(64512),
        confederation: None,
        always_compare_med: raw_flag(file, |raw| &raw.always_compare_med),
        prefer_oldest_external: raw_flag(file, |raw| &raw.prefer_oldest_external),
        strict_cluster_check: raw_flag(file, |raw| &raw.strict_cluster_check),
        router_id: first_ipv4.unwrap_or(RouterId(1)),
        cluster_id: RouterId(1),
        listen: vec![(Ipv4Addr::UNSPECIFIED, 179).into(), (Ipv6Addr::UNSPECIFIED, 179).into()],
        graceful_restart: GracefulRestart {
            enabled: true,
            restart_time: Duration::from_secs(120),
            stale_time: Duration::from_secs(360),
            long_lived: Duration::ZERO,
            hold: Duration::ZERO,
        },
        startup_wait: Duration::from_secs(30),
        limits: Limits::default(),
    };
    let (raw, place) = match &file.router {
        At::Good(raw, place) => (raw, *place),
        At::Bad => return router,
        At::Absent | At::Null(_) => {
            let place = if let At::Null(place) = file.router { place } else { root };
            report.error(
                place,
                "`router` is missing",
                "at least `router: { asn: 64512, router_id: 10.0.0.1 }` is needed",
            );
            return router;
        }
    };
    if raw.asn.is_unset() {
        report.error(place, "router.asn is missing", "write our AS number, such as `asn: 64512`");
    }
    if raw.router_id.is_unset() && first_ipv4.is_none() && !addresses_unread(file, node) {
        let help = "write one, such as `router_id: 10.0.0.1`, or give node.addresses an IPv4 address";
        report.error(
            place,
            "router.router_id is missing, and node.addresses has no IPv4 address to take it from",
            help,
        );
    }
    router.asn = raw.asn.get().unwrap_or(router.asn);
    router.confederation = rules::confederation(raw, router.asn, report);
    router.router_id = raw.router_id.get().unwrap_or(router.router_id);
    router.cluster_id = raw.cluster_id.get().unwrap_or(router.router_id);
    if raw.listen.value().is_some() {
        router.listen.clear();
        for (address, place) in at_most(ADDRESSES, "router.listen", &raw.listen, report) {
            listen_on(address.0, place, &mut router.listen, report);
        }
    }
    if let Some(raw) = raw.graceful_restart.value() {
        let restart = &mut router.graceful_restart;
        restart.enabled = raw.enabled.value().copied().unwrap_or(restart.enabled);
        restart.restart_time = raw.restart_time.get().map_or(restart.restart_time, |time| time.0);
        restart.stale_time = raw.stale_time.get().map_or(restart.stale_time, |time| time.0);
        restart.hold = raw.hold.get().map_or(restart.hold, |time| time.0);
        restart.long_lived = raw.long_lived.get().map_or(restart.long_lived, |time| time.0);
        router.startup_wait = raw.startup_wait.get().map_or(router.startup_wait, |time| time.0);
    }
    if let Some(raw) = raw.limits.value() {
        router.limits = limits(raw);
    }
    router
}

fn limits(raw: &raw::Limits) -> Limits {
    let default = Limits::default();
    let per_peer = raw.unopened_per_peer.get();
    Limits {
        unopened: raw.unopened.get().and_then(|limit| limit.0.try_into().ok()).unwrap_or(default.unopened),
        unopened_per_peer: per_peer.and_then(|limit| limit.0.try_into().ok()).unwrap_or(default.unopened_per_peer),
        open_timeout: raw.open_timeout.get().map_or(default.open_timeout, |time| time.0),
        backlog: raw.backlog.get().and_then(|backlog| backlog.0.try_into().ok()).unwrap_or(default.backlog),
    }
}

/// A switch of the router; off when nobody says.
fn raw_flag(file: &raw::File, key: fn(&raw::Router) -> &At<bool>) -> bool {
    file.router.value().and_then(|router| key(router).value()).copied().unwrap_or(false)
}

fn listen_on(address: SocketAddr, place: Place, listen: &mut Vec<SocketAddr>, report: &Report) {
    if listen.contains(&address) {
        report.error(place, format!("router.listen: {address} is given twice"), "keep one of them");
    } else {
        listen.push(address);
    }
}

/// Addresses of a node, and places to listen: more are a mistake, and are compared with every peer.
const ADDRESSES: usize = 256;

/// Pools of a cluster: they are compared with one another, and with every route.
const POOLS: usize = 1_024;

/// The first `limit` items of a list; more are an error.
fn at_most<'f, T>(
    limit: usize,
    name: &str,
    list: &'f At<Vec<At<T>>>,
    report: &Report,
) -> impl Iterator<Item = (&'f T, Place)> {
    if let Some((_, place)) = list.items().nth(limit) {
        report.error(place, format!("{name} has more than {limit} entries"), "are they all meant?");
    }
    list.items().take(limit)
}

/// Whether a list, or one of its items, could not be read.
fn has_bad<T>(list: &At<Vec<At<T>>>) -> bool {
    matches!(list, At::Bad) || list.value().is_some_and(|items| items.iter().any(|item| matches!(item, At::Bad)))
}

/// Whether the node may have an address that is not known here: one could not be read, or is looked for and not found.
fn addresses_unread(file: &raw::File, node: &Node) -> bool {
    let unread = |raw: &raw::Node| {
        let rules = raw.detect.value().map_or([false; 2], |detect| [!detect.ipv4.is_unset(), !detect.ipv6.is_unset()]);
        let looked_for = rules.into_iter().filter(|rule| *rule).count();
        has_bad(&raw.addresses) || matches!(raw.detect, At::Bad) || looked_for > node.picked.len()
    };
    matches!(file.node, At::Bad) || file.node.value().is_some_and(unread)
}

fn fib(file: &raw::File, pools: &[Pool], report: &Report) -> Fib {
    let empty = raw::Fib::default();
    let raw = file.fib.value().unwrap_or(&empty);
    for (range, place) in raw.protect.items().filter(|(range, _)| range.0.len() > 0) {
        if let Some(pool) = pools.iter().find(|pool| range.0.contains(&pool.cidr)) {
            let message = format!("fib.protect {} holds pool {}: no route to other nodes' pods", range.0, pool.cidr);
            report.warn(place, message, "remove it, or protect only what lies beside the pools");
        }
    }
    let protocol = raw.protocol.get().unwrap_or(RouteProtocol(12)).0;
    let table = raw.table.get().unwrap_or(RouteTable(254)).0;
    let adopted = |(raw, _): (&raw::Adopted, _)| {
        (raw.protocol.get().map_or(protocol, |id| id.0), raw.table.get().map_or(table, |table| table.0))
    };
    Fib {
        enabled: raw.enabled.value().copied().unwrap_or(true),
        protocol,
        metric: raw.metric.get().map_or(Metric::None, |metric| metric.0),
        table,
        adopt: at_most(ADDRESSES, "fib.adopt", &raw.adopt, report).map(adopted).collect(),
        protect: raw.protect.items().map(|(prefix, _)| prefix.0).collect(),
        max_routes: raw.max_routes.get().and_then(|most| usize::try_from(most.0).ok()).unwrap_or(fib_sync::MAX_ROUTES),
        protect_node_subnets: raw.protect_node_subnets.value().copied().unwrap_or(true),
        rescan: raw.rescan.get().map_or(Duration::from_secs(60), |time| time.0),
    }
}

fn api(file: &raw::File, report: &Report) -> Option<Api> {
    let empty = raw::Api::default();
    let raw = match &file.api {
        At::Null(_) => return None,
        api => api.value().unwrap_or(&empty),
    };
    let socket = raw.socket.get().unwrap_or_else(|| "/run/roost/roost.sock".into());
    let mut taken = vec![&socket];
    let keys = [
        (&raw.socket, "api.socket", "/run/roost/roost.sock"),
        (&raw.bird_socket, "api.bird_socket", "/var/run/calico/bird.ctl"),
        (&raw.bird6_socket, "api.bird6_socket", "/var/run/calico/bird6.ctl"),
    ];
    for (index, (value, key, example)) in keys.into_iter().enumerate() {
        let Some((path, place)) = value.good() else { continue };
        if !path.0.is_absolute() {
            report.error(place, format!("{key} must be an absolute path"), format!("such as {example}"));
        } else if path.0.as_os_str().len() > MAX_SOCKET_PATH {
            let message = format!("{key} has more than {MAX_SOCKET_PATH} bytes");
            report.error(place, message, "the kernel takes no longer socket path");
        } else if index > 0 && taken.contains(&&path.0) {
            report.error(place, format!("{key} is the path of another socket, too"), format!("such as {example}"));
        }
        taken.push(&path.0);
    }
    let mode = raw.mode.get().unwrap_or(SocketMode::DEFAULT);
    let (bird_socket, bird6_socket) = (raw.bird_socket.get(), raw.bird6_socket.get());
    Some(Api { socket, mode, group: raw.group.get(), bird_socket, bird6_socket })
}

/// `sun_path` of unix(7), without its final zero.
const MAX_SOCKET_PATH: usize = 107;

fn metrics(file: &raw::File) -> Option<Metrics> {
    let raw = file.metrics.value()?;
    let default = Metrics::default();
    Some(Metrics {
        listen: raw.listen.get().unwrap_or(default.listen),
        peers: match raw.peers.value() {
            None => default.peers,
            Some(raw::PeerSeries::Unhealthy) => PeerSeries::Unhealthy,
            Some(raw::PeerSeries::All) => PeerSeries::All,
            Some(raw::PeerSeries::None) => PeerSeries::None,
        },
        max_peers: raw.max_peers.get().map_or(default.max_peers, |max| max.0 as usize),
    })
}

fn readiness(file: &raw::File) -> Readiness {
    let raw = file.readiness.value();
    Readiness {
        peers: match raw.and_then(|raw| raw.peers.value()) {
            None | Some(raw::ReadyPeers::All) => ReadyPeers::All,
            Some(raw::ReadyPeers::Reflectors) => ReadyPeers::Reflectors,
            Some(raw::ReadyPeers::None) => ReadyPeers::None,
        },
        quorum: raw.and_then(|raw| raw.quorum.get()).and_then(|percent| u8::try_from(percent.0).ok()).unwrap_or(1),
    }
}

fn log(file: &raw::File) -> Log {
    let raw = file.log.value();
    Log {
        level: match raw.and_then(|raw| raw.level.value()) {
            Some(raw::LogLevel::Error) => LogLevel::Error,
            Some(raw::LogLevel::Warn) => LogLevel::Warn,
            None | Some(raw::LogLevel::Info) => LogLevel::Info,
            Some(raw::LogLevel::Debug) => LogLevel::Debug,
            Some(raw::LogLevel::Trace) => LogLevel::Trace,
        },
        format: match raw.and_then(|raw| raw.format.value()) {
            None | Some(raw::LogFormat::Auto) => LogFormat::Auto,
            Some(raw::LogFormat::Text) => LogFormat::Text,
            Some(raw::LogFormat::Json) => LogFormat::Json,
        },
    }
}
