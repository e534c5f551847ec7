//! Series of single peers: of those that want looking after, or of all when asked, and never more than so many.
//!
//! A mesh of N nodes with a series for each peer of each would make N² of them. What all peers do together is in the sums.

use super::page::{Page, Samples};
use crate::api::model::PeerRow;
use crate::config::PeerSeries;

/// A name, a meaning, and where the value is found.
type Family = (&'static str, &'static str, fn(&PeerRow) -> f64);

const FAMILIES: [Family; 6] = [
    ("roost_peer_up", "1 while the session is established.", |row| f64::from(u8::from(is_up(row)))),
    ("roost_peer_since_timestamp_seconds", "When the session came up, or went down.", |row| {
        row.since_at as f64 / 1000.0
    }),
    ("roost_peer_received_paths", "Paths the peer announces.", |row| row.received as f64),
    ("roost_peer_accepted_paths", "Those of them that the import policy accepts.", |row| row.accepted as f64),
    ("roost_peer_advertised_paths", "Paths announced to the peer.", |row| row.advertised as f64),
    ("roost_peer_stale_paths", "Paths kept for the peer while it is away.", |row| row.stale as f64),
];

/// Adds the series of the peers that `wanted` means, the unhealthy ones first, of `max` peers at most.
pub fn add(page: &mut Page, peers: &[PeerRow], wanted: PeerSeries, max: usize) {
    let (unhealthy, healthy): (Vec<_>, Vec<_>) = peers.iter().partition(|row| !is_up(row) && row.state != "disabled");
    let chosen: Vec<_> = match wanted {
        PeerSeries::None => Vec::new(),
        PeerSeries::Unhealthy => unhealthy,
        PeerSeries::All => unhealthy.into_iter().chain(healthy).collect(),
    };
    let left_out = chosen.len().saturating_sub(max);
    let help = "Peers that would have series of their own, were there not more than metrics.max_peers of them.";
    page.gauge("roost_peers_left_out", help, left_out as f64);
    let names: Vec<_> = chosen.iter().take(max).map(|row| (row.name(), &row.description, &row.kind, *row)).collect();
    for (name, help, value) in FAMILIES {
        let samples: Samples<'_, 3> = names
            .iter()
            .map(|(place, description, kind, row)| ([place.as_str(), description.as_str(), kind.as_str()], value(row)))
            .collect();
        page.gauges(name, help, ["peer", "name", "kind"], samples);
    }
}

fn is_up(row: &PeerRow) -> bool {
    row.state == "established"
}
