//! `roost show routes`: each path's way from peer to kernel in one row; `roost show route X`: the same as a story.

use std::fmt::Write;

use super::Column::{Number, Text};
use super::{Column, Facts, count, number_or_dash, or_dash, table};
use crate::api::model::{KernelState, RouteRow};

const COLUMNS: [Column; 7] =
    [Text("PREFIX"), Text("FROM"), Text("NEXT HOP"), Number("PREF"), Number("MED"), Text("AS PATH"), Text("CHOICE")];
const MORE: [Column; 5] = [Text("ORIGIN"), Number("COST"), Text("ORIGINATOR"), Text("CLUSTERS"), Text("COMMUNITIES")];
const LAST: Column = Text("KERNEL");

/// The table. A prefix stands in each of its rows, so that `grep` finds whole lines.
pub fn routes(rows: &[RouteRow]) -> String {
    with_kernel(rows, &[&COLUMNS[..], &[LAST]].concat(), cells)
}

/// The same with more of what the paths say.
pub fn routes_wide(rows: &[RouteRow]) -> String {
    with_kernel(rows, &[&COLUMNS[..], &MORE, &[LAST]].concat(), |row| {
        let mut cells = cells(row);
        cells.extend([
            row.origin.clone(),
            number_or_dash(row.cost),
            row.originator_id.clone().unwrap_or_else(|| "-".to_owned()),
            or_dash(&row.cluster_list.join(" ")),
            or_dash(&row.communities.join(" ")),
        ]);
        cells
    })
}

fn with_kernel(rows: &[RouteRow], columns: &[Column], cells: impl Fn(&RouteRow) -> Vec<String>) -> String {
    if rows.is_empty() {
        return "No routes.\n".to_owned();
    }
    let last = |row: &RouteRow| row.kernel.as_ref().map_or_else(String::new, |state| kernel(state, &row.prefix));
    let cells = |row: &RouteRow| {
        let mut cells = cells(row);
        cells.push(last(row));
        cells
    };
    table(columns, rows.iter().map(cells))
}

fn cells(row: &RouteRow) -> Vec<String> {
    vec![
        row.prefix.clone(),
        from(row),
        next_hop(row),
        row.local_pref.to_string(),
        number_or_dash(row.med),
        or_dash(&row.as_path),
        choice(row),
    ]
}

/// The story of the prefixes in `rows` (usually one): what the kernel has, then each path and why it was chosen or not.
pub fn route(rows: &[RouteRow]) -> String {
    let mut text = String::new();
    for paths in rows.chunk_by(|a, b| a.prefix == b.prefix) {
        let [first, ..] = paths else { continue };
        if !text.is_empty() {
            text.push('\n');
        }
        let best = paths.iter().find(|row| row.best);
        let chosen = best.map_or_else(|| "none usable".to_owned(), |row| format!("best from {}", from(row)));
        let _ = writeln!(text, "{}: {}, {chosen}", first.prefix, count(paths.len(), "path")); // a String takes all
        if let Some(state) = best.and_then(|row| row.kernel.as_ref()) {
            let _ = writeln!(text, "  kernel: {}", kernel(state, &first.prefix));
        }
        for (index, row) in paths.iter().enumerate() {
            let _ = writeln!(text, "\n  {}. from {}: {}", index + 1, from(row), choice(row));
            path_facts(row).write(&mut text);
        }
    }
    if text.is_empty() { "No routes.\n".to_owned() } else { text }
}

fn path_facts(row: &RouteRow) -> Facts<'_> {
    let mut facts = Facts::new(5);
    facts.add_some("next hop", row.next_hop);
    facts.add("AS path", if row.as_path.is_empty() { "empty: from this AS" } else { &row.as_path });
    facts.add("origin", &row.origin);
    facts.add("local pref", row.local_pref);
    facts.add_some("MED", row.med);
    facts.add_some("only to customers", row.otc.map(|asn| format!("says AS {asn}")));
    facts.add_list("communities", &row.communities);
    facts
}

/// Who sent it, with the path id when it has one (RFC 7911).
fn from(row: &RouteRow) -> String {
    if row.path_id == 0 { row.from.clone() } else { format!("{}#{}", row.from, row.path_id) }
}

fn next_hop(row: &RouteRow) -> String {
    row.next_hop.map_or_else(|| "-".to_owned(), |address| address.to_string())
}

/// `best`, `multipath`, or why not; and `stale` when it is kept from a lost session.
fn choice(row: &RouteRow) -> String {
    let choice = match (row.best, row.multipath, &row.reason) {
        (true, ..) => "best",
        (_, true, _) => "multipath",
        (.., Some(reason)) => reason,
        (.., None) => "-",
    };
    if row.stale { format!("{choice}, stale") } else { choice.to_owned() }
}

/// `installed via 172.16.1.2 dev eth0`, `withheld: tunl0 is missing`.
pub(super) fn kernel(state: &KernelState, prefix: &str) -> String {
    let mut text = state.state.clone();
    if let Some(route) = &state.route {
        text.push(' ');
        text.push_str(&without_prefix(route, prefix));
    }
    if let Some(reason) = &state.reason {
        text.push_str(": ");
        text.push_str(reason);
    }
    text
}

/// A route as `ip route` prints it repeats the prefix (a host route without its length): `10.65.1.0/26 via …`,
/// `blackhole 10.65.1.0/26 …`.
pub(super) fn without_prefix(route: &str, prefix: &str) -> String {
    let host = prefix.strip_suffix("/32").or_else(|| prefix.strip_suffix("/128")).unwrap_or(prefix);
    let mut words: Vec<_> = route.split(' ').collect();
    if let Some(at) = words.iter().take(2).position(|word| *word == prefix || *word == host) {
        words.remove(at);
    }
    words.join(" ")
}
