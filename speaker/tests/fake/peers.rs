//! The status of the made-up daemon, and its peers, update groups and owners.

use speaker::api::configuration::{ConfigStatus, OverlayRow};
use speaker::api::model::*;

/// When the made-up daemon is asked: 2026-11-21 01:06:59 UTC, in milliseconds since 1970.
pub const AT: u64 = 1_795_223_219_000;

pub fn status(originated: Vec<String>) -> Status {
    Status {
        version: "0.1.0".to_owned(),
        node: "node-a".to_owned(),
        asn: 64512,
        router_id: "172.16.1.1".to_owned(),
        addresses: vec![
            NodeAddress {
                address: "172.16.1.1/24".to_owned(),
                interface: Some("eth0".to_owned()),
                rule: Some("interface=^eth".to_owned()),
                change: Some("now it picks 172.16.1.9/24 of eth1: restart roost to use that one".to_owned()),
            },
            NodeAddress { address: "fd00:172:16::1/64".to_owned(), ..NodeAddress::default() },
        ],
        uptime: 192,
        listen: vec!["0.0.0.0:179".to_owned(), "[::]:179".to_owned()],
        phase: "running".to_owned(),
        peers_established: 2,
        peers: 4,
        dynamic_peers: Vec::new(),
        prefixes: 5,
        paths: 6,
        tables: [("ipv4", 4, 4), ("ipv6", 1, 1)]
            .map(|(family, prefixes, accepted)| TableRow { family: family.to_owned(), prefixes, accepted })
            .into(),
        started_at: AT - 192_000,
        configured_at: AT - 60_000,
        configuration: ConfigStatus {
            file: "/etc/roost/roost.yaml".to_owned(),
            generation: 3,
            read_at: AT - 60_000,
            error: None,
            needs_restart: vec!["log".to_owned()],
            idle: vec!["peer 172.16.1.9: the file has it, too, in line 8, and counts".to_owned()],
            ..ConfigStatus::default()
        },
        originated,
        connections: ConnectionSummary {
            unopened: 1,
            limit: 1000,
            refused: RefusedConnections { stranger: 12, open_timeout: 3, ..RefusedConnections::default() },
        },
        drain: DrainState::default(),
        readiness: Readiness { ready: true, ..Readiness::default() },
        log: LogLevels { configured: "info".to_owned(), by: "log.level".to_owned(), ..LogLevels::default() },
        fib: FibSummary {
            enabled: true,
            installed: 3,
            withheld: 1,
            over_limit: 1,
            others: 0,
            conflicts: 1,
            repairs: 2,
            warnings: vec!["tunnel device tunl0 has MTU 1500, and 1440 is what fits".to_owned()],
            ..FibSummary::default()
        },
    }
}

pub fn peer_row(address: &str, state: &str, since: u64) -> PeerRow {
    PeerRow {
        address: address.parse().unwrap(),
        interface: None,
        port: 179,
        asn: 64512,
        kind: "internal".to_owned(),
        description: String::new(),
        state: state.to_owned(),
        passive: false,
        since,
        since_at: AT - since * 1000,
        reason: None,
        hint: None,
        router_id: None,
        families: Vec::new(),
        received: 0,
        accepted: 0,
        advertised: 0,
        stale: 0,
        origin: "file".to_owned(),
        range: None,
        node: None,
    }
}

pub fn peers() -> Vec<PeerRow> {
    let hint = "is BGP running on that node, and does it listen on that address?";
    vec![
        PeerRow {
            router_id: Some("172.16.1.2".to_owned()),
            families: vec!["ipv4-unicast".to_owned(), "ipv6-unicast".to_owned()],
            received: 1204,
            accepted: 1203,
            advertised: 2,
            description: "node-b".to_owned(),
            node: Some("node-b".to_owned()),
            origin: "mesh".to_owned(),
            ..peer_row("172.16.1.2", "established", 192)
        },
        PeerRow {
            reason: Some("the connection was refused: nothing listens on TCP port 179 there".to_owned()),
            hint: Some(hint.to_owned()),
            stale: 12,
            range: None,
            received: 12,
            accepted: 12,
            ..peer_row("172.16.1.3", "active", 7)
        },
        PeerRow {
            asn: 4_200_000_001,
            origin: "api".to_owned(),
            port: 1790,
            kind: "external".to_owned(),
            reason: Some("it sent NOTIFICATION Cease/Administrative Shutdown: \"maintenance\"".to_owned()),
            ..peer_row("172.16.2.1", "idle", 93_784)
        },
        PeerRow { port: 1790, description: "node-b".to_owned(), ..peer_row("fd00:172:16::2", "established", 5) },
    ]
}

pub fn peer_detail(row: PeerRow) -> PeerDetail {
    let up = row.state == "established";
    PeerDetail {
        local: up.then(|| "172.16.1.1:179".to_owned()),
        remote: up.then(|| "172.16.1.2:40312".to_owned()),
        hold_time: up.then_some(90),
        keepalive: up.then_some(30),
        hold_left: up.then_some(81),
        keepalive_left: up.then_some(7),
        import: "accept".to_owned(),
        export: "reject".to_owned(),
        multihop: true,
        best: if up { 1200 } else { 0 },
        announced: 1210,
        withdrawn: 6,
        local_role: None,
        peer_role: None,
        capabilities: [
            "route refresh",
            "graceful restart 120 s, ipv4",
            "four-octet AS 64512",
            "add-path ipv4 both",
            "enhanced route refresh",
            "long-lived graceful restart",
        ]
        .map(str::to_owned)
        .into(),
        restart_time: Some(120),
        end_of_rib: row.families.clone(),
        messages: MessageCounts {
            open_in: 1,
            open_out: 3,
            update_in: 411,
            keepalive_in: 7,
            keepalive_out: 7,
            ..MessageCounts::default()
        },
        established_count: 1,
        update_faults: 1,
        last_fault: Some("offset 41: ORIGIN has the value 7".to_owned()),
        stale_for: None,
        long_lived: Vec::new(),
        limits: Vec::new(),
        shutdown_text: (!up).then(|| "disk full, back at 6".to_owned()),
        shutdown_text_age: (!up).then_some(75),
        password_file: None,
        row,
    }
}

pub fn groups() -> Vec<GroupRow> {
    let group = |members: Vec<String>, add_path| GroupRow {
        family: "ipv4".to_owned(),
        kind: "client".to_owned(),
        export: "accept".to_owned(),
        own_address: "172.16.1.1".parse().ok(),
        add_path,
        members,
        announced: 1_204,
        tombstones: 3,
        behind: 1,
        filled: true,
        written: 7,
        reused: 21,
        too_large: 0,
    };
    let many = ["10", "2", "3", "4", "5", "6", "7", "8", "9"].map(|n| format!("172.16.1.{n}")).into();
    vec![group(many, true), group(vec!["172.16.2.1".to_owned()], false)]
}

pub fn overlay() -> Vec<OverlayRow> {
    let row = |kind: &str, name: &str, settings: serde_json::Value, idle: Option<&str>| OverlayRow {
        kind: kind.to_owned(),
        name: name.to_owned(),
        settings: settings.as_object().unwrap().clone(),
        uid: Some(0),
        idle: idle.map(str::to_owned),
    };
    let settings = serde_json::json!({ "asn": "64513", "password": "***", "add_path": { "send": true } });
    let idle = "the file has it, too, in line 8, and counts";
    vec![
        row("peer", "172.16.2.1", settings, None),
        OverlayRow { uid: None, ..row("pool", "10.66.0.0/16", serde_json::json!({}), None) },
        row("peer", "172.16.1.9", serde_json::json!({ "group": "tor" }), Some(idle)),
    ]
}

pub fn owners() -> Vec<OwnerRow> {
    let row = |owner: &str, prefixes, lease, left| OwnerRow {
        owner: owner.to_owned(),
        prefixes,
        services: 2,
        lease,
        left,
        seen: 75,
    };
    let lease = |seconds, then| Some(Lease { seconds, then });
    vec![
        row("cni", 12_000, lease(90, Then::Withdraw), Some(15)),
        row("default", 1, None, None),
        row("services", 0, lease(60, Then::Keep), Some(0)),
    ]
}
