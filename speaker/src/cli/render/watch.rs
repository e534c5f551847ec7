//! `roost show events`, and the lines of `roost watch`. Times are UTC, as in the log.

use jiff::Timestamp;

use super::Column::Text;
use super::routes::kernel;
use super::table;
use crate::api::model::{EventRow, FibRow, PeerRow, RouteRow, WatchLine, WatchNews};

/// The table.
pub fn events(rows: &[EventRow]) -> String {
    if rows.is_empty() {
        return "No events.\n".to_owned();
    }
    let columns = [Text("TIME"), Text("KIND"), Text("ABOUT"), Text("WHAT")];
    let row = |row: &EventRow| vec![time(row.at), row.kind.clone(), about(row).to_owned(), row.text.replace('\n', " ")];
    table(&columns, rows.iter().map(row))
}

/// One line; none for what only programs want to know.
pub fn watch_line(line: &WatchLine) -> Option<String> {
    let (at, topic, subject, text) = match &line.news {
        WatchNews::Alive | WatchNews::Synced => return None,
        WatchNews::Resync { reason } => return Some(format!("{}  all there is follows: {reason}", time(line.at))),
        WatchNews::Route { prefix, paths } => (line.at, "route", prefix.as_str(), route(paths)),
        WatchNews::Fib { prefix, row } => (line.at, "fib", prefix.as_str(), row.as_ref().map_or_else(gone, fib)),
        WatchNews::Peer { peer: name, row } => (line.at, "peer", name.as_str(), row.as_deref().map_or_else(gone, peer)),
        WatchNews::Event { event } => (event.at, "event", about(event), format!("{}: {}", event.kind, event.text)),
    };
    Some(format!("{}  {topic:5}  {subject}  {}", time(at), text.replace('\n', " ")))
}

fn gone() -> String {
    "gone".to_owned()
}

/// `best from 172.16.1.2 via 172.16.1.2, one of 2 paths`
fn route(paths: &[RouteRow]) -> String {
    let of = if let [_] = paths { String::new() } else { format!(", one of {} paths", paths.len()) };
    match paths.iter().find(|path| path.best) {
        _ if paths.is_empty() => gone(),
        None => format!("none usable{of}"),
        Some(best) => {
            let via = best.next_hop.map_or_else(String::new, |next_hop| format!(" via {next_hop}"));
            let stale = if best.stale { ", stale" } else { "" };
            format!("best from {}{via}{stale}{of}", best.from)
        }
    }
}

fn fib(row: &FibRow) -> String {
    kernel(&row.kernel, &row.prefix)
}

/// `established, 12 received`, `active: the connection was refused`
fn peer(row: &PeerRow) -> String {
    match (row.state.as_str(), &row.reason) {
        (state @ "established", _) => format!("{state}, {} received", row.received),
        (state, Some(reason)) => format!("{state}: {reason}"),
        (state, None) => state.to_owned(),
    }
}

fn about(row: &EventRow) -> &str {
    row.subject.as_deref().unwrap_or("-")
}

/// `2026-11-21T01:06:59.250Z`
fn time(at: u64) -> String {
    let at = i64::try_from(at).ok().and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or(Timestamp::MAX);
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
