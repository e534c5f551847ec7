//! `roost why ADDRESS`: from the pod's address to the wire, top to bottom.

use super::{Facts, count};
use crate::api::model::{FibRow, PoolRow, Why, WhyHop, WhyNextHop, WhyPath};

/// A sentence, then how it comes about, then what is wrong with it.
pub fn why(why: &Why) -> String {
    let mut text = format!("{}\n", why.verdict);
    let mut facts = Facts::new(2);
    facts.add("pool", why.pool.as_ref().map_or_else(|| "none has this address".to_owned(), pool));
    match &why.prefix {
        Some(prefix) => {
            let (chosen, lost): (Vec<_>, Vec<_>) =
                why.paths.iter().partition(|path| path.row.best || path.row.multipath);
            let of =
                if why.paths_total > 1 { format!(", of {}", count(why.paths_total, "path")) } else { String::new() };
            for path in chosen {
                facts.add("announced", format!("{prefix} {}{of}", announced(path)));
            }
            for path in &lost {
                let reason = path.row.reason.as_deref().unwrap_or("not chosen");
                facts.add("lost", format!("{}: {reason}", announced(path)));
            }
            if why.paths_total > why.paths.len() {
                facts.add("lost", format!("and {} more", why.paths_total - why.paths.len()));
            }
        }
        None => drop(facts.add("announced", "by nobody")),
    }
    for hop in &why.next_hops {
        facts.add("next hop", next_hop(hop));
    }
    if let Some(row) = &why.fib {
        facts.add("wanted", wanted(row));
    }
    match (&why.lookup, &why.lookup_error) {
        (Some(route), _) => drop(facts.add("kernel", format!("goes by `{}`", route.text))),
        (None, Some(error)) => drop(facts.add("kernel", format!("says {error}"))),
        (None, None) => {}
    }
    if let Some(route) = why.covering.first().filter(|_| why.lookup.is_none()) {
        facts.add("kernel", format!("has `{}` as the longest match", route.text));
    }
    for hop in &why.hops {
        facts.add("device", device(hop));
        if let Some(neighbour) = neighbour(hop) {
            facts.add("neighbour", neighbour);
        }
    }
    for contradiction in &why.contradictions {
        facts.add("but", contradiction);
    }
    facts.write(&mut text);
    text
}

fn pool(PoolRow { cidr, mode, device, install, .. }: &PoolRow) -> String {
    let device = device.as_ref().map_or_else(String::new, |device| format!(" by {device}"));
    let theirs = if *install { "" } else { ", another agent's" };
    format!("{cidr}, {mode}{device}{theirs}")
}

/// `by 172.16.1.2 (node b)`.
fn announced(WhyPath { row, node }: &WhyPath) -> String {
    if row.from == "local" {
        return "by this node".to_owned();
    }
    let by = match (&row.originator_id, row.next_hop) {
        (Some(originator), _) => format!("by {originator} through {}", row.from),
        (None, _) => format!("by {}", row.from),
    };
    let next_hop = row.next_hop.filter(|next_hop| next_hop.to_string() != row.from);
    let next_hop = next_hop.map_or_else(String::new, |next_hop| format!(", next hop {next_hop}"));
    let node = node.as_ref().map_or_else(String::new, |node| format!(" ({node})"));
    format!("{by}{next_hop}{node}")
}

fn next_hop(hop: &WhyNextHop) -> String {
    let WhyNextHop { address, why_not, on_link, by, route, through } = hop;
    if let Some(error) = why_not {
        return format!("{address} {error}");
    }
    let by = by.join(" or ");
    match (on_link, &through[..], route) {
        (true, ..) => format!("{address} is a neighbour: {by}"),
        (false, [], Some(route)) => format!("{address} is reached by {by}, as of `{route}`"),
        (false, [], None) => format!("{address} is reached by {by}"),
        (false, through, _) => format!("{address} lies in {}, and so is reached by {by}", through.join(" in ")),
    }
}

fn wanted(row: &FibRow) -> String {
    let reason = row.kernel.reason.as_ref().map_or_else(String::new, |reason| format!(", {reason}"));
    format!("{}: {}{reason}", row.wanted, row.kernel.state)
}

fn device(hop: &WhyHop) -> String {
    let WhyHop { device, kind, up, carrier, mtu, .. } = hop;
    let kind = if kind.is_empty() { "hardware" } else { kind };
    let state = match (up, carrier) {
        (false, _) => "down",
        (true, false) => "up, no carrier",
        (true, true) => "up",
    };
    format!("{device}: {kind}, {state}, MTU {mtu}")
}

fn neighbour(hop: &WhyHop) -> Option<String> {
    let via = hop.via?;
    let entry = hop.neighbour.as_deref().unwrap_or("not asked for yet");
    let far_end = hop.far_end.map_or_else(String::new, |node| format!(", whose packets go to {node}"));
    match hop.kind.as_str() {
        "ipip" | "sit" | "ip6tnl" => None,
        _ => Some(format!("{via} is {entry}{far_end}")),
    }
}
