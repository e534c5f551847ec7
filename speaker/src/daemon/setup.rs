//! From the checked configuration to what each part of the daemon is given.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bgp_proto::fsm::{Fqdn, GrConfig, PeerConfig};
use bgp_proto::{Family, FamilySet};
use fib_sync::Adopted;
use rib::{Excess, NextHopMode, PathLimit, PeerId, RibConfig};

use super::keys::Key;
use super::last_run::LastRun;
use super::peer_task::PeerSpec;
use super::policies::policy;
use super::restart::Restart;
use crate::config::{Config, ManagedDevice, MaxPrefix, MaxPrefixAction, PeerSettings, PoolMode, Ttl};
use crate::net::tcp::SocketOptions;

/// What fib-sync is told.
pub fn fib(config: &Config) -> fib_sync::FibConfig {
    let pools = config.pools.iter().map(|pool| fib_sync::Pool {
        cidr: pool.cidr.into(),
        mode: match pool.mode {
            PoolMode::Direct => fib_sync::Mode::Direct,
            PoolMode::HostGw => fib_sync::Mode::HostGw,
            PoolMode::Ipip => fib_sync::Mode::Ipip,
            PoolMode::IpipCrossSubnet => fib_sync::Mode::IpipCrossSubnet,
            PoolMode::Vxlan => fib_sync::Mode::Vxlan,
            PoolMode::VxlanCrossSubnet => fib_sync::Mode::VxlanCrossSubnet,
        },
        device: pool.device.as_ref().map(ToString::to_string),
        install: pool.install,
        blackholes: pool.blackholes,
        far_ends: pool.far_ends,
        protocol: pool.protocol,
        metric: pool.metric,
        table: pool.table,
    });
    // A bare node address says nothing about its subnet: then the interfaces decide.
    let subnets =
        config.node.addresses.iter().filter(|address| address.prefix() < if address.is_ipv4() { 32 } else { 128 });
    let own = config.node.addresses.iter().filter(|_| config.fib.protect_node_subnets);
    fib_sync::FibConfig {
        protocol: config.fib.protocol,
        metric: config.fib.metric,
        table: config.fib.table,
        pools: pools.collect(),
        devices: devices(config),
        addresses: config.node.addresses.iter().map(ipnetwork::IpNetwork::ip).collect(),
        adopt: config.fib.adopt.clone(),
        local_subnets: subnets.copied().collect(),
        protect: config.fib.protect.iter().map(|prefix| (*prefix).into()).collect(),
        protect_subnets_of: own.map(|address| address.ip()).collect(),
        max_routes: config.fib.max_routes,
        rescan: config.fib.rescan,
    }
}

/// The tunnel devices to make, each once.
fn devices(config: &Config) -> Vec<fib_sync::Device> {
    let mut devices: Vec<fib_sync::Device> = Vec::new();
    for pool in &config.pools {
        let (Some(name), Some(ManagedDevice { kind, local, mtu })) = (&pool.device, pool.managed) else { continue };
        if !devices.iter().any(|known| known.name == name.as_str()) {
            devices.push(fib_sync::Device { name: name.to_string(), local, mtu: mtu.unwrap_or(0), kind });
        }
    }
    devices
}

/// How long a peer keeps routes for us at most: the time we ask of it.
pub fn kept_time(config: &Config) -> Duration {
    let peers = config.peers.iter().chain(config.dynamic_peers.iter().map(|range| &range.template));
    let settings = peers.map(|peer| peer.graceful_restart).chain([config.router.graceful_restart]);
    settings.map(|graceful| graceful.restart_time + graceful.long_lived).max().unwrap_or_default()
}

/// Whether peers may still keep routes for us from the last run.
fn is_kept_for(config: &Config, last_run: Option<&LastRun>) -> bool {
    config.router.graceful_restart.enabled && last_run.is_none_or(|last| last.is_within(kept_time(config)))
}

/// What is known of the run before this one.
pub fn restart(config: &Config, adopted: Option<Adopted>, last_run: Option<&LastRun>) -> Restart {
    let recent = is_kept_for(config, last_run);
    let Some(adopted) = adopted else { return Restart::of_last_run(recent) };
    let had_none = last_run.filter(|_| recent).map(LastRun::without_routes).unwrap_or_default();
    Restart::of_kernel(adopted.ipv4, adopted.ipv6, had_none)
}

/// What a peer's task is given.
pub fn peer(config: &Config, id: PeerId, peer: &PeerSettings, key: Key, restart: &Restart) -> PeerSpec {
    let mut machine = PeerConfig::new(config.router.asn, config.router.router_id, peer.asn);
    machine.hold_time = peer.hold_time.as_secs();
    machine.keepalive = Some(seconds(peer.keepalive));
    super::rules::in_open(config, peer, &mut machine);
    machine.send_hold = peer.send_hold;
    machine.connect_retry = peer.connect_retry;
    machine.open_timeout = config.router.limits.open_timeout;
    machine.idle_hold = (peer.idle_hold, peer.idle_hold_max);
    machine.passive = peer.passive;
    machine.families = peer.families;
    machine.extended_next_hop = peer.extended_next_hop;
    machine.add_path_rx = if peer.add_path.receive { peer.families } else { FamilySet::EMPTY };
    machine.add_path_tx = if peer.add_path.send { peer.families } else { FamilySet::EMPTY };
    machine.graceful_restart = peer.graceful_restart.enabled.then(|| GrConfig {
        time: seconds(peer.graceful_restart.restart_time),
        restarted: restart.restarted(),
        forwarding_preserved: restart.preserved(false),
        notification: true,
    });
    machine.long_lived = u32::try_from(peer.graceful_restart.long_lived.as_secs()).unwrap_or(u32::MAX);
    machine.fqdn =
        (!config.node.name.is_empty()).then(|| Fqdn { hostname: config.node.name.clone(), domain: String::new() });
    machine.password = peer.password.is_some();
    PeerSpec {
        id,
        name: peer.name().into(),
        remote: SocketAddr::new(peer.address, peer.port),
        source: peer.source,
        socket: socket_options(peer, &key),
        key,
        machine,
        stale_time: peer.graceful_restart.stale_time,
        hold: peer.graceful_restart.hold,
        forget_after: None,
        limit_pause: match peer.max_prefix.action {
            MaxPrefixAction::Restart { after } => Some(after),
            MaxPrefixAction::Disable | MaxPrefixAction::Warn | MaxPrefixAction::Block => None,
        },
    }
}

/// TCP MD5 and TTLs of a peer's sockets.
fn socket_options(peer: &PeerSettings, key: &Key) -> SocketOptions {
    let interface = peer.interface.as_ref().map(ToString::to_string);
    let (ttl, min_ttl) = match peer.ttl {
        Ttl::Send(ttl) => (ttl, None),
        // RFC 5082 §3: what comes from `hops` away has lost at most that much of 255.
        Ttl::Security { hops } => (255, Some(255 - (hops - 1))),
    };
    SocketOptions { md5_key: key.secret(), ttl: Some(ttl), min_ttl, interface }
}

fn seconds(duration: Duration) -> u16 {
    u16::try_from(duration.as_secs()).unwrap_or(u16::MAX)
}

/// What the RIB is told of ourselves.
pub fn rib(config: &Config) -> RibConfig {
    RibConfig {
        cluster_id: config.router.cluster_id,
        always_compare_med: config.router.always_compare_med,
        prefer_oldest_external: config.router.prefer_oldest_external,
        strict_cluster_check: config.router.strict_cluster_check,
        confederation: config.router.confederation.as_ref().map(|confederation| confederation.id),
        // Released by the owner when the startup is over, at once when there is nothing to wait for.
        hold_end_of_rib: true,
        kernel: config.fib.enabled,
        ..RibConfig::new(config.router.asn, config.router.router_id)
    }
}

/// What the RIB is told of a peer.
pub fn rib_peer(config: &Config, peer: &PeerSettings) -> rib::PeerSettings {
    let local = |ipv4| config.node.address(ipv4);
    rib::PeerSettings {
        import: policy(&peer.import),
        export: policy(&peer.export),
        route_reflector_client: peer.route_reflector_client,
        cluster_id: peer.cluster_id,
        allow_as_in: peer.rules.allow_as_in,
        rules: super::rules::of(config, peer),
        next_hop: if peer.next_hop_self { NextHopMode::Own } else { NextHopMode::Auto },
        local_v4: local(true).and_then(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }),
        local_v6: local(false).and_then(|address| match address {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        }),
        limits: Family::SUPPORTED.map(|family| path_limit(&peer.max_prefix, family)),
        ..rib::PeerSettings::new(peer.address)
    }
}

/// How many paths of a family the RIB takes from a peer.
pub fn path_limit(settings: &MaxPrefix, family: Family) -> Option<PathLimit> {
    let paths = if family == Family::IPV4_UNICAST { settings.ipv4 } else { settings.ipv6 }?;
    let warn_at = (u64::from(paths) * u64::from(settings.warning)).div_ceil(100);
    Some(PathLimit {
        paths,
        warn_at: u32::try_from(warn_at).unwrap_or(paths),
        accepted_only: settings.accepted_only,
        excess: match settings.action {
            MaxPrefixAction::Restart { .. } | MaxPrefixAction::Disable => Excess::End,
            MaxPrefixAction::Block => Excess::Block,
            MaxPrefixAction::Warn => Excess::Keep,
        },
    })
}
