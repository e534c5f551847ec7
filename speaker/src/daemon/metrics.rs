//! `/metrics`: the state of the daemon as Prometheus reads it.
//!
//! Built anew for each scrape from the same snapshots the API serves, so the two can never disagree. Series are bounded:
//! peers are counted by state, and only so many have series of their own, see [`peers`].

mod page;
mod peers;

use std::time::Duration;

use fib_sync::{FibStats, Latency};

use self::page::{Page, Samples};
use super::tally::{Notifications, Reasons};
use super::totals::Totals;
use crate::api::configuration::ConfigStatus;
use crate::api::model::{Liveness, Memory, PeerRow, Readiness, Status};
use crate::config::Metrics;
use crate::journal::Watching;
use crate::net::md5_counters::Md5Counters;

/// What one scrape shows.
pub struct Scrape<'a> {
    /// Who has series.
    pub settings: Metrics,
    /// The daemon at a glance.
    pub status: &'a Status,
    /// All peers.
    pub peers: &'a [PeerRow],
    /// What all peers have counted.
    pub totals: &'a Totals,
    /// Why sessions ended, and why attempts failed.
    pub reasons: &'a [Reasons; 2],
    /// NOTIFICATIONs by direction and error.
    pub notifications: &'a Notifications,
    /// Prefixes that this node announces.
    pub originated: usize,
    /// How long news has taken from socket to socket.
    pub to_wire: Latency,
    /// How long questions and orders have waited for the owner.
    pub owner_wait: Latency,
    /// Connections that wait for their OPEN.
    pub unopened: usize,
    /// Connections refused, or closed before their OPEN was accepted, by reason.
    pub refused: &'a [(&'static str, u64)],
    /// Whether the parts turn.
    pub liveness: &'a Liveness,
    /// Whether the node can be counted on.
    pub readiness: &'a Readiness,
    /// Where the memory goes.
    pub memory: &'a Memory,
    /// The kernel side, if there is one, and what waits before it: how many, and for how long.
    pub fib: Option<(FibStats, usize, Duration)>,
    /// What the kernel has dropped because of TCP MD5, if it tells.
    pub md5: Option<Md5Counters>,
    /// Who watches.
    pub watching: Watching,
}

/// The page.
///
/// # Errors
/// When a metric cannot be written: a mistake in this file, found by its test.
pub fn render(scrape: &Scrape<'_>) -> prometheus::Result<String> {
    let mut page = Page::default();
    process(&mut page, scrape);
    sessions(&mut page, scrape);
    peers::add(&mut page, scrape.peers, scrape.settings.peers, scrape.settings.max_peers);
    table(&mut page, scrape);
    if let Some((fib, waiting, behind)) = &scrape.fib {
        kernel(&mut page, fib, *waiting, *behind);
    }
    page.text()
}

/// The page of a daemon that is yet to be there.
///
/// # Errors
/// As [`render`].
pub fn starting() -> prometheus::Result<String> {
    let mut page = Page::default();
    build(&mut page, env!("CARGO_PKG_VERSION"));
    page.gauge(STARTING.0, STARTING.1, 1.0);
    page.gauge(READY.0, READY.1, 0.0);
    page.gauge(ALIVE.0, ALIVE.1, 1.0);
    page.text()
}

const STARTING: (&str, &str) = ("roost_starting", "1 while the node's address or End-of-RIBs are awaited after start.");
const READY: (&str, &str) = ("roost_ready", "1 when /readyz says that the node is.");
const ALIVE: (&str, &str) = ("roost_alive", "1 when /livez says that all parts turn.");

fn build(page: &mut Page, version: &str) {
    page.gauges("roost_build_info", "Always 1; the version is the label.", ["version"], vec![([version], 1.0)]);
}

fn process(page: &mut Page, scrape: &Scrape<'_>) {
    let status = scrape.status;
    build(page, &status.version);
    page.gauge("roost_uptime_seconds", "Seconds since the process started.", status.uptime as f64);
    let started = "When the process started: each change is a restart.";
    page.gauge("roost_start_timestamp_seconds", started, status.started_at as f64 / 1000.0);
    let drain = "0 in service, 1 while peers are told to prefer other ways, 2 without sessions.";
    page.gauge("roost_drain", drain, f64::from(status.drain.state as u8));
    page.gauge(STARTING.0, STARTING.1, flag(status.phase == "starting"));
    page.gauge(READY.0, READY.1, flag(scrape.readiness.ready));
    page.gauge(ALIVE.0, ALIVE.1, flag(scrape.liveness.alive));
    page.gauge(
        "roost_node_addresses_changed",
        "Addresses of the node in use of which node.detect picks another one now, or none.",
        status.addresses.iter().filter(|address| address.change.is_some()).count() as f64,
    );
    configuration(page, &status.configuration);
    let parts = scrape.memory.parts.iter().map(|part| ([part.part.as_str()], part.bytes as f64)).collect();
    page.gauges("roost_memory_bytes", "Where the memory goes, by part.", ["part"], parts);
    if let Some(resident) = scrape.memory.resident {
        page.gauge("roost_resident_memory_bytes", "What the process holds, by the kernel.", resident as f64);
    }
    let Watching { watchers, resyncs } = scrape.watching;
    page.gauge("roost_watchers", "Clients of /v1/watch.", watchers as f64);
    let help = "Times a watcher came too late for what had changed, and was given the whole table again.";
    page.counter("roost_watch_resyncs_total", help, resyncs);
    page.gauge("roost_unsent_bytes", "UPDATEs that wait for sessions to take them.", scrape.memory.unsent as f64);
}

fn configuration(page: &mut Page, status: &ConfigStatus) {
    let generation = "1 at start, and one more whenever another configuration is put in force.";
    page.gauge("roost_config_generation", generation, status.generation as f64);
    let successful = "1 when what was last read of the configuration file is in force, 0 when it was refused.";
    page.gauge("roost_config_last_read_successful", successful, flag(status.error.is_none()));
    let read_at = "When the configuration file was last read, since 1970.";
    page.gauge("roost_config_last_read_timestamp_seconds", read_at, (status.read_at / 1000) as f64);
    let unconfirmed = "1 while a configuration is in force that goes by itself unless it is confirmed.";
    page.gauge("roost_config_unconfirmed", unconfirmed, flag(status.unconfirmed.is_some()));
    let restart = "Keys of the configuration file whose new value waits for the next start.";
    page.gauge("roost_config_needs_restart", restart, status.needs_restart.len() as f64);
}

fn sessions(page: &mut Page, scrape: &Scrape<'_>) {
    let states = ["disabled", "idle", "active", "connect", "open-sent", "open-confirm", "established"];
    let count = |state: &str| scrape.peers.iter().filter(|peer| peer.state == state).count() as f64;
    let by_state = states.iter().map(|state| ([*state], count(state))).collect();
    page.gauges("roost_peers", "Peers by state of their session.", ["state"], by_state);
    let totals = scrape.totals;
    let sum = &totals.messages;
    let messages = [
        (["in", "open"], sum.open_in),
        (["out", "open"], sum.open_out),
        (["in", "update"], sum.update_in),
        (["out", "update"], sum.update_out),
        (["in", "keepalive"], sum.keepalive_in),
        (["out", "keepalive"], sum.keepalive_out),
        (["in", "notification"], sum.notification_in),
        (["out", "notification"], sum.notification_out),
        (["in", "route-refresh"], sum.refresh_in),
        (["out", "route-refresh"], sum.refresh_out),
    ];
    let labels = ["direction", "type"];
    page.counters("roost_bgp_messages_total", "BGP messages of all peers.", labels, counts(messages));
    let notifications = scrape.notifications.iter().map(|((way, error), count)| ([*way, error.as_str()], *count));
    let help = "NOTIFICATIONs by the name of the error: sent, and received by what they ended.";
    let notifications = counts(notifications);
    page.counters("roost_bgp_notifications_total", help, ["direction", "error"], notifications);
    let faults = "UPDATEs with errors the session survived (RFC 7606).";
    page.counter("roost_bgp_update_faults_total", faults, totals.update_faults);
    let errors = "Messages that could not be read; each ended a session or a connection.";
    page.counter("roost_bgp_message_errors_total", errors, totals.message_errors);
    page.counter("roost_sessions_established_total", "Sessions that came up.", totals.established);
    page.counter("roost_sessions_lost_total", "Sessions that ended.", totals.lost);
    let [lost, failed] = scrape.reasons;
    let why = |reasons: &'static str| format!("{reasons}, by the name of the reason.");
    let by_reason = |reasons: &Reasons| counts(reasons.iter().map(|(reason, count)| ([*reason], *count)));
    page.counters("roost_session_ends_total", &why("Sessions that ended"), ["reason"], by_reason(lost));
    let help = why("Attempts at a session that came to nothing");
    page.counters("roost_session_failures_total", &help, ["reason"], by_reason(failed));
    let panics = "Mistakes of roost that ended what was done for a peer; it began anew.";
    page.counter("roost_peer_panics_total", panics, totals.panics);
    let waiting = "Connections that wait for their OPEN.";
    page.gauge("roost_unopened_connections", waiting, scrape.unopened as f64);
    let refused = counts(scrape.refused.iter().map(|(reason, count)| ([*reason], *count)));
    let help = "Connections refused, or closed because their OPEN did not come, by reason.";
    page.counters("roost_refused_connections_total", help, ["reason"], refused);
    let help = "Time from reading an UPDATE to having written what follows from it to a peer: of the oldest UPDATE in what \
                one peer is told at once.";
    page.latency("roost_update_to_wire_seconds", help, &scrape.to_wire);
    if let Some(Md5Counters { unsigned, unexpected, wrong }) = scrape.md5 {
        let reasons = counts([(["unsigned"], unsigned), (["unexpected"], unexpected), (["wrong"], wrong)]);
        let help = "Segments the kernel dropped because of TCP MD5 (RFC 2385), of all sockets and hosts of the network \
                    namespace together, since it began.";
        page.counters("roost_host_tcp_md5_drops_total", help, ["reason"], reasons);
    }
}

fn table(page: &mut Page, scrape: &Scrape<'_>) {
    let status = scrape.status;
    page.gauge("roost_rib_prefixes", "Prefixes with at least one path.", status.prefixes as f64);
    page.gauge("roost_rib_paths", "Paths of all peers and our own.", status.paths as f64);
    let families = status.tables.iter().map(|row| ([row.family.as_str()], row.prefixes as f64)).collect();
    page.gauges("roost_rib_family_prefixes", "Prefixes with at least one path, by family.", ["family"], families);
    page.gauge("roost_rib_originated_prefixes", "Prefixes this node announces.", scrape.originated as f64);
    let stale = scrape.peers.iter().map(|peer| peer.stale).sum::<usize>();
    page.gauge("roost_rib_stale_paths", "Paths kept for peers that are restarting.", stale as f64);
    let undecided = "Messages of peers and prefixes that wait for the owner of the table.";
    page.gauge("roost_rib_undecided", undecided, scrape.readiness.undecided as f64);
    let help = "Time that questions and orders, of the API, of BIRD's control socket and of roost's own parts, wait for the \
                owner of the table.";
    page.latency("roost_owner_wait_seconds", help, &scrape.owner_wait);
}

fn kernel(page: &mut Page, fib: &FibStats, waiting: usize, behind: Duration) {
    let by_state = [
        ("installed", fib.installed),
        ("pending", fib.pending),
        ("withheld", fib.withheld),
        ("others", fib.others),
        ("conflict", fib.conflicts),
        ("failed", fib.failed),
        ("adopted", fib.adopted),
    ];
    let by_state = by_state.map(|(state, count)| ([state], count as f64)).into();
    page.gauges("roost_fib_routes", "Kernel routes by what became of them.", ["state"], by_state);
    let barred = "Withheld routes that something on this node is to blame for: its tunnel, or another program.";
    page.gauge("roost_fib_routes_barred", barred, fib.barred as f64);
    let over = "Withheld routes that wait because fib.max_routes learned ones are installed.";
    page.gauge("roost_fib_routes_over_limit", over, fib.over_limit as f64);
    page.gauge("roost_fib_wanted_routes", "Prefixes for which a kernel route is wanted.", fib.wanted as f64);
    page.gauge("roost_fib_kernel_routes", "Routes in the kernel that are ours.", fib.kernel_routes as f64);
    page.gauge("roost_fib_next_hops", "Next hops that are followed.", fib.next_hops as f64);
    page.gauge("roost_fib_queue_length", "Changes that fib-sync has not taken up yet.", waiting as f64);
    let oldest = "For how long the oldest change has waited for the kernel.";
    page.gauge("roost_fib_behind_seconds", oldest, behind.as_secs_f64());
    let help = "Time from reading an UPDATE to the kernel's answer about the last route that follows from it: of the oldest \
                UPDATE in what was handed over together.";
    page.latency("roost_update_to_kernel_seconds", help, &fib.latency);
    let operations = counts([(["add"], fib.adds), (["replace"], fib.replaces), (["delete"], fib.deletes)]);
    page.counters("roost_fib_operations_total", "Routes written to the kernel.", ["operation"], operations);
    let repairs = &fib.repairs;
    let repairs = counts([(["deleted"], repairs.deleted), (["changed"], repairs.changed), (["lost"], repairs.lost)]);
    let help = "Routes put back, by what had happened to them.";
    page.counters("roost_fib_repairs_total", help, ["cause"], repairs);
    page.counter("roost_fib_errors_total", "Operations the kernel refused.", fib.errors);
    let errnos = counts(fib.errnos.by_name().map(|(name, count)| ([name], count)));
    page.counters("roost_fib_errno_total", "The same, by the kernel's error number.", ["errno"], errnos);
    let unread = "Messages of the kernel that could not be fully understood.";
    page.counter("roost_fib_unread_messages_total", unread, fib.refused);
    page.counter("roost_fib_resyncs_total", "Times the kernel's tables were read back.", fib.resyncs);
    let overruns = "Times the kernel had more news than its socket to us could hold.";
    page.counter("roost_fib_overruns_total", overruns, fib.overruns);
}

fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}

fn counts<'a, const N: usize>(of: impl IntoIterator<Item = ([&'a str; N], u64)>) -> Samples<'a, N> {
    of.into_iter().map(|(labels, count)| (labels, count as f64)).collect()
}

#[cfg(test)]
mod tests;
