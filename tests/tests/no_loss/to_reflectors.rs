//! A mesh of eight becomes nodes with two reflectors, node by node, as a cluster does it: no packet is lost, and no route
//! moves, as every node keeps its sessions with the others until what they announce is there by the reflectors.

use roost_tests::{Daemon, Kind, Lab, PATIENCE, Peer, Speaker, Stream, until};

use crate::lab::{Node, Witness, attach_pod, block, pod};

const NODES: u8 = 8;
/// The reflectors that come.
const REFLECTORS: [u8; 2] = [101, 102];

fn peer(number: u8) -> Peer {
    Peer::new(&format!("10.9.0.{number}"), 64512)
}

fn client(number: u8) -> Peer {
    Peer { client: true, ..peer(number) }
}

struct Cluster {
    nodes: Vec<Node>,
    reflectors: Vec<Daemon>,
    _lab: Lab,
}

impl Cluster {
    /// A mesh, converged; and these reflectors, whose clients do not know of them yet.
    #[track_caller]
    fn converged(name: &str, reflectors: &[u8]) -> Cluster {
        let lab = Lab::new(name);
        let lan = lab.lan("lan");
        let join = |name: &str, speaker: &Speaker| {
            let ns = lab.netns(name);
            lan.plug(&lab, &ns, "eth0", &format!("port-{name}"));
            speaker.address_device(&ns, "eth0");
            ns
        };
        let reflectors = reflectors.iter().map(|number| {
            let mut speaker = Speaker::new(&format!("10.9.0.{number}/24"), &[]);
            speaker.peers = (1..=NODES).map(client).collect();
            speaker.more = "fib: { enabled: false }".to_owned();
            speaker.start(Kind::Roost, &join(&format!("rr{number}"), &speaker))
        });
        let reflectors = reflectors.collect();
        let nodes = (1..=NODES).map(|number| {
            let mut speaker = Speaker::new(&format!("10.9.0.{number}/24"), &[&block(number)]);
            speaker.peers = (1..=NODES).filter(|other| *other != number).map(peer).collect();
            let (ns, pod) = (join(&format!("n{number}"), &speaker), lab.netns(&format!("p{number}")));
            attach_pod(&lab, &ns, &pod, number);
            let daemon = speaker.start(Kind::Roost, &ns);
            Node { number, kind: Kind::Roost, ns, pod, speaker, daemon, reloads: 0 }
        });
        let cluster = Cluster { nodes: nodes.collect(), reflectors, _lab: lab };
        for node in &cluster.nodes {
            node.has_settled_with(usize::from(NODES) - 1);
            node.holds_all();
        }
        cluster
    }

    /// Packets from each node to the one four further.
    #[track_caller]
    fn witness(&self) -> Witness {
        let half = usize::from(NODES) / 2;
        let streams = self.nodes.iter().enumerate().map(|(at, from)| {
            let to = &self.nodes[(at + half) % usize::from(NODES)];
            Stream::start(&from.pod, &to.pod, pod(to.number), 1)
        });
        Witness::of(streams.collect(), self.nodes.iter().map(|node| &node.ns))
    }
}

impl Node {
    #[track_caller]
    fn has_settled_with(&self, peers: usize) {
        until(&format!("n{} has {peers} peers", self.number), PATIENCE, || {
            let all: serde_json::Value =
                serde_json::from_str(&self.daemon.ask("show peers --json")).map_err(|error| error.to_string())?;
            let count = all.as_array().map_or(0, Vec::len);
            if count == peers { self.settled(peers) } else { Err(format!("{count} peers")) }
        });
    }

    #[track_caller]
    fn holds_all(&self) {
        let mut wanted: Vec<_> = (1..=NODES)
            .map(|number| match number {
                number if number == self.number => format!("blackhole {}", block(number)),
                number => format!("{} via 10.9.0.{number} dev eth0", block(number)),
            })
            .collect();
        wanted.sort();
        until(&format!("n{} holds all routes", self.number), PATIENCE, || {
            let mut have = self.ns.routes("proto bird");
            have.sort();
            if have == wanted { Ok(()) } else { Err(format!("{have:#?}")) }
        });
    }

    /// Reads a configuration with these peers.
    #[track_caller]
    fn has_peers(&mut self, peers: Vec<Peer>) -> String {
        self.speaker.peers = peers;
        self.daemon.write_config(&self.speaker.roost(&self.ns));
        self.daemon.ask("reload")
    }

    /// How many sessions there were with a peer.
    #[track_caller]
    fn sessions_with(&self, number: u8) -> serde_json::Value {
        let peer = self.daemon.ask(&format!("show peer 10.9.0.{number} --json"));
        serde_json::from_str::<serde_json::Value>(&peer).expect("JSON")["established_count"].clone()
    }
}

#[test]
fn a_mesh_of_eight_gets_two_reflectors_node_by_node() {
    let mut cluster = Cluster::converged("toreflectors", &REFLECTORS);
    let witness = cluster.witness();
    for node in &mut cluster.nodes {
        let said = node.has_peers(REFLECTORS.map(peer).into());
        assert!(said.contains("each of its routes has another way"), "{said}");
    }
    cluster.nodes.iter().for_each(|node| node.has_settled_with(REFLECTORS.len()));
    for node in &cluster.nodes {
        node.holds_all();
        let log = node.daemon.log();
        assert!(log.contains("peers go, as all their routes are there by others"), "{log}");
    }
    for reflector in &cluster.reflectors {
        let status: serde_json::Value = serde_json::from_str(&reflector.ask("show status --json")).expect("JSON");
        assert_eq!(status["peers_established"], NODES);
    }
    witness.end().nothing_lost().no_route_deleted();
}

/// Nothing of a role is agreed on in an OPEN (RFC 4456 §6), so the sessions with those that become reflectors stay.
#[test]
fn two_nodes_of_the_mesh_become_its_reflectors_and_their_sessions_stay() {
    let mut cluster = Cluster::converged("ownreflectors", &[]);
    // Where two dial each other at once, a session may have begun twice before it stays.
    let sessions = |cluster: &Cluster| {
        cluster.nodes[2..].iter().map(|node| [1, 2].map(|n| node.sessions_with(n))).collect::<Vec<_>>()
    };
    let before = sessions(&cluster);
    let witness = cluster.witness();
    for number in [1, 2] {
        let peers = (1..=NODES)
            .filter(|other| *other != number)
            .map(|other| if other > 2 { client(other) } else { peer(other) });
        let said = cluster.nodes[usize::from(number) - 1].has_peers(peers.collect());
        assert!(said.ends_with("no session was ended\n"), "{said}");
    }
    for node in &cluster.nodes[2..] {
        until(&format!("n{} hears of all by both reflectors", node.number), PATIENCE, || {
            let routes = node.daemon.ask("show routes");
            let paths = |number: u8| routes.lines().filter(|line| line.contains(&block(number))).count();
            let all = (3..=NODES).filter(|other| *other != node.number).all(|other| paths(other) == 3);
            if all { Ok(()) } else { Err(routes) }
        });
    }
    for node in &mut cluster.nodes[2..] {
        node.has_peers([1, 2].map(peer).into());
    }
    for node in &cluster.nodes[2..] {
        node.has_settled_with(2);
        node.holds_all();
    }
    assert_eq!(sessions(&cluster), before);
    witness.end().nothing_lost().no_route_deleted();
}
