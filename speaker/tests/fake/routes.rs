//! The routes of the made-up daemon, what became of them, and what it knows of the node.

use speaker::api::configuration::{ExportChanges, KernelChanges, KernelFate, KernelPlan, RouteFate};
use speaker::api::model::*;

fn kernel(state: &str, route: Option<&str>, reason: Option<&str>) -> KernelState {
    KernelState { state: state.to_owned(), route: route.map(str::to_owned), reason: reason.map(str::to_owned) }
}

fn route_row(prefix: &str, from: &str, kernel: Option<KernelState>) -> RouteRow {
    RouteRow {
        prefix: prefix.to_owned(),
        from: from.to_owned(),
        next_hop: from.parse().ok(),
        best: kernel.is_some(),
        multipath: false,
        stale: false,
        rejected: false,
        unreachable: false,
        cost: (from != "local").then_some(0),
        reason: None,
        as_path: String::new(),
        origin: "igp".to_owned(),
        local_pref: 100,
        med: None,
        otc: None,
        communities: Vec::new(),
        path_id: 0,
        originator_id: None,
        cluster_list: Vec::new(),
        kernel,
    }
}

pub fn routes() -> Vec<RouteRow> {
    vec![
        route_row("10.65.1.0/26", "local", Some(kernel("installed", Some("blackhole 10.65.1.0/26 proto bird"), None))),
        RouteRow {
            communities: vec!["64512:100".to_owned(), "no-export".to_owned()],
            ..route_row(
                "10.65.2.0/26",
                "172.16.1.2",
                Some(kernel("installed", Some("10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird"), None)),
            )
        },
        RouteRow {
            as_path: "64513 {64514 64515}".to_owned(),
            med: Some(20),
            reason: Some("lost: its AS path is longer".to_owned()),
            ..route_row("10.65.2.0/26", "172.16.2.1", None)
        },
        RouteRow {
            stale: true,
            path_id: 3,
            ..route_row("10.65.3.0/26", "172.16.1.3", Some(kernel("withheld", None, Some("tunl0 is missing"))))
        },
        RouteRow {
            rejected: true,
            reason: Some("rejected by the import policy".to_owned()),
            ..route_row("10.66.0.0/16", "172.16.2.1", None)
        },
        route_row(
            "fd00:65:2::/122",
            "fd00:172:16::2",
            Some(kernel("conflict", None, Some("a static route of someone else is in its place"))),
        ),
    ]
}

pub fn pool(cidr: &str, mode: &str, device: Option<&str>) -> PoolRow {
    PoolRow {
        cidr: cidr.to_owned(),
        mode: mode.to_owned(),
        device: device.map(str::to_owned),
        install: true,
        protocol: 12,
        table: 254,
        managed: None,
    }
}

/// To a pod of another node, straight over the wire.
pub fn why() -> Why {
    let route = "10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird";
    let mut rows: Vec<_> = routes().into_iter().filter(|row| row.prefix == "10.65.2.0/26").collect();
    rows.iter_mut().for_each(|row| row.kernel = None);
    let lookup =
        WhyRoute { prefix: "10.65.2.0/26".to_owned(), text: route.to_owned(), ours: true, drops: false, local: false };
    Why {
        address: "10.65.2.7".parse().unwrap(),
        verdict: "packets to 10.65.2.7 go to node-b, via 172.16.1.2 on eth0".to_owned(),
        contradictions: Vec::new(),
        own: false,
        pool: Some(pool("10.65.0.0/16", "ipip-cross-subnet", Some("tunl0"))),
        prefix: Some("10.65.2.0/26".to_owned()),
        paths_total: rows.len(),
        paths: rows
            .into_iter()
            .map(|row| WhyPath { node: (row.from == "172.16.1.2").then(|| "node-b".to_owned()), row })
            .collect(),
        fib: Some(FibRow {
            prefix: "10.65.2.0/26".to_owned(),
            wanted: "via 172.16.1.2".to_owned(),
            kernel: kernel("installed", Some(route), None),
        }),
        next_hops: vec![WhyNextHop {
            address: "172.16.1.2".to_owned(),
            why_not: None,
            on_link: true,
            by: vec!["172.16.1.2 dev eth0".to_owned()],
            route: Some("172.16.1.0/24 dev eth0 proto kernel".to_owned()),
            through: Vec::new(),
        }],
        covering: vec![lookup.clone()],
        lookup: Some(lookup),
        lookup_error: None,
        hops: vec![WhyHop {
            via: "172.16.1.2".parse().ok(),
            device: "eth0".to_owned(),
            kind: "veth".to_owned(),
            up: true,
            carrier: true,
            mtu: 1500,
            neighbour: Some("02:00:00:00:01:02 REACHABLE".to_owned()),
            far_end: None,
            dead: false,
        }],
    }
}

pub fn examination() -> Examination {
    Examination {
        process: Some(ProcessFacts {
            pid: 7,
            netns: "net:[4026531840]".to_owned(),
            capabilities: 0x1400,
            program: "/usr/bin/roost".to_owned(),
        }),
        enabled: true,
        addresses: vec!["172.16.1.1/24".to_owned()],
        ports: vec![179],
        protocol: 12,
        table: 254,
        pools: vec![
            PoolRow {
                managed: Some(ManagedRow { vni: 4096, port: 4789, local: "172.16.1.1".parse().ok(), mtu: 0 }),
                ..pool("10.68.0.0/16", "vxlan", Some("vxlan.roost"))
            },
            pool("10.66.0.0/16", "direct", None),
        ],
        originated: vec!["10.65.1.0/26".to_owned()],
        troubled: fib().split_off(2),
        troubled_total: 2,
        warnings: vec!["tunnel device tunl0 has MTU 1500".to_owned()],
        strangers: vec!["10.9.0.0/24 via 172.16.1.9 dev eth0 proto bird".to_owned()],
        strangers_total: 1,
        shared_blocks: vec![SharedBlock {
            prefix: "10.65.2.0/26".to_owned(),
            nodes: vec!["172.16.1.2 (node-b)".to_owned(), "172.16.1.3".to_owned()],
        }],
    }
}

pub fn memory() -> Memory {
    let part = |part: &str, count, bytes| MemoryPart { part: part.to_owned(), count, bytes };
    Memory {
        parts: vec![
            part("prefixes", 1_000_000, 40_210_432),
            part("attribute sets", 200_000, 62_550_160),
            part("group slices", 0, 0),
            part("sessions", 3, 12_000),
        ],
        accounted: 102_772_592,
        resident: Some(126_353_408),
        resident_peak: Some(209_715_200),
        unaccounted: Some(23_580_816),
        per_path: 144,
        unsent: 3_584,
    }
}

pub fn fib() -> Vec<FibRow> {
    let row =
        |prefix: &str, wanted: &str, kernel| FibRow { prefix: prefix.to_owned(), wanted: wanted.to_owned(), kernel };
    vec![
        row("10.65.1.0/26", "blackhole", kernel("installed", Some("blackhole 10.65.1.0/26 proto bird"), None)),
        row(
            "10.65.2.7/32",
            "via 172.16.1.2",
            kernel("installed", Some("10.65.2.7 via 172.16.1.2 dev eth0 proto bird"), None),
        ),
        row("10.65.3.0/26", "via 172.16.2.3", kernel("withheld", None, Some("tunl0 is missing"))),
        row("10.65.9.0/26", "none", kernel("adopted", Some("10.65.9.0/26 via 172.16.1.9 dev eth0 proto bird"), None)),
    ]
}

pub fn fates() -> Vec<RouteFate> {
    let fate = |prefix: &str, after: Option<&str>, for_a_moment| RouteFate {
        prefix: prefix.to_owned(),
        before: Some("172.16.1.2".to_owned()),
        after: after.map(str::to_owned),
        for_a_moment,
        kernel: true,
        unless_new: prefix == "10.65.6.0/26",
    };
    vec![
        fate("10.65.2.0/26", None, false),
        fate("10.65.3.0/26", Some("172.16.1.3"), false),
        fate("10.65.4.0/26", None, true),
        RouteFate { before: None, kernel: false, ..fate("10.65.5.0/26", Some("local"), false) },
        fate("10.65.6.0/26", None, false),
    ]
}

pub fn kernel_fates() -> KernelPlan {
    let in_pool = KernelChanges { added: 1, changed: 2, for_a_moment: 1, ..KernelChanges::default() };
    let fate = |before: &str, after: &str| KernelFate {
        prefix: "10.66.2.0/26".to_owned(),
        before: vec![format!("10.66.2.0/26 {before} proto bird")],
        after: vec![format!("10.66.2.0/26 {after} proto bird")],
        for_a_moment: false,
    };
    let decided = KernelFate { prefix: "10.65.2.0/26".to_owned(), ..fate("via 172.16.1.2 dev eth0", "") };
    let gone =
        KernelFate { prefix: "10.67.2.0/26".to_owned(), after: Vec::new(), ..fate("via 172.16.1.3 dev eth0", "") };
    KernelPlan {
        over_limit: 0,
        changes: vec![
            KernelChanges { removed: 1, ..KernelChanges::default() },
            KernelChanges { pool: Some("10.66.0.0/16".to_owned()), ..in_pool },
        ],
        routes: vec![
            decided,
            fate("via 172.16.1.2 dev eth0", "via 172.16.1.2 dev tunl0 onlink"),
            KernelFate { for_a_moment: true, ..gone },
        ],
        routes_total: 5,
    }
}

pub fn exports() -> Vec<ExportChanges> {
    let [one, other] = ["172.16.1.3", "172.16.1.4"].map(str::to_owned);
    vec![
        ExportChanges { peer: one, announced: 2, withdrawn: 1, ..ExportChanges::default() },
        ExportChanges { peer: other, changed: 1, for_a_moment: 1, ..ExportChanges::default() },
    ]
}
