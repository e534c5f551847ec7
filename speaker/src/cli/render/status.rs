//! `roost show status`: one daemon at a glance.

use super::{Facts, count, duration, prefixes};
use crate::api::model::{
    ConnectionSummary, DrainPhase, DrainState, FibSummary, NodeAddress, RangeRow, RefusedConnections, Status,
};

/// A headline, then facts.
pub fn status(status: &Status) -> String {
    let name = if status.node.is_empty() { String::new() } else { format!(" on {}", status.node) };
    let mut text = format!("roost {}{name}: {}, up {}\n", status.version, status.phase, duration(status.uptime));

    let mut facts = Facts::new(2);
    facts.add("AS", status.asn);
    facts.add("router id", &status.router_id);
    for address in &status.addresses {
        facts.add("node address", node_address(address));
    }
    for (name, value) in super::configuration::facts(&status.configuration) {
        facts.add(name, value);
    }
    facts.add("listening", if status.listen.is_empty() { "nowhere".to_owned() } else { status.listen.join(", ") });
    facts.add("peers", format!("{} of {} established", status.peers_established, status.peers));
    for range in &status.dynamic_peers {
        let RangeRow { prefix, group, asn, peers, limit } = range;
        let full = if peers >= limit { ", full" } else { "" };
        facts.add("dynamic peers", format!("{peers} of {limit} from {prefix} (group {group}, {asn}){full}"));
    }
    if status.drain.state != DrainPhase::Off {
        facts.add("service", drain(&status.drain));
    }
    if status.readiness.ready {
        facts.add("ready", "yes");
    }
    for reason in &status.readiness.reasons {
        facts.add("not ready", reason);
    }
    facts.add("routes", format!("{} of {}", count(status.paths, "path"), prefixes(status.prefixes)));
    facts.add("originated", originated(&status.originated));
    facts.add("connections", connections(&status.connections));
    if status.log.is_changed() {
        facts.add("log", format!("{}, until `roost log --reset` or the next start", status.log.in_force()));
    }
    facts.add("kernel", kernel(&status.fib));
    for warning in &status.fib.warnings {
        facts.add("warning", warning);
    }
    facts.write(&mut text);
    text
}

/// The first ones: an agent can announce a hundred thousand.
fn originated(prefixes: &[String]) -> String {
    const SHOWN: usize = 16;
    match prefixes {
        [] => "none".to_owned(),
        few if few.len() <= SHOWN => few.join(", "),
        many => format!("{} and {} more", many[..SHOWN].join(", "), many.len() - SHOWN),
    }
}

/// How far the node is out of service.
pub fn drain(state: &DrainState) -> String {
    let until = if state.until_restart { "`roost undrain`, or the next start" } else { "`roost undrain`" };
    let text = match state.state {
        DrainPhase::Off => "in service".to_owned(),
        DrainPhase::Leaving => format!("leaving: sessions end in {} s at most", state.ends_in.unwrap_or(0)),
        DrainPhase::Drained => format!("drained: no sessions until {until}"),
    };
    match &state.message {
        Some(message) => format!("{text} ({message})"),
        None => text,
    }
}

/// An address, and who says that it is the node's.
fn node_address(NodeAddress { address, interface, rule, change }: &NodeAddress) -> String {
    let mut text = address.clone();
    if let (Some(interface), Some(rule)) = (interface, rule) {
        text.push_str(&format!(" of {interface}, picked by {rule}"));
    }
    if let Some(change) = change {
        text.push_str(&format!("; {change}"));
    }
    text
}

/// Those that are no session yet; what was never refused is not named.
fn connections(connections: &ConnectionSummary) -> String {
    let mut text = format!("{} of at most {} without OPEN", connections.unopened, connections.limit);
    let RefusedConnections { stranger, range_full, unopened, unopened_per_peer, open_timeout } = connections.refused;
    let counts = [
        (stranger, "of strangers"),
        (range_full, "of full ranges"),
        (unopened, "too many without OPEN"),
        (unopened_per_peer, "too many of one address"),
        (open_timeout, "whose OPEN did not come"),
    ];
    for (n, (count, what)) in counts.into_iter().filter(|(count, _)| *count > 0).enumerate() {
        text.push_str(&format!("{} {count} {what}", if n == 0 { "; refused so far:" } else { "," }));
    }
    text
}

/// The usual case is short: what is zero and would be bad is not named.
fn kernel(fib: &FibSummary) -> String {
    if !fib.enabled {
        return "off: routes are not put into the kernel".to_owned();
    }
    let counts = [
        (fib.pending as u64, "pending"),
        (fib.withheld as u64, "withheld"),
        (fib.over_limit as u64, "of these beyond fib.max_routes"),
        (fib.others as u64, "in pools of other agents"),
        (fib.conflicts as u64, "in conflict with foreign routes"),
        (fib.failed as u64, "refused by the kernel"),
        (fib.adopted as u64, "adopted and wanted by nobody yet"),
        (fib.repairs, "repaired so far"),
    ];
    let mut text = format!("{} installed", fib.installed);
    for (number, what) in counts.into_iter().filter(|(number, _)| *number > 0) {
        text.push_str(&format!(", {number} {what}"));
    }
    text
}
