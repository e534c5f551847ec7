//! `roost show peers`: one row a peer; for one that is down the reason in its row, and below the table what to do.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

use super::Column::{Number, Text};
use super::{Column, count, duration, number_or_dash, or_dash, table};
use crate::api::model::PeerRow;

/// Peers named in one hint; the rest is counted, as the table has them all.
const NAMED: usize = 4;

const COLUMNS: [Column; 7] = [
    Text("PEER"),
    Number("AS"),
    Text("STATE"),
    Number("SINCE"),
    Number("RECEIVED"),
    Number("ACCEPTED"),
    Number("ADVERTISED"),
];
const MORE: [Column; 5] = [Number("STALE"), Text("KIND"), Text("FROM"), Text("ROUTER ID"), Text("FAMILIES")];
const LAST: Column = Text("INFO");

/// The table, then one line for each different hint.
pub fn peers(rows: &[PeerRow]) -> String {
    with_hints(rows, &[&COLUMNS[..], &[LAST]].concat(), cells)
}

/// The same with more of what is known of the peers.
pub fn peers_wide(rows: &[PeerRow]) -> String {
    with_hints(rows, &[&COLUMNS[..], &MORE, &[LAST]].concat(), |row| {
        let router_id = row.router_id.clone().unwrap_or_else(|| "-".to_owned());
        let mut cells = cells(row);
        cells.extend([
            row.stale.to_string(),
            row.kind.clone(),
            or_dash(&row.origin),
            router_id,
            or_dash(&row.families.join(" ")),
        ]);
        cells
    })
}

fn with_hints(rows: &[PeerRow], columns: &[Column], cells: impl Fn(&PeerRow) -> Vec<String>) -> String {
    if rows.is_empty() {
        return "No peers.\n".to_owned();
    }
    let cells = |row: &PeerRow| {
        let mut cells = cells(row);
        cells.push(info(row));
        cells
    };
    let mut text = table(columns, rows.iter().map(cells));
    let hints = hints(rows);
    if !hints.is_empty() {
        text.push('\n');
        text.push_str(&hints);
    }
    text
}

fn cells(row: &PeerRow) -> Vec<String> {
    vec![
        endpoint(row),
        number_or_dash(Some(row.asn).filter(|asn| *asn != 0)),
        row.state.clone(),
        duration(row.since),
        row.received.to_string(),
        row.accepted.to_string(),
        row.advertised.to_string(),
    ]
}

/// What the peer is called, with its port when that is not BGP's own.
pub(super) fn endpoint(row: &PeerRow) -> String {
    let name = row.name();
    match (row.port, row.address) {
        (179, _) => name,
        (port, IpAddr::V4(_)) => format!("{name}:{port}"),
        (port, IpAddr::V6(_)) => format!("[{name}]:{port}"),
    }
}

/// Who it is, why it is down, and what is kept of it meanwhile.
fn info(row: &PeerRow) -> String {
    let mut parts = Vec::new();
    if !row.description.is_empty() {
        parts.push(row.description.clone());
    }
    if row.state != "established" {
        parts.extend(row.reason.clone());
    }
    if row.stale > 0 {
        parts.push(format!("{} kept", count(row.stale, "stale path")));
    }
    parts.join("; ")
}

/// `hint: TEXT (PEER, PEER and 3 more)`: peers with the same trouble share a line.
fn hints(rows: &[PeerRow]) -> String {
    let mut peers_of: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in rows {
        if let Some(hint) = &row.hint {
            peers_of.entry(hint).or_default().push(endpoint(row));
        }
    }
    let mut text = String::new();
    for (hint, peers) in peers_of {
        let more = peers.len().saturating_sub(NAMED);
        let named = peers[..peers.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "hint: {hint} ({named}{more})"); // a String takes all
    }
    text
}
