//! `GET /v1/examination`: what cannot be seen from outside: what is configured, which routes are held, what the process may
//! do.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bgp_proto::Prefix;
use fib_sync::{DeviceKind, FibConfig, FibHandle, Mode, RowFilter};
use ipnetwork::IpNetwork;
use rib::{RouteFilter, RouteView};

use super::backend::ended;
use super::known_peers::KnownPeers;
use super::owner::OwnerHandle;
use super::{names, rows, setup};
use crate::api::Problem;
use crate::api::model::{Examination, ManagedRow, PoolRow, ProcessFacts, SharedBlock};
use crate::config::Config;

/// So many of what could be many are named; the rest is counted.
const NAMED: usize = 100;
/// Prefixes the owner is asked about at once, so that its turns stay short.
const SLICE: usize = 1024;

/// What the configuration says.
pub fn of_config(config: &Config, fib: &FibConfig) -> Examination {
    Examination {
        enabled: config.fib.enabled,
        addresses: config.node.addresses.iter().map(ToString::to_string).collect(),
        ports: config
            .router
            .listen
            .iter()
            .map(std::net::SocketAddr::port)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        protocol: fib.protocol,
        table: fib.table,
        pools: fib.pools.iter().map(|row| pool(fib, row)).collect(),
        originated: config.node.blocks.iter().map(ToString::to_string).collect(),
        ..Examination::default()
    }
}

/// What the file says, for when no daemon runs.
pub fn of_file(config: &Config) -> Examination {
    of_config(config, &setup::fib(config))
}

/// All of it.
pub async fn of_daemon(
    config: &Config,
    owner: &OwnerHandle,
    fib: Option<&FibHandle>,
    peers: &KnownPeers,
) -> Result<Examination, Problem> {
    let overview = match fib {
        Some(fib) => fib.overview().await,
        None => None,
    };
    let settings = overview.as_ref().map_or_else(|| setup::fib(config), |overview| overview.config.clone());
    let mut found = of_config(config, &settings);
    let originated = owner.ask(|owner| owner.rib.originated()).await.ok_or_else(ended)?;
    found.originated = originated.iter().map(Prefix::to_string).collect();
    if let (Some(overview), Some(fib)) = (overview, fib) {
        let troubled = fib.rows(RowFilter::Troubled).await;
        found.troubled = troubled.iter().take(NAMED).map(rows::fib).collect();
        found.troubled_total = troubled.len();
        found.warnings = fib.warnings().iter().map(ToString::to_string).collect();
        (found.strangers, found.strangers_total) = (overview.strangers, overview.strangers_count);
    }
    found.shared_blocks = shared_blocks(&settings, owner, peers).await?;
    found.process = process();
    Ok(found)
}

/// One row of a pool.
pub fn pool(fib: &FibConfig, pool: &fib_sync::Pool) -> PoolRow {
    let device = pool.tunnel().map(str::to_owned);
    let managed = fib.devices.iter().find(|managed| Some(&managed.name) == device.as_ref());
    PoolRow {
        cidr: pool.cidr.to_string(),
        mode: match pool.mode {
            Mode::Direct => "direct",
            Mode::HostGw => "host-gw",
            Mode::Ipip => "ipip",
            Mode::IpipCrossSubnet => "ipip-cross-subnet",
            Mode::Vxlan => "vxlan",
            Mode::VxlanCrossSubnet => "vxlan-cross-subnet",
        }
        .to_owned(),
        managed: managed.map(|managed| {
            let (vni, port) = match managed.kind {
                DeviceKind::Vxlan { vni, port } => (vni, port),
                DeviceKind::Ipip { .. } => (0, 0),
            };
            ManagedRow { vni, port, local: Some(managed.local), mtu: managed.mtu }
        }),
        device,
        install: pool.install,
        protocol: pool.protocol.unwrap_or(fib.protocol),
        table: pool.table.unwrap_or(fib.table),
    }
}

/// This process.
fn process() -> Option<ProcessFacts> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let netns = std::fs::read_link("/proc/self/ns/net").ok()?;
    Some(ProcessFacts {
        pid: std::process::id(),
        netns: netns.display().to_string(),
        capabilities: capabilities(&status)?,
        program: std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default(),
    })
}

/// The line `CapEff:` of a process' status, in hexadecimal.
fn capabilities(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Blocks of pools that more than one node of our AS announces. A block has one owner; a single address may be on its way
/// from one node to another, and what comes from another AS may come by several of its routers.
async fn shared_blocks(fib: &FibConfig, owner: &OwnerHandle, peers: &KnownPeers) -> Result<Vec<SharedBlock>, Problem> {
    let mut shared = Vec::new();
    for pool in &fib.pools {
        let filter = RouteFilter { within: Some(pool.cidr.into()), ..RouteFilter::default() };
        let prefixes = super::prefixes::of(owner, filter).await.ok_or_else(ended)?;
        let blocks: Vec<Prefix> = prefixes.into_iter().filter(|prefix| !prefix.is_host()).collect();
        for slice in blocks.chunks(SLICE) {
            let slice = slice.to_vec();
            let ask = move |owner: &mut super::owner::Owner| -> Vec<(Prefix, BTreeSet<IpAddr>)> {
                let routes = slice.iter().filter_map(|prefix| owner.rib.route(prefix));
                routes.map(|route| (route.prefix, announcers(&route))).filter(|(_, nodes)| nodes.len() > 1).collect()
            };
            let found = owner.ask(ask).await.ok_or_else(ended)?;
            shared.extend(found.into_iter().take(NAMED - shared.len()));
            if shared.len() == NAMED {
                break;
            }
        }
    }
    let all = peers.all();
    let name = |node: &IpAddr| match names::of_address(&all, *node) {
        _ if node.is_unspecified() => "this node".to_owned(),
        Some(name) => format!("{node} ({name})"),
        None => node.to_string(),
    };
    let row = |(prefix, nodes): (Prefix, BTreeSet<IpAddr>)| SharedBlock {
        prefix: prefix.to_string(),
        nodes: nodes.iter().map(name).collect(),
    };
    Ok(shared.into_iter().map(row).collect())
}

/// Nodes of our AS that announce the prefix now, by next hop of its own family; this node is the unspecified address.
fn announcers(route: &RouteView) -> BTreeSet<IpAddr> {
    let family = IpNetwork::from(route.prefix).is_ipv4();
    let counts = route
        .paths
        .iter()
        .filter(|path| path.rejected.is_none() && !path.stale && path.attrs.as_path.is_empty() && path.next_hop.usable);
    counts.map(|path| path.attrs.next_hop.addr()).filter(|next_hop| next_hop.is_ipv4() == family).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_the_status() {
        assert_eq!(capabilities("Name:\troost\nCapEff:\t0000000000001400\nCapBnd:\t0\n"), Some(0x1400));
        assert_eq!(capabilities("Name:\troost\n"), None);
        assert!(process().is_some_and(|own| own.netns.starts_with("net:[") && own.pid == std::process::id()));
    }
}
