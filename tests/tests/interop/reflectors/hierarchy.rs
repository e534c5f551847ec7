//! Reflectors that are clients of other reflectors (RFC 4456 §7): two on top, two a zone below, and the zones' leaves.
//!
//! ```text
//!          1 ───── 2                     one cluster, whose clients are the four in the middle
//!       ┌──┴┬─────┬┴──┐
//!      11 ─ 12   21 ─ 22                 11 and 12 in one cluster, 21 and 22 each in its own
//!      └┬───┬┘   └┬───┬┘
//!      31   32   41   42                 each a client of both above it
//! ```

use roost_tests::{RouteWatch, until};

use super::{BIRD, FRR, Kind, Speaker, Speakers, block, client, news_come_and_go_without_a_trace, plain};
use crate::lan::Wired;
use crate::other::Node;
use crate::{LIMIT, roost};

const TOP: &str = "10.9.9.99";
const WEST: &str = "10.9.9.1";
const TOPS: [u8; 2] = [1, 2];
/// The reflectors of a zone, and its leaves.
type Zone = ([u8; 2], [(u8, Kind); 2]);
const ZONES: [Zone; 2] = [([11, 12], [(31, Kind::Roost), (32, BIRD)]), ([21, 22], [(41, Kind::Roost), (42, FRR)])];

struct Hierarchy {
    speakers: Speakers,
    _wired: Wired,
}

/// The hierarchy comes up, loses one reflector on top and one in the middle at once, and gets them back.
pub fn scenario(name: &str, tops: [Kind; 2], middle: [Kind; 4]) {
    let mut lab = Hierarchy::start(name, tops, middle);
    lab.converged(&[]);
    let kernels = [31, 41].map(|leaf| RouteWatch::start(lab.speakers[&leaf].daemon.ns()));
    let marks = kernels.each_ref().map(RouteWatch::mark);
    for gone in [[1, 11], [2, 22]] {
        gone.iter().for_each(|n| lab.daemon(*n).kill_9());
        lab.converged(&gone);
        gone.iter().for_each(|n| lab.daemon(*n).launch());
        lab.converged(&[]);
    }
    for (kernel, mark) in kernels.iter().zip(marks) {
        let moved = kernel.about(mark, &[31, 32, 41, 42].map(block).each_ref().map(String::as_str));
        assert!(moved.is_empty(), "routes moved: {moved:#?}");
    }
    news_come_and_go_without_a_trace(&lab.speakers, [31, 42]);
    news_come_and_go_without_a_trace(&lab.speakers, [32, 41]);
}

impl Hierarchy {
    fn start(name: &str, tops: [Kind; 2], middle: [Kind; 4]) -> Hierarchy {
        let wired = Wired::new("tree", name);
        let mut speakers = Speakers::new();
        let mut start = |kind, node: Node| {
            speakers.insert(node.n, Speaker::start(&wired, kind, node));
        };
        for (n, kind) in TOPS.into_iter().zip(tops) {
            let node = Node { cluster: Some(TOP), ..Node::new(roost::ASN, n).with(plain(3 - n)) };
            start(kind, ZONES.iter().flat_map(|(zone, _)| zone).fold(node, |node, below| node.with(client(*below))));
        }
        let kinds = [[middle[0], middle[1]], [middle[2], middle[3]]];
        for ((zone, leaves), kinds) in ZONES.into_iter().zip(kinds) {
            for (at, kind) in kinds.into_iter().enumerate() {
                let cluster = Some(WEST).filter(|_| zone[0] == 11);
                let node = Node { cluster, ..Node::new(roost::ASN, zone[at]).with(plain(zone[1 - at])) };
                let node = TOPS.iter().fold(node, |node, top| node.with(plain(*top)));
                start(kind, leaves.iter().fold(node, |node, (leaf, _)| node.with(client(*leaf))));
            }
            for (leaf, kind) in leaves {
                let node = Node::new(roost::ASN, leaf).origin(&block(leaf));
                start(kind, zone.iter().fold(node, |node, home| node.with(plain(*home))));
            }
        }
        Hierarchy { speakers, _wired: wired }
    }

    fn daemon(&mut self, n: u8) -> &mut roost_tests::Daemon {
        &mut self.speakers.get_mut(&n).expect("a number of the lab").daemon
    }

    /// Everybody has each leaf's block from each living neighbour that may tell, by the clusters between them.
    #[track_caller]
    fn converged(&self, gone: &[u8]) {
        until(&format!("all is told without {gone:?}"), LIMIT, || {
            for (home, (below, leaves)) in ZONES.iter().enumerate() {
                let below: Vec<String> = below.iter().filter(|n| !gone.contains(n)).map(|n| cluster(*n)).collect();
                for origin in leaves.map(|(leaf, _)| leaf) {
                    for (n, speaker) in self.speakers.iter().filter(|(n, _)| **n != origin && !gone.contains(n)) {
                        let have = speaker.clusters(&block(origin), origin);
                        if !self.is_right(*n, home, &below, &have, gone) {
                            return Err(format!("{} at {n}: {have:?}", block(origin)));
                        }
                    }
                }
            }
            Ok(())
        });
    }

    /// Whether these are the CLUSTER_LISTs at `n` of a block of zone `home`, where reflectors of the clusters `below` live.
    fn is_right(&self, n: u8, home: usize, below: &[String], have: &[Vec<String>], gone: &[u8]) -> bool {
        let zone = ZONES.iter().position(|(middle, leaves)| middle.contains(&n) || leaves.iter().any(|l| l.0 == n));
        let alive = |all: &[u8]| all.iter().filter(|n| !gone.contains(n)).count();
        // Which of the two it has passed in the other zone is for those on top to decide.
        let over_top = |list: &[String]| matches!(list, [top, last] if top == TOP && below.contains(last));
        match zone {
            // On top: from each reflector of the zone; the other one on top may tell, too, what it has chosen.
            None => {
                let (straight, round): (Vec<_>, Vec<_>) = have.iter().partition(|list| list.len() == 1);
                straight.len() == below.len()
                    && straight.iter().all(|list| below.contains(&list[0]))
                    && round.iter().all(|list| over_top(list))
            }
            Some(zone) if ZONES[zone].0.contains(&n) && zone == home => have.contains(&Vec::new()),
            Some(zone) if ZONES[zone].0.contains(&n) => {
                have.len() == alive(&TOPS) && have.iter().all(|list| over_top(list))
            }
            Some(zone) => {
                let above: Vec<String> =
                    ZONES[zone].0.iter().filter(|n| !gone.contains(n)).map(|n| cluster(*n)).collect();
                let good = |(list, above): (&Vec<String>, &String)| {
                    list.first() == Some(above) && if zone == home { list.len() == 1 } else { over_top(&list[1..]) }
                };
                have.len() == above.len() && have.iter().zip(&above).all(good)
            }
        }
    }
}

/// The cluster of a reflector in the middle.
fn cluster(n: u8) -> String {
    if [11, 12].contains(&n) { WEST.to_owned() } else { format!("10.9.0.{n}") }
}
