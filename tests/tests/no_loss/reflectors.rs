//! Two nodes that hear of each other by two reflectors only, and the reflectors go: one, both, for long, in all the ways
//! they do.

use roost_tests::{Bird2, Daemon, Kind, Lab, PATIENCE, Peer, Roost, Speaker, Stream, until};

use crate::lab::{Node, Witness, attach_pod, block, pod};

/// What the nodes are told: to keep what they have for an hour, if the reflectors know of it.
const LONG_LIVED: &str = "restart_time: 2s, long_lived: 1h";
/// To keep it whatever the reflectors know; they are soon believed when they are back.
const HOLD: &str = "restart_time: 2s, stale_time: 4s, hold: 1h";

struct Fabric {
    nodes: Vec<Node>,
    reflectors: Vec<Daemon>,
    _lab: Lab,
}

/// What the reflectors are.
#[derive(Clone, Copy, PartialEq)]
enum Reflector {
    /// With the same long time as the nodes.
    Roost,
    /// The same.
    Bird2,
    /// A BIRD that restarts in no graceful way at all.
    PlainBird2,
}

impl Fabric {
    /// Converged; the nodes with these settings for graceful restart.
    #[track_caller]
    fn converged(name: &str, reflector: Reflector, graceful_restart: &str) -> Fabric {
        let lab = Lab::new(name);
        let lan = lab.lan("lan");
        let with = |config: String, settings: &str| {
            let changed = config.replace("router: { ", &format!("router: {{ graceful_restart: {{ {settings} }}, "));
            changed.replace("connect_retry: 1s", "connect_retry: 1s, hold_time: 3s")
        };
        let join = |name: &str, speaker: &Speaker| {
            let ns = lab.netns(name);
            lan.plug(&lab, &ns, "eth0", &format!("port-{name}"));
            speaker.address_device(&ns, "eth0");
            ns
        };
        let reflectors = [101, 102].map(|number| {
            let client = |node: &str| Peer { client: true, ..Peer::new(node, 64512) };
            let mut speaker = Speaker::new(&format!("10.9.0.{number}/24"), &[])
                .with_peer(client("10.9.0.1"))
                .with_peer(client("10.9.0.2"));
            let ns = join(&format!("rr{number}"), &speaker);
            if reflector == Reflector::Roost {
                speaker.more = "fib: { enabled: false }".to_owned();
                return Daemon::start(Roost, &ns, &with(speaker.roost(&ns), LONG_LIVED));
            }
            let long = "graceful restart time 2; long lived graceful restart on; long lived stale time 3600;";
            let (recover, times) = match reflector {
                Reflector::Bird2 => (true, long),
                _ => (false, "graceful restart off; long lived graceful restart off;"),
            };
            let config = speaker.bird2().replace("graceful restart on; graceful restart time 120;", times);
            assert!(config.contains(times), "{config}");
            Daemon::start(Bird2 { recover }, &ns, &config)
        });
        let nodes = [1, 2].map(|number| {
            let speaker = Speaker::new(&format!("10.9.0.{number}/24"), &[&block(number)])
                .with_peer(Peer::new("10.9.0.101", 64512))
                .with_peer(Peer::new("10.9.0.102", 64512));
            let (ns, pod) = (join(&format!("n{number}"), &speaker), lab.netns(&format!("p{number}")));
            attach_pod(&lab, &ns, &pod, number);
            let daemon = Daemon::start(Roost, &ns, &with(speaker.roost(&ns), graceful_restart));
            Node { number, kind: Kind::Roost, ns, pod, speaker, daemon, reloads: 0 }
        });
        let fabric = Fabric { nodes: nodes.into(), reflectors: reflectors.into(), _lab: lab };
        fabric.settled();
        fabric
    }
}

impl Fabric {
    /// Waits until both nodes have heard of each other by both reflectors, and nothing is stale.
    #[track_caller]
    fn settled(&self) {
        for node in &self.nodes {
            until(&format!("n{} has settled", node.number), PATIENCE, || {
                node.settled(2)?;
                let other = 3 - node.number;
                let want = [format!("{} via 10.9.0.{other} dev eth0", block(other))];
                let have = node.ns.routes(&format!("{} proto bird", block(other)));
                let paths = node.daemon.control(&format!("show route {} --json", block(other))).unwrap_or_default();
                let both = ["10.9.0.101", "10.9.0.102"].iter().all(|reflector| paths.contains(reflector));
                if have == want && both { Ok(()) } else { Err(format!("{have:#?}\n{paths}")) }
            });
        }
    }

    /// Waits until both nodes keep the routes of so many reflectors for long.
    #[track_caller]
    fn kept_for_long(&self, reflectors: usize) {
        for node in &self.nodes {
            until(&format!("n{} keeps what it has for long", node.number), PATIENCE, || {
                let kept = |address: &str| {
                    let peer = node.daemon.ask(&format!("show peer {address} --json"));
                    let peer: serde_json::Value = serde_json::from_str(&peer).unwrap_or_default();
                    peer["long_lived"] == serde_json::json!(["ipv4"]) && peer["stale"] == 1
                };
                let count = ["10.9.0.101", "10.9.0.102"].into_iter().filter(|address| kept(address)).count();
                if count == reflectors { Ok(()) } else { Err(node.daemon.ask("show peers")) }
            });
        }
    }

    #[track_caller]
    fn witness(&self) -> Witness {
        let stream =
            |from: usize, to: usize, number| Stream::start(&self.nodes[from].pod, &self.nodes[to].pod, pod(number), 4);
        Witness::of(vec![stream(0, 1, 2), stream(1, 0, 1)], self.nodes.iter().map(|node| &node.ns))
    }

    /// So many reflectors end in this way, are away for longer than their restart time, and come back.
    #[track_caller]
    fn loses_nothing(mut self, count: usize, end: fn(&mut Daemon)) {
        let witness = self.witness();
        self.reflectors[..count].iter_mut().for_each(end);
        self.kept_for_long(count);
        self.reflectors[..count].iter_mut().for_each(Daemon::launch);
        self.settled();
        witness.end().nothing_lost().no_route_touched();
    }
}

impl Node {
    /// Waits until the reflector has told this node all it knows.
    #[track_caller]
    fn has_news_of(&self, reflector: &str) {
        until(&format!("n{} has news of {reflector}", self.number), PATIENCE, || {
            let peer = self.daemon.ask(&format!("show peer {reflector} --json"));
            let row: serde_json::Value = serde_json::from_str(&peer).unwrap_or_default();
            let told = row["state"] == "established" && row["received"] == 1 && row["stale"] == 0;
            if told { Ok(()) } else { Err(peer) }
        });
    }
}

fn stop(reflector: &mut Daemon) {
    reflector.stop();
}

#[test]
fn one_of_two_reflectors_is_killed() {
    Fabric::converged("oneof", Reflector::Roost, LONG_LIVED).loses_nothing(1, Daemon::kill_9);
}

#[test]
fn both_reflectors_are_killed() {
    Fabric::converged("bothkilled", Reflector::Roost, LONG_LIVED).loses_nothing(2, Daemon::kill_9);
}

#[test]
fn both_reflectors_are_ended() {
    Fabric::converged("bothended", Reflector::Roost, LONG_LIVED).loses_nothing(2, stop);
}

#[test]
fn both_reflectors_are_bird_and_are_killed() {
    let mut fabric = Fabric::converged("bothbird", Reflector::Bird2, LONG_LIVED);
    let witness = fabric.witness();
    fabric.reflectors.iter_mut().for_each(Daemon::kill_9);
    fabric.kept_for_long(2);
    // One after the other: while a BIRD recovers, what the other one said stays.
    fabric.reflectors[0].launch();
    fabric.nodes.iter().for_each(|node| node.has_news_of("10.9.0.101"));
    fabric.reflectors[1].launch();
    fabric.settled();
    witness.end().nothing_lost().no_route_touched();
}

/// They know no graceful restart, say Cease when they are stopped, and know nothing when they are back.
#[test]
fn both_reflectors_know_nothing_of_it_and_are_stopped_while_nodes_are_told_to_hold() {
    Fabric::converged("heldstop", Reflector::PlainBird2, HOLD).loses_nothing(2, stop);
}

/// Their machines lose power: nothing is said, and the hold timer ends the sessions.
#[test]
fn both_reflectors_know_nothing_of_it_and_fall_silent_while_nodes_are_told_to_hold() {
    let mut fabric = Fabric::converged("heldsilent", Reflector::PlainBird2, HOLD);
    let witness = fabric.witness();
    fabric.reflectors.iter_mut().for_each(|reflector| reflector.signal(libc::SIGSTOP));
    fabric.kept_for_long(2);
    fabric.reflectors.iter_mut().for_each(Daemon::kill_9);
    fabric.reflectors.iter_mut().for_each(Daemon::launch);
    fabric.settled();
    witness.end().nothing_lost().no_route_touched();
}

/// The control: what no one was told to hold, goes.
#[test]
fn control_without_hold_the_end_of_both_reflectors_is_seen_as_loss() {
    let mut fabric = Fabric::converged("notheld", Reflector::PlainBird2, LONG_LIVED);
    let witness = fabric.witness();
    fabric.reflectors.iter_mut().for_each(stop);
    let node = &fabric.nodes[0];
    node.ns.wait_for_routes(&["blackhole 10.65.1.0/26"], PATIENCE, || node.daemon.ask("show routes"));
    let seen = witness.end();
    assert!(seen.outcomes.iter().any(|outcome| !outcome.lost.is_empty()), "{seen}");
}
