//! Two reflectors of the same clients, roost and BIRD 2 (RFC 4456 §7), which are no clients of each other.
//!
//! In one cluster, BIRD takes what has passed the cluster and tells none of its clients; roost tells them. So 7 does not
//! hear of 6 there: in a cluster, clients should have sessions with all its reflectors.
//!
//! ```text
//! roost 1 ───────── BIRD 2         in one cluster, or each in its own
//!  │││└──── 6 ┌───┘│││
//!  │││        7    │││             6 has a session with 1 alone, 7 with 2 alone
//!  ││└─ 3 roost ───┘││
//!  │└── 4 BIRD  ────┘│
//!  └─── 5 FRR   ─────┘
//! ```

use roost_tests::{RouteWatch, until};

use super::{BIRD, FRR, Kind, Speaker, Speakers, block, client, news_come_and_go_without_a_trace, plain};
use crate::lan::Wired;
use crate::other::Node;
use crate::{LIMIT, roost};

const REFLECTORS: [u8; 2] = [1, 2];
/// The clients, with the reflectors they have sessions with.
const CLIENTS: [(u8, Kind, &[u8]); 5] = [
    (3, Kind::Roost, &REFLECTORS),
    (4, BIRD, &REFLECTORS),
    (5, FRR, &REFLECTORS),
    (6, Kind::Roost, &[1]),
    (7, BIRD, &[2]),
];

struct Pair {
    cluster: Option<&'static str>,
    speakers: Speakers,
    _wired: Wired,
}

/// The pair comes up, loses either reflector and gets it back.
pub fn scenario(name: &str, cluster: Option<&'static str>) {
    let mut pair = Pair::start(name, cluster);
    pair.converged(&[1, 2]);
    for (gone, left) in [(2, 1), (1, 2)] {
        let kernel = RouteWatch::start(pair.speakers[&3].daemon.ns());
        let mark = kernel.mark();
        pair.daemon(gone).kill_9();
        pair.converged(&[left]);
        pair.daemon(gone).launch();
        pair.converged(&[1, 2]);
        let lone = if left == 1 { 6 } else { 7 };
        let moved = kernel.about(mark, &[4, 5, lone].map(block).each_ref().map(String::as_str));
        assert!(moved.is_empty(), "without {gone} routes moved: {moved:#?}");
    }
    news_come_and_go_without_a_trace(&pair.speakers, [3, 4]);
    if cluster.is_none() {
        news_come_and_go_without_a_trace(&pair.speakers, [6, 7]);
    }
}

impl Pair {
    fn start(name: &str, cluster: Option<&'static str>) -> Pair {
        let wired = Wired::new("pair", name);
        let reflector = |n: u8, other: u8| {
            let clients = CLIENTS.iter().filter(|(.., homes)| homes.contains(&n));
            let node = Node { cluster, ..Node::new(roost::ASN, n).with(plain(other)) };
            clients.fold(node, |node, (of, ..)| node.with(client(*of)))
        };
        let mut speakers = Speakers::new();
        speakers.insert(1, Speaker::start(&wired, Kind::Roost, reflector(1, 2)));
        speakers.insert(2, Speaker::start(&wired, BIRD, reflector(2, 1)));
        for (n, kind, homes) in CLIENTS {
            let node = Node::new(roost::ASN, n).origin(&block(n));
            let node = homes.iter().fold(node, |node, home| node.with(plain(*home)));
            speakers.insert(n, Speaker::start(&wired, kind, node));
        }
        Pair { cluster, speakers, _wired: wired }
    }

    fn daemon(&mut self, n: u8) -> &mut roost_tests::Daemon {
        &mut self.speakers.get_mut(&n).expect("a number of the lab").daemon
    }

    fn cluster(&self, reflector: u8) -> String {
        self.cluster.map_or_else(|| format!("10.9.0.{reflector}"), str::to_owned)
    }

    /// The CLUSTER_LISTs at `at` of what `from` announces, while these reflectors live.
    fn wanted(&self, at: u8, from: u8, alive: &[u8]) -> Vec<Vec<String>> {
        let homes = |n: u8| CLIENTS.iter().find(|(client, ..)| *client == n).map(|(.., homes)| *homes);
        let hears = |reflector: &u8| alive.contains(reflector) && homes(from).is_some_and(|h| h.contains(reflector));
        let mut wanted = Vec::new();
        // A reflector has it from the client, and from the other reflector if that has it from the client.
        if homes(at).is_none() && hears(&at) {
            wanted.push(Vec::new());
        }
        for way in alive.iter().filter(|way| homes(at).map_or(**way != at, |homes| homes.contains(way))) {
            let other = 3 - *way;
            if hears(way) {
                wanted.push(vec![self.cluster(*way)]);
            } else if homes(at).is_some() && hears(&other) && (self.cluster.is_none() || *way == 1) {
                wanted.push(vec![self.cluster(*way), self.cluster(other)]);
            }
        }
        wanted.sort();
        wanted
    }

    /// Everybody who lives has of each client exactly what it should, by the ways it should have come.
    #[track_caller]
    fn converged(&self, alive: &[u8]) {
        let dead = |n: &u8| REFLECTORS.contains(n) && !alive.contains(n);
        until(&format!("all is told by {alive:?}"), LIMIT, || {
            for (at, speaker) in self.speakers.iter().filter(|(at, _)| !dead(at)) {
                for from in CLIENTS.iter().map(|(from, ..)| *from).filter(|from| from != at) {
                    let (have, wanted) = (speaker.clusters(&block(from), from), self.wanted(*at, from, alive));
                    if have != wanted {
                        return Err(format!("{} at {at}: have {have:?}, want {wanted:?}", block(from)));
                    }
                }
            }
            Ok(())
        });
    }
}
