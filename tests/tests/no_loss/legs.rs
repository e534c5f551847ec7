//! One of the two wires between two nodes goes down and comes back, while many flows use both.
//!
//! ```text
//!                 ┌ eth0 10.9.0.0/24 ┐
//!   p1 ── n1 ─────┤                  ├───── n2 ── p2
//!                 └ eth1 10.9.1.0/24 ┘
//! ```
//!
//! The node that takes its end down loses nothing but what its kernel may drop while it does so (a packet in some tens of
//! thousands): the leg is left at once, and roost uses it again only when the far end can be expected to answer. What the
//! far end sends is lost on the wire until it has left the leg, a few milliseconds after its kernel has seen that there is
//! no carrier; from then on nothing is.

use std::time::Instant;

use roost_tests::{Daemon, Kind, Lab, Netns, PATIENCE, Peer, Speaker, Stream, until};

use crate::lab::{Witness, attach_pod, block, pod};

const FLOWS: usize = 64;

struct Legs {
    nodes: [Netns; 2],
    pods: [Netns; 2],
    daemons: Vec<Daemon>,
    _lab: Lab,
}

impl Legs {
    #[track_caller]
    fn converged(name: &str) -> Legs {
        let lab = Lab::new(name);
        let nodes = ["n1", "n2"].map(|name| lab.netns(name));
        let pods = ["p1", "p2"].map(|name| lab.netns(name));
        // Where both ends of a veth have the same number, the kernel takes up to a second to tell of carrier.
        nodes[1].ip("link add unused type bridge");
        for leg in ["eth0", "eth1"] {
            lab.wire((&nodes[0], leg), (&nodes[1], leg));
        }
        let daemons = [1, 2].into_iter().zip(nodes.iter().zip(&pods)).map(|(number, (node, pod))| {
            let other = 3 - number;
            // By addresses and ports, so that each flow has a leg.
            node.sysctl("ipv4/fib_multipath_hash_policy", "1");
            node.ip(&format!("addr add 10.9.0.{number}/24 dev eth0"));
            node.ip(&format!("addr add 10.9.1.{number}/24 dev eth1"));
            attach_pod(&lab, node, pod, number);
            let peer = |net: u8| Peer::new(&format!("10.9.{net}.{other}"), 64512);
            let speaker = Speaker::new(&format!("10.9.0.{number}/24"), &[&block(number)]);
            speaker.with_peer(peer(0)).with_peer(peer(1)).start(Kind::Roost, node)
        });
        let daemons = daemons.collect();
        let legs = Legs { nodes, pods, daemons, _lab: lab };
        legs.have(&[0, 1]);
        legs
    }

    /// Waits until both nodes send by these legs.
    #[track_caller]
    fn have(&self, legs: &[u8]) {
        for ((node, other), daemon) in self.nodes.iter().zip([2, 1]).zip(&self.daemons) {
            let ways = legs.iter().map(|leg| format!("via 10.9.{leg}.{other} dev eth{leg}"));
            let wanted = match ways.collect::<Vec<_>>().as_slice() {
                [way] => format!("{} {way}", block(other)),
                ways => ways.iter().fold(block(other), |line, way| format!("{line} nexthop {way} weight 1")),
            };
            until(&format!("{} sends by legs {legs:?}", node.name()), PATIENCE, || {
                let have = node.routes(&format!("{} proto bird", block(other)));
                if have == [wanted.as_str()] {
                    Ok(())
                } else {
                    Err(format!("{have:#?}\n{}", daemon.ask("show routes")))
                }
            });
        }
    }
}

/// While a leg was taken down: by whom, from when, until its own kernel was done with it, until both nodes had left it.
struct Cut {
    by: usize,
    from: Instant,
    done: Instant,
    left: Instant,
}

impl Cut {
    /// Whether a packet that a node's pod sent at that moment may be lost on the wire.
    fn excuses(&self, sender: usize, at: Instant) -> bool {
        let until = if sender == self.by { self.done } else { self.left };
        (self.from..=until).contains(&at)
    }
}

#[test]
fn a_leg_taken_down_and_up_again() {
    let legs = Legs::converged("legs");
    let stream = |from: usize, to: usize, number| Stream::start(&legs.pods[from], &legs.pods[to], pod(number), FLOWS);
    let witness = Witness::of(vec![stream(0, 1, 2), stream(1, 0, 1)], legs.nodes.iter());
    let mut cuts = Vec::new();
    for (by, leg) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let node = &legs.nodes[by];
        let from = Instant::now();
        node.ip(&format!("link set eth{leg} down"));
        let done = Instant::now();
        legs.have(&[1 - leg]);
        cuts.push(Cut { by, from, done, left: Instant::now() });
        node.ip(&format!("link set eth{leg} up"));
        legs.have(&[0, 1]);
    }
    let seen = witness.end();
    seen.no_route_deleted();
    for (sender, outcome) in seen.outcomes.iter().enumerate() {
        let in_vain: Vec<_> =
            outcome.lost.iter().filter(|lost| !cuts.iter().any(|cut| cut.excuses(sender, lost.at))).collect();
        assert!(in_vain.is_empty() && outcome.sent > 1_000, "without need: {in_vain:#?}\n{seen}");
    }
}
