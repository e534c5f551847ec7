use std::collections::BTreeSet;

use super::*;
use crate::api::model::{DrainPhase, DrainState, MemoryPart, MessageCounts, NodeAddress};
use crate::config::PeerSeries;

fn status() -> Status {
    Status {
        version: "1.2.3".into(),
        node: "n1".into(),
        asn: 64512,
        router_id: "10.0.0.1".into(),
        addresses: vec![NodeAddress { change: Some("now it picks another".into()), ..NodeAddress::default() }],
        uptime: 61,
        listen: vec![],
        phase: "running".into(),
        peers_established: 0,
        peers: 0,
        dynamic_peers: Vec::new(),
        prefixes: 5,
        paths: 7,
        tables: Vec::new(),
        started_at: 1_795_223_219_500,
        configured_at: 0,
        configuration: ConfigStatus {
            generation: 4,
            read_at: 1_700_000_000_123,
            error: Some("no".into()),
            needs_restart: vec!["log".into()],
            ..ConfigStatus::default()
        },
        originated: vec![],
        connections: Default::default(),
        drain: DrainState { state: DrainPhase::Leaving, ..DrainState::default() },
        readiness: Readiness { ready: true, ..Readiness::default() },
        log: Default::default(),
        fib: Default::default(),
    }
}

/// The page of a daemon with these peers.
fn page(peers: &[PeerRow], series: PeerSeries, max_peers: usize) -> String {
    let mut fib = FibStats::default();
    (fib.refused, fib.over_limit, fib.overruns, fib.barred) = (4, 9, 3, 2);
    fib.latency.observe(Duration::from_millis(3));
    let scrape = Scrape {
        settings: Metrics { listen: ([127, 0, 0, 1], 9179).into(), peers: series, max_peers },
        status: &status(),
        peers,
        totals: &Totals { messages: MessageCounts { update_in: 3, ..MessageCounts::default() }, ..Totals::default() },
        reasons: &[[("hold_timer_expired", 2)].into(), [("refused", 8)].into()],
        notifications: &[(("in", "Cease/Hard Reset".to_owned()), 2)].into(),
        originated: 12,
        to_wire: Latency::default(),
        owner_wait: Latency::default(),
        unopened: 3,
        refused: &[("stranger", 2), ("open_timeout", 1)],
        liveness: &Liveness { alive: true, ..Liveness::default() },
        readiness: &Readiness { undecided: 6, ..Readiness::default() },
        memory: &Memory { parts: vec![MemoryPart { part: "paths".into(), count: 1, bytes: 80 }], ..memory() },
        fib: Some((fib, 11, Duration::from_millis(1500))),
        md5: Some(Md5Counters { unsigned: 5, unexpected: 6, wrong: 7 }),
        watching: Watching { watchers: 2, resyncs: 3 },
    };
    render(&scrape).expect("every metric can be written")
}

fn memory() -> Memory {
    super::super::memory::memory(&Default::default(), &Default::default(), Default::default())
}

fn peer(n: usize, state: &str) -> PeerRow {
    serde_json::from_value(serde_json::json!({
        "address": format!("10.9.{}.{}", n / 256, n % 256), "port": 179, "asn": 64512, "kind": "internal",
        "description": format!("n\"{n}"), "state": state, "passive": false, "since": 1, "since_at": 5500,
        "reason": null, "hint": null, "router_id": null, "families": [], "received": 4, "accepted": 3,
        "advertised": 2, "stale": 1, "range": null, "node": null
    }))
    .expect("a row")
}

/// Lines that are samples.
fn samples(page: &str) -> Vec<&str> {
    page.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn the_page_has_every_peer_state_and_what_was_counted() {
    let page = page(&[], PeerSeries::All, 100);
    for line in [
        "roost_build_info{version=\"1.2.3\"} 1",
        "roost_start_timestamp_seconds 1795223219.5",
        "roost_node_addresses_changed 1",
        "roost_drain 1",
        "roost_config_generation 4",
        "roost_config_last_read_successful 0",
        "roost_config_last_read_timestamp_seconds 1700000000",
        "roost_config_needs_restart 1",
        "roost_ready 0",
        "roost_alive 1",
        "roost_memory_bytes{part=\"paths\"} 80",
        "roost_peers{state=\"established\"} 0",
        "roost_rib_paths 7",
        "roost_rib_undecided 6",
        "roost_owner_wait_seconds_count 0",
        "roost_bgp_messages_total{direction=\"in\",type=\"update\"} 3",
        "roost_session_ends_total{reason=\"hold_timer_expired\"} 2",
        "roost_session_failures_total{reason=\"refused\"} 8",
        "roost_unopened_connections 3",
        "roost_refused_connections_total{reason=\"stranger\"} 2",
        "roost_update_to_wire_seconds_count 0",
        "roost_update_to_kernel_seconds_bucket{le=\"0.0025\"} 0",
        "roost_update_to_kernel_seconds_bucket{le=\"0.005\"} 1",
        "roost_update_to_kernel_seconds_bucket{le=\"+Inf\"} 1",
        "roost_update_to_kernel_seconds_sum 0.003",
        "roost_fib_queue_length 11",
        "roost_fib_behind_seconds 1.5",
        "roost_fib_routes_barred 2",
        "roost_fib_repairs_total{cause=\"lost\"} 0",
        "roost_fib_unread_messages_total 4",
        "roost_fib_routes_over_limit 9",
        "roost_fib_overruns_total 3",
        "roost_watchers 2",
        "roost_watch_resyncs_total 3",
        "roost_host_tcp_md5_drops_total{reason=\"unsigned\"} 5",
        "roost_host_tcp_md5_drops_total{reason=\"unexpected\"} 6",
        "roost_host_tcp_md5_drops_total{reason=\"wrong\"} 7",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
    }
    let families: Vec<_> = page.lines().filter(|line| line.starts_with("# TYPE")).collect();
    assert_eq!(families.iter().collect::<BTreeSet<_>>().len(), families.len(), "each family once");
}

#[test]
fn series_of_single_peers_are_those_of_the_unhealthy_unless_asked_and_never_more_than_allowed() {
    let up: Vec<_> = (0..2000).map(|n| peer(n, "established")).collect();
    let without = samples(&page(&up, PeerSeries::None, 100)).len();
    assert_eq!(samples(&page(&up, PeerSeries::Unhealthy, 100)).len(), without, "2,000 healthy peers are one sum");
    assert_eq!(samples(&page(&up, PeerSeries::All, 100)).len(), without + 6 * 100);
    assert!(without < 150, "{without} samples");

    let mut mixed = up.clone();
    mixed[1500] = peer(1500, "active");
    mixed[1501] = peer(1501, "disabled");
    let text = page(&mixed, PeerSeries::Unhealthy, 100);
    assert_eq!(samples(&text).len(), without + 6);
    let labels = "{peer=\"10.9.5.220\",name=\"n\\\"1500\",kind=\"internal\"}";
    for (name, value) in
        [("up", "0"), ("since_timestamp_seconds", "5.5"), ("received_paths", "4"), ("stale_paths", "1")]
    {
        let line = format!("roost_peer_{name}{labels} {value}");
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    let text = page(&mixed, PeerSeries::All, 1);
    assert!(text.contains(&format!("roost_peer_up{labels} 0")), "the unhealthy one comes first");
    assert!(text.contains("roost_peers_left_out 1999\n"));

    let down: Vec<_> = (0..2000).map(|n| peer(n, "idle")).collect();
    let text = page(&down, PeerSeries::Unhealthy, 100);
    assert_eq!(samples(&text).len(), without + 6 * 100, "all are down, and still no more");
    assert!(text.contains("roost_peers_left_out 1900\n") && text.contains("roost_peers{state=\"idle\"} 2000\n"));
}
