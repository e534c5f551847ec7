//! What the plan says that peers would be told, and what they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::harness::Peer;

/// What is said of a prefix: attributes, and the next hop.
type Said = (BTreeMap<u8, (u8, Vec<u8>)>, Vec<u8>);

/// All a peer is told, by prefix.
pub type Told = BTreeMap<String, Said>;

/// All that roost announces to this peer now, by roost's own bytes.
#[track_caller]
pub fn told(peer: &mut Peer) -> Told {
    peer.adj_out_with_markers(1).into_iter().map(|((prefix, _), told)| (prefix, (told.attrs, told.next_hop))).collect()
}

/// Announced, changed, withdrawn, and otherwise only for a moment.
pub fn counts(before: &Told, moment: Option<&Told>, after: &Told) -> [u64; 4] {
    let prefixes: BTreeSet<_> =
        before.keys().chain(after.keys()).chain(moment.iter().flat_map(|told| told.keys())).collect();
    let mut counts = [0; 4];
    for prefix in prefixes {
        let [first, last] = [before, after].map(|told| told.get(prefix));
        let which = match (first, last) {
            _ if first == last => match moment {
                Some(moment) if moment.get(prefix) != first => 3,
                _ => continue,
            },
            (None, _) => 0,
            (_, None) => 2,
            _ => 1,
        };
        counts[which] += 1;
    }
    counts
}

/// What the plan says of a peer.
pub fn said(plan: &Value, peer: &str) -> [u64; 4] {
    let rows = plan["exports"].as_array().unwrap();
    assert_eq!(plan["exports_total"], rows.len());
    let row = rows.iter().find(|row| row["peer"] == peer);
    let count = |key: &str| row.map_or(0, |row| row[key].as_u64().unwrap());
    ["announced", "changed", "withdrawn", "for_a_moment"].map(count)
}
