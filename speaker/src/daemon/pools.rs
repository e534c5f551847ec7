//! `GET /v1/pools`: each pool as it is configured, where it comes from, and what the kernel makes of it.
//!
//! Tunnel devices are read from the kernel at this moment, by a connection of its own. Routes are counted in slices, as
//! `GET /v1/fib` reads them, so that a million of them hold up nobody.

use std::collections::HashMap;
use std::time::Duration;

use bgp_proto::Prefix;
use fib_sync::netlink::{Inspector, Snapshot};
use fib_sync::{FibConfig, FibHandle, Metric, RowFilter, State};
use ipnetwork::IpNetwork;
use tokio::time::timeout;

use super::examination::pool;
use crate::api::model::{PoolDetail, PoolRoutes, TunnelState};

/// Rows the route thread is asked for at once.
const SLICE: usize = 1024;
/// How long the kernel is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A row for each pool, in the order of the configuration; `lines` are those of the file, by pool.
pub async fn rows(settings: &FibConfig, lines: &HashMap<Prefix, usize>, fib: Option<&FibHandle>) -> Vec<PoolDetail> {
    let devices = devices().await;
    let mut rows = Vec::with_capacity(settings.pools.len());
    for of in &settings.pools {
        let line = lines.get(&Prefix::from(of.cidr)).copied();
        let routes = match fib {
            Some(fib) => Some(count(settings, of.cidr, fib).await),
            None => None,
        };
        rows.push(PoolDetail {
            pool: pool(settings, of),
            metric: metric(of.metric.unwrap_or(settings.metric)),
            blackholes: of.blackholes,
            origin: if line.is_some() { "file" } else { "api" }.to_owned(),
            line,
            tunnel: of.tunnel().and_then(|name| Some(tunnel(name, devices.as_ref()?))),
            routes,
        });
    }
    rows
}

fn metric(metric: Metric) -> String {
    match metric {
        Metric::None => "0".to_owned(),
        Metric::Fixed(number) => number.to_string(),
        Metric::FromPreference => "local-pref".to_owned(),
    }
}

async fn devices() -> Option<Snapshot> {
    let look = async { Inspector::open().ok()?.look(&[]).await.ok() };
    timeout(PATIENCE, look).await.ok().flatten()
}

fn tunnel(name: &str, devices: &Snapshot) -> TunnelState {
    let Some(device) = devices.device(name) else {
        return TunnelState { state: "missing".to_owned(), ..TunnelState::default() };
    };
    let addresses = devices.addresses.iter().filter(|(of, _)| of == name);
    TunnelState {
        state: if device.up { "up" } else { "down" }.to_owned(),
        kind: device.kind.clone(),
        mtu: device.mtu,
        addresses: addresses.map(|(_, address)| address.to_string()).collect(),
        ours: device.ours,
    }
}

/// Prefixes whose longest match among the pools is this one.
async fn count(settings: &FibConfig, cidr: IpNetwork, fib: &FibHandle) -> PoolRoutes {
    let mut prefixes = fib.prefixes(Some(cidr)).await;
    prefixes.retain(|prefix| settings.pool_of(*prefix).is_some_and(|pool| pool.cidr == cidr));
    let mut routes = PoolRoutes::default();
    for slice in prefixes.chunks(SLICE) {
        for row in fib.rows(RowFilter::Each(slice.to_vec())).await {
            routes.wanted += usize::from(row.target.is_some());
            *match row.state {
                State::Installed => &mut routes.installed,
                State::Pending => &mut routes.pending,
                State::Withheld { .. } => &mut routes.withheld,
                State::Conflict { .. } => &mut routes.conflict,
                State::Failed { .. } => &mut routes.failed,
                State::Skipped => &mut routes.skipped,
                State::Adopted => &mut routes.adopted,
            } += 1;
        }
    }
    routes
}
