//! `/metrics`: the state of the daemon as Prometheus reads it.
//!
//! Built anew for each scrape from the same snapshots the API serves, so the two can never disagree. Series are bounded:
//! peers are counted by state, never one series a peer, or a mesh of N nodes would make N² of them.

use fib_sync::FibStats;
use prometheus::{Encoder, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use super::totals::Totals;
use crate::api::model::{PeerRow, Status};
use crate::net::md5_counters::Md5Counters;

/// What one scrape shows.
pub struct Scrape<'a> {
    /// The daemon at a glance.
    pub status: &'a Status,
    /// All peers.
    pub peers: &'a [PeerRow],
    /// What all peers have counted.
    pub totals: &'a Totals,
    /// Connections that wait for their OPEN.
    pub unopened: usize,
    /// Connections refused, or closed before their OPEN was accepted, by reason.
    pub refused: &'a [(&'static str, u64)],
    /// The kernel side, if there is one.
    pub fib: Option<FibStats>,
    /// What the kernel has dropped because of TCP MD5, if it tells.
    pub md5: Option<Md5Counters>,
}

/// The page.
///
/// # Errors
/// When a metric is registered twice or cannot be written: a mistake in this file, found by its test.
pub fn render(scrape: &Scrape<'_>) -> prometheus::Result<String> {
    let registry = Registry::new();
    let gauge = |name: &str, help: &str, value: usize| -> prometheus::Result<()> {
        let gauge = IntGauge::new(name, help)?;
        gauge.set(value as i64);
        registry.register(Box::new(gauge))
    };
    let gauges = |name: &str, help: &str, label: &str, values: &[(&str, usize)]| -> prometheus::Result<()> {
        let vec = IntGaugeVec::new(Opts::new(name, help), &[label])?;
        for (value, count) in values {
            vec.with_label_values(&[*value]).set(*count as i64);
        }
        registry.register(Box::new(vec))
    };
    let counters = |name: &str, help: &str, labels: &[&str], values: &[(&[&str], u64)]| -> prometheus::Result<()> {
        let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
        for (value, count) in values {
            vec.with_label_values(value).inc_by(*count);
        }
        registry.register(Box::new(vec))
    };

    let status = scrape.status;
    gauges("roost_build_info", "Always 1; the version is the label.", "version", &[(&status.version, 1)])?;
    gauge("roost_uptime_seconds", "Seconds since the process started.", status.uptime as usize)?;
    gauge("roost_starting", "1 while End-of-RIBs are awaited after start.", usize::from(status.phase == "starting"))?;
    gauge(
        "roost_node_addresses_changed",
        "Addresses of the node in use of which node.detect picks another one now, or none.",
        status.addresses.iter().filter(|address| address.change.is_some()).count(),
    )?;
    let configuration = &status.configuration;
    gauge(
        "roost_config_generation",
        "1 at start, and one more whenever another configuration is put in force.",
        configuration.generation as usize,
    )?;
    gauge(
        "roost_config_last_read_successful",
        "1 when what was last read of the configuration file is in force, 0 when it was refused.",
        usize::from(configuration.error.is_none()),
    )?;
    gauge(
        "roost_config_last_read_timestamp_seconds",
        "When the configuration file was last read, since 1970.",
        (configuration.read_at / 1_000) as usize,
    )?;
    gauge(
        "roost_config_needs_restart",
        "Keys of the configuration file whose new value waits for the next start.",
        configuration.needs_restart.len(),
    )?;
    let states = ["disabled", "idle", "active", "connect", "open-sent", "open-confirm", "established"];
    let by_state = states.map(|state| (state, scrape.peers.iter().filter(|peer| peer.state == state).count()));
    gauges("roost_peers", "Peers by state of their session.", "state", &by_state)?;
    gauge("roost_rib_prefixes", "Prefixes with at least one path.", status.prefixes)?;
    gauge("roost_rib_paths", "Paths of all peers and our own.", status.paths)?;
    gauge(
        "roost_rib_stale_paths",
        "Paths kept for peers that are restarting.",
        scrape.peers.iter().map(|p| p.stale).sum(),
    )?;
    let sum = &scrape.totals.messages;
    let messages = [
        (&["in", "open"][..], sum.open_in),
        (&["out", "open"], sum.open_out),
        (&["in", "update"], sum.update_in),
        (&["out", "update"], sum.update_out),
        (&["in", "keepalive"], sum.keepalive_in),
        (&["out", "keepalive"], sum.keepalive_out),
        (&["in", "notification"], sum.notification_in),
        (&["out", "notification"], sum.notification_out),
        (&["in", "route-refresh"], sum.refresh_in),
        (&["out", "route-refresh"], sum.refresh_out),
    ];
    counters("roost_bgp_messages_total", "BGP messages of all peers.", &["direction", "type"], &messages)?;
    counters(
        "roost_bgp_update_faults_total",
        "UPDATEs with errors the session survived (RFC 7606).",
        &[],
        &[(&[], scrape.totals.update_faults)],
    )?;
    counters(
        "roost_peer_panics_total",
        "Mistakes of roost that ended what was done for a peer; it began anew.",
        &[],
        &[(&[], scrape.totals.panics)],
    )?;
    gauge("roost_unopened_connections", "Connections that wait for their OPEN.", scrape.unopened)?;
    let refused: Vec<_> = scrape.refused.iter().map(|(reason, count)| ([*reason], *count)).collect();
    let refused: Vec<_> = refused.iter().map(|(labels, count)| (&labels[..], *count)).collect();
    counters(
        "roost_refused_connections_total",
        "Connections refused, or closed because their OPEN did not come, by reason.",
        &["reason"],
        &refused,
    )?;
    if let Some(fib) = scrape.fib {
        let by_state = [
            ("installed", fib.installed),
            ("pending", fib.pending),
            ("withheld", fib.withheld),
            ("others", fib.others),
            ("conflict", fib.conflicts),
            ("failed", fib.failed),
            ("adopted", fib.adopted),
        ];
        gauges("roost_fib_routes", "Kernel routes by what became of them.", "state", &by_state)?;
        gauge(
            "roost_fib_routes_over_limit",
            "Withheld routes that wait because fib.max_routes learned ones are installed.",
            fib.over_limit,
        )?;
        let operations = [(&["add"][..], fib.adds), (&["replace"], fib.replaces), (&["delete"], fib.deletes)];
        counters("roost_fib_operations_total", "Routes written to the kernel.", &["operation"], &operations)?;
        let repairs = [
            (&["deleted"][..], fib.repairs.deleted),
            (&["changed"], fib.repairs.changed),
            (&["lost"], fib.repairs.lost),
        ];
        counters("roost_fib_repairs_total", "Routes put back, by what had happened to them.", &["cause"], &repairs)?;
        counters("roost_fib_errors_total", "Operations the kernel refused.", &[], &[(&[], fib.errors)])?;
        counters(
            "roost_fib_unread_messages_total",
            "Messages of the kernel that could not be fully understood.",
            &[],
            &[(&[], fib.refused)],
        )?;
        counters("roost_fib_resyncs_total", "Times the kernel's tables were read back.", &[], &[(&[], fib.resyncs)])?;
        counters(
            "roost_fib_overruns_total",
            "Times the kernel had more news than its socket to us could hold.",
            &[],
            &[(&[], fib.overruns)],
        )?;
    }
    if let Some(Md5Counters { unsigned, unexpected, wrong }) = scrape.md5 {
        let reasons = [(&["unsigned"][..], unsigned), (&["unexpected"], unexpected), (&["wrong"], wrong)];
        let help = "Segments the kernel dropped because of TCP MD5 (RFC 2385), of all sockets and hosts of the network \
                    namespace together, since it began.";
        counters("roost_host_tcp_md5_drops_total", help, &["reason"], &reasons)?;
    }
    let mut page = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::configuration::ConfigStatus;
    use crate::api::model::{MessageCounts, NodeAddress};

    #[test]
    fn the_page_has_every_peer_state_and_no_series_per_peer() {
        let status = Status {
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
            started_at: 0,
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
            fib: Default::default(),
        };
        let mut fib = FibStats::default();
        fib.refused = 4;
        fib.over_limit = 9;
        fib.overruns = 3;
        let scrape = Scrape {
            status: &status,
            peers: &[],
            totals: &Totals {
                messages: MessageCounts { update_in: 3, ..MessageCounts::default() },
                ..Totals::default()
            },
            unopened: 3,
            refused: &[("stranger", 2), ("open_timeout", 1)],
            fib: Some(fib),
            md5: Some(Md5Counters { unsigned: 5, unexpected: 6, wrong: 7 }),
        };
        let page = render(&scrape).expect("every metric has its own name");
        for line in [
            "roost_build_info{version=\"1.2.3\"} 1",
            "roost_node_addresses_changed 1",
            "roost_config_generation 4",
            "roost_config_last_read_successful 0",
            "roost_config_last_read_timestamp_seconds 1700000000",
            "roost_config_needs_restart 1",
            "roost_peers{state=\"established\"} 0",
            "roost_rib_paths 7",
            "roost_bgp_messages_total{direction=\"in\",type=\"update\"} 3",
            "roost_unopened_connections 3",
            "roost_refused_connections_total{reason=\"stranger\"} 2",
            "roost_fib_repairs_total{cause=\"lost\"} 0",
            "roost_fib_unread_messages_total 4",
            "roost_fib_routes_over_limit 9",
            "roost_fib_overruns_total 3",
            "roost_host_tcp_md5_drops_total{reason=\"unsigned\"} 5",
            "roost_host_tcp_md5_drops_total{reason=\"unexpected\"} 6",
            "roost_host_tcp_md5_drops_total{reason=\"wrong\"} 7",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
        }
    }
}
