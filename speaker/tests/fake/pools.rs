//! Pools of a made-up daemon: one as it should be, one without its device, one of another agent that was set over the API.

use speaker::api::model::{PoolDetail, PoolRoutes, PoolRow, TunnelState};

pub fn pools() -> Vec<PoolDetail> {
    let row = |cidr: &str, mode: &str, device: Option<&str>| PoolDetail {
        pool: PoolRow {
            cidr: cidr.to_owned(),
            mode: mode.to_owned(),
            device: device.map(str::to_owned),
            install: true,
            protocol: 12,
            table: 254,
            managed: None,
        },
        metric: "0".to_owned(),
        blackholes: true,
        origin: "file".to_owned(),
        line: Some(7),
        tunnel: None,
        routes: Some(PoolRoutes::default()),
    };
    let usual = row("10.65.0.0/16", "ipip-cross-subnet", Some("tunl0"));
    let lacking = row("10.66.0.0/16", "vxlan", Some("vxlan.roost"));
    let others = row("fd65::/32", "direct", None);
    vec![
        PoolDetail {
            tunnel: Some(TunnelState {
                state: "up".to_owned(),
                kind: "ipip".to_owned(),
                mtu: 1480,
                addresses: vec!["10.65.1.0/32".to_owned()],
                ours: true,
            }),
            routes: Some(PoolRoutes { wanted: 3, installed: 3, ..PoolRoutes::default() }),
            ..usual
        },
        PoolDetail {
            line: Some(8),
            tunnel: Some(TunnelState { state: "missing".to_owned(), ..TunnelState::default() }),
            routes: Some(PoolRoutes { wanted: 4, installed: 1, withheld: 2, failed: 1, ..PoolRoutes::default() }),
            ..lacking
        },
        PoolDetail {
            pool: PoolRow { install: false, protocol: 80, ..others.pool.clone() },
            metric: "local-pref".to_owned(),
            origin: "api".to_owned(),
            line: None,
            routes: Some(PoolRoutes { wanted: 2, withheld: 2, ..PoolRoutes::default() }),
            ..others
        },
    ]
}
